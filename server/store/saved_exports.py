"""Exports that are made again and again under a name: how far the last one went, and when the next is due."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from server.store import records
from server.store.database import Store
from server.store.models import SavedExport

OPERATOR: Final = "operator"
"""The owner of what is exported on the command line."""
SETTLED: Final = timedelta(minutes=5)
"""How long a submission is left to the next incremental export: until then others may still be committed before it."""
DAY: Final = 2
HOUR: Final = 6
"""When monthly exports are made: on the 2nd at 06:00, when all of the month before has come in."""


@dataclass(frozen=True)
class Saved:
    """A saved export. ``request`` and ``next_at`` are None where it is not made by the clock."""

    id: int
    owner: str
    name: str
    form_id: str
    last_at: datetime | None
    request: Mapping[str, Any] | None
    next_at: datetime | None
    sealed: bytes | None = None

    def password(self, store: Store) -> str | None:
        """The password that its files get."""
        if self.sealed is None:
            return None
        return store.keys.unseal(self.sealed, _seal_name(self.owner, self.name, self.form_id)).decode()


def series(name: str, request: Mapping[str, Any]) -> str:
    """The name under which exports of a kind are remembered: with other filters it is another series.

    Otherwise whoever asked for one district first and for all afterwards would miss the others' former ones.
    """
    text = json.dumps(request, sort_keys=True, default=str)
    return f"{name}#{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def bounds(owner: str, name: str, form_id: str, now: datetime) -> dict[str, int]:
    """The bounds ``after`` and ``until`` of the next incremental export; ``after`` is 0 for the first one."""
    row = SavedExport.get_or_none(
        (SavedExport.owner == owner) & (SavedExport.name == name) & (SavedExport.form_id == form_id)
    )
    after = int(row.last_id) if row is not None and row.last_id is not None else 0
    return {"after": after, "until": max(after, records.newest_settled(now - SETTLED))}


def advance(owner: str, name: str, form_id: str, newest: int | None, now: datetime) -> None:
    """Note how far an incremental export went. Two at once leave the greater number. Call inside a transaction."""
    if newest is None:
        return
    SavedExport.insert(
        owner=owner, name=name, form_id=form_id, last_id=newest, last_at=now, created_at=now
    ).on_conflict(
        conflict_target=[SavedExport.owner, SavedExport.name, SavedExport.form_id],
        update={SavedExport.last_id: newest, SavedExport.last_at: now},
        where=(SavedExport.last_id.is_null() | (SavedExport.last_id <= newest)),
    ).execute()


def schedule(
    owner: str,
    name: str,
    form_id: str,
    request: Mapping[str, Any],
    zone: ZoneInfo,
    now: datetime,
    store: Store,
    *,
    password: str | None = None,
) -> None:
    """Have an export made every month; under a name that is known the former request is replaced."""
    sealed = None
    if password is not None:
        sealed = store.keys.seal(password.encode(), _seal_name(owner, name, form_id))
    values = {
        "request": {**request, "locked": password is not None},
        "next_at": next_month(now, zone),
        "sealed": sealed,
    }
    SavedExport.insert(owner=owner, name=name, form_id=form_id, created_at=now, **values).on_conflict(
        conflict_target=[SavedExport.owner, SavedExport.name, SavedExport.form_id], update=values
    ).execute()


def unschedule(owner: str, saved_id: int) -> bool:
    """Make it no more; how far it went is kept. Says whether there was one."""
    mine = (SavedExport.id == saved_id) & (SavedExport.owner == owner) & SavedExport.next_at.is_null(False)
    return bool(SavedExport.update(request=None, next_at=None, sealed=None).where(mine).execute())


def scheduled(owner: str) -> list[Saved]:
    """What is made by the clock for somebody, the next one first."""
    mine = (SavedExport.owner == owner) & SavedExport.next_at.is_null(False)
    return [_saved(row) for row in SavedExport.select().where(mine).order_by(SavedExport.next_at)]


def names_of(form_id: str) -> tuple[str, ...]:
    """The names of all saved exports of a form, whoever made them, in their order."""
    rows = SavedExport.select(SavedExport.name).where(SavedExport.form_id == form_id).distinct()
    return tuple(sorted(name for (name,) in rows.tuples()))


def due(now: datetime) -> list[Saved]:
    """What should have been ordered by now."""
    rows = SavedExport.select().where(SavedExport.next_at <= now).order_by(SavedExport.next_at)
    return [_saved(row) for row in rows]


def take(saved: Saved, zone: ZoneInfo, now: datetime) -> bool:
    """Set the next time of one that is due; True for one caller alone, who then orders it. In a transaction."""
    mine = (SavedExport.id == saved.id) & (SavedExport.next_at == saved.next_at)
    return bool(SavedExport.update(next_at=next_month(now, zone)).where(mine).execute())


def next_month(now: datetime, zone: ZoneInfo) -> datetime:
    """The next 2nd at 06:00 by the clocks of a zone."""
    here = now.astimezone(zone)
    this = datetime.combine(here.date().replace(day=DAY), time(HOUR), zone)
    if this > now:
        return this
    first = (here.date().replace(day=1) + timedelta(days=32)).replace(day=DAY)
    return datetime.combine(first, time(HOUR), zone)


def month_before(moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The whole month before that of a moment: its first instant, and the one after its last."""
    first = moment.astimezone(zone).date().replace(day=1)
    former = (first - timedelta(days=1)).replace(day=1)
    return datetime.combine(former, time.min, zone), datetime.combine(first, time.min, zone)


def _seal_name(owner: str, name: str, form_id: str) -> str:
    return f"monthly {owner} {name} {form_id}"


def _saved(row: Any) -> Saved:
    sealed = bytes(row.sealed) if row.sealed is not None else None
    return Saved(row.id, row.owner, row.name, row.form_id, row.last_at, row.request, row.next_at, sealed)
