"""Writing rosters down: duties, swaps, leave, supervisors, days off; and listing what is written.

Days are those of the officer's own zone; the last one is included. A stand-in (deputy, or who takes over in a swap)
has the officer's role and an area that holds the officer's, so that they may see what they are told of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from peewee import JOIN, SqliteDatabase

from forms.problems import Problem, Problems
from server.store import areas, officers
from server.store.models import DayOff, Duty, Leave, Office, Officer
from server.store.officers import Person

_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2})(?::00)?)?\Z")
_YEARS = range(2000, 2200)
"""What is meant seriously; a finger that slips writes 0226 or 20266."""
_ENTRY = re.compile(r"(duty|leave|dayoff)-(\d{1,9})\Z")
_TABLES = {"duty": Duty, "leave": Leave, "dayoff": DayOff}


@dataclass(frozen=True)
class Entry:
    """One line of a roster. ``kind`` is ``duty``, ``swap`` or ``leave``; officers by their names of record."""

    id: str
    kind: str
    role: str
    area: str
    officer: str
    name: str
    starts_at: datetime
    ends_at: datetime
    deputy: str | None = None
    instead_of: str | None = None


def moment(text: str, area: str, *, end: bool = False) -> datetime:
    """A moment from ``2026-11-23`` or ``2026-11-23 18:00`` where ``area`` is; a bare day ends with its midnight.

    Raises :class:`Problem` (ROSTER_DATE).
    """
    found = _MOMENT.match(text.strip())
    try:
        if found is None:
            raise ValueError
        day = date.fromisoformat(found[1])
        if day.year not in _YEARS:
            raise ValueError
        at = time.fromisoformat(found[2]) if found[2] else time()
    except ValueError:
        raise Problem(Problems.ROSTER_DATE, text=text[:40]) from None
    if end and not found[2]:
        day += timedelta(days=1)
    return datetime.combine(day, at, areas.zone(area))


def shown(at: datetime, area: str, *, end: bool = False) -> str:
    """A moment as :func:`moment` reads it, by the clock of ``area``."""
    local = at.astimezone(areas.zone(area))
    if local.time() == time():
        return (local.date() - timedelta(days=1 if end else 0)).isoformat()
    return f"{local:%Y-%m-%d %H:%M}"


def add_duty(
    slug: str,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    by: str,
    *,
    deputy: str | None = None,
    instead_of: str | None = None,
) -> str:
    """Put an officer on duty for their office, or (``instead_of``) in a colleague's place; returns the entry's name.

    Raises :class:`Problem`: OFFICER_UNKNOWN, ROSTER_PERIOD, ROSTER_OVER, ROSTER_TWICE, ROSTER_STAND_IN.
    """
    officer = officers.require(slug)
    office = officer if instead_of is None else officers.require(instead_of)
    _ordered(starts_at, ends_at, office.area, now)
    replaced = _fit(officer, office) if instead_of is not None else None
    next_one = _stand_in(deputy, office)
    same = Duty.instead_of.is_null() if replaced is None else Duty.instead_of == office.id
    _once(Duty, same & (Duty.area == office.area), officer, starts_at, ends_at)
    row = Duty.create(
        role=office.role,
        area=office.area,
        officer=officer.id,
        deputy=next_one,
        instead_of=office.id if replaced is not None else None,
        starts_at=starts_at,
        ends_at=ends_at,
        noted_at=now,
        noted_by=by,
    )
    return f"duty-{row.id}"


def add_leave(
    slug: str, starts_at: datetime, ends_at: datetime, now: datetime, by: str, *, deputy: str | None = None
) -> str:
    """Note that an officer is away; returns the entry's name. Raises as :func:`add_duty`."""
    officer = officers.require(slug)
    _ordered(starts_at, ends_at, officer.area, now)
    next_one = _stand_in(deputy, officer)
    _once(Leave, Leave.officer == officer.id, officer, starts_at, ends_at)
    row = Leave.create(
        officer=officer.id,
        deputy=next_one,
        starts_at=starts_at,
        ends_at=ends_at,
        noted_at=now,
        noted_by=by,
    )
    return f"leave-{row.id}"


def add_day_off(area: str, day: date, name: str) -> None:
    """Note a day on which offices of an area are closed. Raises :class:`Problem` (AREA_UNKNOWN)."""
    areas.require(area)
    DayOff.insert(area=area, day=day, name=name.strip()[:80]).on_conflict(
        conflict_target=[DayOff.area, DayOff.day], update={"name": name.strip()[:80]}
    ).execute()


