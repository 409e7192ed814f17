"""Submissions with their XML, as corrections by Excel need them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from peewee import fn

from server.store import records
from server.store.database import Store
from server.store.models import Submission
from server.store.records import Wanted


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


def is_current(form_id: str, instance_id: str) -> bool | None:
    """Whether a submission is the newest of its chain; None where there is none of that instanceID."""
    row = Submission.get_or_none((Submission.form_id == form_id) & (Submission.instance_id == instance_id))
    return None if row is None else bool(row.current)


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
