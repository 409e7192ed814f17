"""Who is told of a case: from alerts owed to messages owed.

Each role that an alert names is told through the lowest rung of its ladder (:mod:`sync.ladder`) that has somebody
who can be reached. An alert of which somebody could not be told stays owed, and is looked at again: it is neither
lost nor told twice to those who know. Whoever may know what is restricted to its recipients hears of all that is
theirs in one message; others see that they were told of what is not restricted (:mod:`server.store.case_chain`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import peewee
import structlog

from server.store import areas, cases, escalations, events, hours, messages, owed, steps
from server.store.messages import NewMessage
from server.store.models import database
from server.store.officers import Person
from server.store.owed import AlertFacts, OwedCase
from server.store.rosters import Rosters
from server.store.steps import RUNGS, NewStep
from sync import ladder
from sync.compose import Occasion, Place, Ref, compose

log = structlog.get_logger()

AGAIN = timedelta(minutes=1)
"""After how long an alert that reached nobody is looked at again, at first; later and later the older its case is."""
RARELY = timedelta(minutes=10)
"""The longest such pause. Who is added, or whose contact changes, is looked at at once all the same."""
_NOBODY = "alert.unreachable"


@dataclass
class Addressed:
    """A person and the alerts of a case that are theirs to be told of now, and why it is they."""

    person: Person
    alerts: list[AlertFacts] = field(default_factory=list)
    why: dict[int, str] = field(default_factory=dict)

    def add(self, alert: AlertFacts, why: str) -> None:
        """Tell this person of an alert, once."""
        if alert.id not in self.why:
            self.alerts.append(alert)
            self.why[alert.id] = why


class Addressees:
    """Who is to be told of what.

    ``together``: one message a person, restricted alerts and others alike, as when a case is first told of. Later
    each goes its own way: the deadlines of one say nothing of the other.
    """

    def __init__(self, *, together: bool = False) -> None:
        self._together = together
        self._found: dict[tuple[int, bool], Addressed] = {}

    def add(self, person: Person, alert: AlertFacts, why: str) -> None:
        """Tell a person of an alert."""
        apart = alert.restricted and not self._together
        self._found.setdefault((person.id, apart), Addressed(person)).add(alert, why)

    def all(self) -> tuple[Addressed, ...]:
        """In a settled order, so that two processes take locks alike."""
        return tuple(self._found[key] for key in sorted(self._found))


@dataclass(frozen=True)
class Plan:
    """What is to become of a case's owed alerts. ``missing``: by alert id, the roles that reach nobody."""

    done: tuple[int, ...]
    addressed: tuple[Addressed, ...]
    missing: Mapping[int, tuple[str, ...]]
    rungs: Mapping[int, int]


@dataclass(frozen=True)
class Routed:
    """What routing a page did: cases that it decided, messages owed for them."""

    cases: int
    owed: int


@dataclass(frozen=True)
class Decided:
    """A case with what is to become of its alerts; ``plan`` is None where our own code failed at it."""

    case: OwedCase
    plan: Plan | None
    texts: tuple[NewMessage, ...] = ()