def remove(entry: str) -> None:
    """Take a line out of a roster. Raises :class:`Problem` (ROSTER_UNKNOWN)."""
    found = _ENTRY.match(entry)
    table = _TABLES[found[1]] if found is not None else Duty
    number = int(found[2]) if found is not None else 0
    if table.delete().where(table.id == number).execute() != 1:
        raise Problem(Problems.ROSTER_UNKNOWN, entry=entry[:20])


def set_supervisor(slug: str, supervisor: str | None) -> None:
    """Say who is told where an officer does not answer; None takes it back.

    Raises :class:`Problem`: OFFICER_UNKNOWN, SUPERVISOR_UNFIT.
    """
    officer = officers.require(slug)
    head = _head(supervisor, officer.area, but=officer.id) if supervisor else None
    Officer.update(supervisor=head).where(Officer.id == officer.id).execute()


def set_office_supervisor(role: str, area: str, supervisor: str | None) -> None:
    """The same for all of an office. Raises :class:`Problem`: AREA_UNKNOWN, OFFICER_UNKNOWN, SUPERVISOR_UNFIT."""
    areas.require(area)
    Office.delete().where((Office.role == role) & (Office.area == area)).execute()
    if supervisor:
        Office.create(role=role, area=area, supervisor=_head(supervisor, area))


def _head(slug: str, area: str, but: int | None = None) -> int:
    head = officers.require(slug)
    if not _holds(head.area, area) or head.id == but:
        raise Problem(Problems.SUPERVISOR_UNFIT, supervisor=slug, area=area)
    return head.id


def _holds(outer: str, inner: str) -> bool:
    return outer in (areas.NATION, inner) or inner.startswith(outer + ".")


def _ordered(starts_at: datetime, ends_at: datetime, area: str, now: datetime) -> None:
    kind = (
        Problems.ROSTER_PERIOD if starts_at >= ends_at else Problems.ROSTER_OVER if ends_at <= now else None
    )
    if kind is not None:
        raise Problem(kind, starts=shown(starts_at, area), ends=shown(ends_at, area, end=True))


def _once(
    table: type[Duty] | type[Leave], same: Any, officer: Person, starts_at: datetime, ends_at: datetime
) -> None:
    """Nobody is noted twice for a time: a button pressed again, or a line that was meant to be changed."""
    crossing = (table.starts_at < ends_at) & (table.ends_at > starts_at)
    row = table.select().where(same & (table.officer == officer.id) & crossing).order_by(table.id).first()
    if row is not None:
        raise Problem(
            Problems.ROSTER_TWICE,
            name=officer.name,
            starts=shown(row.starts_at, officer.area),
            ends=shown(row.ends_at, officer.area, end=True),
        )


def _fit(stand_in: Person, officer: Person) -> int:
    if stand_in.role != officer.role or not _holds(stand_in.area, officer.area) or stand_in.id == officer.id:
        raise Problem(Problems.ROSTER_STAND_IN, stand_in=stand_in.slug, officer=officer.slug)
    return stand_in.id


def _stand_in(slug: str | None, officer: Person) -> int | None:
    return _fit(officers.require(slug), officer) if slug else None


def entries(area: str = areas.NATION, after: datetime | None = None, role: str | None = None) -> list[Entry]:
    """What is written for the offices within an area, soonest first; with ``after`` only what ends later."""
    deputy, replaced = Officer.alias("deputy"), Officer.alias("replaced")
    duties = (
        Duty.select(
            Duty.id,
            Duty.role,
            Duty.area,
            Officer.slug,
            Officer.name,
            Duty.starts_at,
            Duty.ends_at,
            deputy.slug,
            replaced.slug,
        )
        .join(Officer, on=(Duty.officer == Officer.id))
        .switch(Duty)
        .join(deputy, JOIN.LEFT_OUTER, on=(Duty.deputy == deputy.id))
        .switch(Duty)
        .join(replaced, JOIN.LEFT_OUTER, on=(Duty.instead_of == replaced.id))
        .where(_within(Duty.area, area) & Officer.removed_at.is_null())
    )
    leaves = (
        Leave.select(
            Leave.id,
            Officer.role,
            Officer.area,
            Officer.slug,
            Officer.name,
            Leave.starts_at,
            Leave.ends_at,
            deputy.slug,
        )
        .join(Officer, on=(Leave.officer == Officer.id))
        .switch(Leave)
        .join(deputy, JOIN.LEFT_OUTER, on=(Leave.deputy == deputy.id))
        .where(_within(Officer.area, area) & Officer.removed_at.is_null())
    )
    if after is not None:
        duties, leaves = duties.where(Duty.ends_at > after), leaves.where(Leave.ends_at > after)
    if role is not None:
        duties, leaves = duties.where(Duty.role == role), leaves.where(Officer.role == role)
    found = []
    for number, role_of, area_of, slug, name, starts, ends, stand_in, instead_of in duties.tuples():
        kind = "swap" if instead_of else "duty"
        one = Entry(f"duty-{number}", kind, role_of, area_of, slug, name, starts, ends, stand_in, instead_of)
        found.append(one)
    for number, role_of, area_of, slug, name, starts, ends, stand_in in leaves.tuples():
        found.append(Entry(f"leave-{number}", "leave", role_of, area_of, slug, name, starts, ends, stand_in))
    return sorted(found, key=lambda e: (e.role, e.area, e.starts_at, e.id))


