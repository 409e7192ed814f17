"""How much room submissions may take: bounds of one submission's files and of all that one desk sends.

Whoever holds a desk's code could otherwise fill the disk, for everybody. What is beyond a bound is not taken and not
lost: answers are kept all the same, the phone hears that its files were not and keeps them, and staff are told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import fn

from forms.problems import Problem, Problems
from server.store import areas, events
from server.store.attachments import NewFile
from server.store.models import Attachment, Counter, Desk, Event, Quarantine, Submission

REFUSED = "files.refused"
"""Verb and subject under which it is noted that files of a desk were not taken."""
LATELY = timedelta(days=1)
NOTED_EACH = 1_000_000
"""Bytes of a desk's answers after which they are counted: ordinary ones, of some kilobytes, cost no statement more."""
ANSWERS = 10
"""The share of a desk's room that its answers may take, beside its files: one tenth is a million records or so."""
_NEARLY = 0.9


@dataclass(frozen=True)
class Bounds:
    """``files`` and ``submission_bytes``: what came with one submission in all; ``desk_bytes``: of one desk, ever."""

    files: int
    submission_bytes: int
    desk_bytes: int


@dataclass(frozen=True)
class Room:
    """Bytes that the files of one request may take; ``beyond`` is said of what does not fit."""

    size: int
    beyond: Problem


@dataclass(frozen=True)
class Fitting:
    """Files of an upload: those to be noted, those for which there is no room, and why (the first reason)."""

    files: list[NewFile]
    left_out: tuple[NewFile, ...] = ()
    problem: Problem | None = None

    @property
    def unnamed(self) -> frozenset[str]:
        """Addresses of files left out, unless another one of the same content is noted."""
        return frozenset(f.sha256 for f in self.left_out) - {f.sha256 for f in self.files}


NOTHING = Fitting([])


def fit(files: list[NewFile], there: list[NewFile], desk_id: int | None, bounds: Bounds | None) -> Fitting:
    """Which files there is room for beside those that are ``there``, and take that room.

    What is there already takes none: phones send everything again. Call inside a transaction.
    """
    if bounds is None or not files:
        return Fitting(files)
    names = {(file.filename, file.sha256) for file in there}
    held = {file.sha256: file.size for file in there}
    count, total = len(there), sum(held.values())
    fitting: list[NewFile] = []
    left_out: list[NewFile] = []
    problem: Problem | None = None
    for file in files:
        another = (file.filename, file.sha256) not in names
        size = 0 if file.sha256 in held else file.size
        if another and (count >= bounds.files or total + size > bounds.submission_bytes):
            problem = problem or too_many(bounds)
            left_out.append(file)
            continue
        if size and desk_id is not None and not take(desk_id, size, bounds):
            problem = problem or Problem(Problems.DESK_FULL)
            left_out.append(file)
            continue
        names.add((file.filename, file.sha256))
        held[file.sha256] = file.size
        count, total = count + another, total + size
        fitting.append(file)
    return Fitting(fitting, tuple(left_out), problem)


def too_many(bounds: Bounds) -> Problem:
    """What is said of files beyond a submission's bounds."""
    return Problem(
        Problems.FILES_TOO_MANY, files=bounds.files, megabytes=bounds.submission_bytes // 1_000_000
    )


def take(desk_id: int, size: int, bounds: Bounds) -> bool:
    """Take so many bytes of a desk's room; False, and nothing taken, where there are not as many left."""
    name = _name(desk_id)
    if not Counter.select().where(Counter.name == name).exists():  # count what came before anybody counted
        Counter.insert(name=name, value=_stored(desk_id)).on_conflict_ignore().execute()
    return _add(name, size, bounds.desk_bytes)


def take_answers(desk_id: int, size: int, bounds: Bounds) -> bool:
    """The same for answers, which have a room of their own, so that no files keep them out."""
    name = f"answers:desk:{desk_id}"
    Counter.insert(name=name, value=0).on_conflict_ignore().execute()
    return _add(name, size, bounds.desk_bytes // ANSWERS)


def _add(name: str, size: int, most: int) -> bool:
    added = Counter.update(value=Counter.value + size)
    return bool(added.where((Counter.name == name) & (Counter.value + size <= most)).execute())


def left(desk_id: int, bounds: Bounds) -> Room:
    """What the files of a request of this desk may take; below 0 where the bound was lowered."""
    row = Counter.get_or_none(Counter.name == _name(desk_id))
    size = bounds.desk_bytes - (int(row.value) if row is not None else _stored(desk_id))
    if size < bounds.submission_bytes:
        return Room(size, Problem(Problems.DESK_FULL))
    return Room(bounds.submission_bytes, too_many(bounds))


def _name(desk_id: int) -> str:
    return f"bytes:desk:{desk_id}"


def _stored(desk_id: int) -> int:
    files = (
        Attachment.select(fn.COALESCE(fn.SUM(Attachment.size), 0))
        .join(Submission)
        .where(Submission.desk == desk_id)
        .scalar()
    )
    held = (
        Quarantine.select(fn.COALESCE(fn.SUM(Quarantine.size), 0)).where(Quarantine.desk == desk_id).scalar()
    )
    return int(files) + int(held)


def note_refused(desk: str, problem: Problem, now: datetime) -> None:
    """Note for staff that files of a desk were not taken, once a day for each reason. Call inside a transaction.

    ``desk`` is its name in commands.
    """
    actor, code = f"desk:{desk}", problem.kind.code
    if not any(event.actor == actor and event.detail["reason"] == code for event in _lately(now)):
        events.record(now, actor, REFUSED, REFUSED, reason=code)


def _lately(now: datetime) -> list[Any]:
    # the subject is what the index is of
    return list(
        Event.select().where((Event.subject == REFUSED) & (Event.at > now - LATELY)).order_by(Event.id)
    )


@dataclass(frozen=True)
class RefusedDesk:
    """A desk whose files were not taken in the last day. ``reasons`` are problems' codes."""

    desk: str
    name: str
    village: str
    reasons: tuple[str, ...]


def refused(now: datetime, area: str = areas.NATION) -> list[RefusedDesk]:
    """The desks of an area whose files were not taken lately, by name."""
    reasons: dict[str, set[str]] = {}
    for event in _lately(now):
        reasons.setdefault(event.actor.removeprefix("desk:"), set()).add(event.detail["reason"])
    found = Desk.select().where(Desk.slug.in_(list(reasons)) & areas.scope(Desk, area)).order_by(Desk.slug)
    return [RefusedDesk(d.slug, d.name, d.village, tuple(sorted(reasons[d.slug]))) for d in found]


def nearly_full(bounds: Bounds) -> list[dict[str, Any]]:
    """The desks that have used nine tenths of their room or more: ``desk`` and ``bytes``."""
    counted = Counter.select().where(
        Counter.name.startswith(_name(0).removesuffix("0"))
        & (Counter.value >= int(bounds.desk_bytes * _NEARLY))
    )
    used = {int(row.name.rpartition(":")[2]): int(row.value) for row in counted}
    rows = Desk.select(Desk.id, Desk.slug).where(Desk.id.in_(list(used))).order_by(Desk.slug)
    return [{"desk": desk.slug, "bytes": used[desk.id]} for desk in rows]
