"""The outbox: what is owed to whom, who is sending it at this moment, what became of it.

The life of a message: ``owed`` -> (claimed, an attempt noted, committed) ``sending`` -> (the carrier's id noted)
``sent`` -> ``delivered`` | ``failed``; ``expired`` where it came too late. A message that a dead process left in
``sending`` is *unsure*: the carrier is asked before it is sent again.
Which process sends is decided by one conditional UPDATE and its row count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from forms.problems import Problem, Problems
from server.store import cases
from server.store.models import Alert, Case, Message, Officer, PublishedForm, Submission

STATES = ("owed", "sending", "sent", "delivered", "failed", "expired")
LEASE = timedelta(seconds=120)
"""How long a claim holds: longer than any attempt at the carrier may take."""


@dataclass(frozen=True)
class OwedCase:
    """A case with alerts that nobody was told of yet. ``definition`` is its form's, for the texts.

    ``owed`` and ``known`` are (indicator, severity, recipients, digest, restricted) of the alerts not yet routed
    and of all alerts of the case.
    """

    id: int
    ref: str
    form_id: str
    village: str
    district: str
    opened_at: datetime
    definition: dict[str, Any]
    owed: tuple[AlertFacts, ...]


@dataclass(frozen=True)
class AlertFacts:
    """What routing needs to know of an alert."""

    id: int
    indicator: str
    severity: str
    recipients: tuple[str, ...]
    digest: bool
    restricted: bool


def unrouted(limit: int = 100) -> list[OwedCase]:
    """Cases with alerts still owed, oldest first."""
    owed = Alert.select().where(Alert.owed).order_by(Alert.id).limit(limit * 4)
    by_case: dict[int, list[AlertFacts]] = {}
    for a in owed:
        by_case.setdefault(a.case_id, []).append(
            AlertFacts(
                a.id, a.indicator, a.severity, tuple(a.recipients.split("+")), a.digest, a.restricted
            )
        )
    rows = (
        Case.select(Case, PublishedForm.definition.alias("definition"))
        .join(Submission)
        .join(
            PublishedForm,
            on=(
                (PublishedForm.form_id == Submission.form_id) & (PublishedForm.version == Submission.version)
            ),
        )
        .where(Case.id.in_(list(by_case)[:limit]))
        .order_by(Case.id)
        .objects()
    )
    return [
        OwedCase(
            r.id, r.ref, r.form_id, r.village, r.district, r.opened_at, r.definition, tuple(by_case[r.id])
        )
        for r in rows
    ]


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


def owe(case: OwedCase, alert_ids: Sequence[int], texts: Sequence[NewMessage], now: datetime) -> bool:
    """Turn owed alerts into owed messages, in one transaction of the caller's; False where another process did.

    Exactly one process gets to clear ``owed`` on all of these alerts.
    """
    cleared = (
        Alert.update(owed=False).where(Alert.id.in_(list(alert_ids)) & Alert.owed).execute()
    )
    if cleared != len(alert_ids):
        return False
    for text in texts:
        earlier = Message.select().where(
            (Message.case == case.id) & (Message.officer == text.officer_id)
        )
        Message.insert(
            case=case.id,
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
    return True


@dataclass(frozen=True)
class Claimed:
    """A message that this process alone may send now. ``unsure``: an earlier attempt may have got through."""

    id: int
    ref: str
    channel: str
    recipient: str
    body: str
    created_at: datetime
    attempts: int
    unsure: bool


def due(now: datetime, limit: int = 50) -> list[int]:
    """Ids of messages that should go now: owed and due, or left behind by a process that died."""
    rows = (
        Message.select(Message.id)
        .where(
            ((Message.state == "owed") & (Message.due_at <= now))
            | ((Message.state == "sending") & (Message.claimed_until < now))
        )
        .order_by(Message.due_at, Message.id)
        .limit(limit)
    )
    return [int(m.id) for m in rows]


def claim(message_id: int, now: datetime) -> Claimed | None:
    """Take a message for sending; None where another process was quicker. Commit before calling the carrier."""
    row = Message.get_or_none(Message.id == message_id)
    if row is None:
        return None
    took = (
        Message.update(
            state="sending", claimed_until=now + LEASE, attempts=Message.attempts + 1
        )
        .where(
            (Message.id == message_id)
            & (Message.attempts == row.attempts)
            & (
                ((Message.state == "owed") & (Message.due_at <= now))
                | ((Message.state == "sending") & (Message.claimed_until < now))
            )
        )
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
    )


def sent(message_id: int, provider_id: str, now: datetime) -> None:
    """The carrier took it. A receipt that came before this keeps its state."""
    Message.update(provider_id=provider_id, sent_at=now, claimed_until=None, error=None).where(
        Message.id == message_id
    ).execute()
    Message.update(state="sent").where((Message.id == message_id) & (Message.state == "sending")).execute()


def later(message_id: int, error: str, due_at: datetime) -> None:
    """It did not go, or nobody knows: try again then."""
    Message.update(state="owed", error=error, due_at=due_at, claimed_until=None).where(
        (Message.id == message_id) & (Message.state == "sending")
    ).execute()


def failed(message_id: int, error: str) -> None:
    """It will not go this way."""
    Message.update(state="failed", error=error, claimed_until=None).where(
        (Message.id == message_id) & (Message.state == "sending")
    ).execute()


_RECEIPTS = {"sent": "sent", "delivered": "delivered", "read": "delivered", "undelivered": "failed", "failed": "failed"}


def receipt(provider_id: str, status: str, error: str | None, now: datetime) -> bool:
    """Note a carrier's receipt: idempotent, in any order; False where the id is unknown.

    ``delivered`` and ``failed`` are final: a late ``sent`` changes nothing.
    """
    row = Message.get_or_none(Message.provider_id == provider_id)
    if row is None:
        return False
    state = _RECEIPTS.get(status)
    if state is None or row.state in ("delivered", "failed"):
        return True
    changes: dict[str, Any] = {"state": state, "error": error}
    if state == "delivered":
        changes["delivered_at"] = now
    Message.update(changes).where(
        (Message.id == row.id) & Message.state.not_in(("delivered", "failed"))
    ).execute()
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


def known_codes(case_id: int, role: str) -> list[tuple[str, str]]:
    """(severity, indicator) of a case's alerts that a role may know and that are not for the digest only."""
    rows = Alert.select().where(
        (Alert.case == case_id) & cases.visible(role) & ~Alert.digest & Alert.gone_at.is_null()
    )
    return sorted(((a.severity, a.indicator) for a in rows), key=lambda c: (cases.gravity(c[0]), c[1]))
