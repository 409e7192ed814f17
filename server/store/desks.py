"""Village desks and the credentials of their phones."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from forms.problems import Problem, Problems
from server.store import areas
from server.store.models import Desk
from server.store.sealing import Keys
from server.store.statements import Select

REALM = "posmigran"
TOKEN_LENGTH = 48  # characters of base32: 240 bits
PASSWORD_LENGTH = 20  # 100 bits, still typed by hand where a QR cannot be read


@dataclass(frozen=True)
class KnownDesk:
    """A desk as the doors know it. ``draft``: it tries forms, and nothing that it sends counts."""

    id: int
    slug: str
    name: str
    village: str
    regency: str
    revoked: bool
    password_generation: int
    draft: bool = False


@dataclass(frozen=True)
class Credentials:
    """What a phone needs; shown when a desk is made, and derived again from the home's key at any time."""

    username: str
    password: str
    token: str


def add(
    village: str, name: str | None, keys: Keys, now: datetime, *, draft: bool = False
) -> tuple[KnownDesk, Credentials]:
    """Open a desk in a village; with ``draft`` one that tries forms, for good: no desk changes sides.

    Raises :class:`Problem` (AREA_UNKNOWN).
    """
    village_name = areas.require(village, village=True)
    base = ("coba-" if draft else "desa-") + village.replace(".", "")
    taken = {slug for (slug,) in Desk.select(Desk.slug).where(Desk.village == village).tuples()}
    slug = base
    number = 2
    while slug in taken:
        slug = f"{base}-{number}"
        number += 1
    credentials = _credentials(keys, slug, 1)
    row = Desk.create(
        slug=slug,
        name=name or village_name,
        **areas.split(village),
        token_hash=_token_hash(credentials.token),
        created_at=now,
        draft=draft,
    )
    return _known(row), credentials


def credentials_of(slug: str, keys: Keys) -> Credentials:
    """The credentials of a desk once more. Raises :class:`Problem` (DESK_UNKNOWN)."""
    row = _require(slug)
    return _credentials(keys, row.slug, row.generation)


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
    row = Desk.get_or_none(Desk.id == desk_id)
    return _known(row) if row is not None else None


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
    return [
        {
            "desk": d.slug,
            "name": d.name,
            "village": d.village,
            "created_at": d.created_at,
            "state": "revoked" if d.revoked_at else "draft" if d.draft else "open",
        }
        for d in Desk.select().order_by(Desk.village, Desk.slug)
    ]


def _from_columns(row: tuple[Any, ...]) -> KnownDesk:
    desk_id, slug, name, village, regency, revoked_at, generation, draft = row
    return KnownDesk(desk_id, slug, name, village, regency, revoked_at is not None, generation, bool(draft))


def _known_by(condition: Callable[[str], Any]) -> Select:
    """Every request of a phone begins with this query."""
    columns = (
        *(Desk.id, Desk.slug, Desk.name, Desk.village, Desk.regency),
        *(Desk.revoked_at, Desk.generation, Desk.draft),
    )
    return Select(lambda value: Desk.select(*columns).where(condition(value)))


_by_token = _known_by(lambda token_hash: Desk.token_hash == token_hash)
_by_username = _known_by(lambda username: Desk.slug == username)


def _require(slug: str) -> Any:
    row = Desk.get_or_none(Desk.slug == slug)
    if row is None:
        raise Problem(Problems.DESK_UNKNOWN, desk=slug)
    return row


def _known(row: Desk) -> KnownDesk:
    return KnownDesk(
        row.id,
        row.slug,
        row.name,
        row.village,
        row.regency,
        row.revoked_at is not None,
        row.generation,
        row.draft,
    )


def _credentials(keys: Keys, slug: str, generation: int) -> Credentials:
    return Credentials(
        username=slug,
        password=keys.desk_secret("password", slug, generation, PASSWORD_LENGTH),
        token=keys.desk_secret("token", slug, generation, TOKEN_LENGTH),
    )


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
