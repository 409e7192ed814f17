"""The outbox as routing sees it: which alerts somebody must be told of, and the messages owed for them.

How messages are sent is in :mod:`server.store.outbox`, what carriers said of them in :mod:`server.store.receipts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN, fn

from forms.problems import Problem, Problems
from server.store import spending
from server.store.models import Alert, Case, Delivery, Message, Officer, database
from server.store.owed import OwedCase

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
    ``severity`` is the gravest that it tells of; ``kind`` is ``alert``, ``escalation``, ``reminder``, ``digest``,
    ``notice`` or ``export`` (a file is ready: by e-mail or not at all); of messages with one ``key`` only the
    first is ever made.
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
    one process gets to mark all of them: returns False, with nothing changed, where another was quicker, or where the
    case has moved or an alert was answered or opened again since the case was read.
    """
    before = {a.id: a.route_after for a in case.owed}
    by_state: dict[str, list[int]] = {}
    for a in case.owed:
        if a.id in alert_ids:
            by_state.setdefault(a.state, []).append(a.id)
    with database.savepoint() as undo:
        # The row is locked by being written to, first as an edit does it: from here on the case does not move.
        here = Case.update(village=case.village).where((Case.id == case.id) & (Case.village == case.village))
        if here.execute() != 1:
            undo.rollback()
            return False
        theirs = (Alert.case == case.id) & Alert.owed  # a chain of edits may have moved them meanwhile
        marked = 0
        for state, ids in by_state.items():
            unchanged = Alert.id.in_(ids) & theirs & (Alert.state == state)
            marked += Alert.update(owed=False).where(unchanged).execute()
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
            if replace(text.replaces, now) != len(text.replaces):
                undo.rollback()
                return False
            write(case.id, text, now)
    return True


def replace(ids: Sequence[int], now: datetime, reason: str = REPLACED) -> int:
    """Take out messages that have not gone, since they say no more how things stand; returns how many were.

    Of one that is being handed over nobody knows yet whether it went: it is asked for, and not sent again.
    """
    if not ids:
        return 0
    these = Message.id.in_(list(ids))
    asked_for = Message.update(expires_at=now).where(these & (Message.state == "sending")).execute()
    replaced = Message.update(state="expired", error=reason, bounced=None)
    return int(replaced.where(these & (Message.state == "owed")).execute()) + int(asked_for)


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


def listing(state: str | None = None) -> list[dict[str, Any]]:
    """The outbox, as ``messages list`` shows it to whoever runs the server. ``cost`` is in the currency set."""
    paid = Delivery.select(Delivery.message, fn.SUM(Delivery.cost).alias("cost")).group_by(Delivery.message)
    cost = dict(paid.tuples())
    rows = (
        Message.select(Message, Case.ref.alias("ref"), Officer.slug.alias("to_slug"))
        .join(Case, JOIN.LEFT_OUTER)
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
            "ref": m.ref or "",
            "to": m.recipient,
            "officer": m.to_slug,
            "channel": m.channel,
            "body": m.body,
            "state": m.state,
            "segments": m.segments,
            "attempts": m.attempts,
            "provider_id": m.provider_id,
            "error": m.error,
            "cost": int(cost.get(m.id, 0)) / spending.MICROS,
        }
        for m in rows
    ]
