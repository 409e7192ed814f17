"""The outbox: what is owed to whom, who is sending it at this moment, what became of it.

The life of a message: ``owed`` -> (claimed, an attempt noted, committed) ``sending`` -> (the carrier's id
noted) ``sent`` -> ``delivered`` | ``failed``; ``expired`` where it came too late or its officer left. A message
that is still ``sending`` when its lease ends (the process died, the connection broke) is *unsure*: the carrier is
asked before it is sent again.
Which process sends is decided by one conditional UPDATE and its row count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN, fn
from peewee import Case as Switch

from forms.form import SEVERITIES
from forms.problems import Problem, Problems
from server.store import events, withdrawals
from server.store.models import Alert, Case, Message, Officer, PublishedForm, Submission, database

STATES = ("owed", "sending", "sent", "delivered", "failed", "expired")
LEASE = timedelta(seconds=120)
"""How long a claim holds: longer than any attempt at the carrier may take."""
LONGEST = timedelta(minutes=30)
"""No message and no alert is put off for longer. A moment further ahead than this was written by a clock that has
been set back since, and counts as come."""


@dataclass(frozen=True)
class AlertFacts:
    """What routing needs to know of an alert. ``gone``: an edit no longer shows it."""

    id: int
    indicator: str
    severity: str
    recipients: tuple[str, ...]
    digest: bool
    restricted: bool
    owed: bool
    state: str
    gone: bool
    route_after: datetime | None
    rung: int = 0
    assigned_to: int | None = None


@dataclass(frozen=True)
class OwedCase:
    """A case with alerts that somebody was not told of yet. ``definition`` is its form's, for the texts.

    ``owed`` are the alerts not yet routed, ``known`` all alerts of the case, both read in one query.
    ``gravity`` is that of the gravest alert to route now, 0 for the worst.
    ``told`` maps the id of an officer to the indicators that earlier messages about the case told them of.
    """

    id: int
    ref: str
    form_id: str
    village: str
    district: str
    opened_at: datetime
    definition: dict[str, Any]
    owed: tuple[AlertFacts, ...]
    known: tuple[AlertFacts, ...]
    gravity: int
    told: Mapping[int, frozenset[str]]


def _waiting(now: datetime | None) -> Any:
    """Owed alerts; with ``now`` without those that were put off until later."""
    # "= true" and not the column alone: only so does SQLite use the index
    owed = Alert.owed == True  # noqa: E712
    if now is None:
        return owed
    return owed & (Alert.route_after.is_null() | _come(Alert.route_after, now))


def _come(moment: Any, now: datetime) -> Any:
    """Has the moment in a column come? Also where it lies further ahead than any that is written on purpose."""
    return (moment <= now) | (moment > now + LONGEST)


def anything_unrouted(now: datetime) -> bool:
    """Is there an alert to route? A cheap question, for every round of the scheduler."""
    return bool(Alert.select(Alert.id).where(_waiting(now)).limit(1).exists())


def unrouted(limit: int = 100, now: datetime | None = None, after: OwedCase | None = None) -> list[OwedCase]:
    """Cases with alerts still owed, gravest first, then oldest; with ``now`` without those that were put off.

    ``after`` is the last case of the page before.
    """
    gravest = fn.MIN(
        Switch(Alert.severity, [(word, i) for i, word in enumerate(SEVERITIES)], len(SEVERITIES))
    )
    due = Alert.select(Alert.case, gravest).where(_waiting(now)).group_by(Alert.case)
    if after is not None:
        due = due.having((gravest > after.gravity) | ((gravest == after.gravity) & (Alert.case > after.id)))
    gravities: dict[int, int] = dict(due.order_by(gravest, Alert.case).limit(limit).tuples())
    ids = list(gravities)
    known: dict[int, list[AlertFacts]] = {}
    for a in Alert.select().where(Alert.case.in_(ids)).order_by(Alert.id):
        known.setdefault(a.case_id, []).append(_facts(a))
    told: dict[int, dict[int, frozenset[str]]] = {}
    earlier = Message.select(Message.case, Message.officer, Message.indicators).where(Message.case.in_(ids))
    earlier = earlier.where(withdrawals.counted())
    for case_id, officer_id, indicators in earlier.tuples():
        of_case = told.setdefault(case_id, {})
        of_case[officer_id] = of_case.get(officer_id, frozenset()) | frozenset(indicators.split())
    rows = (
        Case.select(Case, PublishedForm.definition.alias("definition"))
        .join(Submission)
        .join(
            PublishedForm,
            JOIN.LEFT_OUTER,
            on=(
                (PublishedForm.form_id == Submission.form_id) & (PublishedForm.version == Submission.version)
            ),
        )
        .where(Case.id.in_(ids))
        .objects()
    )
    return [
        OwedCase(
            r.id,
            r.ref,
            r.form_id,
            r.village,
            r.district,
            r.opened_at,
            r.definition or {},
            owed=tuple(a for a in known[r.id] if a.owed),
            known=tuple(known[r.id]),
            gravity=gravities[r.id],
            told=told.get(r.id, {}),
        )
        for r in sorted(rows, key=lambda r: ids.index(r.id))
    ]


def _facts(a: Alert) -> AlertFacts:
    return AlertFacts(
        a.id,
        a.indicator,
        a.severity,
        tuple(a.recipients.split("+")),
        a.digest,
        a.restricted,
        a.owed,
        a.state,
        a.gone_at is not None,
        a.route_after,
        a.rung,
        a.assigned_to_id,
    )


def put_off_alerts() -> list[tuple[str, str, AlertFacts]]:
    """(reference, village, alert) of alerts of which somebody could not be told yet."""
    rows = (
        Alert.select(Alert, Case.ref.alias("ref"), Case.village.alias("village"))
        .join(Case)
        .where(_waiting(None) & Alert.route_after.is_null(False))
        .order_by(Case.id, Alert.id)
        .objects()
    )
    return [(row.ref, row.village, _facts(row)) for row in rows]


@dataclass(frozen=True)
class NewMessage:
    """A composed text for one person."""

    officer_id: int
    indicators: tuple[str, ...]
    channel: str
    recipient: str
    body: str
    segments: int
    due_at: datetime


def owe(
    case: OwedCase,
    alert_ids: Sequence[int],
    texts: Sequence[NewMessage],
    now: datetime,
    *,
    put_off: Sequence[int] = (),
    until: datetime | None = None,
) -> bool:
    """Turn owed alerts into owed messages, inside a transaction of the caller's.

    ``alert_ids`` are done with; those of ``put_off`` stay owed, to be looked at again at ``until``. Exactly
    one process gets to mark all of them: returns False, with nothing changed, where another was quicker.
    """
    before = {a.id: a.route_after for a in case.owed}
    with database.savepoint() as undo:
        theirs = (Alert.case == case.id) & Alert.owed  # a chain of edits may have moved them meanwhile
        marked = Alert.update(owed=False).where(Alert.id.in_(list(alert_ids)) & theirs).execute()
        for alert_id in put_off:
            seen = before[alert_id]
            unmoved = Alert.route_after.is_null() if seen is None else Alert.route_after == seen
            marked += (
                Alert.update(route_after=until).where((Alert.id == alert_id) & theirs & unmoved).execute()
            )
        if marked != len(alert_ids) + len(put_off):
            undo.rollback()
            return False
        for text in texts:
            _write(case.id, text, now)
    return True


def _write(case_id: int, text: NewMessage, now: datetime) -> None:
    earlier = Message.select().where((Message.case == case_id) & (Message.officer == text.officer_id))
    Message.insert(
        case=case_id,
        officer=text.officer_id,
        round=earlier.count() + 1,
        indicators=" ".join(text.indicators),
        channel=text.channel,
        recipient=text.recipient,
        body=text.body,
        segments=text.segments,
        created_at=now,
        due_at=text.due_at,
    ).execute()


@dataclass(frozen=True)
class Claimed:
    """A message that this process alone may send now. ``unsure``: an earlier attempt may have got through.

    ``removed``: its officer left since that attempt. The carrier may be asked, but nothing more is to be sent.
    """

    id: int
    ref: str
    channel: str
    recipient: str
    body: str
    created_at: datetime
    attempts: int
    unsure: bool
    removed: bool


def _due(now: datetime) -> Any:
    """Owed and due, or left behind by a process that died."""
    # A first attempt is due at once: where it lies ahead, the clock was set back.
    fresh = (Message.attempts == 0) & (Message.created_at > now)
    return ((Message.state == "owed") & (_come(Message.due_at, now) | fresh)) | (
        (Message.state == "sending")
        & ((Message.claimed_until < now) | (Message.claimed_until > now + LONGEST))
    )


def due(now: datetime, limit: int = 50) -> list[int]:
    """Ids of messages that should go now: owed and due, or left behind by a process that died."""
    rows = Message.select(Message.id).where(_due(now)).order_by(Message.due_at, Message.id).limit(limit)
    return [int(m.id) for m in rows]


def claim(message_id: int, now: datetime, lease: timedelta = LEASE) -> Claimed | None:
    """Take a message for sending; None where another process was quicker, or nobody is there to read it.

    A message to an officer who is no longer in service is withdrawn, and others are owed it. Commit before
    calling the carrier.
    """
    row = Message.get_or_none(Message.id == message_id)
    if row is None:
        return None
    removed = row.officer.removed_at is not None
    if removed and row.state == "owed":
        withdrawals.withdraw(row, now)
        return None
    took = (
        Message.update(state="sending", claimed_until=now + lease, attempts=Message.attempts + 1)
        .where((Message.id == message_id) & (Message.attempts == row.attempts) & _due(now))
        .execute()
    )
    if took != 1:
        return None
    return Claimed(
        row.id,
        row.case.ref,
        row.channel,
        row.recipient,
        row.body,
        row.created_at,
        row.attempts + 1,
        unsure=row.state == "sending",
        removed=removed,
    )


def sent(message_id: int, provider_id: str, now: datetime) -> None:
    """The carrier took it. A receipt that came before this keeps its state."""
    Message.update(provider_id=provider_id, sent_at=now, claimed_until=None, error=None).where(
        (Message.id == message_id) & Message.state.not_in(("delivered", "failed"))
    ).execute()
    Message.update(state="sent").where(
        (Message.id == message_id) & Message.state.in_(("sending", "owed"))
    ).execute()


def _in_hand(message_id: int, attempt: int | None) -> Any:
    """The condition that nobody has taken the message up again since this ``attempt``."""
    held = (Message.id == message_id) & (Message.state == "sending")
    return held if attempt is None else held & (Message.attempts == attempt)


def later(message_id: int, error: str, due_at: datetime, attempt: int | None = None) -> None:
    """It certainly did not go: try again then."""
    Message.update(state="owed", error=error, due_at=due_at, claimed_until=None).where(
        _in_hand(message_id, attempt)
    ).execute()


def unsure(message_id: int, error: str, due_at: datetime, attempt: int | None = None) -> None:
    """Nobody knows whether it went: then whoever takes it up asks the carrier first."""
    Message.update(error=error, claimed_until=due_at).where(_in_hand(message_id, attempt)).execute()


def withdraw(message_id: int, attempt: int, now: datetime) -> None:
    """It did not go, and its officer left meanwhile: others are owed it."""
    row = Message.get_or_none(_in_hand(message_id, attempt))
    if row is not None:
        withdrawals.withdraw(row, now)


def failed(message_id: int, error: str, attempt: int | None = None) -> None:
    """It will not go this way."""
    Message.update(state="failed", error=error, claimed_until=None).where(
        _in_hand(message_id, attempt)
    ).execute()


def expired(message_id: int, attempt: int | None = None) -> None:
    """It came too late to be of use."""
    Message.update(state="expired", claimed_until=None).where(_in_hand(message_id, attempt)).execute()


_RECEIPTS = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
_ON_THE_WAY = ("accepted", "scheduled", "queued", "sending")


def receipt(
    provider_id: str, status: str, error: str | None, now: datetime, message_id: int | None = None
) -> bool:
    """Note a carrier's receipt: idempotent, in any order; False where it belongs to no message.

    ``message_id`` finds the message while the carrier's id is not noted yet, and the id is noted then: a
    receipt proves that the message got through. ``delivered`` and ``failed`` are final: a late ``sent``
    changes nothing.
    """
    row = Message.get_or_none(Message.provider_id == provider_id)
    if row is None and message_id is not None:
        row = Message.get_or_none((Message.id == message_id) & Message.provider_id.is_null())
    if row is None:
        return False
    state = _RECEIPTS.get(status, "sent" if status in _ON_THE_WAY else None)
    if state is None or row.state in ("delivered", "failed"):
        return True
    changes: dict[str, Any] = {
        "state": state,
        "error": error,
        "provider_id": provider_id,
        "claimed_until": None,
    }
    if row.sent_at is None:
        changes["sent_at"] = now
    if state == "delivered":
        changes["delivered_at"] = now
    changed = (
        Message.update(changes)
        .where((Message.id == row.id) & Message.state.not_in(("delivered", "failed")))
        .execute()
    )
    if changed and state == "failed":
        events.record(now, "system", "message.failed", row.case.ref, message=row.id, error=error)
    return True


def listing(state: str | None = None) -> list[dict[str, Any]]:
    """The outbox, as ``messages list`` shows it to whoever runs the server."""
    rows = (
        Message.select(Message, Case.ref.alias("ref"), Officer.slug.alias("to_slug"))
        .join(Case)
        .switch(Message)
        .join(Officer)
        .order_by(Message.id)
        .objects()
    )
    if state is not None:
        if state not in STATES:
            raise Problem(Problems.SETTING_INVALID, name="--state", detail="one of " + " ".join(STATES))
        rows = rows.where(Message.state == state)
    return [
        {
            "id": m.id,
            "ref": m.ref,
            "to": m.recipient,
            "officer": m.to_slug,
            "channel": m.channel,
            "body": m.body,
            "state": m.state,
            "segments": m.segments,
            "attempts": m.attempts,
            "provider_id": m.provider_id,
            "error": m.error,
        }
        for m in rows
    ]
