"""Whom an alert may be told, rung by rung: on duty, deputy, supervisor, province, nation, last resort.

Each role that an alert names is looked for at the nearest level that has anybody on duty. Where a role has nobody,
the province's officers stand in, then administrators. An alert that is restricted to its recipients climbs within
their own offices alone (district, province, nation, their last resort), whoever else supervises them (DOMAIN 5.2).
Those on leave come at the very end: better a call on leave than a child nobody looks for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from server.store import cases
from server.store.officers import Person
from server.store.owed import AlertFacts
from server.store.rosters import Rosters, Team
from server.store.steps import RUNGS

Ladder = tuple[tuple[Person, ...], ...]
"""People by the rungs of :data:`RUNGS`; a rung may be empty."""


def of_role(role: str, alert: AlertFacts, village: str, rosters: Rosters) -> Ladder:
    """The ladder of one role for an alert in a village."""
    teams = rosters.teams(role, village)
    staffed = next((team for team in teams if team.on_duty), None)
    above = teams[teams.index(staffed) + 1 :] if staffed is not None else []
    rungs: dict[str, list[Person]] = {rung: [] for rung in RUNGS}
    if staffed is not None:
        rungs["duty"] += staffed.on_duty
        rungs["deputy"] += staffed.deputies
        heads = [p for p in staffed.supervisors if _may_hear(p, alert, village)]
        rungs["supervisor"] += heads or _on_duty(above)
    if alert.restricted:
        rungs["province"] += _on_duty([team for team in above if len(team.area) == 2])
        rungs["nation"] += _on_duty([team for team in above if len(team.area) < 5][-1:])
        rungs["last_resort"] += rosters.last_resort(role)
    else:
        province, nation = rosters.teams("province", village), rosters.teams("admin", village)
        rungs["province"] += _on_duty(province)
        rungs["nation"] += _on_duty(nation)
        teams = [*teams, *province, *nation]
        rungs["last_resort"] += rosters.last_resort("admin")
    away = [team.away for team in teams if team.away]
    rungs["away"] += away[0] if away else ()
    return tuple(tuple(rungs[rung]) for rung in RUNGS)


def _on_duty(teams: Sequence[Team]) -> tuple[Person, ...]:
    return next((team.on_duty for team in teams if team.on_duty), ())


def _may_hear(person: Person, alert: AlertFacts, village: str) -> bool:
    return cases.may_see(person.role, alert.recipients, alert.restricted) and cases.covers(person, village)


def first(ladder: Ladder, passed: Collection[int] = ()) -> tuple[str, list[Person]]:
    """The lowest rung with somebody who can be reached, and who stands there; ``("", [])`` where there is nobody."""
    for rung, people in zip(RUNGS, ladder, strict=True):
        if there := [p for p in people if p.id not in passed]:
            return rung, there
    return "", []


def following(ladders: Iterable[Ladder], rung: int, done: Collection[int]) -> tuple[int, list[Person]]:
    """The next rung above ``rung`` with somebody of any role who was not asked yet (``done``).

    Returns the rung's number and the people, once each; ``(len(RUNGS), [])`` at the end of the ladder.
    """
    known = list(ladders)
    for number in range(rung + 1, len(RUNGS)):
        people = {p.id: p for ladder in known for p in ladder[number] if p.id not in done}
        if people:
            return number, list(people.values())
    return len(RUNGS), []
