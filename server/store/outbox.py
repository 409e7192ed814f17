"""The outbox as those who send see it: what is due, who sends it at this moment, what the carrier said.

The life of a message: ``owed`` -> (claimed, a delivery noted, committed) ``sending`` -> (the carrier's id noted)
``sent`` -> ``delivered``; ``failed`` where no way is left to its person, ``expired`` where it came too late. A
message that is still ``sending`` when its lease ends (the process died, the connection broke) is *unsure*: the
carrier is asked before it is sent again. A receipt that says "not delivered" makes it ``owed`` again, ``bounced``,
for the outbox to judge. Which process does what is decided by one conditional UPDATE and its row count.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from peewee import Case as Switch

from forms.form import SEVERITIES
from server.settings import Quiet
from server.store import areas, contacts, events, hours, officers, patience, spending, withdrawals
from server.store.claims import Capped, Claimed, Settled, Setup, Verdict
from server.store.contacts import Way
from server.store.messages import LEASE, REPLACED
from server.store.models import Delivery, Message
from server.store.officers import Person
from server.store.owed import NIGHT, come
from server.store.spending import Limits, Purse

NO_WAY = "no way to reach this person"
"""The error of a message whose officer has no number or address that could be used."""
FURTHEST = timedelta(days=3)
"""How far ahead a digest may be due; what is due later still was written by a clock that has been set back since."""
BY_SMS = Setup({"sms": "twilio_sms"})
"""Twilio for SMS, no caps: where nothing else is said."""
PATIENT = ("digest", "notice", "export")
"""Kinds of message that are bounded by themselves, so that no cap holds them."""


def _due(now: datetime) -> Any:
    """Owed and due, or left behind by a process that died."""
    # A first attempt is due at once: where it lies ahead, the clock was set back.
    fresh = (Message.attempts == 0) & (Message.created_at > now)
    at_night = (Message.kind != "digest") & come(Message.due_at, now, NIGHT)
    reached = at_night | (Message.kind == "digest") & come(Message.due_at, now, FURTHEST) | fresh
    owed = (Message.state == "owed") & Message.bounced.is_null() & reached
    return owed | ((Message.state == "sending") & come(Message.claimed_until, now))


def due(
    now: datetime,
    limit: int = 50,
    without: Collection[str] = (),
    setup: Setup = BY_SMS,
    down: Collection[str] = (),
) -> list[int]:
    """Ids of messages that should go now, gravest first: owed and due, or left behind by a process that died.

    Those by the channels ``without`` wait, unless they have waited for long enough and another way is there
    (:mod:`server.store.patience`); ``down`` are channels for which critical ones do not wait at all.
    """
    gravity = Switch(Message.severity, [(word, i) for i, word in enumerate(SEVERITIES)], len(SEVERITIES))
    rows = Message.select(Message.id).where(_due(now))
    if without:
        rows = rows.where(
            Message.channel.not_in(list(without)) | patience.can_turn(now, setup, without, down)
        )
    return [int(i) for (i,) in rows.order_by(gravity, Message.due_at, Message.id).limit(limit).tuples()]


def claim(
    message_id: int,
    now: datetime,
    lease: timedelta = LEASE,
    setup: Setup = BY_SMS,
    without: Collection[str] = (),
    down: Collection[str] = (),
) -> Claimed | Capped | None:
    """Take a message for sending by the best way to its person; commit before calling the carrier.

    None where another process was quicker, its channel is among those ``without`` and it can wait, or it is not to
    go: its officer left, nothing reaches them, or it came too late (then others, or a newer one, are owed instead).
    """
    row = Message.get_or_none(Message.id == message_id)
    if row is None or row.bounced is not None:
        return None
    removed = row.officer.removed_at is not None
    if row.state == "owed":
        if removed:
            withdrawals.withdraw(row, now)
            return None
        if row.expires_at is not None and row.expires_at <= now:
            withdrawals.withdraw(row, now, withdrawals.STALE)
            return None
        if (morning := _morning(row, now, setup.quiet)) is not None:
            Message.update(due_at=morning).where(
                (Message.id == message_id) & (Message.attempts == row.attempts) & (Message.state == "owed")
            ).execute()
            return None
    unsure = row.state == "sending"
    ways = _ways_left(row, setup)
    current = Way(contacts.kind_of(row.channel), row.recipient)
    if unsure or (row.attempts and current in ways):
        way, channel = current, row.channel
    elif ways:
        way, channel = ways[0], setup.channels[ways[0].kind]
    else:
        _give_up(row, NO_WAY, now)
        return None
    turned = None
    if channel in without and not removed:
        turned = patience.another(row, ways, setup, now, without, down, channel)
    if turned is not None:
        # nobody can ask for what may have gone: better twice, by two ways, than not at all
        unsure, way, channel = False, turned, setup.channels[turned.kind]
    if channel in without:
        Message.update(channel=channel, recipient=way.address).where(
            (Message.id == message_id) & (Message.attempts == row.attempts) & (Message.state == "owed")
        ).execute()
        return None
    unsure = unsure or patience.left_unsure(row.id, channel, way)
    purse = _purse(row, channel, now, setup.limits)
    cap = spending.exceeded(purse, setup.limits) if not unsure and row.kind not in PATIENT else None
    if cap is not None and row.severity != "critical":
        return Capped(row.id, cap)
    took = (
        Message.update(
            state="sending",
            claimed_until=now + lease,
            attempts=Message.attempts + 1,
            channel=channel,
            recipient=way.address,
        )
        # a digest that has been added to since it was read must not go without what was added
        .where(
            (Message.id == message_id)
            & (Message.attempts == row.attempts)
            & (Message.body == row.body)
            & _due(now)
        )
        .execute()
    )
    if took != 1:
        return None
    if turned is not None:
        patience.leave_unsure(row.id)
    claimed = _claimed(row, channel, way.address, row.attempts + 1, unsure, removed, len(ways), cap)
    if not unsure:
        begin(claimed, now, setup.limits)
    return claimed


def _morning(row: Message, now: datetime, quiet: Quiet) -> datetime | None:
    """When a message that came too late in the day, or is tried again, may go; None where that is now."""
    if row.kind == "notice":
        return None
    at = hours.send_at(row.severity, areas.zone(row.officer.area), now, quiet)
    return at if at > now else None


def _claimed(
    row: Message,
    channel: str,
    recipient: str,
    attempts: int,
    unsure: bool = False,
    removed: bool = False,
    ways: int = 1,
    broke: str | None = None,
) -> Claimed:
    first = Delivery.select(Delivery.began_at).where(
        (Delivery.message == row.id) & (Delivery.recipient == recipient)
    )
    return Claimed(
        row.id,
        row.case.ref if row.case_id is not None else "",
        channel,
        recipient,
        row.body,
        row.created_at,
        attempts,
        unsure=unsure,
        removed=removed,
        kind=row.kind,
        severity=row.severity,
        segments=row.segments,
        expires_at=row.expires_at,
        since=first.order_by(Delivery.number).limit(1).scalar() or row.created_at,
        known=_known(row.id, channel, recipient) if unsure else frozenset(),
        trying_since=patience.since(row),
        retries=row.retries,
        ways=ways,
        bounced=row.bounced,
        broke=broke,
    )


def _known(message_id: int, channel: str, recipient: str) -> frozenset[str]:
    """Ids at the carrier of what else went to this recipient: other messages, and this one's earlier deliveries."""
    last = _last(message_id, channel, recipient)
    rows = Delivery.select(Delivery.provider_id).where(
        (Delivery.recipient == recipient)
        & Delivery.provider_id.is_null(False)
        & (Delivery.id != (last.id if last is not None else 0))
    )
    return frozenset(provider_id for (provider_id,) in rows.tuples())