def decide(page: Iterable[OwedCase], channel: str, rosters: Rosters) -> list[Decided]:
    """Decide for cases as :func:`owed.unrouted` gave them whom to tell what. Reads officers, writes nothing.

    It needs no transaction, and should have none: this is most of the work, and phones would wait for it. Of an officer
    who is removed meanwhile, and of a case that is changed, whoever sends and :func:`messages.owe` will know.
    """
    decided = []
    for case in page:
        try:
            made = plan(case, rosters)
            texts = tuple(write(case, addressed, channel, rosters) for addressed in made.addressed)
            decided.append(Decided(case, made, texts))
        except (peewee.OperationalError, peewee.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - one odd case must not hold up the others
            log.error("route.fault", ref=case.ref, error=type(error).__name__)
            decided.append(Decided(case, None))
    return decided


def owe(decided: Iterable[Decided], rosters: Rosters) -> Routed:
    """Owe what was decided; a case that another process was quicker with is left.

    Call inside a transaction, as the writer does.
    """
    done = owed = 0
    now = rosters.now
    said = _Said(now)
    for one in decided:
        if one.plan is not None:
            try:
                # on PostgreSQL a statement that fails takes all of its transaction with it that no savepoint undoes
                with database.savepoint():
                    written = _owe_case(one, one.plan, rosters, said)
            except (peewee.OperationalError, peewee.InterfaceError):
                raise
            except Exception as error:  # noqa: BLE001 - as above
                log.error("route.fault", ref=one.case.ref, error=type(error).__name__)
            else:
                done += written is not None
                owed += written or 0
                continue
        messages.owe(one.case, (), (), now, put_off=[alert.id for alert in one.case.owed], until=now + AGAIN)
    return Routed(done, owed)


def route(page: Iterable[OwedCase], channel: str, rosters: Rosters) -> Routed:
    """Both at once, for whoever is in a transaction already."""
    return owe(decide(page, channel, rosters), rosters)


def _owe_case(one: Decided, made: Plan, rosters: Rosters, said: _Said) -> int | None:
    """Owe the messages of one case; returns how many, or None where another process was quicker."""
    now = rosters.now
    until = now + min(max(AGAIN, (now - one.case.opened_at) / 10), RARELY)
    if not messages.owe(one.case, made.done, one.texts, now, put_off=list(made.missing), until=until):
        return None
    record(one.case, made.addressed, made.rungs, rosters)
    roles = {role for names in made.missing.values() for role in names}
    said.report(roles, areas.split(one.case.village)["regency"])
    return len(one.texts)


def plan(case: OwedCase, rosters: Rosters) -> Plan:
    """Decide whom to tell of what. Reads officers, writes nothing.

    Alerts for the digest and of medium severity get no message of their own. An alert that somebody has
    acknowledged or closed meanwhile has its answer, unless they asked somebody else to take it on. One that an
    edit no longer shows is still told: the first word was that somebody may be in danger, and the page says what
    became of it.
    """
    done: list[int] = []
    missing: dict[int, tuple[str, ...]] = {}
    rungs: dict[int, int] = {}
    addressees = Addressees(together=True)
    chosen = steps.chosen([alert.id for alert in case.owed])
    for alert in case.owed:
        asked = escalations.tellable(alert.assigned_to, case.passed_over, rosters.kinds)
        if asked is not None and alert.state != "closed" and not _told_that_asked(alert, case):
            done.append(alert.id)
            addressees.add(asked, alert, "assigned")
            continue
        if not single(alert) or alert.state != "open":
            done.append(alert.id)
            continue
        unreached = []
        told = {officer for officer, codes in case.told.items() if alert.indicator in codes}
        for role in alert.recipients:
            rung, people = ladder.first(ladder.of_role(role, alert, case.village, rosters), case.passed_over)
            if not people:
                unreached.append(role)
                continue
            rungs[alert.id] = max(rungs.get(alert.id, alert.rung), RUNGS.index(rung))
            for person in people:
                if person.id not in told:
                    addressees.add(person, alert, rung)
        for person, why in _unheard(chosen.get(alert.id, {}), told, case, rosters.kinds):
            addressees.add(person, alert, why)
        if unreached:
            missing[alert.id] = tuple(unreached)
        else:
            done.append(alert.id)
    return Plan(tuple(done), addressees.all(), missing, rungs)


def _told_that_asked(alert: AlertFacts, case: OwedCase) -> bool:
    """Was whoever was asked to take the alert on told since then? It may be owed again for somebody else's sake."""
    at = case.told.get(alert.assigned_to or 0, {}).get(alert.indicator)
    return at is not None and alert.assigned_at is not None and at >= alert.assigned_at


def _unheard(
    chosen: Mapping[int, Collection[str]], told: Collection[int], case: OwedCase, kinds: Collection[str]
) -> list[tuple[Person, str]]:
    """Who was chosen before, further up perhaps, but whose message came too late to be sent."""
    found = []
    for officer, words in sorted(chosen.items()):
        person = escalations.tellable(officer, case.passed_over, kinds) if officer not in told else None
        if person is not None and cases.covers(person, case.village):  # it may have moved from them
            found.append((person, max(words, key=steps.WHYS.index)))
    return found


def single(alert: AlertFacts) -> bool:
    """Does this alert get a message of its own, rather than a line in the digest?"""
    return not alert.digest and alert.severity != "medium"


def write(
    case: OwedCase,
    addressed: Addressed,
    channel: str,
    rosters: Rosters,
    occasion: Occasion = Occasion.ALERT,
) -> NewMessage:
    """The message to one person: the gravest alert's text, or that of the occasion, and how many there are besides.

    What this person is still owed of the case goes with it, in one message that tells how things stand now.
    """
    person = addressed.person
    restricted = {alert.indicator: alert.restricted for alert in case.known}
    classes = {alert.restricted for alert in addressed.alerts}
    waiting = []
    for message in case.waiting.get(person.id, ()):
        theirs = {restricted[code] for code in message.indicators if code in restricted}
        if theirs & classes:
            waiting.append(message)
            classes |= theirs
    alike = [alert for alert in case.known if alert.restricted in classes]
    unheard = {code for message in waiting for code in message.indicators}
    new = _gravest_first(
        a
        for a in alike
        if a in addressed.alerts or (a.indicator in unheard and a.state == "open" and not a.gone)
    )
    others = [
        alert
        for alert in _gravest_first(alike)
        if alert not in new
        and single(alert)
        and not alert.gone
        and cases.may_see(person.role, alert.recipients, alert.restricted)
    ]
    codes = [alert.indicator for alert in (*new, *others)]
    body = compose(
        case.definition,
        new[0].indicator,
        new[0].severity,
        Ref(case.ref),
        Place(case.district),
        len(codes) - 1,
        occasion,
    )
    due = rosters.tell_at(new[0].severity, person)
    return NewMessage(
        person.id,
        tuple(codes),
        channel,
        person.phone or person.email or "",
        body.body,
        body.segments,
        due,
        severity=new[0].severity,
        expires_at=hours.fresh_until(new[0].severity, due),
        kind=str(occasion),
        replaces=tuple(message.id for message in waiting),
    )


def record(
    case: OwedCase, addressed: Sequence[Addressed], rungs: Mapping[int, int], rosters: Rosters
) -> None:
    """Note the steps, and by when somebody must have answered. In the transaction that owes the messages."""
    made = []
    chosen = steps.chosen([alert.id for one in addressed for alert in one.alerts])
    for one in addressed:
        for alert in one.alerts:
            if one.why[alert.id] in chosen.get(alert.id, {}).get(one.person.id, ()):
                continue  # told anew of what they were chosen for before
            # by itself, whatever graver alert it went out with
            due = rosters.tell_at(alert.severity, one.person)
            made.append(NewStep(alert.id, one.person.id, one.why[alert.id], due))
    steps.note(made, rosters.now)
    for alert in {a.id: a for one in addressed for a in one.alerts}.values():
        if dues := [s.due_at for s in made if s.alert_id == alert.id and s.due_at is not None]:
            deadline = hours.acknowledge_by(alert.severity, min(dues), case.village)
            escalations.expect(alert.id, rungs.get(alert.id, alert.rung), deadline)


def _gravest_first(alerts: Iterable[AlertFacts]) -> list[AlertFacts]:
    """Of equal severity what is restricted first: nobody else will ask this person about it."""
    return sorted(alerts, key=lambda a: (cases.gravity(a.severity), not a.restricted, a.indicator))


class _Said:
    """Says once a day that a role has nobody: by area, not by case, lest a restricted alert be read out of it."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._roles: dict[str, set[str]] | None = None

    def report(self, roles: Collection[str], regency: str) -> None:
        """These roles have nobody in a regency."""
        if not roles:
            return
        if self._roles is None:
            self._roles = {}
            for said in events.since(self._now - timedelta(days=1), _NOBODY):
                self._roles.setdefault(said["subject"], set()).update(said["detail"]["roles"])
        known = self._roles.setdefault(regency, set())
        if new := sorted(set(roles) - known):
            known.update(new)
            log.warning(_NOBODY, area=regency, roles=new)
            events.record(self._now, "system", _NOBODY, regency, roles=new)


def unreachable(rosters: Rosters) -> list[dict[str, Any]]:
    """For ``doctor``: roles and areas for which alerts wait because nobody can be told.

    One row ``{"area": "35.07", "role": "ppa", "cases": 3}`` for each; empty when all is well.
    """
    waiting: dict[tuple[str, str], set[str]] = {}
    for ref, village, alert, passed_over in owed.put_off_alerts():
        for role in alert.recipients:
            _, people = ladder.first(ladder.of_role(role, alert, village, rosters), passed_over)
            if not people:
                waiting.setdefault((areas.split(village)["regency"], role), set()).add(ref)
    return [{"area": a, "role": r, "cases": len(refs)} for (a, r), refs in sorted(waiting.items())]


def faulty(rosters: Rosters) -> list[str]:
    """For ``doctor``: cases of which nobody is told because our own code fails at them, by reference."""
    found = set()
    for ref, village, alert, passed_over in owed.put_off_alerts():
        ladders = [ladder.of_role(role, alert, village, rosters) for role in alert.recipients]
        if all(ladder.first(climbed, passed_over)[1] for climbed in ladders):
            found.add(ref)
    return sorted(found)
