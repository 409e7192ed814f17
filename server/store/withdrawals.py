"""Messages taken out of the outbox because the person they are for left: others are told instead."""

from __future__ import annotations

from datetime import datetime

from server.store import events
from server.store.models import Alert, Case, Message, Submission

WITHDRAWN = "officer removed"
"""The error of a message that was not sent for this reason; its state is ``expired``."""


def withdraw_all(officer_id: int, now: datetime) -> int:
    """Take out what an officer is still owed; returns how many messages. For the transaction that removes them.

    What a process is handing to the carrier at this moment is left to it.
    """
    owed = Message.select().where((Message.officer == officer_id) & (Message.state == "owed"))
    return sum(withdraw(message, now) for message in list(owed))


def withdraw(message: Message, now: datetime) -> bool:
    """Take one message out, unless another process was quicker, and owe its alerts anew so that others hear.

    ``message`` is as it was read. Alerts that this person was told of before are not owed again.
    """
    took = (
        Message.update(state="expired", error=WITHDRAWN, claimed_until=None)
        .where(
            (Message.id == message.id)
            & (Message.state == message.state)
            & (Message.attempts == message.attempts)
        )
        .execute()
    )
    if took != 1:
        return False
    told = Message.select(Message.indicators).where(
        (Message.case == message.case_id) & (Message.officer == message.officer_id) & counted()
    )
    heard = {code for (codes,) in told.tuples() for code in codes.split()}
    Alert.update(owed=True, route_after=None).where(
        Alert.case.in_(_cases(message.case))
        & Alert.indicator.in_([code for code in message.indicators.split() if code not in heard])
        & (Alert.state == "open")
    ).execute()
    events.record(now, "system", "message.withdrawn", message.case.ref, message=message.id)
    return True


def counted() -> object:
    """The condition that a message counts as telling its officer."""
    return Message.error.is_null() | (Message.error != WITHDRAWN)


def _cases(case: Case) -> list[int]:
    """The case, and the one that took its alerts over where two ends of a chain of edits have met."""
    root = Submission.select(Submission.root).where(Submission.id == case.submission_id)
    heirs = Case.select(Case.id).where((Case.form_id == case.form_id) & Case.root.in_(root)).tuples()
    return [case.id, *(heir for (heir,) in heirs if heir != case.id)]
