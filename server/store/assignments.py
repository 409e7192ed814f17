"""Asking a colleague to take a case on."""

from __future__ import annotations

from datetime import datetime

from forms.problems import Problem, Problems
from server.settings import Quiet
from server.store import areas, cases, events, hours, officers, steps
from server.store.models import Alert, Officer
from server.store.officers import Person
from server.store.steps import NewStep


def candidates(person: Person, ref: str) -> list[Person]:
    """Who can be asked to take a case on: all of its place who may know of an alert that ``person`` may know of.

    Nearest first. Raises :class:`Problem` (CASE_UNKNOWN).
    """
    case = cases.theirs(person, ref)
    seen = [
        (alert.recipients.split("+"), alert.restricted)
        for alert in Alert.select().where(
            (Alert.case == case.id) & (Alert.state != "closed") & cases.visible(person.role)
        )
    ]
    rows = Officer.select().where(
        Officer.area.in_(areas.upwards(case.village))
        & Officer.removed_at.is_null()
        & (Officer.last_resort == False)  # noqa: E712 - SQL
    )
    people = [officers.person(row) for row in rows]
    fit = [p for p in people if any(cases.may_see(p.role, roles, secret) for roles, secret in seen)]
    return sorted(fit, key=lambda p: (-len(p.area) if p.area != areas.NATION else 0, p.role, p.name, p.id))


def assign(person: Person, ref: str, slug: str, now: datetime, quiet: Quiet = hours.NIGHT) -> int:
    """Ask an officer to take a case on: all its alerts that both may know of and that are not closed.

    They are told, and have the level's time from now on, or from the end of the night ``quiet``, as if the alert
    were new; whoever took it on before stays on record. Returns how many alerts that were. Raises
    :class:`Problem` (CASE_UNKNOWN, OFFICER_UNKNOWN,
    ASSIGNEE_UNFIT). Call inside a transaction.
    """
    case = cases.theirs(person, ref)
    known = {p.slug: p for p in candidates(person, ref)}
    chosen = known.get(officers.require(slug).slug)
    if chosen is None:
        raise Problem(Problems.ASSIGNEE_UNFIT, officer=slug, ref=ref)
    shared = (
        (Alert.case == case.id)
        & (Alert.state != "closed")
        & cases.visible(person.role)
        & cases.visible(chosen.role)
    )
    zone = areas.zone(chosen.area)
    made: list[NewStep] = []
    # again for those that somebody answered while they were being assigned
    while left := list(Alert.select().where(shared & Alert.id.not_in([step.alert_id for step in made]))):
        for alert in left:
            due = hours.send_at(alert.severity, zone, now, quiet)
            changes = {"assigned_to": chosen.id, "assigned_at": now, "owed": True, "route_after": None}
            if alert.state == "open" and alert.severity != "medium":
                changes["escalate_at"] = hours.acknowledge_by(alert.severity, due, case.village)
            elif alert.state == "acknowledged":
                changes["remind_at"] = hours.follow_up_by(alert.severity, due, case.village)
                changes["reminded"] = 0
            unchanged = (Alert.id == alert.id) & (Alert.state == alert.state)
            if Alert.update(changes).where(unchanged).execute() == 1:
                made.append(NewStep(alert.id, chosen.id, "assigned", due, person.id))
    steps.note(made, now)
    if made:
        events.record(now, person.slug, "case.assigned", ref, alerts=len(made), to=chosen.slug)
    return len(made)