def entry(name: str) -> Entry:
    """One line. Raises :class:`Problem` (ROSTER_UNKNOWN)."""
    for known in entries():
        if known.id == name:
            return known
    raise Problem(Problems.ROSTER_UNKNOWN, entry=name[:20])


def supervisors(area: str = areas.NATION, role: str | None = None) -> list[dict[str, Any]]:
    """Who supervises whom within an area: ``{"role", "area", "officer", "supervisor"}``, officer null for an office."""
    head = Officer.alias("head")
    offices = (
        Office.select(Office.role, Office.area, Officer.slug)
        .join(Officer)
        .where(_within(Office.area, area) & Officer.removed_at.is_null())
        .tuples()
    )
    people = (
        Officer.select(Officer.role, Officer.area, Officer.slug, head.slug)
        .join(head, on=(Officer.supervisor == head.id))
        .where(_within(Officer.area, area) & Officer.removed_at.is_null() & head.removed_at.is_null())
        .tuples()
    )
    found = [{"role": r, "area": a, "officer": None, "supervisor": s} for r, a, s in offices]
    found += [{"role": r, "area": a, "officer": o, "supervisor": s} for r, a, o, s in people]
    found = [s for s in found if role in (None, s["role"])]
    return sorted(found, key=lambda s: (s["role"], s["area"], s["officer"] or ""))


def days_off(area: str = areas.NATION, after: date | None = None) -> list[dict[str, Any]]:
    """Days noted as free for an area or a part of it: ``{"id", "area", "day", "name"}``."""
    rows = DayOff.select().where(_within(DayOff.area, area)).order_by(DayOff.day, DayOff.area)
    if after is not None:
        rows = rows.where(DayOff.day >= after)
    return [{"id": f"dayoff-{r.id}", "area": r.area, "day": r.day, "name": r.name} for r in rows]


def people(area: str = areas.NATION, role: str | None = None) -> list[Person]:
    """The officers of the offices within an area."""
    rows = Officer.select().where(_within(Officer.area, area) & Officer.removed_at.is_null())
    if role is not None:
        rows = rows.where(Officer.role == role)
    return [officers.person(r) for r in rows.order_by(Officer.role, Officer.area, Officer.name, Officer.id)]


def hold(area: str) -> None:
    """Until this transaction ends, nobody else changes what is written for the offices within an area.

    On SQLite a writing transaction is alone anyway.
    """
    database = Duty._meta.database.obj
    if isinstance(database, SqliteDatabase):
        return
    tables = ", ".join(f'"{table._meta.table_name}"' for table in (Duty, Leave, Office, DayOff))
    database.execute_sql(f"lock table {tables} in share row exclusive mode")
    rows = Officer.select(Officer.id).where(_within(Officer.area, area)).order_by(Officer.id)
    list(rows.for_update("FOR NO KEY UPDATE").tuples())


def clear(area: str, now: datetime, role: str | None = None) -> None:
    """Take out all that is written within an area and not over yet, before a workbook takes its place.

    With ``role`` only what is of that role; days off, which are everybody's, stay then.
    """
    people = (
        _within(Officer.area, area) if role is None else _within(Officer.area, area) & (Officer.role == role)
    )
    duties = _within(Duty.area, area) if role is None else _within(Duty.area, area) & (Duty.role == role)
    offices = (
        _within(Office.area, area) if role is None else _within(Office.area, area) & (Office.role == role)
    )
    within = Officer.select(Officer.id).where(people)
    Duty.delete().where(duties & (Duty.ends_at > now)).execute()
    Leave.delete().where(Leave.officer.in_(within) & (Leave.ends_at > now)).execute()
    Office.delete().where(offices).execute()
    Officer.update(supervisor=None).where(people).execute()
    if role is not None:
        return
    DayOff.delete().where(_within(DayOff.area, area) & (DayOff.day >= now.date())).execute()


def _within(column: Any, area: str) -> Any:
    if area == areas.NATION:
        return column.is_null(False)
    return (column == area) | column.startswith(area + ".")
