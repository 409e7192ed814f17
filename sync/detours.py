"""A critical alert of which nobody can be told, because their channels are down: the next who can be reached is told.

Whoever has another way has been told by that (:mod:`server.store.patience`). Those who have none keep their message,
which goes as soon as their channel works; meanwhile somebody further up their ladder hears of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from server.store import messages, owed, steps
from server.store.owed import AlertFacts, OwedCase
from server.store.rosters import Rosters
from server.store.steps import NewStep
from sync import ladder
from sync.routing import Addressees, write

log = structlog.get_logger()


def tell(stuck: Mapping[int, Sequence[int]], channel: str, rosters: Rosters) -> int:
    """Owe the next people a message of these alerts, by the ids of their cases; returns how many are owed.

    ``rosters`` know those alone whom a working channel reaches. Each is told once of an alert, however many processes
    ask (the message's key). Call inside a transaction.
    """
    return sum(_of_case(case, stuck[case.id], channel, rosters) for case in owed.of_cases(list(stuck)))


def _of_case(case: OwedCase, alert_ids: Sequence[int], channel: str, rosters: Rosters) -> int:
    addressees = Addressees()
    for alert in case.known:
        if alert.id in alert_ids:
            _add(addressees, alert, case, rosters)
    made = 0
    for one in addressees.all():
        codes = "+".join(alert.indicator for alert in one.alerts)
        text = replace(
            write(case, one, channel, rosters), key=f"detour:{case.id}:{one.person.id}:{codes}"[:80]
        )
        if messages.write(case.id, text, rosters.now) is None:
            continue
        made += 1
        steps.note(
            [NewStep(a.id, one.person.id, one.why[a.id], rosters.now) for a in one.alerts], rosters.now
        )
        log.warning("alert.detour", ref=case.ref)
    return made


def _add(addressees: Addressees, alert: AlertFacts, case: OwedCase, rosters: Rosters) -> None:
    for role in alert.recipients:
        climbed = ladder.of_role(role, alert, case.village, rosters)
        rung, people = ladder.first(climbed, case.passed_over)
        for person in people:
            addressees.add(person, alert, rung)