def _ways_left(row: Message, setup: Setup) -> list[Way]:
    """The ways to a message's person that are set up and not finished for it, best first."""
    rows = Delivery.select(Delivery.channel, Delivery.recipient).where(
        (Delivery.message == row.id) & (Delivery.outcome == "finished")
    )
    finished = {Way(contacts.kind_of(channel), recipient) for channel, recipient in rows.tuples()}
    person: Person = officers.person(row.officer)
    ways = [way for way in contacts.ways(person, finished) if way.kind in setup.channels]
    if row.kind == "export":
        # A link is for a letter box; phones get none, and nothing is lost: the file is on the page.
        ways = [way for way in ways if way.kind == "email"]
    if row.kind == "notice":
        # What is wrong may be the SMS themselves.
        ways.sort(key=lambda way: way.kind != "email")
    return ways


def _purse(row: Message, channel: str, at: datetime, limits: Limits) -> Purse:
    metered = channel in limits.prices
    segments = row.segments if metered else 0
    return Purse(row.officer_id, row.case_id, segments, limits.cost(channel, segments), at)


def begin(claimed: Claimed, now: datetime, limits: Limits) -> None:
    """Note that a message is being handed to its carrier, and count it. Commit before the call."""
    row = Message.get_by_id(claimed.id)
    purse = _purse(row, claimed.channel, now, limits)
    Delivery.insert(
        message=claimed.id,
        number=claimed.attempts,
        channel=claimed.channel,
        recipient=claimed.recipient,
        began_at=now,
        segments=purse.segments,
        cost=purse.cost,
    ).execute()
    spending.spend(purse, limits)


