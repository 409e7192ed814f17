"""Nobody answered in time: the next person is told. Somebody took a case on and nothing came of it: a reminder.

How an unanswered alert climbs (times: :mod:`server.store.hours`, people: :mod:`sync.ladder`):

1. Whoever is on duty was told by routing, and has the level's time to acknowledge.
2. Then the deputy is told, then the supervisor, then the province, the nation, the last resort; rungs on which
   nobody stands, or only people who were asked before, are left out. With the supervisor a critical alert comes to
   the BP3MI contact (DOMAIN 5.2), whose office sees it from then on.
3. Each step is on the alert's record, with its reason and its time.
4. A critical alert that went all the way up is told again to those on duty and the last resort, once a day for
   three days. ``doctor`` complains of it all the while.

What somebody had taken on who was removed begins at 1 again, also with those who heard of it before.

What is restricted to its recipients climbs within their offices, in messages apart from the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import peewee
import structlog

from server.store import escalations, events, hours, messages, owed, steps
from server.store.messages import NewMessage
from server.store.models import database
from server.store.officers import Person
from server.store.owed import AlertFacts, OwedCase
from server.store.rosters import Rosters
from server.store.steps import RUNGS, NewStep
from server.store.withdrawals import OFFERED_AGAIN
from sync import ladder, routing
from sync.compose import Occasion
from sync.ladder import Ladder
from sync.routing import Addressed, Addressees, write

log = structlog.get_logger()

TOP = len(RUNGS)
AGAIN = timedelta(days=1)
TIMES_AGAIN = 3
"""How often, and after how long each, a critical alert that nobody answers is told again."""
REMINDERS = 3
"""How often somebody is reminded of a follow-up; from the second time on their supervisor is told too."""
CONTACT = "bp3mi"
"""The role whose people are asked with the supervisors when nobody answers a critical alert."""
_UP = ("supervisor", "province", "nation", "last_resort", "away")


def escalate(case_ids: Sequence[int], channel: str, rosters: Rosters) -> int:
    """Take the alerts of these cases that nobody answered one step up; returns how many messages are owed for it.

    Call inside a transaction.
    """
    return _each(case_ids, rosters, lambda case: _escalate(case, rosters, channel))


def _each(case_ids: Sequence[int], rosters: Rosters, work: Callable[[OwedCase], int]) -> int:
    made = 0
    for case in owed.of_cases(case_ids):
        try:
            with database.savepoint():
                made += work(case)
        except (peewee.OperationalError, peewee.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - one odd case must not hold up the others
            log.error("escalation.fault", ref=case.ref, error=type(error).__name__)
            escalations.put_off(case.id, rosters.now, rosters.now + routing.AGAIN)
    return made


def _escalate(case: OwedCase, rosters: Rosters, channel: str) -> int:
    now = rosters.now
    late = escalations.waiting(case.id, now)
    chosen = steps.chosen(list(late))
    addressees = Addressees()
    for alert in case.known:
        if alert.id not in late:
            continue
        asked = {*chosen.get(alert.id, {})} if alert.rung != OFFERED_AGAIN else set()
        asked |= case.passed_over
        rung, people = _next(case, alert, rosters, asked)
        if alert.rung == OFFERED_AGAIN and not people:  # until there is somebody
            escalations.move_on(alert.id, late[alert.id], OFFERED_AGAIN, now + owed.LONGEST)
            continue
        why = RUNGS[rung] if rung < TOP else "again"
        deadline = _deadline(case, alert, rung, people, rosters)
        if not escalations.move_on(alert.id, late[alert.id], rung, deadline):
            continue
        if rung == TOP:
            events.record(now, "system", "alert.unanswered", case.ref, indicator=alert.indicator)
        if any(person.role == CONTACT for person in people):
            escalations.open_to(alert.id, CONTACT)
        for person in people:
            addressees.add(person, alert, why)
    return _owe(case, addressees.all(), rosters, channel)


def _next(case: OwedCase, alert: AlertFacts, rosters: Rosters, asked: set[int]) -> tuple[int, list[Person]]:
    ladders = [ladder.of_role(role, alert, case.village, rosters) for role in alert.recipients]
    contact = _contact(case, alert, rosters)
    rung, people = ladder.following([*ladders, contact], alert.rung, asked)
    if rung < TOP:
        return rung, people
    # the top: once more to those on duty and those of the last resort
    once_more: dict[int, Person] = {}
    if alert.severity == "critical":
        last = RUNGS.index("last_resort")
        for climbed in ladders:
            _, on_duty = ladder.first(climbed, case.passed_over)
            once_more.update((p.id, p) for p in (*on_duty, *climbed[last]) if p.id not in case.passed_over)
    return max(alert.rung + 1, TOP), list(once_more.values())


def _contact(case: OwedCase, alert: AlertFacts, rosters: Rosters) -> Ladder:
    """The BP3MI contact stands beside the supervisors, for critical alerts that are not restricted."""
    if alert.severity != "critical" or alert.restricted or CONTACT in alert.recipients:
        return ((),) * TOP
    team = next((team for team in rosters.teams(CONTACT, case.village) if team.on_duty), None)
    people = team.on_duty if team is not None else ()
    return tuple(people if rung == "supervisor" else () for rung in RUNGS)


def _deadline(
    case: OwedCase, alert: AlertFacts, rung: int, people: Sequence[Person], rosters: Rosters
) -> datetime | None:
    if rung >= TOP:
        more = alert.severity == "critical" and rung < TOP + TIMES_AGAIN - 1
        return rosters.now + AGAIN if more else None
    due = min(rosters.tell_at(alert.severity, p) for p in people)
    return hours.next_step_by(alert.severity, due, case.village)


def _owe(case: OwedCase, addressed: Sequence[Addressed], rosters: Rosters, channel: str) -> int:
    made = []
    for one in addressed:
        up = any(why in (*_UP, "again") for why in one.why.values())
        up = up or any(alert.rung == OFFERED_AGAIN for alert in one.alerts)
        text = write(case, one, channel, rosters, Occasion.ESCALATION if up else Occasion.ALERT)
        _send(case, text, rosters.now)
        made += [
            NewStep(a.id, one.person.id, one.why[a.id], rosters.tell_at(a.severity, one.person))
            for a in one.alerts
        ]
    steps.note(made, rosters.now)
    return len(addressed)


def _send(case: OwedCase, text: NewMessage, now: datetime) -> None:
    messages.replace(text.replaces, now)
    messages.write(case.id, text, now)


def remind(case_ids: Sequence[int], channel: str, rosters: Rosters) -> int:
    """Remind those who took these cases on of the follow-up that is not there; returns how many messages are owed.

    Call inside a transaction.
    """
    return _each(case_ids, rosters, lambda case: _remind(case, rosters, channel))


def _remind(case: OwedCase, rosters: Rosters, channel: str) -> int:
    now = rosters.now
    addressees = Addressees()
    by_id = {alert.id: alert for alert in case.known}
    for one in escalations.overdue(case.id, now):
        alert = by_id[one.alert_id]
        holder = escalations.tellable(one.holder, case.passed_over, rosters.kinds)
        ladders = [ladder.of_role(role, alert, case.village, rosters) for role in alert.recipients]
        first = [p for climbed in ladders for p in ladder.first(climbed, case.passed_over)[1]]
        told = [holder] if holder is not None else first
        if one.reminded:
            told += _supervisors(holder, alert, case, rosters)
        last = one.reminded + 1 >= REMINDERS
        again = None if last else hours.follow_up_by(alert.severity, now, case.village)
        if not escalations.reminded(one, again if told else now + AGAIN, told=bool(told)):
            continue
        for person in told:
            addressees.add(person, alert, "reminder")
    for addressed in addressees.all():
        text = write(case, addressed, channel, rosters, Occasion.REMINDER)
        _send(case, text, now)
    steps.note(
        [
            NewStep(alert.id, one.person.id, "reminder", rosters.tell_at("high", one.person))
            for one in addressees.all()
            for alert in one.alerts
        ],
        now,
    )
    return len(addressees.all())


def _supervisors(holder: Person | None, alert: AlertFacts, case: OwedCase, rosters: Rosters) -> list[Person]:
    role = holder.role if holder is not None and holder.role in alert.recipients else alert.recipients[0]
    heads = ladder.of_role(role, alert, case.village, rosters)[RUNGS.index("supervisor")]
    return [p for p in heads if p.id not in case.passed_over]
