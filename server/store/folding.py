"""Messages that a cap holds back are told of together: one digest a person, for the hour or the day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from server.settings import Quiet
from server.store import areas, cases, events, hours, messages, officers
from server.store.claims import Capped
from server.store.messages import NewMessage
from server.store.models import Case, Message

_DAILY = 8


@dataclass(frozen=True)
class Held:
    """What a digest tells of: how many cases by their gravest level, and their references, gravest first."""

    levels: Mapping[str, int]
    refs: Sequence[str]


def fold(capped: Capped, write: Callable[[Held], tuple[str, int]], now: datetime, quiet: Quiet) -> bool:
    """Put a message into its person's digest, inside a transaction; False where another process was quicker.

    ``write`` makes the digest's text: (body, segments). The digest goes when the next hour begins, or the next
    day where the month's allowance is used up, in the hours in which such messages may go.
    """
    held = (Message.id == capped.id) & (Message.state == "owed") & Message.bounced.is_null()
    took = Message.update(state="expired", error=f"cap {capped.cap}: told in a digest", claimed_until=None)
    if took.where(held).execute() != 1:
        return False
    row = Message.get_by_id(capped.id)
    digest = _open_digest(row, capped.cap, now, quiet)
    Message.update(folded=digest).where(Message.id == row.id).execute()
    body, segments = write(_held(digest))
    Message.update(body=body, segments=segments).where(Message.id == digest).execute()
    if row.case_id is not None:
        events.record(now, "system", "message.folded", row.case.ref, message=row.id, cap=capped.cap)
    return True


def _open_digest(row: Message, cap: str, now: datetime, quiet: Quiet) -> int:
    """A digest that has not gone, held by this transaction: nobody claims it or adds to it before it is written."""
    waiting = (
        (Message.officer == row.officer_id)
        & Message.key.startswith(f"cap:{row.officer_id}:")
        & (Message.state == "owed")
        & (Message.attempts == 0)
    )
    for (found,) in list(Message.select(Message.id).where(waiting).order_by(Message.id).tuples()):
        # the row is locked by being written to; who was quicker has sent it meanwhile
        if Message.update(state="owed").where(waiting & (Message.id == found)).execute() == 1:
            return int(found)
    zone = areas.zone(officers.person(row.officer).area)
    whole = now.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    tomorrow = whole.replace(hour=_DAILY) + timedelta(days=1)
    begins = tomorrow if cap in ("month", "cost") else whole + timedelta(hours=1)
    new = NewMessage(
        row.officer_id,
        (),
        row.channel,
        row.recipient,
        "",
        1,
        hours.send_at("high", zone, begins.astimezone(UTC), quiet),
        severity=row.severity,
        kind="digest",
        key=f"cap:{row.officer_id}:{row.id}",
    )
    made = messages.write(None, new, now)
    return made if made is not None else int(Message.get(Message.key == new.key).id)


def _held(digest: int) -> Held:
    rows = (
        Message.select(Case.ref, Message.severity)
        .join(Case)
        .where(Message.folded == digest)
        .order_by(Message.id)
        .tuples()
    )
    gravest: dict[str, str] = {}
    for ref, severity in rows:
        known = gravest.get(ref)
        gravest[ref] = severity if known is None else min(known, severity, key=cases.gravity)
    refs = sorted(gravest, key=lambda ref: cases.gravity(gravest[ref]))
    return Held(Counter(gravest.values()), refs)