def begin_again(claimed: Claimed, now: datetime, limits: Limits) -> bool:
    """The carrier does not know of the earlier attempt: it is over, another begins.

    False where there is nothing to begin: we lost the claim, or a newer message tells of the same and more.
    """
    row = Message.get_or_none(_held(claimed))
    if row is None:
        return False
    _write_off(row, claimed, now, limits)
    if _told_anew(row):
        # What it tells of is owed anew, unless the newer one will tell it: that one may be too late as well.
        withdrawals.withdraw(row, now, REPLACED)
        return False
    begin(claimed, now, limits)
    return True


def _write_off(row: Message, claimed: Claimed, now: datetime, limits: Limits) -> None:
    """What was to be handed over this way, and was not: those deliveries are over and cost nothing."""
    nobody_knew = Delivery.outcome.is_null() | (Delivery.outcome == patience.UNSURE)
    for lost in Delivery.select().where(
        _by_way(row.id, claimed.channel, claimed.recipient) & nobody_knew & Delivery.provider_id.is_null()
    ):
        _refund(row, lost, limits)
        Delivery.update(outcome="refused", error="the carrier does not know of it", ended_at=now).where(
            Delivery.id == lost.id
        ).execute()


def _told_anew(row: Message) -> bool:
    """Was a newer message written to this person about this case, that tells of all that this one does?"""
    newer = Message.select(Message.indicators).where(
        (Message.case == row.case_id)
        & (Message.officer == row.officer_id)
        & (Message.id > row.id)
        & (Message.state != "failed")
    )
    codes = set(row.indicators.split())
    return any(codes <= set(later.split()) for (later,) in newer.tuples())


def sent(claimed: Claimed, provider_id: str, now: datetime) -> bool:
    """The carrier took it. A receipt that came before this keeps its state.

    False where the id is another message's: two texts were alike, and the carrier must be asked once more.
    """
    # our own, also where another process took the message up again while our call lasted
    own = Delivery.get_or_none((Delivery.message == claimed.id) & (Delivery.number == claimed.attempts))
    last = own if own is not None else _last(claimed.id, claimed.channel, claimed.recipient)
    another = Delivery.select().where(
        (Delivery.provider_id == provider_id) & (Delivery.message != claimed.id)
    )
    if claimed.unsure and another.exists():
        return False
    if last is not None:
        Delivery.update(provider_id=provider_id, outcome="taken", ended_at=now, error=None).where(
            Delivery.id == last.id
        ).execute()
    else:
        # handed over by an earlier version of this program, which noted no deliveries
        Delivery.insert(
            message=claimed.id,
            number=claimed.attempts,
            channel=claimed.channel,
            recipient=claimed.recipient,
            began_at=claimed.created_at,
            ended_at=now,
            outcome="taken",
            provider_id=provider_id,
            segments=claimed.segments,
        ).execute()
    Message.update(provider_id=provider_id, sent_at=now).where(
        (Message.id == claimed.id) & (Message.provider_id.is_null() | (Message.state == "sending"))
    ).execute()
    Message.update(state="sent", claimed_until=None, error=None).where(_held(claimed)).execute()
    return True


def _last(message_id: int, channel: str, recipient: str) -> Any:
    rows = Delivery.select().where(_by_way(message_id, channel, recipient))
    return rows.order_by(Delivery.number.desc()).first()


def _by_way(message_id: int, channel: str, recipient: str) -> Any:
    by_way = (Delivery.channel == channel) & (Delivery.recipient == recipient)
    return (Delivery.message == message_id) & by_way


def _held(claimed: Claimed) -> Any:
    """The condition that nobody has taken the message up again since this claim, or judged it before us."""
    mine = (Message.id == claimed.id) & (Message.attempts == claimed.attempts)
    if claimed.bounced is not None:
        return mine & (Message.state == "owed") & (Message.bounced == claimed.bounced)
    return mine & (Message.state == "sending")


