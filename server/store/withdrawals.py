"""Messages that nobody will read: the person left or cannot be reached, or it is too late. Others are told instead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from server.store import events
from server.store.fields import to_micros
from server.store.models import Alert, Case, Message, Officer, Step, Submission

WITHDRAWN = "officer removed"
"""The error of a message that was not sent for this reason; its state is ``expired``."""
RELEASED = "case.released"
"""The verb on record where whoever had taken alerts on was removed."""
OFFERED_AGAIN = -1
"""The rung of an alert that is offered anew, to those on duty first, also where they heard of it before."""
STALE = "too late to be of use"
"""The error of one that expired."""


def withdraw_all(officer_id: int, now: datetime) -> int:
    """Take out what an officer is still owed; returns how many messages. For the transaction that removes them.

    What a process is handing to the carrier at this moment is left to it.
    """
    owed = Message.select().where((Message.officer == officer_id) & (Message.state == "owed"))
    return sum(withdraw(message, now) for message in list(owed))


def release_all(officer_id: int, now: datetime) -> int:
    """What an officer who leaves had taken on is open again, and offered to those on duty at once.

    Also where a follow-up came: nobody would see what becomes of the case. Who had it stays on record. Returns how many
    alerts. For the transaction that removes them.
    """
    mine = (Alert.assigned_to == officer_id) | (
        Alert.assigned_to.is_null() & (Alert.acknowledged_by == officer_id)
    )
    held = Alert.select(Alert, Case).join(Case).where((Alert.state == "acknowledged") & mine)
    ends: dict[str, dict[str, dict[str, Any]]] = {}
    for alert in list(held.order_by(Alert.id)):
        released = Alert.update(
            state="open",
            acknowledged_at=None,
            acknowledged_by=None,
            assigned_to=None,
            assigned_at=None,
            remind_at=None,
            reminded=0,
            rung=OFFERED_AGAIN,
            escalate_at=now if alert.severity != "medium" and not alert.digest else None,
        ).where((Alert.id == alert.id) & (Alert.state == "acknowledged"))
        if released.execute() == 1:
            ends.setdefault(alert.case.ref, {})[alert.indicator] = {
                "acknowledged_by": alert.acknowledged_by_id,
                "acknowledged_at": to_micros(alert.acknowledged_at),
                "closed_by": None,
                "closed_at": None,
                "result": None,
            }
    for ref, undone in ends.items():
        events.record(now, "system", RELEASED, ref, ends=undone)
    return sum(map(len, ends.values()))


def withdraw(message: Message, now: datetime, reason: str = WITHDRAWN) -> bool:
    """Take one message out, unless another process was quicker, and owe its alerts anew so that others hear.

    ``message`` is as it was read; ``reason`` becomes its error, :data:`STALE` where it came too late to be of use.
    Alerts that this person was told of before are not owed again.
    """
    took = (
        Message.update(state="expired", error=reason, claimed_until=None, bounced=None)
        .where(
            (Message.id == message.id)
            & (Message.state == message.state)
            & (Message.attempts == message.attempts)
        )
        .execute()
    )
    if took != 1:
        return False
    verb = "message.withdrawn" if reason == WITHDRAWN else "message.expired"
    for told in (message, *_untold(message)):
        if told.case_id is not None:
            _owe_anew(told, now)
            events.record(now, "system", verb, told.case.ref, message=told.id)
    return True


def hand_on(message: Message, now: datetime) -> bool:
    """This person cannot be reached for this case: pass them over, and owe its alerts so that the next one hears.

    Says so once: returns False where others were owed it already. Call inside a transaction.
    """
    noted = Message.update(handed_on_at=now).where(
        (Message.id == message.id) & Message.handed_on_at.is_null()
    )
    if noted.execute() != 1:
        return False
    if message.case_id is None:
        handed_on = [hand_on(told, now) for told in _untold(message)]
        return any(handed_on)
    _owe_anew(message, now)
    events.record(now, "system", "message.handed_on", message.case.ref, message=message.id)
    return True


def passed_over(case_ids: Sequence[int]) -> dict[int, frozenset[int]]:
    """By case, the ids of officers who could not be reached for it, and whose contacts nobody has changed since."""
    rows = (
        Message.select(Message.case, Message.officer)
        .join(Officer)
        .where(
            Message.case.in_(list(case_ids))
            & Message.handed_on_at.is_null(False)
            & (Officer.contact_at.is_null() | (Officer.contact_at <= Message.handed_on_at))
        )
        .tuples()
    )
    found: dict[int, frozenset[int]] = {}
    for case_id, officer_id in rows:
        found[case_id] = found.get(case_id, frozenset()) | {officer_id}
    return found


def _untold(digest: Message) -> list[Message]:
    """The messages that a digest was to tell of. From here on they count as never told."""
    folded = list(Message.select().where(Message.folded == digest.id).order_by(Message.id))
    Message.update(folded=None).where(Message.id.in_([message.id for message in folded])).execute()
    return folded


def _owe_anew(message: Message, now: datetime) -> None:
    """Owe what the message was to tell, as far as its officer was not told of it by another one.

    Whoever was asked to take an alert on must hear that, though they were told of the alert before. A reminder that
    did not get through is due again: to whom, is decided when it is written.
    """
    told = (
        Message.select(Message.indicators, Message.created_at)
        .where(
            (Message.case == message.case_id)
            & (Message.officer == message.officer_id)
            & (Message.id != message.id)
            & counted()
        )
        .order_by(Message.id)
    )
    heard = {code: at for codes, at in told.tuples() for code in codes.split()}
    codes = message.indicators.split()
    theirs = Alert.case.in_(_cases(message.case)) & Alert.indicator.in_(codes)
    unheard = Alert.indicator.in_([code for code in codes if code not in heard])
    Alert.update(owed=True, route_after=None).where(theirs & unheard & (Alert.state == "open")).execute()
    asked = Alert.select(Alert.id, Alert.indicator, Alert.assigned_at).where(
        theirs & (Alert.state != "closed") & (Alert.assigned_to == message.officer_id)
    )
    for alert_id, code, at in list(asked.tuples()):
        if code not in heard or heard[code] < at:
            Alert.update(owed=True, route_after=None).where(Alert.id == alert_id).execute()
    if message.kind == "reminder":
        reminded_of = Step.select(Step.alert).where(
            (Step.officer == message.officer_id) & (Step.why == "reminder") & (Step.at == message.created_at)
        )
        Alert.update(remind_at=now).where(
            theirs & (Alert.state == "acknowledged") & Alert.id.in_(reminded_of)
        ).execute()


def counted() -> object:
    """The condition that a message counts as telling its officer, or will: also one that a digest tells of."""
    return Message.state.not_in(("failed", "expired")) | Message.folded.is_null(False)


def _cases(case: Case) -> list[int]:
    """The case, and the one that took its alerts over where two ends of a chain of edits have met."""
    root = Submission.select(Submission.root).where(Submission.id == case.submission_id)
    heirs = Case.select(Case.id).where((Case.form_id == case.form_id) & Case.root.in_(root)).tuples()
    return [case.id, *(heir for (heir,) in heirs if heir != case.id)]
