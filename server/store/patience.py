"""How long a message waits for a channel that does not work, before another way or another person is tried.

What counts is the message's own time: since it was first handed over, or should have been. A channel is *braked*
while it is left alone for a moment, *down* when it has been failing for as long as a critical message waits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from peewee import fn

from server.store.claims import Setup
from server.store.contacts import Way
from server.store.models import Alert, DeadAddress, Delivery, Message, Officer

SHORT = timedelta(minutes=5)
"""How long a critical message, and a notice to the administrator, waits for a channel."""
LONG = timedelta(minutes=30)
"""How long all others wait."""
UNSURE = "unsure"
"""The outcome of a delivery of which nobody could say whether it went, when another way was taken instead."""


def of(severity: str, kind: str) -> timedelta:
    """How long a message of this level and kind waits for a channel."""
    return SHORT if severity == "critical" or kind == "notice" else LONG


def since(message: Message) -> datetime:
    """Since when a message that is being claimed tries to get through."""
    began = Delivery.select(Delivery.began_at).where(Delivery.message == message.id)
    return began.order_by(Delivery.number).limit(1).scalar() or message.due_at


def another(
    row: Message,
    ways: Sequence[Way],
    setup: Setup,
    now: datetime,
    braked: Collection[str],
    down: Collection[str],
    channel: str,
) -> Way | None:
    """The way by which a message goes whose ``channel`` is braked: None while it should wait, or has no other."""
    hurried = row.severity == "critical" and channel in down
    if row.state == "sending" and row.expires_at is not None and row.expires_at <= now:
        return None  # it is asked for, and not sent any more
    if not hurried and now - since(row) < of(row.severity, row.kind):
        return None
    return next((way for way in ways if setup.channels[way.kind] not in braked), None)


def can_turn(now: datetime, setup: Setup, braked: Collection[str], down: Collection[str]) -> Any:
    """The condition that a message on a braked channel need not wait: a way that works reaches its person.

    It has waited for long enough, or that way is the one that the person wants first.
    """
    free = [(kind, channel) for kind, channel in setup.channels.items() if channel not in braked]
    if not free:
        return Message.id.is_null()
    long_enough = _run_out(now) | (Message.severity == "critical") & Message.channel.in_(list(down))
    return reduce(
        or_,
        (
            _reaches(kind, channel, long_enough | (Message.attempts == 0) & Message.officer.in_(_first(kind)))
            for kind, channel in free
        ),
    )


def _run_out(now: datetime) -> Any:
    """The condition that a message has waited for as long as it should."""
    short = (Message.severity == "critical") | (Message.kind == "notice")
    return short & _waited(now - SHORT) | ~short & _waited(now - LONG)


def _waited(limit: datetime) -> Any:
    began = Delivery.select(Delivery.id).where(
        (Delivery.message == Message.id) & (Delivery.began_at <= limit)
    )
    return (Message.due_at <= limit) | fn.EXISTS(began)


def _first(kind: str) -> Any:
    return Officer.select(Officer.id).where(Officer.channels.startswith(kind))


def _reaches(kind: str, channel: str, condition: Any) -> Any:
    address = Officer.email if kind == "email" else Officer.phone
    dead = DeadAddress.select(DeadAddress.address).where(DeadAddress.kind == kind)
    people = Officer.select(Officer.id).where(
        Officer.removed_at.is_null()
        & address.is_null(False)
        & address.not_in(dead)
        & ((Officer.channels == "") | Officer.channels.contains(kind))
    )
    finished = Delivery.select(Delivery.id).where(
        (Delivery.message == Message.id) & (Delivery.channel == channel) & (Delivery.outcome == "finished")
    )
    condition &= Message.officer.in_(people) & ~fn.EXISTS(finished)
    return condition if kind == "email" else condition & (Message.kind != "export")


def left_unsure(message_id: int, channel: str, way: Way) -> bool:
    """May an earlier attempt by this way have got through, of which the carrier could not be asked then?"""
    rows = Delivery.select().where(
        (Delivery.message == message_id)
        & (Delivery.channel == channel)
        & (Delivery.recipient == way.address)
        & (Delivery.outcome == UNSURE)
    )
    return bool(rows.exists())


def leave_unsure(message_id: int) -> None:
    """Another way is taken: what may have got through stays on record, and is asked for before it goes that way."""
    Delivery.update(outcome=UNSURE).where(
        (Delivery.message == message_id) & Delivery.outcome.is_null() & Delivery.provider_id.is_null()
    ).execute()


def stuck(now: datetime, setup: Setup, down: Collection[str]) -> dict[int, list[int]]:
    """Open critical alerts of which nobody can be told by the channels set up, by the ids of their cases.

    All their messages wait for channels that are ``down``, and none of these people has another way.
    """
    waits = Message.state.in_(("owed", "sending")) & Message.channel.in_(list(down)) & _run_out(now)
    rows = (
        Message.select(Message.case, Message.indicators)
        .where(
            waits
            & (Message.severity == "critical")
            & Message.kind.in_(("alert", "escalation"))
            & Message.case.is_null(False)
            & ~can_turn(now, setup, down, down)
        )
        .tuples()
    )
    codes: dict[int, set[str]] = {}
    for case_id, indicators in rows:
        codes.setdefault(case_id, set()).update(indicators.split())
    if not codes:
        return {}
    reached = (
        Message.select(Message.case, Message.indicators)
        .where(
            Message.case.in_(list(codes))
            & (
                Message.state.in_(("sent", "delivered"))
                | Message.state.in_(("owed", "sending")) & (~waits | can_turn(now, setup, down, down))
            )
        )
        .tuples()
    )
    for case_id, indicators in reached:
        codes[case_id] -= set(indicators.split())
    found: dict[int, list[int]] = {}
    alerts = Alert.select(Alert.id, Alert.case, Alert.indicator).where(
        Alert.case.in_(list(codes)) & (Alert.state == "open") & (Alert.severity == "critical")
    )
    for alert_id, case_id, indicator in alerts.order_by(Alert.id).tuples():
        if indicator in codes[case_id]:
            found.setdefault(case_id, []).append(alert_id)
    return found