def bounced(setup: Setup, limit: int = 50) -> list[Claimed]:
    """Messages that were not delivered after all, to be judged. Nobody claims them: :func:`settle` decides."""
    rows = Message.select().where((Message.state == "owed") & Message.bounced.is_null(False))
    return [
        _claimed(m, m.channel, m.recipient, m.attempts, ways=len(_ways_left(m, setup)))
        for m in rows.order_by(Message.id).limit(limit)
    ]


def settle(claimed: Claimed, verdict: Verdict, now: datetime, setup: Setup) -> Settled | None:
    """Do what was decided, inside a transaction; None where another process was quicker."""
    row = Message.get_or_none(_held(claimed))
    if row is None:
        return None
    if verdict.action == "unsure":
        Message.update(error=verdict.error, claimed_until=verdict.due_at).where(_held(claimed)).execute()
        return Settled("sending")
    _close(claimed, verdict, row, now, setup.limits)
    way = Way(contacts.kind_of(claimed.channel), claimed.recipient)
    marked = verdict.dead and contacts.mark_dead(way, verdict.code, now)
    changes: dict[str, Any] = {
        "state": "owed",
        "error": verdict.error,
        "bounced": None,
        "claimed_until": None,
    }
    left = _ways_left(row, setup)
    if verdict.action == "retry":
        changes |= {"due_at": verdict.due_at}
        if verdict.counts:
            changes["retries"] = row.retries + 1
    elif verdict.action == "elsewhere":
        following = left[left.index(way) + 1 :] if way in left else left
        # After the last way it is the first one's turn again, when something may have been mended.
        following, at = (following, now) if following else (left, verdict.due_at)
        if following:
            changes |= _by(following[0], setup) | {"due_at": at}
        else:
            changes |= {"due_at": verdict.due_at}
    elif left:
        changes |= _by(left[0], setup) | {"due_at": now, "retries": 0}
    else:
        Message.update(bounced=None).where(_held(claimed)).execute()
        handed_on = _give_up(row, verdict.error, now)
        return Settled("failed", handed_on, marked)
    Message.update(changes).where(_held(claimed)).execute()
    handed_on = verdict.hand_on and withdrawals.hand_on(row, now)
    return Settled("owed", handed_on, marked)


def _by(way: Way, setup: Setup) -> dict[str, Any]:
    return {"channel": setup.channels[way.kind], "recipient": way.address}


def _close(claimed: Claimed, verdict: Verdict, row: Message, now: datetime, limits: Limits) -> None:
    """The delivery is over; what the carrier did not take is not paid for."""
    last = _last(claimed.id, claimed.channel, claimed.recipient)
    if last is None:
        return
    if verdict.unsure:
        patience.leave_unsure(claimed.id)
        return
    outcome = "finished" if verdict.action == "finish" else "taken" if verdict.charged else "refused"
    Delivery.update(outcome=outcome, error=verdict.error, ended_at=now).where(
        Delivery.id == last.id
    ).execute()
    if not verdict.charged and last.provider_id is None:
        _refund(row, last, limits)


def _refund(row: Message, delivery: Any, limits: Limits) -> None:
    purse = Purse(row.officer_id, row.case_id, delivery.segments, delivery.cost, delivery.began_at)
    spending.give_back(purse, limits)
    Delivery.update(segments=0, cost=0).where(Delivery.id == delivery.id).execute()


def _give_up(row: Message, error: str, now: datetime) -> bool:
    """No way is left: it failed, and others are owed it."""
    failed = Message.update(state="failed", error=error, claimed_until=None, bounced=None).where(
        (Message.id == row.id) & (Message.state == row.state) & (Message.attempts == row.attempts)
    )
    if failed.execute() != 1:
        return False
    if row.case_id is not None:
        events.record(now, "system", "message.failed", row.case.ref, message=row.id, error=error)
    return withdrawals.hand_on(row, now)


def withdraw(claimed: Claimed, now: datetime, limits: Limits, reason: str = withdrawals.WITHDRAWN) -> None:
    """It did not go, and shall not any more: its officer left, or it is too late. Others are owed it."""
    row = Message.get_or_none(_held(claimed))
    if row is not None:
        _write_off(row, claimed, now, limits)
        withdrawals.withdraw(row, now, reason)
