"""Sending what is owed: claim, call the carrier, note its id. Each step is committed before the next.

A process may die between any two steps. Before the call nothing has gone; after it the message is *unsure*,
and whoever takes it up next asks the carrier first. Several processes may send at once: the claim decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import structlog

from server.store import events, messages
from server.store.database import Writer
from server.store.messages import LEASE, Claimed
from server.store.owed import LONGEST
from sync.channels import Channel, TransportError, masked

log = structlog.get_logger()

Clock = Callable[[], datetime]

EXPIRES = timedelta(hours=48)
"""An alert that could not be sent for so long would only mislead: it is on the page all the while."""
_ALL = 1_000_000_000


@dataclass(frozen=True)
class Policy:
    """How patient the outbox is. ``lease`` must be longer than any call to a carrier takes.

    ``settled``: by then a request whose answer was lost is through at the carrier, or never will be, and its
    list can tell. ``tries``: a message does not expire before so many attempts. At the pauses below they take
    hours of real time, so that a clock which jumps two days ahead (a box without one of its own, when it hears
    the time) makes nothing expire that was not tried.
    """

    threads: int = 8
    lease: timedelta = LEASE
    expires: timedelta = EXPIRES
    first_retry: timedelta = timedelta(seconds=5)
    longest_retry: timedelta = timedelta(minutes=15)
    settled: timedelta = timedelta(seconds=30)
    tries: int = 40

    def pause(self, attempts: int, random: Random) -> timedelta:
        """How long to wait after so many attempts: doubling, and spread out lest retries march in step."""
        doubled: timedelta = self.first_retry * 2 ** min(attempts - 1, 20)
        return min(doubled, self.longest_retry) * random.uniform(0.5, 1.5)


class Outbox:
    """Sends messages from a few threads, so that a slow call holds up nobody else."""

    def __init__(
        self,
        writer: Writer,
        channels: Mapping[str, Channel],
        clock: Clock,
        random: Random,
        policy: Policy,
    ) -> None:
        self._writer = writer
        self._channels = channels
        self._clock = clock
        self._random = random
        self._policy = policy
        self._pool = ThreadPoolExecutor(policy.threads, thread_name_prefix="outbox")
        self._in_hand: dict[int, Future[bool]] = {}

    def start_due(self) -> int:
        """Begin to send what is due, without waiting for it; returns how many were begun."""
        self._in_hand = {i: f for i, f in self._in_hand.items() if not f.done()}
        free = 2 * self._policy.threads - len(self._in_hand)
        if free <= 0:
            return 0
        ids = messages.due(self._clock(), limit=free + len(self._in_hand))
        fresh = [i for i in ids if i not in self._in_hand][:free]
        for message_id in fresh:
            self._in_hand[message_id] = self._pool.submit(self._send_safely, message_id)
        return len(fresh)

    def drain(self) -> int:
        """Send all that is due now, each message once, and wait for it; returns how many the carrier took."""
        ids = messages.due(self._clock(), limit=_ALL)
        return sum(self._pool.map(self._send_safely, ids))

    def close(self) -> None:
        """Finish the calls that are under way, begin no others."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _send_safely(self, message_id: int) -> bool:
        try:
            return self._send(message_id)
        except Exception as error:  # noqa: BLE001 - nobody waits for this thread, and the others go on
            # The store fails, not the message: its lease runs out and it is taken up again.
            log.error("outbox.fault", message=message_id, error=type(error).__name__)
            return False

    def _send(self, message_id: int) -> bool:
        began = self._clock()
        claimed = self._writer.wait(lambda: messages.claim(message_id, began, self._policy.lease))
        if claimed is None:
            return False
        try:
            channel = self._channels.get(claimed.channel)
            if channel is None:
                raise TransportError(f"channel {claimed.channel} is not set up", administrator=True)
            provider_id = channel.find(claimed) if claimed.unsure else None
            if provider_id is None:
                if claimed.removed:
                    now = self._clock()
                    self._writer.wait(lambda: messages.withdraw(claimed.id, claimed.attempts, now))
                    return False
                if self._too_late(claimed):
                    self._expire(claimed)
                    return False
                if self._clock() >= began + self._policy.lease / 2:
                    # Held up for so long that somebody else may soon take it up: leave it to them.
                    return False
                provider_id = channel.send(claimed)
        except TransportError as error:
            self._refused(claimed, error)
            return False
        except Exception as error:  # noqa: BLE001 - one odd message must not stop the others
            self._refused(claimed, TransportError(f"fault: {type(error).__name__}", unsure=True))
            return False
        taken = provider_id
        self._writer.wait(lambda: messages.sent(claimed.id, taken, self._clock()))
        log.info("message.sent", message=claimed.id, ref=claimed.ref, to=masked(claimed.recipient))
        return True

    def _too_late(self, claimed: Claimed) -> bool:
        old = claimed.created_at + self._policy.expires <= self._clock()
        return old and claimed.attempts > self._policy.tries

    def _expire(self, claimed: Claimed) -> None:
        def work() -> None:
            messages.expired(claimed.id, claimed.attempts)
            events.record(self._clock(), "system", "message.expired", claimed.ref, message=claimed.id)

        self._writer.wait(work)
        log.warning("message.expired", message=claimed.id, ref=claimed.ref)

    def _refused(self, claimed: Claimed, error: TransportError) -> None:
        pause = self._policy.pause(claimed.attempts, self._random)
        if error.retry_after is not None:
            pause = max(pause, error.retry_after * self._random.uniform(1, 1.2))
        unsure = error.unsure or (claimed.unsure and not error.permanent)
        if unsure:
            pause = max(pause, self._policy.settled)
        pause = min(pause, LONGEST)
        now = self._clock()

        def work() -> None:
            if unsure:
                messages.unsure(claimed.id, error.reason, now + pause, claimed.attempts)
            elif error.permanent:
                messages.failed(claimed.id, error.reason, claimed.attempts)
            else:
                messages.later(claimed.id, error.reason, now + pause, claimed.attempts)
            if error.permanent:
                events.record(
                    now, "system", "message.failed", claimed.ref, message=claimed.id, error=error.reason
                )

        self._writer.wait(work)
        log.warning(
            "message.refused",
            message=claimed.id,
            ref=claimed.ref,
            attempt=claimed.attempts,
            reason=error.reason,
            permanent=error.permanent,
            administrator=error.administrator,
        )
