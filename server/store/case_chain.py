"""What a case has gone through, as one person may know it: who was told, what carriers said, follow-ups, deadlines.

Somebody to whom restricted alerts may be told gets one message of all that is theirs (:mod:`sync.routing`), and when it
went, and how often, would tell others that there is more to the case. So what carriers said of messages to such a role
is shown to that role alone, in every case alike. That its people were told of an alert is a step, which stays.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.store import follow_ups, published, steps
from server.store.follow_ups import FollowUpView
from server.store.models import Alert, Case, Message, Officer, Quarantine, Submission
from server.store.officers import Person
from server.store.steps import StepView

_AT_ONCE = timedelta(minutes=1)
"""Between opening a case and writing down that an upload is released: one transaction, two looks at the clock."""


@dataclass(frozen=True)
class MessageView:
    """A message of a case: to whom, of which of the reader's indicators, and what became of it."""

    officer: str
    kind: str
    channel: str
    state: str
    indicators: tuple[str, ...]
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None


@dataclass(frozen=True)
class Chain:
    """A case's way. ``answer_by``: when the next person is told unless somebody takes it on; ``asked``: whom.

    ``held``: when its form came, where it was held until the case was opened.
    """

    steps: tuple[StepView, ...]
    messages: tuple[MessageView, ...]
    follow_ups: tuple[FollowUpView, ...]
    answer_by: datetime | None
    asked: str | None
    held: datetime | None = None


def of(person: Person, ref: str, indicators: Sequence[str]) -> Chain:
    """The chain of a case, as far as it is of these indicators: those that the person may know of."""
    rows = list(
        Alert.select(Alert, Officer.name.alias("asked"))
        .join(Case)
        .switch(Alert)
        .left_outer_join(Officer, on=(Alert.assigned_to == Officer.id))
        .where((Case.ref == ref) & Alert.indicator.in_(list(indicators)) & (Alert.state != "closed"))
        .objects()
    )
    waiting = [row.escalate_at for row in rows if row.state == "open" and row.escalate_at is not None]
    asked = [row.asked for row in rows if row.asked is not None]
    return Chain(
        tuple(steps.of_case(ref, indicators)),
        tuple(_messages(ref, set(indicators), published.confided_roles() - {person.role})),
        tuple(follow_ups.of_case(ref, person)),
        min(waiting, default=None),
        asked[0] if asked else None,
        _held(ref),
    )


def _held(ref: str) -> datetime | None:
    """Only of what opened the case: of a later version it would tell those who may not know of its alerts."""
    rows = (
        Quarantine.select(Quarantine.received_at, Quarantine.decided_at, Case.opened_at)
        .join(Submission)
        .join(Case, on=(Case.root == Submission.root) & (Case.form_id == Submission.form_id))
        .where((Case.ref == ref) & (Quarantine.state == "released"))
        .tuples()
    )
    return min(
        (came for came, decided, opened in rows if came < opened and abs(decided - opened) < _AT_ONCE),
        default=None,
    )


def _messages(ref: str, indicators: set[str], unshown: Collection[str]) -> list[MessageView]:
    rows = (
        Message.select(Message, Officer.name.alias("name"))
        .join(Case)
        .switch(Message)
        .join(Officer)
        .where((Case.ref == ref) & Officer.role.not_in(list(unshown)))
        .order_by(Message.id)
        .objects()
    )
    found = []
    for row in rows:
        codes = tuple(code for code in row.indicators.split() if code in indicators)
        if codes:
            found.append(
                MessageView(
                    row.name,
                    row.kind,
                    row.channel,
                    row.state,
                    codes,
                    row.created_at,
                    row.sent_at,
                    row.delivered_at,
                    row.read_at,
                )
            )
    return found
