"""Who is told of a case: from alerts owed to messages owed.

Each role that an alert names is looked for at the nearest level that has anybody. Where a role has nobody up
to the nation, the province's officers stand in, then administrators; but an alert that is restricted to its
recipients goes to nobody else, ever (DOMAIN 5.2). An alert of which somebody could not be told stays owed,
and is looked at again: it is neither lost nor told twice to those who know.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import peewee
import structlog

from server.store import areas, cases, events, messages, officers
from server.store.messages import AlertFacts, NewMessage, OwedCase
from server.store.officers import Person
from sync.compose import Kecamatan, Ref, compose

log = structlog.get_logger()

AGAIN = timedelta(minutes=1)
"""After how long an alert that reached nobody is looked at again."""


@dataclass
class Addressed:
    """A person and the alerts of a case that are theirs to be told of now."""

    person: Person
    alerts: list[AlertFacts] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What is to become of a case's owed alerts. ``missing``: by alert id, the roles that reach nobody."""

    done: tuple[int, ...]
    addressed: tuple[Addressed, ...]
    missing: Mapping[int, tuple[str, ...]]


@dataclass(frozen=True)
class Routed:
    """What routing a page did: cases that it decided, messages owed for them."""

    cases: int
    owed: int


def route(page: Iterable[OwedCase], now: datetime, channel: str) -> Routed:
    """Route cases as :func:`messages.unrouted` gave them; one that another process was quicker with is left.

    Call inside a transaction, as the writer does. The page is read before it: reading must not hold up writers.
    """
    done = owed = 0
    for case in page:
        try:
            written = route_case(case, now, channel)
        except (peewee.OperationalError, peewee.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - one odd case must not hold up the others
            log.error("route.fault", ref=case.ref, error=type(error).__name__)
            messages.owe(case, (), (), now, put_off=[a.id for a in case.owed], until=now + AGAIN)
            continue
        if written is not None:
            done += 1
            owed += written
    return Routed(done, owed)


def route_case(case: OwedCase, now: datetime, channel: str) -> int | None:
    """Owe the messages of one case; returns how many, or None where another process was quicker."""
    made = plan(case)
    texts = [_message(case, a, channel, now) for a in made.addressed]
    if not messages.owe(case, made.done, texts, now, put_off=list(made.missing), until=now + AGAIN):
        return None
    _report(case, made, now)
    return len(texts)


def plan(case: OwedCase) -> Plan:
    """Decide whom to tell of what. Reads officers, writes nothing.

    Alerts for the digest and of medium severity get no message of their own. An alert that somebody has
    acknowledged or closed meanwhile has its answer. One that an edit no longer shows is still told: the first
    word was that somebody may be in danger, and the page says what became of it.
    """
    done: list[int] = []
    missing: dict[int, tuple[str, ...]] = {}
    by_person: dict[int, Addressed] = {}
    for alert in case.owed:
        if not single(alert) or alert.state != "open":
            done.append(alert.id)
            continue
        people, unreached = recipients(alert, case.village, case.passed_over)
        if unreached:
            missing[alert.id] = unreached
        else:
            done.append(alert.id)
        for person in people:
            if alert.indicator not in case.told.get(person.id, frozenset()):
                by_person.setdefault(person.id, Addressed(person)).alerts.append(alert)
    return Plan(tuple(done), tuple(by_person[i] for i in sorted(by_person)), missing)


def single(alert: AlertFacts) -> bool:
    """Does this alert get a message of its own, rather than a line in the digest?"""
    return not alert.digest and alert.severity != "medium"


def recipients(
    alert: AlertFacts, village: str, without: Collection[int] = ()
) -> tuple[list[Person], tuple[str, ...]]:
    """Whom an alert in a village goes to, and the roles for which there is nobody.

    ``without`` are officers who cannot be reached for this case: the next are taken.
    """
    found: dict[int, Person] = {}
    unreached = []
    for role in alert.recipients:
        people = officers.reachable(role, village, without)
        if not people and not alert.restricted:
            people = _stand_ins(village, without)
        if not people:
            unreached.append(role)
        found.update((p.id, p) for p in people)
    return list(found.values()), tuple(unreached)


def _stand_ins(village: str, without: Collection[int] = ()) -> list[Person]:
    for role in cases.OVERSEERS:
        if people := officers.reachable(role, village, without):
            return people
    return []


def _message(case: OwedCase, addressed: Addressed, channel: str, now: datetime) -> NewMessage:
    person = addressed.person
    # What this person is still owed of the case goes with it, in one message that tells how things stand now.
    waiting = case.waiting.get(person.id, ())
    unheard = {code for message in waiting for code in message.indicators}
    new = _gravest_first(
        a
        for a in case.known
        if a in addressed.alerts or (a.indicator in unheard and a.state == "open" and not a.gone)
    )
    others = [
        alert
        for alert in _gravest_first(case.known)
        if alert not in new
        and single(alert)
        and not alert.gone
        and cases.may_see(person.role, alert.recipients, alert.restricted)
    ]
    codes = [alert.indicator for alert in (*new, *others)]
    district = Kecamatan(case.district)
    text = compose(
        case.definition, new[0].indicator, new[0].severity, Ref(case.ref), district, len(codes) - 1
    )
    return NewMessage(
        person.id,
        tuple(codes),
        channel,
        person.phone or person.email or "",
        text.body,
        text.segments,
        now,
        severity=new[0].severity,
        replaces=tuple(message.id for message in waiting),
    )


def _gravest_first(alerts: Iterable[AlertFacts]) -> list[AlertFacts]:
    return sorted(alerts, key=lambda a: (cases.gravity(a.severity), a.indicator))


def _report(case: OwedCase, made: Plan, now: datetime) -> None:
    """Say once that a role has nobody: by area, not by case, lest a restricted alert be read out of it."""
    first = [a for a in case.owed if a.id in made.missing and a.route_after is None]
    roles = sorted({role for a in first for role in made.missing[a.id]})
    if roles:
        regency = areas.split(case.village)["regency"]
        log.warning("alert.unreachable", area=regency, roles=roles)
        events.record(now, "system", "alert.unreachable", regency, roles=roles)


def unreachable() -> list[dict[str, Any]]:
    """For ``doctor``: roles and areas for which alerts wait because nobody can be told.

    One row ``{"area": "35.07", "role": "ppa", "cases": 3}`` for each; empty when all is well.
    """
    waiting: dict[tuple[str, str], set[str]] = {}
    reach: dict[tuple[str, str, bool], bool] = {}
    for ref, village, roles, restricted in messages.put_off_alerts():
        for role in roles:
            key = (role, village, restricted)
            if key not in reach:
                reach[key] = _reaches(role, village, restricted)
            if not reach[key]:
                waiting.setdefault((areas.split(village)["regency"], role), set()).add(ref)
    return [{"area": a, "role": r, "cases": len(refs)} for (a, r), refs in sorted(waiting.items())]


def _reaches(role: str, village: str, restricted: bool) -> bool:
    people: Sequence[Person] = officers.reachable(role, village)
    return bool(people or (not restricted and _stand_ins(village)))
