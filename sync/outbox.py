"""Sending what is owed: claim, call the carrier, note its id. Each step is committed before the next.

1. What a receipt called undelivered is judged by the carrier's table: again later, another way, another person.
2. A message is claimed by one process, with a row for this delivery. Before the call nothing has gone.
3. The carrier is called. Whoever dies now leaves a message whose lease runs out: it is *unsure*, and whoever takes
   it up next asks the carrier first.
4. The carrier's id is noted, or its refusal judged as in 1.

What a cap holds back is told in a digest; critical messages pass every cap, and the administrator hears of it. A
channel that fails time after time is left alone for a while (:class:`Brakes`), so that an outage costs one call now
and then and not one for each message. Whoever has another way is told by that (:mod:`server.store.patience`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import structlog

from server.store import folding, outbox, patience
from server.store.claims import Capped, Claimed, Settled, Setup, Verdict
from server.store.folding import Held
from server.store.withdrawals import STALE
from server.store.writer import Writer
from sync import notices, verdicts
from sync.channels import Channel, Meaning, Remedy, TransportError, Trouble, masked
from sync.compose import Ref, digest
from sync.verdicts import Policy

__all__ = ["Clock", "Outbox", "Policy"]

log = structlog.get_logger()

Clock = Callable[[], datetime]

_ALL = 1_000_000_000
_NOT_SET_UP = Meaning("the channel is not set up", Remedy.ELSEWHERE, trouble=Trouble.OTHER)


class Brakes:
    """Which channels to leave alone for now. Only a courtesy to the carrier: it may be forgotten at any time."""

    PATIENCE = 3
    """Failures in a row before a channel is left alone; at a 429 it is at once."""
    FIRST, LONGEST = timedelta(seconds=2), timedelta(minutes=1)

    def __init__(self, random: Random) -> None:
        self._random = random
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}
        self._until: dict[str, datetime] = {}
        self._since: dict[str, datetime] = {}

    def on(self, now: datetime) -> frozenset[str]:
        """The channels that are left alone. A moment further ahead than any pause is a clock that was set back."""
        with self._lock:
            return frozenset(
                name for name, until in self._until.items() if now < until <= now + 2 * self.LONGEST
            )

    def worked(self, channel: str) -> None:
        """The channel answered."""
        with self._lock:
            self._failures.pop(channel, None)
            self._until.pop(channel, None)
            self._since.pop(channel, None)

    def failed(self, channel: str, error: TransportError, now: datetime) -> None:
        """It had no ear for us."""
        with self._lock:
            failures = self._failures[channel] = self._failures.get(channel, 0) + 1
            self._since[channel] = min(self._since.get(channel, now), now)
            asked = error.retry_after or error.meaning.pause
            if failures >= self.PATIENCE or asked is not None:
                doubled = self.FIRST * 2 ** min(max(failures - self.PATIENCE, 0), 10)
                pause = min(max(doubled, asked or self.FIRST), self.LONGEST) * self._random.uniform(0.7, 1.3)
                self._until[channel] = now + pause

    def failing(self) -> frozenset[str]:
        """The channels that are only tried now and then, after failures: one message at a time is enough."""
        with self._lock:
            return frozenset(name for name, n in self._failures.items() if n >= self.PATIENCE)

    def down(self, now: datetime) -> frozenset[str]:
        """Those that have been failing for longer than a critical message waits."""
        with self._lock:
            long_ago = now - patience.SHORT
            return frozenset(
                name
                for name, since in self._since.items()
                if since <= long_ago and self._failures[name] >= self.PATIENCE
            )


class Outbox:
    """Sends messages from a few threads, so that a slow call holds up nobody else."""

    def __init__(
        self,
        writer: Writer,
        channels: Mapping[str, Channel],
        clock: Clock,
        random: Random,
        policy: Policy,
        setup: Setup,
    ) -> None:
        self._writer = writer
        self._channels = channels
        self._clock = clock
        self._random = random
        self._policy = policy
        self._setup = setup
        self._brakes = Brakes(random)
        self._pool = ThreadPoolExecutor(policy.threads, thread_name_prefix="outbox")
        self._in_hand: dict[int, Future[bool]] = {}
        self._probe: int | None = None

    def start_due(self) -> int:
        """Begin to send what is due, without waiting for it; returns how many were begun."""
        self._judge()
        self._in_hand = {i: f for i, f in self._in_hand.items() if not f.done()}
        free = 2 * self._policy.threads - len(self._in_hand)
        if free <= 0:
            return 0
        now = self._clock()
        failing = self._brakes.failing()
        fresh = self._fresh(now, free, self._brakes.on(now) | failing)
        for message_id in fresh:
            self._in_hand[message_id] = self._pool.submit(self._send_safely, message_id, failing)
        if failing and self._probe not in self._in_hand:
            for message_id in self._fresh(now, 1, self._brakes.on(now)):
                self._probe = message_id
                self._in_hand[message_id] = self._pool.submit(self._send_safely, message_id)
                fresh.append(message_id)
        return len(fresh)

    def _fresh(self, now: datetime, most: int, without: Collection[str]) -> list[int]:
        """What is due and not in hand."""
        ids = outbox.due(now, most + len(self._in_hand), without, self._setup, self._brakes.down(now))
        return [i for i in ids if i not in self._in_hand][:most]

    def down(self) -> frozenset[str]:
        """The channels that have been failing for longer than a critical message waits."""
        return self._brakes.down(self._clock())

    def drain(self) -> int:
        """Send all that is due now, each message once a way, and wait; returns how many the carriers took."""
        self._judge()
        taken = 0
        tried: list[int] = []
        while True:
            now = self._clock()
            ids = outbox.due(now, _ALL, self._brakes.on(now), self._setup, self._brakes.down(now))
            # A message that one way failed comes back at once for the next: but not for ever in one drain.
            fresh = [i for i in ids if tried.count(i) < len(self._channels)]
            if not fresh:
                return taken
            tried += fresh
            taken += sum(self._pool.map(self._send_safely, fresh))

    def close(self) -> None:
        """Finish the calls that are under way, begin no others."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _judge(self) -> None:
        """Decide on what carriers said was not delivered."""
        for message in outbox.bounced(self._setup):
            channel = self._channels.get(message.channel)
            meaning = channel.meaning(message.bounced or "") if channel is not None else _NOT_SET_UP
            verdict = verdicts.of_receipt(message, meaning, self._policy, self._clock(), self._random)
            self._settle(message, verdict, meaning)

    def _send_safely(self, message_id: int, spared: Collection[str] = ()) -> bool:
        try:
            return self._send(message_id, spared)
        except Exception as error:  # noqa: BLE001 - nobody waits for this thread, and the others go on
            # The store fails, not the message: its lease runs out and it is taken up again.
            log.error("outbox.fault", message=message_id, error=type(error).__name__)
            return False

    def _send(self, message_id: int, spared: Collection[str]) -> bool:
        began = self._clock()
        braked, down = self._brakes.on(began).union(spared), self._brakes.down(began)
        claimed = self._writer.wait(
            lambda: outbox.claim(message_id, began, self._policy.lease, self._setup, braked, down)
        )
        if isinstance(claimed, Capped):
            self._fold(claimed)
            return False
        if claimed is None:
            return False
        if claimed.broke is not None:
            self.tell(Trouble.CAP, claimed.broke)
        try:
            provider_id = self._hand_over(claimed, began)
        except TransportError as error:
            self._refused(claimed, error)
            return False
        except Exception as error:  # noqa: BLE001 - one odd message must not stop the others
            name = type(error).__name__
            self._refused(claimed, TransportError(f"fault: {name}", Meaning(name), unsure=True))
            return False
        if provider_id is None:
            return False
        taken = provider_id
        self._brakes.worked(claimed.channel)
        if not self._writer.wait(lambda: outbox.sent(claimed, taken, self._clock())):
            again = Verdict("unsure", "its text is like another's", self._clock() + self._policy.settled)
            self._settle(claimed, again, Meaning("alike"))
            return False
        log.info(
            "message.sent",
            message=claimed.id,
            ref=claimed.ref,
            channel=claimed.channel,
            to=masked(claimed.recipient),
        )
        return True

    def _hand_over(self, claimed: Claimed, began: datetime) -> str | None:
        """The carrier's id, found or new; None where it is not to go, or not by us."""
        channel = self._channels.get(claimed.channel)
        if channel is None:
            raise TransportError(f"channel {claimed.channel} is not set up", _NOT_SET_UP)
        if claimed.unsure and (found := channel.find(claimed)) is not None:
            return found
        now = self._clock()
        if claimed.removed:
            self._writer.wait(lambda: outbox.withdraw(claimed, now, self._setup.limits))
            return None
        if self._too_late(claimed, now):
            self._writer.wait(lambda: outbox.withdraw(claimed, now, self._setup.limits, STALE))
            log.warning("message.expired", message=claimed.id, ref=claimed.ref)
            return None
        if now >= began + self._policy.lease / 2:
            # Held up for so long that somebody else may soon take it up: leave it to them.
            return None
        if claimed.unsure and not self._writer.wait(
            lambda: outbox.begin_again(claimed, now, self._setup.limits)
        ):
            return None
        return channel.send(claimed)

    def _too_late(self, claimed: Claimed, now: datetime) -> bool:
        if claimed.expires_at is not None:
            return claimed.expires_at <= now
        old = claimed.created_at + self._policy.expires <= now
        return old and claimed.attempts > self._policy.tries

    def _refused(self, claimed: Claimed, error: TransportError) -> None:
        now = self._clock()
        if error.meaning.crowded:
            self._brakes.failed(claimed.channel, error, now)
        elif not error.unsure:
            self._brakes.worked(claimed.channel)
        if claimed.severity == "critical" and claimed.channel in self._brakes.down(now):
            claimed = replace(claimed, trying_since=now - patience.SHORT)  # others have waited for it
        verdict = verdicts.of_refusal(claimed, error, self._policy, now, self._random)
        self._settle(claimed, verdict, error.meaning)

    def _settle(self, message: Claimed, verdict: Verdict, meaning: Meaning) -> None:
        now = self._clock()
        settled: Settled | None = self._writer.wait(lambda: outbox.settle(message, verdict, now, self._setup))
        if settled is None:
            return
        # An address is told of when it is marked, everything else whenever it comes: once a day all the same.
        if meaning.trouble is not None and (meaning.trouble is not Trouble.ADDRESS or settled.marked):
            self.tell(meaning.trouble, verdict.code)
        log.warning(
            "message.refused",
            message=message.id,
            ref=message.ref,
            channel=message.channel,
            attempt=message.attempts,
            reason=verdict.error,
            action=verdict.action,
            state=settled.state,
            handed_on=settled.handed_on,
            administrator=meaning.trouble is not None,
        )

    def _fold(self, capped: Capped) -> None:
        now = self._clock()
        if self._writer.wait(lambda: folding.fold(capped, _digest, now, self._setup.quiet)):
            log.warning("message.folded", message=capped.id, cap=capped.cap)
        self.tell(Trouble.CAP, capped.cap)

    def tell(self, trouble: Trouble, detail: str) -> None:
        """Tell the administrators, unless they heard of such a trouble today."""
        now = self._clock()
        zone = self._setup.limits.zone
        self._writer.wait(lambda: notices.tell(trouble, detail, now, zone, self._setup.channels))


def _digest(held: Held) -> tuple[str, int]:
    text = digest(held.levels, [Ref(ref) for ref in held.refs])
    return text.body, text.segments
