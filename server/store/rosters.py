"""Who is on duty: offices (a role in an area), their people at a moment, and who comes next.

Where an office has no roster for a moment, all of it is on duty. Somebody on leave is not told; their deputy is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.settings import Quiet
from server.store import areas, contacts, hours, officers
from server.store.hours import NIGHT
from server.store.models import Duty, Leave, Office, Officer
from server.store.officers import Person


@dataclass(frozen=True)
class Team:
    """An office at a moment. Nobody in ``on_duty`` or ``deputies`` is on leave; ``deputies`` come next.

    ``away`` are on leave. ``supervisors`` are those of the people on duty, else the office's.
    """

    role: str
    area: str
    on_duty: tuple[Person, ...]
    deputies: tuple[Person, ...]
    away: tuple[Person, ...]
    supervisors: tuple[Person, ...]


@dataclass(frozen=True)
class Watch:
    """One entry of a roster, by officers' ids."""

    officer: int
    deputy: int | None
    instead_of: int | None


@dataclass(frozen=True)
class Absence:
    """Somebody's leave at a moment."""

    deputy: int | None


class Rosters:
    """All offices at one moment. Each is read once: keep one for a transaction, not for longer.

    Nobody is in them who cannot be reached by one of the ``kinds`` of channel, which are those set up.
    """

    def __init__(self, now: datetime, quiet: Quiet = NIGHT, kinds: Collection[str] = contacts.KINDS) -> None:
        self.now = now
        self.kinds = kinds
        self._quiet = quiet
        self._teams: dict[tuple[str, str], list[Team]] = {}
        self._last: dict[str, list[Person]] = {}

    def tell_at(self, severity: str, person: Person) -> datetime:
        """When somebody may be told of an alert, by the clock of where they are."""
        return hours.send_at(severity, areas.zone(person.area), self.now, self._quiet)

    def teams(self, role: str, village: str) -> list[Team]:
        """The offices of a role that look after a village, nearest first; those without anybody left out."""
        key = (role, village)
        if key not in self._teams:
            self._teams[key] = self._read(role, village)
        return self._teams[key]

    def last_resort(self, role: str) -> list[Person]:
        """Who is told where nobody else of a role is left."""
        if role not in self._last:
            rows = Officer.select().where(
                (Officer.role == role) & (Officer.last_resort == True) & officers.tellable()  # noqa: E712
            )
            self._last[role] = self._reached([officers.person(row) for row in rows.order_by(Officer.id)])
        return self._last[role]

    def _read(self, role: str, village: str) -> list[Team]:
        levels = areas.upwards(village)
        rows = list(
            Officer.select()
            .where(
                (Officer.role == role)
                & Officer.area.in_(levels)
                & (Officer.last_resort == False)  # noqa: E712 - SQL
                & officers.tellable()
            )
            .order_by(Officer.id)
        )
        if not rows:
            return []
        absent = self._absent([row.id for row in rows])
        watches = self._watches(role, levels)
        people = {p.id: p for p in self._reached([officers.person(row) for row in rows])}
        above = {row.id: row.supervisor_id for row in rows}
        offices = dict(
            Office.select(Office.area, Office.supervisor)
            .where((Office.role == role) & Office.area.in_(levels))
            .tuples()
        )
        named = self._people({s for s in (*above.values(), *offices.values()) if s is not None})
        teams = []
        for area in levels:
            members = [p for p in people.values() if p.area == area]
            if members:
                on_duty, deputies = arrange(members, people, watches.get(area, []), absent)
                heads = [above[p.id] or offices.get(area) for p in on_duty or members]
                teams.append(
                    Team(
                        role,
                        area,
                        tuple(on_duty),
                        tuple(deputies),
                        tuple(p for p in members if p.id in absent),
                        tuple({h: named[h] for h in heads if h is not None and h in named}.values()),
                    )
                )
        return teams

    def _absent(self, ids: list[int]) -> dict[int, Absence]:
        rows = Leave.select(Leave.officer, Leave.deputy).where(Leave.officer.in_(ids) & self._covers(Leave))
        return {officer: Absence(deputy) for officer, deputy in rows.order_by(Leave.id).tuples()}

    def _watches(self, role: str, levels: list[str]) -> dict[str, list[Watch]]:
        rows = Duty.select(Duty.area, Duty.officer, Duty.deputy, Duty.instead_of).where(
            (Duty.role == role) & Duty.area.in_(levels) & self._covers(Duty)
        )
        found: dict[str, list[Watch]] = {}
        for area, officer, deputy, instead_of in rows.order_by(Duty.id).tuples():
            found.setdefault(area, []).append(Watch(officer, deputy, instead_of))
        return found

    def _people(self, ids: set[int]) -> dict[int, Person]:
        """Supervisors who can be told, those on leave replaced by their deputies."""
        absent = self._absent(sorted(ids)) if ids else {}
        standing = {i: absent[i].deputy if i in absent else i for i in ids}
        wanted = [i for i in standing.values() if i is not None]
        rows = Officer.select().where(Officer.id.in_(wanted) & officers.tellable()) if wanted else ()
        found = {p.id: p for p in self._reached([officers.person(row) for row in rows])}
        return {i: found[s] for i, s in standing.items() if s in found}

    def _reached(self, people: list[Person]) -> list[Person]:
        return contacts.reached(people, self.kinds)

    def _covers(self, table: Any) -> Any:
        return (table.starts_at <= self.now) & (table.ends_at > self.now)


def arrange(
    members: list[Person], known: dict[int, Person], watches: list[Watch], absent: dict[int, Absence]
) -> tuple[list[Person], list[Person]]:
    """(on duty, next) of an office. ``known`` are all who may stand in, ``absent`` those on leave.

    Swaps change the roster in the order in which they were noted. Who is on the roster but away is replaced by
    the deputy of their leave, else by the roster's. Where that leaves nobody, all who are there are on duty.
    """
    rota: dict[int, int | None] = {w.officer: w.deputy for w in watches if w.instead_of is None}
    for swap in watches:
        if swap.instead_of in rota:
            deputy = rota.pop(swap.instead_of)
            rota[swap.officer] = swap.deputy or deputy

    def there(officer: int | None) -> bool:
        return officer is not None and officer in known and officer not in absent

    on_duty: dict[int, Person] = {}
    following: dict[int, Person] = {}
    for officer, deputy in rota.items():
        stand_in = absent[officer].deputy if officer in absent else None
        standing = next((i for i in (officer, stand_in, deputy) if i is not None and there(i)), None)
        if standing is not None:
            on_duty[standing] = known[standing]
        if deputy is not None and there(deputy):
            following[deputy] = known[deputy]
    present = {p.id: p for p in members if p.id not in absent}
    if not on_duty:
        on_duty = dict(present)
        for member in members:
            leave = absent.get(member.id)
            if leave is not None and leave.deputy is not None and there(leave.deputy):
                on_duty[leave.deputy] = known[leave.deputy]
    rest = {i: p for i, p in following.items() if i not in on_duty}
    if not rest:
        rest = {i: p for i, p in present.items() if i not in on_duty}
    return list(on_duty.values()), list(rest.values())
