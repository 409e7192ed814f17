"""Desks and the credentials of their phones: those of villages, and of officers who follow up an area's cases."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN

from forms.problems import Problem, Problems
from server.store import areas, officers
from server.store.models import Desk, Officer
from server.store.officers import Person
from server.store.sealing import Keys
from server.store.statements import Select

REALM = "posmigran"
TOKEN_LENGTH = 48  # characters of base32: 240 bits
VILLAGE_LENGTH = 13  # of a dotted code
PASSWORD_LENGTH = 20  # 100 bits, still typed by hand where a QR cannot be read


@dataclass(frozen=True)
class KnownDesk:
    """A desk as the doors know it. ``draft``: it tries forms, and nothing that it sends counts.

    ``role`` is the officer's whose phones these are, and ``village`` then the code of their area; None at a
    village desk.
    """

    id: int
    slug: str
    name: str
    village: str
    regency: str
    revoked: bool
    password_generation: int
    draft: bool = False
    role: str | None = None

    @property
    def speaks_for(self) -> str:
        """The area whose villages, cases and people its submissions may be about: a village desk's regency."""
        return self.regency if self.role is None else self.village

    @property
    def knows(self) -> str:
        """The area whose people and cases its phones may list; empty where it tries forms and needs nobody's name."""
        return "" if self.draft else self.village

    @property
    def knows_unshared(self) -> bool:
        """Whether its lists hold people who did not agree that their data leave the desk (as in exports)."""
        return self.role in (None, "ppa")


@dataclass(frozen=True)
class Credentials:
    """What a phone needs; shown when a desk is made, and derived again from the home's key at any time."""

    username: str
    password: str
    token: str


def add(
    village: str,
    name: str | None,
    keys: Keys,
    now: datetime,
    *,
    draft: bool = False,
    officer: str | None = None,
    phone: str | None = None,
) -> tuple[KnownDesk, Credentials]:
    """Open a desk in a village, or with ``officer`` the phones of an officer for an area of any level within theirs.

    With ``draft`` it tries forms, for good: no desk changes sides. ``phone`` is where its people are reached.
    Raises :class:`Problem` (AREA_UNKNOWN, OFFICER_UNKNOWN, FORBIDDEN, DESK_NEEDS_OFFICER, PHONE_INVALID).
    """
    person = officers.require(officer) if officer is not None else None
    if person is None and len(village) != VILLAGE_LENGTH:
        areas.require(village)
        raise Problem(Problems.DESK_NEEDS_OFFICER, code=village)
    area_name = areas.require(village, village=person is None)
    if person is not None and not _may_have_phones(person.role, person.area, village):
        raise Problem(Problems.DESK_BEYOND_OFFICER, officer=person.slug, code=village)
    base = ("coba-" if draft else "desa-" if person is None else f"{person.slug[:24]}-") + village.replace(
        ".", ""
    )
    taken = {slug for (slug,) in Desk.select(Desk.slug).where(Desk.slug.startswith(base)).tuples()}
    slug = base
    number = 2
    while slug in taken:
        slug = f"{base}-{number}"
        number += 1
    credentials = _credentials(keys, slug, 1)
    row = Desk.create(
        slug=slug,
        name=name or (area_name if person is None else person.name),
        **areas.split(village),
        token_hash=_token_hash(credentials.token),
        created_at=now,
        draft=draft,
        officer=person.id if person is not None else None,
        phone=officers.normal_phone(phone) if phone else None,
    )
    return _known(row, person), credentials


def set_phone(slug: str, phone: str | None) -> str | None:
    """Note where the people of a desk are reached, None to take the number out; returns it as kept (E.164).

    Raises :class:`Problem` (DESK_UNKNOWN, PHONE_INVALID).
    """
    row = _require(slug)
    number = officers.normal_phone(phone) if phone else None
    Desk.update(phone=number).where(Desk.id == row.id).execute()
    return number


def credentials_of(slug: str, keys: Keys) -> Credentials:
    """The credentials of a desk once more. Raises :class:`Problem` (DESK_UNKNOWN)."""
    row = _require(slug)
    return _credentials(keys, row.slug, row.generation)


def credentials(desk: KnownDesk, keys: Keys) -> Credentials:
    """The same for a desk in hand."""
    return _credentials(keys, desk.slug, desk.password_generation)


def open_in(area: str, *, officers_too: bool = False) -> list[KnownDesk]:
    """The village desks of an area that were not revoked, by village; with ``officers_too`` officers' phones as well.

    Whoever looks after desks has no business with an officer's phone, which may list what is kept from them.
    """
    rows = Desk.select(*_COLUMNS).join(Officer, JOIN.LEFT_OUTER).where(areas.scope(Desk, area))
    if not officers_too:
        rows = rows.where(Desk.officer.is_null())
    found = [_from_columns(row) for row in rows.order_by(Desk.village, Desk.slug).tuples()]
    return [desk for desk in found if not desk.revoked]


