"""Reading submissions in bulk, as exports need them: answers whole again, a page at a time.

First the numbers of the rows that are wanted, then the rows by number: each page costs what it holds, however many
there are. A row that an edit replaces meanwhile is still read as it was when the numbers were taken.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from peewee import JOIN, fn

from forms.instance import names_given
from server.store import answers as halves
from server.store import areas
from server.store.database import Store
from server.store.fields import from_micros
from server.store.models import Attachment, Desk, Submission, database

PAGE: Final = 500
"""Rows fetched at a time."""
_UNKNOWN: Final = b'"_unknown"'


@dataclass(frozen=True, slots=True)
class Record:
    """A submission as it is read: answers whole again. Times are aware, in UTC.

    ``edits`` counts the versions before this one; ``strange`` says that some answers are none of its form's.
    ``files`` maps a file's name to the SHA-256 of what arrived, or None. ``names`` are what it calls itself and its
    entity (:func:`forms.instance.names_given`), where they were asked for.
    """

    id: int
    instance_id: str
    form_id: str
    version: str
    village: str
    received_at: datetime
    desk: str | None
    device_id: str | None
    edits: int
    strange: bool
    indicators: tuple[str, ...]
    answers: Mapping[str, Any]
    files: Mapping[str, str | None] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def edited(self) -> bool:
        """Whether this is an edit of another one."""
        return self.edits > 0


@dataclass(frozen=True)
class Wanted:
    """Which current submissions of a form: of an area, received in ``[start, end)``, holding one of ``indicators``
    (empty: all), with numbers above ``after`` up to ``until``.
    """

    form_id: str
    area: str = areas.NATION
    start: datetime | None = None
    end: datetime | None = None
    indicators: Collection[str] = ()
    after: int | None = None
    until: int | None = None

    def condition(self) -> Any:
        """As SQL."""
        condition = (
            areas.scope(Submission, self.area)
            & (Submission.form_id == self.form_id)
            & Submission.current
            & (Submission.draft == False)  # noqa: E712 - SQL
        )
        if self.start is not None:
            condition &= Submission.received_at >= self.start
        if self.end is not None:
            condition &= Submission.received_at < self.end
        if self.after is not None:
            condition &= Submission.id > self.after
        if self.until is not None:
            condition &= Submission.id <= self.until
        if self.indicators:
            held = None
            for code in self.indicators:
                one = Submission.indicators.cast("text").contains(f'"{code}"')
                held = one if held is None else held | one
            condition &= held
        return condition


def numbers(wanted: Wanted) -> array[int]:
    """The numbers of these submissions, oldest first: eight bytes each."""
    rows = Submission.select(Submission.id).where(wanted.condition()).tuples().iterator()
    return array("q", sorted(number for (number,) in rows))


def newest_settled(settled_before: datetime) -> int:
    """The number up to which no further submission can appear, 0 where there is none.

    Where several write, a row with a lower number may be committed after one with a higher. What was received
    before ``settled_before``, some minutes ago, has long been committed, or never will be.
    """
    first_recent = Submission.select(fn.MIN(Submission.id)).where(Submission.received_at >= settled_before)
    number = first_recent.scalar()
    if number is not None:
        return int(number) - 1
    return int(Submission.select(fn.MAX(Submission.id)).scalar() or 0)


def pages(form_id: str, numbers: array[int], store: Store, *, names: bool = False) -> Iterator[list[Record]]:
    """The submissions with these numbers, in their order, :data:`PAGE` at a time; ``names`` with their names."""
    for start in range(0, len(numbers), PAGE):
        yield _page(form_id, list(numbers[start : start + PAGE]), store, names=names)


def read(form_id: str, store: Store) -> Iterator[Record]:
    """Every current submission of a form, oldest first."""
    for page in pages(form_id, numbers(Wanted(form_id)), store):
        yield from page


def _page(form_id: str, ids: list[int], store: Store, *, names: bool) -> list[Record]:
    query = (
        Submission.select(
            Submission.id,
            Submission.instance_id,
            Submission.root,
            Submission.deprecated_id,
            Submission.version,
            Submission.village,
            Submission.received_at,
            Desk.slug,
            Submission.device_id,
            Submission.indicators,
            Submission.answers,
            Submission.sealed,
            *([Submission.xml] if names else ()),
        )
        .join(Desk, JOIN.LEFT_OUTER)
        .where(_among(Submission.id, ids))
        .order_by(Submission.id)
    )
    rows = database.execute(
        query
    ).fetchall()  # as they are: Peewee's own reading costs more than all else here
    files = _files(ids)
    edits = _edits(form_id, {row[2] for row in rows if row[3] is not None})
    unseal, merge = store.keys.unseal, halves.merge
    found = []
    for row in rows:
        secret = unseal(bytes(row[11]), row[1])
        answers = _plain(row[10])
        if secret != b"{}":
            answers = merge(answers, json.loads(secret))
        found.append(
            Record(
                id=row[0],
                instance_id=row[1],
                form_id=form_id,
                version=row[4],
                village=row[5],
                received_at=from_micros(row[6]),
                desk=row[7],
                device_id=row[8],
                edits=edits.get(row[2], 0) if row[3] is not None else 0,
                strange=_UNKNOWN in secret,
                indicators=tuple(_plain(row[9])),
                answers=answers,
                files=files.get(row[0], {}),
                names=names_given(unseal(bytes(row[12]), row[1])) if names else {},
            )
        )
    return found


def _among(column: Any, ids: list[int]) -> Any:
    """The condition that a number is one of these; a row of them without gaps costs nothing to say."""
    if ids[-1] - ids[0] == len(ids) - 1:
        return column.between(ids[0], ids[-1])
    return column.in_(ids)


def _plain(value: Any) -> Any:
    """A JSON column: PostgreSQL's driver has read it, SQLite's has not."""
    return json.loads(value) if isinstance(value, str | bytes) else value


def _files(ids: list[int]) -> dict[int, dict[str, str | None]]:
    found: dict[int, dict[str, str | None]] = {}
    rows = Attachment.select(Attachment.submission_id, Attachment.filename, Attachment.sha256).where(
        _among(Attachment.submission, ids)
    )
    for submission_id, filename, sha256 in rows.tuples():
        found.setdefault(submission_id, {})[filename] = sha256
    return found


def _edits(form_id: str, roots: Collection[str]) -> dict[str, int]:
    """How many edits each chain has; one of which only edits came counts those."""
    if not roots:
        return {}
    rows = (
        Submission.select(Submission.root, fn.COUNT(Submission.deprecated_id))
        .where((Submission.form_id == form_id) & Submission.root.in_(list(roots)))
        .group_by(Submission.root)
        .tuples()
    )
    return dict(rows)
