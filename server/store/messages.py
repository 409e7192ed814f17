"""The outbox: what is owed to whom, who is sending it at this moment, what became of it.

The life of a message: ``owed`` -> (claimed, an attempt noted, committed) ``sending`` -> (the carrier's id
noted) ``sent`` -> ``delivered`` | ``failed``; ``expired`` where it came too late or its officer left. A message
that is still ``sending`` when its lease ends (the process died, the connection broke) is *unsure*: the carrier is
asked before it is sent again.
Which process sends is decided by one conditional UPDATE and its row count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from forms.problems import Problem, Problems
from server.store import events, withdrawals
from server.store.models import Alert, Case, Message, Officer, database
from server.store.owed import LONGEST, NIGHT, OwedCase, come

STATES = ("owed", "sending", "sent", "delivered", "failed", "expired")
LEASE = timedelta(seconds=120)
"""How long a claim holds: longer than any attempt at the carrier may take."""
REPLACED = "replaced by a newer one"
"""The error of a message that had not gone when a newer one of its case took its place."""


@dataclass(frozen=True)
class NewMessage:
    """A composed text for one person.

    ``channel`` and ``recipient`` are a first idea: the outbox takes the best way when it sends. It is not sent
    after ``expires_at``, nor together with those that it ``replaces`` (ids of messages that have not gone).
    ``severity`` is the gravest that it tells of; ``kind`` is ``alert``, ``escalation``, ``reminder``, ``digest``
    or ``notice``; of messages with one ``key`` only the first is ever made.
    """

    officer_id: int
    indicators: tuple[str, ...]
    channel: str
    recipient: str
    body: str
    segments: int
    due_at: datetime
    severity: str = "high"
    expires_at: datetime | None = None
    kind: str = "alert"
    key: str | None = None
    replaces: tuple[int, ...] = ()


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
            if replace(text.replaces) != len(text.replaces):
                undo.rollback()
                return False
            write(case.id, text, now)
    return True


def replace(ids: Sequence[int]) -> int:
    """Take out messages that have not gone, since a newer one says how things stand; returns how many were."""
    if not ids:
        return 0
    replaced = Message.update(state="expired", error=REPLACED, bounced=None)
    return int(replaced.where(Message.id.in_(list(ids)) & (Message.state == "owed")).execute())


def write(case_id: int | None, text: NewMessage, now: datetime) -> int | None:
    """Owe a message, of a case or of none, inside a transaction of the caller's; returns its id.

    None where one with its key exists already.
    """
    earlier = Message.select().where((Message.case == case_id) & (Message.officer == text.officer_id))
    made = Message.insert(
        case=case_id,
        officer=text.officer_id,
        round=earlier.count() + 1,
        kind=text.kind,
        severity=text.severity,
        key=text.key,
        indicators=" ".join(text.indicators),
        channel=text.channel,
        recipient=text.recipient,
        body=text.body,
        segments=text.segments,
        created_at=now,
        due_at=text.due_at,
        expires_at=text.expires_at,
    )
    if text.key is not None:
        made = made.on_conflict(conflict_target=[Message.key], action="ignore")
    rows = list(made.returning(Message.id).execute())
    return int(rows[0].id) if rows else None


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
    return ((Message.state == "owed") & (come(Message.due_at, now, NIGHT) | fresh)) | (
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