def revoke(slug: str, now: datetime) -> None:
    """Take the desk's phones off; at once, since every request asks the database."""
    row = _require(slug)
    Desk.update(revoked_at=now).where((Desk.id == row.id) & Desk.revoked_at.is_null()).execute()


def by_token(token: str) -> KnownDesk | None:
    """The desk that has this token, revoked or not."""
    row = _by_token.first(_token_hash(token))
    return _from_columns(row) if row is not None else None


def by_username(username: str) -> KnownDesk | None:
    """The desk of this username, revoked or not."""
    row = _by_username.first(username)
    return _from_columns(row) if row is not None else None


def by_id(desk_id: int) -> KnownDesk | None:
    """The desk of a row that refers to it, revoked or not."""
    row = _by_id.first(desk_id)
    return _from_columns(row) if row is not None else None


def digest_ha1(desk: KnownDesk, keys: Keys, algorithm: str = "md5") -> str:
    """HA1 of RFC 7616: ``H(username:realm:password)`` in hex; ``algorithm`` is a :mod:`hashlib` name."""
    password = _credentials(keys, desk.slug, desk.password_generation).password
    return hashlib.new(
        algorithm, f"{desk.slug}:{REALM}:{password}".encode(), usedforsecurity=False
    ).hexdigest()


def password_matches(desk: KnownDesk, keys: Keys, password: str) -> bool:
    """Is this the desk's password? Takes the same time for any wrong one."""
    right = _credentials(keys, desk.slug, desk.password_generation).password
    return hmac.compare_digest(right.encode(), password.encode())


def listing() -> list[dict[str, Any]]:
    """All desks, as ``desks list`` shows them; no credentials."""
    rows = Desk.select(Desk, Officer).join(Officer, JOIN.LEFT_OUTER).order_by(Desk.village, Desk.slug)
    return [
        {
            "desk": d.slug,
            "name": d.name,
            "village": d.village,
            "officer": d.officer.slug if d.officer is not None else None,
            "phone": d.phone,
            "created_at": d.created_at,
            "state": _state(d),
        }
        for d in rows
    ]


def _state(row: Any) -> str:
    officer = row.officer
    if row.revoked_at is not None or (
        officer is not None
        and (officer.removed_at is not None or not _may_have_phones(officer.role, officer.area, row.village))
    ):
        return "revoked"
    return "draft" if row.draft else "open"


def _may_have_phones(role: str, area: str, village: str) -> bool:
    """May an officer's phones list people and cases of an area?

    Not an administrator's, who looks after desks and not after people, and none of the whole nation: a lost phone
    would lose them all.
    """
    return role != "admin" and village != areas.NATION and areas.covers(area, village)


def _from_columns(row: tuple[Any, ...]) -> KnownDesk:
    desk_id, slug, name, village, regency, revoked_at, generation, draft, role, area, removed_at = row
    revoked = revoked_at is not None
    if role is not None:  # what an officer may know is looked at each time: a changed area counts at once
        revoked = revoked or removed_at is not None or not _may_have_phones(role, area, village)
    return KnownDesk(desk_id, slug, name, village, regency, revoked, generation, bool(draft), role)


_COLUMNS = (
    *(Desk.id, Desk.slug, Desk.name, Desk.village, Desk.regency),
    *(Desk.revoked_at, Desk.generation, Desk.draft),
    *(Officer.role, Officer.area, Officer.removed_at),
)


def _known_by(condition: Callable[[Any], Any]) -> Select:
    """Every request of a phone begins with this query."""
    return Select(lambda value: Desk.select(*_COLUMNS).join(Officer, JOIN.LEFT_OUTER).where(condition(value)))


_by_token = _known_by(lambda token_hash: Desk.token_hash == token_hash)
_by_id = _known_by(lambda desk_id: Desk.id == desk_id)
_by_username = _known_by(lambda username: Desk.slug == username)


def _require(slug: str) -> Any:
    row = Desk.get_or_none(Desk.slug == slug)
    if row is None:
        raise Problem(Problems.DESK_UNKNOWN, desk=slug)
    return row


def _known(row: Desk, person: Person | None) -> KnownDesk:
    role = person.role if person is not None else None
    return KnownDesk(
        row.id, row.slug, row.name, row.village, row.regency, False, row.generation, row.draft, role
    )


def _credentials(keys: Keys, slug: str, generation: int) -> Credentials:
    return Credentials(
        username=slug,
        password=keys.desk_secret("password", slug, generation, PASSWORD_LENGTH),
        token=keys.desk_secret("token", slug, generation, TOKEN_LENGTH),
    )


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
