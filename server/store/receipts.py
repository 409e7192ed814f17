"""What carriers say became of a message: idempotent, in any order. ``delivered`` is not ``read``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from server.store import contacts, events
from server.store.models import Case, Delivery, Message

_RANK = {
    "accepted": 1,
    "scheduled": 1,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "undelivered": 4,
    "failed": 4,
    "canceled": 4,
    # that it arrived is proof, whatever was said before
    "delivered": 5,
    "read": 6,
}


def receipt(
    provider_id: str,
    status: str,
    code: str | None,
    now: datetime,
    message_id: int | None = None,
    number: int | None = None,
) -> bool:
    """Note a receipt; False where it belongs to no message.

    ``message_id`` and ``number`` (which delivery of it) find the message while the carrier's id is not noted yet,
    and the id is noted then: a receipt proves that the message got through. Call inside a transaction.
    """
    rank = _RANK.get(status)
    while (delivery := _delivery(provider_id, now, message_id, number)) is not None:
        if rank is None or rank <= _RANK.get(delivery.status or "", 0):
            return True
        error = _error(delivery.channel, status, code) if rank == 4 else None
        moved = (
            Delivery.update(
                status=status,
                provider_id=provider_id,
                outcome="taken" if delivery.outcome in (None, "refused", "unsure") else delivery.outcome,
                error=error,
                ended_at=delivery.ended_at or now,
            )
            .where(
                (Delivery.id == delivery.id)
                & (
                    Delivery.status.is_null()
                    if delivery.status is None
                    else Delivery.status == delivery.status
                )
            )
            .execute()
        )
        if moved == 1:
            _tell_message(delivery, provider_id, rank, error, code or status, now)
            return True
        # another receipt was quicker: this one may say more than that
    return False


def case_of(provider_id: str, officer_ids: Sequence[int]) -> str | None:
    """The case that a message told one of these officers of, by the carrier's id of the message."""
    return (  # type: ignore[no-any-return]
        Delivery.select(Case.ref)
        .join(Message)
        .join(Case)
        .where((Delivery.provider_id == provider_id) & Message.officer.in_(list(officer_ids)))
        .scalar()
    )


def _error(channel: str, status: str, code: str | None) -> str:
    return f"{channel.partition('_')[0]} {code or status}"


def _delivery(provider_id: str, now: datetime, message_id: int | None, number: int | None) -> Any:
    found = Delivery.get_or_none(Delivery.provider_id == provider_id)
    if found is not None or message_id is None:
        return found or _of_former_version(Message.get_or_none(Message.provider_id == provider_id), now)
    nameless = Delivery.select().where(
        (Delivery.message == message_id) & Delivery.provider_id.is_null() & Delivery.error.is_null()
    )
    if number is not None:
        nameless = nameless.where(Delivery.number == number)
    return nameless.order_by(Delivery.number.desc()).first() or _of_former_version(
        Message.get_or_none(
            (Message.id == message_id)
            & ((Message.provider_id == provider_id) | Message.provider_id.is_null())
            & (Message.attempts > 0)
            & Message.id.not_in(Delivery.select(Delivery.message).where(Delivery.message == message_id))
        ),
        now,
    )


def _of_former_version(message: Message | None, now: datetime) -> Any:
    """A message that was handed over before deliveries were noted gets one."""
    if message is None:
        return None
    return Delivery.create(
        message=message.id,
        number=message.attempts,
        channel=message.channel,
        recipient=message.recipient,
        began_at=message.created_at,
        provider_id=message.provider_id,
        outcome="taken",
        ended_at=now,
        segments=message.segments,
    )


def _tell_message(
    delivery: Any, provider_id: str, rank: int, error: str | None, code: str, now: datetime
) -> None:
    message: Any = Message.get_by_id(delivery.message_id)
    if rank >= _RANK["delivered"]:
        _delivered(message, delivery, provider_id, rank, now)
        return
    newer = Delivery.select().where((Delivery.message == message.id) & (Delivery.number > delivery.number))
    while message.state in ("sending", "sent") and not newer.exists():
        changes: dict[str, Any] = {"provider_id": provider_id, "claimed_until": None}
        if message.sent_at is None:
            changes["sent_at"] = now
        if rank == _RANK["failed"]:
            # what that means is the outbox's to judge
            changes |= {"state": "owed", "bounced": code, "error": error, "due_at": now}
        else:
            changes |= {"state": "sent", "error": None}
        told = Message.update(changes).where(
            (Message.id == message.id)
            & (Message.state == message.state)
            & (Message.attempts == message.attempts)
        )
        if told.execute() == 1:
            return
        # somebody took it up meanwhile: to ask for it, which this answers, or to send it again
        message = Message.get_by_id(message.id)


def _delivered(message: Any, delivery: Any, provider_id: str, rank: int, now: datetime) -> None:
    """It arrived, be it by an earlier attempt: nothing more is to be sent."""
    changes: dict[str, Any] = {
        "state": "delivered",
        "error": None,
        "bounced": None,
        "claimed_until": None,
        "provider_id": provider_id,
    }
    if message.sent_at is None:
        changes["sent_at"] = now
    if message.delivered_at is None:
        changes["delivered_at"] = now
    if rank == _RANK["read"] and message.read_at is None:
        changes["read_at"] = now
    Message.update(changes).where(Message.id == message.id).execute()
    contacts.revive(delivery.recipient, contacts.kind_of(delivery.channel))
    if message.case_id is not None and message.state in ("failed", "expired"):
        events.record(now, "system", "message.delivered", message.case.ref, message=message.id)
