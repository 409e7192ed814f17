"""Editions of the attached lists: policy (countries, fees, rates) that changes without a new form.

Every edition is kept. Which one counts at a moment is decided by ``valid_from``: the latest one that has begun, and
of several that begin together the one given last. So an edition may be announced ahead or put right afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import fn

from server.store import counters
from server.store.models import AttachedList

AREA_LIST = "desa.csv"
"""The attached list that is made for each desk: the villages of its regency."""
SHIPPED = "shipped"
"""Who gave the lists that come with this software. A newer release may replace these, and only these."""
OPERATOR = "operator"


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


def put_list(
    filename: str, content: bytes, now: datetime, *, by: str = OPERATOR, valid_from: datetime | None = None
) -> bool:
    """Make ``content`` the newest edition of a list, valid from ``now`` unless said otherwise.

    Returns False where the newest edition is the same with the same beginning, or (``valid_from`` not given) any
    former edition is: a folder that still holds an old list does not bring it back.
    """
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    known = list(
        AttachedList.select(AttachedList.edition, AttachedList.hash, AttachedList.valid_from)
        .where(AttachedList.filename == filename)
        .order_by(AttachedList.edition)
    )
    if valid_from is None and any(edition.hash == digest for edition in known):
        return False
    if known and (known[-1].hash, known[-1].valid_from) == (digest, valid_from):
        return False
    AttachedList.create(
        filename=filename,
        edition=known[-1].edition + 1 if known else 1,
        content=content,
        hash=digest,
        valid_from=valid_from or now,
        set_at=now,
        set_by=by,
    )
    return True


def has_content(filename: str, content: bytes) -> bool:
    """Is there, or was there, an edition with exactly this content?"""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return bool(
        AttachedList.select()
        .where((AttachedList.filename == filename) & (AttachedList.hash == digest))
        .exists()
    )


def set_list(
    filename: str, content: bytes, valid_from: datetime | None, now: datetime, by: str
) -> int | None:
    """Give a new edition and let phones know; returns its number, None where nothing is new.

    Valid from ``now`` unless said otherwise. Call inside a transaction.
    """
    if not put_list(filename, content, now, by=by, valid_from=valid_from):
        return None
    counters.increment(counters.PUBLISHED)
    return int(
        AttachedList.select(fn.MAX(AttachedList.edition)).where(AttachedList.filename == filename).scalar()
    )


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
    """The number of the edition that counts at a moment, by file name; the first where none had begun."""
    found: dict[str, Dated] = {}
    for edition in editions:
        known = found.get(edition.filename)
        if known is None or _comes_after(edition, known, moment):
            found[edition.filename] = edition
    return {filename: edition.number for filename, edition in found.items()}


def _comes_after(edition: Dated, known: Dated, moment: datetime) -> bool:
    if edition.valid_from > moment:
        return known.valid_from > moment and edition.valid_from < known.valid_from
    if known.valid_from > moment:
        return True
    return (edition.valid_from, edition.number) > (known.valid_from, known.number)


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
