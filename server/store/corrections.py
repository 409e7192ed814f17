"""Submissions with their XML, as corrections by Excel need them; who corrected what, and why."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from peewee import JOIN, fn

from forms.problems import Problem, Problems
from server.store import events, records
from server.store.chains import in_chain
from server.store.database import Store
from server.store.models import Event, Officer, Submission
from server.store.officers import Person
from server.store.records import Wanted

CORRECTORS = ("disnaker", "bp3mi", "ppa", "province")
"""Roles that may correct; who looks after the installation (``admin``) looks after no answers."""
_VERB = "submission.corrected"
LONGEST_REASON = 500
"""Characters of a reason."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A submission as it came. ``current``: no edit has replaced it. ``received_at`` is aware."""

    instance_id: str
    form_id: str
    version: str
    root: str
    village: str
    received_at: datetime
    desk_id: int | None
    current: bool
    draft: bool
    xml: bytes = field(repr=False)


def count(wanted: Wanted) -> int:
    """How many submissions are wanted."""
    return int(Submission.select(fn.COUNT(Submission.id)).where(wanted.condition()).scalar())


def evidence(wanted: Wanted, store: Store) -> Iterator[Evidence]:
    """The current submissions that are wanted, oldest first."""
    numbers = records.numbers(wanted)
    for start in range(0, len(numbers), records.PAGE):
        page = list(numbers[start : start + records.PAGE])
        for row in Submission.select().where(Submission.id.in_(page)).order_by(Submission.id):
            yield _evidence(row, store)


def named(form_id: str, instance_ids: Collection[str], store: Store) -> dict[str, Evidence]:
    """The submissions with these instanceIDs that there are, current or not."""
    found: dict[str, Evidence] = {}
    wanted = sorted(instance_ids)
    for start in range(0, len(wanted), records.PAGE):
        some = wanted[start : start + records.PAGE]
        rows = Submission.select().where((Submission.form_id == form_id) & Submission.instance_id.in_(some))
        found.update((row.instance_id, _evidence(row, store)) for row in rows)
    return found


def standing(form_id: str, instance_ids: Collection[str]) -> dict[str, bool]:
    """Of the submissions with these instanceIDs that there are, whether each is the newest of its chain."""
    found: dict[str, bool] = {}
    wanted = sorted(instance_ids)
    for start in range(0, len(wanted), records.PAGE):
        some = wanted[start : start + records.PAGE]
        rows = Submission.select(Submission.instance_id, Submission.current).where(
            (Submission.form_id == form_id) & Submission.instance_id.in_(some)
        )
        found.update((instance_id, bool(current)) for instance_id, current in rows.tuples())
    return found


def hold(formers: Sequence[Evidence], store: Store) -> None:
    """Keep these for this transaction: nobody else, phones included, edits them meanwhile.

    First the versions, then their chains, each in order, as :func:`server.store.submissions.keep` does.
    """
    store.lock(*(former.instance_id for former in formers))
    store.lock(*(former.root for former in formers))


@dataclass(frozen=True)
class Correction:
    """That somebody corrected a submission: the edit, when, who, what they are, which questions, why."""

    instance_id: str
    at: datetime
    by: str
    role: str
    questions: tuple[str, ...]
    fallen: tuple[str, ...]
    reason: str = field(repr=False)


def checked(reason: str) -> str:
    """A reason as it is kept. Raises :class:`Problem` (REASON_MISSING)."""
    said = " ".join(reason.split())[:LONGEST_REASON]
    if not said:
        raise Problem(Problems.REASON_MISSING)
    return said


def note(
    at: datetime,
    person: Person,
    former: Evidence,
    instance_id: str,
    reason: str,
    store: Store,
    *,
    questions: Sequence[str],
    fallen: Sequence[str],
) -> None:
    """Put on record that ``person`` corrected ``former``; the reason is sealed, for people write what they know.

    Call inside the transaction that takes the edit in.
    """
    events.record(
        at,
        person.slug,
        _VERB,
        instance_id,
        form=former.form_id,
        edits=former.instance_id,
        questions=list(questions),
        fallen=list(fallen),
        reason=base64.b64encode(store.keys.seal(reason.encode(), instance_id)).decode(),
    )


def of_instance(instance_id: str, store: Store) -> Correction | None:
    """By which correction a submission came to be; None where a phone sent it."""
    return next(iter(_of([instance_id], store)), None)


def of_chain(form_id: str, instance_id: str, store: Store) -> list[Correction]:
    """The corrections of a submission in all its versions, oldest first. ``instance_id``: any version's."""
    version = Submission.get_or_none(
        (Submission.form_id == form_id) & (Submission.instance_id == instance_id)
    )
    if version is None:
        return []
    chain = Submission.select(Submission.instance_id).where(in_chain(form_id, version.root))
    return _of([row.instance_id for row in chain], store)


def _of(instance_ids: list[str], store: Store) -> list[Correction]:
    rows = (
        Event.select(Event, Officer.name.alias("name"), Officer.role.alias("role"))
        .join(Officer, JOIN.LEFT_OUTER, on=(Officer.slug == Event.actor))
        .where(Event.subject.in_(instance_ids) & (Event.verb == _VERB))
        .order_by(Event.id)
        .objects()
    )
    return [
        Correction(
            row.subject,
            row.at,
            row.name or row.actor,
            row.role or "",
            tuple(row.detail["questions"]),
            tuple(row.detail["fallen"]),
            store.keys.unseal(base64.b64decode(row.detail["reason"]), row.subject).decode(),
        )
        for row in rows
    ]


def _evidence(row: Submission, store: Store) -> Evidence:
    return Evidence(
        instance_id=row.instance_id,
        form_id=row.form_id,
        version=row.version,
        root=row.root,
        village=row.village,
        received_at=row.received_at,
        desk_id=row.desk_id,
        current=row.current,
        draft=row.draft,
        xml=store.keys.unseal(bytes(row.xml), row.instance_id),
    )
