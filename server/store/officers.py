"""Officers: who answers alerts and reads registers, what they may see, and their sign-ins."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import phonenumbers
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from forms.form import ROLES
from forms.problems import Problem, Problems
from server.store import areas, contacts, withdrawals
from server.store.models import Officer, Session

SESSION_LASTS = timedelta(hours=12)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
"""Enough to tell a slip of the hand from an address: only a letter would prove it."""
_hasher = PasswordHasher()
_NO_PERSON = frozenset(("operator", "system"))
"""Who acts without being an officer, by the names on record: nobody else gets one of these."""


@dataclass(frozen=True)
class Person:
    """An officer as other rooms know them."""

    id: int
    slug: str
    name: str
    role: str
    area: str
    phone: str | None
    email: str | None
    channels: tuple[str, ...] = ()
    """Kinds of channel in their order; empty: the usual one."""


def add(
    name: str,
    role: str,
    area: str,
    now: datetime,
    *,
    phone: str | None = None,
    email: str | None = None,
    channels: str = "",
    last_resort: bool = False,
) -> tuple[Person, str | None]:
    """Register an officer; returns them and, where there is an e-mail to sign in with, a new password.

    ``channels`` is the order in which to reach them (``"whatsapp sms"``), empty for the usual one. A
    ``last_resort`` is told of what nobody else can be told of. Raises :class:`Problem`: ROLE_UNKNOWN, AREA_UNKNOWN,
    PHONE_INVALID, EMAIL_TAKEN, SETTING_INVALID.
    """
    if role not in ROLES:
        raise Problem(Problems.ROLE_UNKNOWN, role=role, roles=" ".join(ROLES))
    areas.require(area)
    if email is not None:
        email = _free_email(email)
    number = normal_phone(phone) if phone else None
    for address in (number, email):
        contacts.revive(address or "")
    password = secrets.token_urlsafe(12) if email else None
    row = Officer.create(
        slug=_free_slug(name, role),
        name=name.strip(),
        role=role,
        area=area,
        phone=number,
        email=email,
        password_hash=_hasher.hash(password) if password else None,
        created_at=now,
        channels=contacts.order(channels),
        last_resort=last_resort,
    )
    return person(row), password


def set_last_resort(role: str, name: str, phone: str, now: datetime) -> Person:
    """Say whom to tell of what nobody else of a role can be told of, in the whole nation.

    Where there is one already, this changes their number. Raises :class:`Problem` (PHONE_INVALID).
    """
    known = Officer.get_or_none(
        (Officer.role == role) & (Officer.last_resort == True) & Officer.removed_at.is_null()  # noqa: E712
    )
    if known is None:
        return add(name, role, areas.NATION, now, phone=phone, last_resort=True)[0]
    if known.phone != normal_phone(phone):
        return set_contact(known.slug, now, phone=phone)[0]
    return person(known)


def set_contact(
    slug: str,
    now: datetime,
    *,
    phone: str | None = None,
    email: str | None = None,
    channels: str | None = None,
) -> tuple[Person, str | None]:
    """Change how an officer is reached; None leaves as it is. Returns them, and a password with a first e-mail.

    What a carrier gave up on is tried again once it was set anew. Raises as :func:`add`, and OFFICER_UNKNOWN.
    """
    before = require(slug)
    changes: dict[str, Any] = {"contact_at": now}
    password = None
    if phone is not None:
        changes["phone"] = normal_phone(phone) if phone else None
    if email is not None:
        changes["email"] = email = _free_email(email, but=before.id)
        if before.email is None:
            password = secrets.token_urlsafe(12)
            changes["password_hash"] = _hasher.hash(password)
    if channels is not None:
        changes["channels"] = contacts.order(channels)
    for address in (changes.get("phone"), email):
        contacts.revive(address or "")
    Officer.update(changes).where(Officer.id == before.id).execute()
    return require(slug), password


def _free_email(email: str, but: int | None = None) -> str:
    email = email.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise Problem(Problems.EMAIL_INVALID)
    others = Officer.select().where(Officer.email == email)
    if (others if but is None else others.where(Officer.id != but)).exists():
        raise Problem(Problems.EMAIL_TAKEN)
    return email


def normal_phone(phone: str) -> str:
    """A number in E.164 (``+6281200000001``). Raises :class:`Problem` (PHONE_INVALID), never quoting it."""
    try:
        number = phonenumbers.parse(phone, "ID")
    except phonenumbers.NumberParseException:
        raise Problem(Problems.PHONE_INVALID) from None
    # "possible", not "valid": ranges change faster than the library, and a refused officer hears no alerts
    if not phonenumbers.is_possible_number(number):
        raise Problem(Problems.PHONE_INVALID)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def remove(slug: str, now: datetime) -> None:
    """Take an officer out: no messages, no sign-in. Their past acts keep their name.

    What they are still owed is not sent, and its alerts are owed anew, to others; what they had taken on is offered
    to those on duty. Call inside a transaction.
    """
    leaver = require(slug)
    Officer.update(removed_at=now, email=None, password_hash=None).where(Officer.id == leaver.id).execute()
    Session.delete().where(Session.officer == leaver.id).execute()
    withdrawals.withdraw_all(leaver.id, now)
    withdrawals.release_all(leaver.id, now)


def require(slug: str) -> Person:
    """The officer of that name. Raises :class:`Problem` (OFFICER_UNKNOWN)."""
    row = Officer.get_or_none((Officer.slug == slug) & Officer.removed_at.is_null())
    if row is None:
        raise Problem(Problems.OFFICER_UNKNOWN, officer=slug)
    return person(row)


def find(slug: str) -> Person | None:
    """The officer of that name, if still in service."""
    row = Officer.get_or_none((Officer.slug == slug) & Officer.removed_at.is_null())
    return person(row) if row is not None else None


def by_id(officer_id: int) -> Person | None:
    """An officer who is still in service."""
    row = Officer.get_or_none((Officer.id == officer_id) & Officer.removed_at.is_null())
    return person(row) if row is not None else None


def reachable(role: str, village: str, kinds: Collection[str] = contacts.KINDS) -> list[Person]:
    """Whom to tell of a case in ``village``: those of ``role`` at the nearest level that has anybody.

    Nearest is the smallest area that contains the village. Only people count who can be reached by one of the
    ``kinds`` of channel, which are those set up.
    """
    rows = Officer.select().where(
        (Officer.role == role) & Officer.area.in_(areas.upwards(village)) & tellable()
    )
    people = contacts.reached([person(r) for r in rows.order_by(Officer.id)], kinds)
    nearest = max((_depth(p.area) for p in people), default=0)
    return [p for p in people if _depth(p.area) == nearest]


def tellable() -> Any:
    """The condition that an officer is in service and has an address of some kind, so may be told of an alert."""
    return Officer.removed_at.is_null() & (Officer.phone.is_null(False) | Officer.email.is_null(False))


def administrators() -> list[Person]:
    """Everybody in service with the role ``admin``."""
    rows = Officer.select().where((Officer.role == "admin") & Officer.removed_at.is_null())
    return [person(r) for r in rows.order_by(Officer.id)]


def by_phone(phone: str) -> list[Person]:
    """Who can be reached at this number (E.164); several people may share a phone."""
    rows = Officer.select().where((Officer.phone == phone) & Officer.removed_at.is_null())
    return [person(r) for r in rows.order_by(Officer.id)]


def _depth(area: str) -> int:
    return 1 if area == areas.NATION else len(area)


def check_password(email: str, password: str) -> Person | None:
    """Whose e-mail and password are these? Slow on purpose and writes nothing: for a reader's thread."""
    row = Officer.get_or_none((Officer.email == email.strip().lower()) & Officer.removed_at.is_null())
    nobody = _nobodys_hash()  # asked in any case: the first time it takes as long as a password
    stored = row.password_hash if row is not None else None
    try:
        _hasher.verify(stored or nobody, password)
    except (VerificationError, InvalidHashError):
        return None
    return person(row) if row is not None and stored else None


