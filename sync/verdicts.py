"""What becomes of a message that a carrier did not take or not deliver (the table of DOMAIN 7). Decides, does nothing.

1. Nobody knows whether it went: ask the carrier, not before it can know.
2. The address or the way is of no use: the next way, else the next person.
3. The account or the sender must be mended: another way at once, else this one later.
4. It may go next time: at the pauses of its ladder; where that ends, the next way, and the next person too where the
   table says so. Without a ladder at growing pauses, spread out, until it expires.
5. Where 1 and 4 last for longer than a message of its level waits (:mod:`server.store.patience`), its person's next
   way is taken, and then in turn. What nobody could ask for may so arrive twice, once by each way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from server.store import patience
from server.store.claims import Claimed, Verdict
from server.store.messages import LEASE
from server.store.owed import LONGEST
from sync.channels import Meaning, Remedy, TransportError

CROWDED = timedelta(minutes=1)
"""How long a message waits at most on a channel that is out of order."""
EXPIRES = timedelta(hours=48)
"""An alert that could not be sent for so long would only mislead: it is on the page all the while."""


@dataclass(frozen=True)
class Policy:
    """How patient the outbox is. ``lease`` must be longer than any call to a carrier takes.

    ``settled``: by then a request whose answer was lost is through at the carrier, or never will be, and its
    list can tell. ``expires`` and ``tries`` are for messages that do not say themselves until when they are of
    use: they do not expire before so many attempts. At the pauses below these take hours of real time, so that a
    clock which jumps two days ahead (a box without one of its own, when it hears the time) makes nothing expire
    that was not tried.
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


def of_refusal(
    message: Claimed, error: TransportError, policy: Policy, now: datetime, random: Random
) -> Verdict:
    """The carrier's answer to a call, or the lack of one."""
    meaning = error.meaning
    if error.unsure or (message.unsure and meaning.remedy is not Remedy.NEXT):
        pause = max(_pause(message, meaning, error.retry_after, policy, random), policy.settled)
        waited, at = _waited(message, min(pause, LONGEST), now)
        if waited:
            return Verdict("elsewhere", error.reason, at, unsure=True)
        return Verdict("unsure", error.reason, at)
    return _of(message, meaning, error.reason, error.code, error.retry_after, policy, now, random)


def of_receipt(message: Claimed, meaning: Meaning, policy: Policy, now: datetime, random: Random) -> Verdict:
    """A receipt that says "not delivered", with ``message.bounced`` the carrier's code."""
    code = message.bounced or ""
    carrier = message.channel.partition("_")[0]
    verdict = _of(message, meaning, f"{carrier} {code}: {meaning.text}", code, None, policy, now, random)
    return Verdict(**{**vars(verdict), "charged": True, "counts": verdict.action == "retry"})


def _of(
    message: Claimed,
    meaning: Meaning,
    reason: str,
    code: str,
    retry_after: timedelta | None,
    policy: Policy,
    now: datetime,
    random: Random,
) -> Verdict:
    if meaning.remedy is Remedy.NEXT:
        return Verdict("finish", reason, now, code=code, dead=meaning.dead)
    if meaning.pauses:
        if message.retries >= len(meaning.pauses):
            return Verdict("finish", reason, now, code=code, hand_on=meaning.others_too)
        pause = meaning.pauses[message.retries] * random.uniform(1, 1.1)
        return Verdict("retry", reason, now + pause, code=code, counts=True)
    pause = min(_pause(message, meaning, retry_after, policy, random), LONGEST)
    if meaning.remedy is Remedy.ELSEWHERE:
        return Verdict("elsewhere", reason, now + pause, code=code)
    waited, at = _waited(message, pause, now)
    return Verdict("elsewhere" if waited else "retry", reason, at, code=code)


def _waited(message: Claimed, pause: timedelta, now: datetime) -> tuple[bool, datetime]:
    """Has it waited for long enough, there being another way? And when to try again, which that brings forward."""
    if message.ways < 2 or message.removed or message.trying_since is None:
        return False, now + pause
    until = message.trying_since + patience.of(message.severity, message.kind)
    return until <= now, now + min(pause, until - now if until > now else patience.SHORT)


def _pause(
    message: Claimed, meaning: Meaning, retry_after: timedelta | None, policy: Policy, random: Random
) -> timedelta:
    pause = policy.pause(message.attempts, random)
    if meaning.crowded:
        # The channel as a whole is left alone meanwhile; once it is back, nobody should wait for much longer.
        pause = min(pause, CROWDED * random.uniform(0.5, 1.5))
    for asked in (retry_after, meaning.pause):
        if asked is not None:
            pause = max(pause, asked * random.uniform(1, 1.2))
    return pause
