"""Opening a case again that was closed by mistake, or too early; what it was closed with stays on record."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from forms.problems import Problem, Problems
from server.store import cases, escalations, events
from server.store.database import Store
from server.store.fields import from_micros, to_micros
from server.store.models import Alert, Event, Officer
from server.store.officers import Person
from server.store.withdrawals import RELEASED

_VERB = "case.reopened"


@dataclass(frozen=True)
class FormerEnd:
    """How an alert stood before it was opened again: who had taken it on, and who closed it, when, with what result.

    One that was open again because its case moved need not have been closed.
    """

    indicator: str
    acknowledged_by: str
    acknowledged_at: datetime
    closed_by: str | None
    closed_at: datetime | None
    result: str | None


@dataclass(frozen=True)
class Reopening:
    """That ``by`` (with their ``role``) opened a case again, why, and what it undid: the reader's alerts only.

    ``by``, ``role`` and ``reason`` are empty where nobody did it: the case moved with its person to another place, or
    (``left``) whoever had taken it on was removed.
    """

    at: datetime
    by: str
    role: str
    reason: str
    ends: tuple[FormerEnd, ...]
    left: bool = False


def reopen(person: Person, ref: str, reason: str, store: Store, now: datetime) -> int:
    """Open a person's closed alerts of a case again, taken on by that person. Returns how many that were.

    They are reminded of the follow-up from now on; the former result no longer counts and stays on record, the reason
    sealed, for people write what they know. Alerts that were merged into another case stay closed. Raises
    :class:`Problem` (CASE_UNKNOWN, REASON_MISSING). Call inside a transaction.
    """
    case = cases.theirs(person, ref)
    if not reason.strip():
        raise Problem(Problems.REASON_MISSING)
    closed = (Alert.case == case.id) & (Alert.state == "closed") & (Alert.result != "merged")
    ends: dict[str, dict[str, Any]] = {}
    for alert in list(Alert.select().where(closed & cases.visible(person.role))):
        changed = (
            Alert.update(
                state="acknowledged",
                acknowledged_at=now,
                acknowledged_by=person.id,
                assigned_to=None,
                assigned_at=None,
                closed_at=None,
                closed_by=None,
                result=None,
                reminded=0,
            )
            .where((Alert.id == alert.id) & (Alert.state == "closed") & (Alert.closed_at == alert.closed_at))
            .execute()
        )
        if changed:
            ends[alert.indicator] = {
                "acknowledged_by": alert.acknowledged_by_id,
                "acknowledged_at": to_micros(alert.acknowledged_at),
                "closed_by": alert.closed_by_id,
                "closed_at": to_micros(alert.closed_at),
                "result": alert.result,
            }
    if ends:
        escalations.taken_on(case.id, case.village, person.id, now)
        sealed = base64.b64encode(store.keys.seal(reason.strip().encode(), ref)).decode()
        events.record(now, person.slug, _VERB, ref, ends=ends, reason=sealed)
    return len(ends)


def of_case(ref: str, indicators: Collection[str], store: Store) -> list[Reopening]:
    """How often a case was opened again, oldest first, as far as it was for one of these indicators."""
    rows = list(
        Event.select()
        .where((Event.subject == ref) & Event.verb.in_((_VERB, "case.moved", RELEASED)))
        .order_by(Event.id),
    )
    if not rows:
        return []
    people = {o.id: o for o in Officer.select()}
    by_slug = {o.slug: o for o in people.values()}
    found = []
    for row in rows:
        ends = tuple(
            FormerEnd(
                code,
                people[end["acknowledged_by"]].name,
                from_micros(end["acknowledged_at"]),
                people[end["closed_by"]].name if end["closed_by"] is not None else None,
                from_micros(end["closed_at"]) if end["closed_at"] is not None else None,
                end["result"],
            )
            for code, end in sorted(row.detail.get("ends", {}).items())
            if code in indicators
        )
        if row.verb == RELEASED:
            found += [Reopening(row.at, "", "", "", ends, left=True)] if ends else []
        elif row.verb != _VERB:
            found.append(Reopening(row.at, "", "", "", ends))
        elif ends:
            by = by_slug[row.actor]
            reason = store.keys.unseal(base64.b64decode(row.detail["reason"]), ref).decode()
            found.append(Reopening(row.at, by.name, by.role, reason, ends))
    return found