@cache
def _nobodys_hash() -> str:
    """Verified for unknown e-mails, so that the answer's time does not tell which addresses exist."""
    return _hasher.hash(secrets.token_hex(8))


def open_session(person: Person, now: datetime) -> str:
    """Sign in somebody whose password was checked; returns the new session's token. Quick: for the writer."""
    token = secrets.token_urlsafe(32)
    Session.delete().where(Session.expires_at < now).execute()
    Session.insert(
        token_hash=_hash(token), officer=person.id, created_at=now, expires_at=now + SESSION_LASTS
    ).execute()
    return token


def sign_in(email: str, password: str, now: datetime) -> str | None:
    """Both in one, for callers without an event loop; returns the new session's token, or None."""
    person = check_password(email, password)
    return open_session(person, now) if person is not None else None


def by_session(token: str, now: datetime) -> Person | None:
    """Whose session is this, if it is still good?"""
    row = (
        Officer.select(Officer)
        .join(Session)
        .where(
            (Session.token_hash == _hash(token)) & (Session.expires_at > now) & Officer.removed_at.is_null()
        )
        .first()
    )
    return person(row) if row is not None else None


def sign_out(token: str) -> None:
    """End a session."""
    Session.delete().where(Session.token_hash == _hash(token)).execute()


def forget_sessions(now: datetime) -> int:
    """Remove sessions that have run out; returns how many."""
    return int(Session.delete().where(Session.expires_at < now).execute())


def listing() -> list[dict[str, Any]]:
    """All officers in service, as ``officers list`` shows them."""
    return [
        {
            "officer": o.slug,
            "name": o.name,
            "role": o.role,
            "area": o.area,
            "phone": o.phone,
            "email": o.email,
            "channels": o.channels or " ".join(contacts.KINDS),
            "last_resort": o.last_resort,
        }
        for o in Officer.select().where(Officer.removed_at.is_null()).order_by(Officer.area, Officer.slug)
    ]


def _free_slug(name: str, role: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or role
    taken = {slug for (slug,) in Officer.select(Officer.slug).where(Officer.slug.startswith(base)).tuples()}
    taken |= _NO_PERSON
    slug = base
    number = 2
    while slug in taken:
        slug = f"{base}-{number}"
        number += 1
    return slug


def person(row: Officer) -> Person:
    """An officer's row as other rooms know it."""
    return Person(
        row.id, row.slug, row.name, row.role, row.area, row.phone, row.email, tuple(row.channels.split())
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
