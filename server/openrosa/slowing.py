"""Wrong credentials are slowed, by address and by desk; right ones never are.

What was tried is counted in the database, for all workers and across restarts. Whoever has tried too often gets
each further refusal only after some seconds; where too many wait for theirs, the rest is told at once to come
later. Credentials are looked at first in any case, so nobody who guesses, on a desk's own network or under its
name, can keep its phones out. Guessing cannot succeed at any speed (100 random bits): what this protects is the
server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from forms.problems import Problem, Problems
from server.openrosa.credentials import Unauthorized
from server.store import attempts
from server.store.attempts import Allowance
from server.store.readers import Readers
from server.store.sealing import Keys
from server.store.writer import Writer

HOLD = 5.0  # seconds; far below the 60 after which Collect gives up
_MOST_HELD = 100  # answers held back at a time, in each process


class Slowing:
    """Counts wrong attempts and holds back answers."""

    def __init__(self, keys: Keys, writer: Writer, readers: Readers, clock: Callable[[], datetime]) -> None:
        self._keys = keys
        self._writer = writer
        self._readers = readers
        self._clock = clock
        self._held = 0

    async def note(self, refused: Unauthorized) -> None:
        """Count an attempt. Returns when its refusal may go out.

        Raises :class:`Problem` (SIGN_IN_SLOWED) where too many answers wait already.
        """
        if not refused.attempt:
            return
        allowances, now = self._allowances(refused), self._clock()
        try:
            # refused without a write, so that a flood of attempts does not crowd out the phones
            await self._readers.run(lambda: attempts.check(allowances, now))
            await self._writer.run(lambda: attempts.take(allowances, now))
        except Problem as problem:
            if problem.problem is not Problems.SIGN_IN_SLOWED or self._held >= _MOST_HELD:
                raise
            self._held += 1
            try:
                await asyncio.sleep(HOLD)
            finally:
                self._held -= 1

    def _allowances(self, refused: Unauthorized) -> list[Allowance]:
        find = self._keys.find
        # generous: behind one address of a mobile network there are many phones
        by_address = find("try-desk-address", attempts.network(refused.address))
        found = [Allowance(by_address, burst=30, every=timedelta(seconds=10))]
        if refused.username is not None:
            by_name = find("try-desk-name", refused.username)
            found.append(Allowance(by_name, burst=10, every=timedelta(seconds=30)))
        return found
