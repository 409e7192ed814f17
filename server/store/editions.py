"""Editions of the attached lists: policy (countries, fees, rates) that changes without a new form.

Every edition is kept. Which one counts at a moment is decided by ``valid_from``: the latest one that has begun, and
of several that begin together the one given last. So an edition may be announced ahead or put right afterwards. The
first edition counts for all that was before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from peewee import fn

from server.store import counters
from server.store.models import AttachedList

AREA_LIST = "desa.csv"
"""The attached list that is made for each desk: the villages of its regency."""
SHIPPED = "shipped"
"""Who gave the lists that come with this software. A newer release may replace these, and only these."""
OPERATOR = "operator"
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""Since when a list's first edition counts: interviews were held before this server knew any list."""


@dataclass(frozen=True)
class Edition:
    """An attached list as it stands: file name, edition number, bytes, and their MD5 in hex."""

    filename: str
    number: int
    content: bytes
    hash: str


@dataclass(frozen=True)
class Dated:
    """What is known of an edition without its content."""

    filename: str
    number: int
    valid_from: datetime
    set_at: datetime
    set_by: str


def put_list(filename: str, content: bytes, now: datetime, *, by: str = OPERATOR) -> bool:
    """Give a list as it comes with a form: a new edition from now on (the first: since ever), unless one had it.

    A folder that still holds an old list does not bring it back. Returns whether there is a new edition.
    """
    if has_content(filename, content):
        return False
    _add(filename, content, now, now, by)
    return True


def _add(filename: str, content: bytes, valid_from: datetime, now: datetime, by: str) -> int:
    last = AttachedList.select(fn.MAX(AttachedList.edition)).where(AttachedList.filename == filename).scalar()
    number = (last or 0) + 1
    if number == 1:
        valid_from = ALWAYS
    AttachedList.create(
        filename=filename,
        edition=number,
        content=content,
        hash=_hash(content),
        valid_from=valid_from,
        set_at=now,
        set_by=by,
    )
    return number


def _hash(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def has_content(filename: str, content: bytes) -> bool:
    """Is there, or was there, an edition with exactly this content?"""
    same = (AttachedList.filename == filename) & (AttachedList.hash == _hash(content))
    return bool(AttachedList.select().where(same).exists())


def set_list(
    filename: str, content: bytes, valid_from: datetime | None, now: datetime, by: str
) -> int | None:
    """Give a new edition on purpose and let phones know; valid from ``now`` unless said otherwise.

    Returns its number; None where the newest edition is the same and has begun by then. Call inside a transaction.
    """
    begins = valid_from or now
    known = dated(filename)
    if known and known[-1].valid_from <= begins:
        newest = get_list(filename, known[-1].number)
        if newest is not None and newest.content == content:
            return None
    number = _add(filename, content, begins, now, by)
    counters.increment(counters.PUBLISHED)
    return number


def dated(filename: str | None = None) -> list[Dated]:
    """All editions, of one list or of every, oldest first; without their contents."""
    rows = AttachedList.select(
        AttachedList.filename,
        AttachedList.edition,
        AttachedList.valid_from,
        AttachedList.set_at,
        AttachedList.set_by,
    ).order_by(AttachedList.filename, AttachedList.edition)
    if filename is not None:
        rows = rows.where(AttachedList.filename == filename)
    return [Dated(r.filename, r.edition, r.valid_from, r.set_at, r.set_by) for r in rows]


def in_force(editions: Sequence[Dated], moment: datetime) -> dict[str, int]:
    """The number of the edition that counts at a moment, by file name."""
    begun = (edition for edition in editions if edition.valid_from <= moment or edition.number == 1)
    in_order = sorted(begun, key=lambda edition: (edition.valid_from, edition.number))
    return {edition.filename: edition.number for edition in in_order}


def beginnings(editions: Sequence[Dated]) -> list[datetime]:
    """The moments at which some list changes, in order."""
    return sorted({edition.valid_from for edition in editions})


def lists_at(moment: datetime) -> tuple[dict[str, Edition], datetime | None]:
    """The lists that count at a moment, by file name, and when that changes next (None: not foreseen)."""
    known = dated()
    found = {name: get_list(name, number) for name, number in in_force(known, moment).items()}
    later = (begin for begin in beginnings(known) if begin > moment)
    return {name: edition for name, edition in found.items() if edition is not None}, next(later, None)


def newest_lists(filenames: Iterable[str] | None = None) -> dict[str, Edition]:
    """The edition given last of each list, by file name, whenever it begins."""
    newest = AttachedList.select(AttachedList.filename, fn.MAX(AttachedList.edition)).group_by(
        AttachedList.filename
    )
    editions = dict(newest.tuples())
    wanted = set(editions) if filenames is None else set(filenames) & set(editions)
    return {name: edition for name in wanted if (edition := get_list(name, editions[name])) is not None}


def get_list(filename: str, number: int) -> Edition | None:
    """One edition of a list."""
    row: Any = AttachedList.get_or_none(
        (AttachedList.filename == filename) & (AttachedList.edition == number)
    )
    return Edition(row.filename, row.edition, bytes(row.content), row.hash) if row is not None else None
