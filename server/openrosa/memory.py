"""How much memory the answers of uploads may take in a process, however many connections send how much at once.

Ordinary answers, of some kilobytes, are held while they arrive. What is larger goes to a staging file as it comes, and
so does everything while much is held already: nobody is refused for that, and who sends slowly takes no room from
others. Bounded is only how many write to such files at a time, far above what phones do.

Such a document is read and judged alone, since its tree takes several times its size; the desks take turns, so that one
that sends many keeps another waiting for one of them at most.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final
from weakref import WeakValueDictionary

from forms.problems import Problem, Problems

SMALL: Final = 64 * 1024
"""Bytes of answers that are held; the largest of ordinary ones."""
HELD: Final = 16_000_000
"""Bytes of answers that are held in all: some thousand of ordinary ones."""
STREAMS: Final = 1_024
"""Uploads at once that may write to staging files: each holds some 300 kB in buffers, and files open."""
SHARE: Final = 256
"""The same of one desk."""
GATHERED: Final = 16_000_000
"""Bytes on their way to staging files, of all together."""
_MOST_GATHERED: Final = 256 * 1024
"""The same of one file: the larger, the fewer errands of a thread."""
_COME_AGAIN: Final = 30  # seconds


class Memory:
    """Counts for one process, in its event loop: bytes held, and uploads that write to staging files."""

    def __init__(self, held: int = HELD, streams: int = STREAMS, share: int = SHARE) -> None:
        self.free = held
        self.places = streams
        self._streams = streams
        self._share = share
        self._of_desk: dict[int, int] = {}
        self._alone = asyncio.Lock()
        self._desks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def take(self, size: int) -> bool:
        """Hold so many bytes more, until they are given back; False where there is no room for them."""
        if size > self.free:
            return False
        self.free -= size
        return True

    def give_back(self, size: int) -> None:
        """So many bytes are held no more."""
        self.free += size

    def enter(self, desk_id: int) -> None:
        """An upload of a desk may write to staging files, until it has left.

        Raises :class:`Problem` (TOO_MANY_AT_ONCE).
        """
        there = self._of_desk.get(desk_id, 0)
        if there >= self._share or self.places <= 0:
            raise Problem(Problems.TOO_MANY_AT_ONCE, seconds=_COME_AGAIN)
        self._of_desk[desk_id] = there + 1
        self.places -= 1

    def leave(self, desk_id: int) -> None:
        """It has been answered."""
        self.places += 1
        self._of_desk[desk_id] -= 1
        if not self._of_desk[desk_id]:
            del self._of_desk[desk_id]

    @property
    def piece(self) -> int:
        """Bytes that one request gathers before it writes them to its file: the fewer, the more of them there are."""
        return min(_MOST_GATHERED, GATHERED // max(1, self._streams - self.places))

    @contextlib.asynccontextmanager
    async def turn(self, desk_id: int) -> AsyncIterator[None]:
        """Wait until a large document of this desk may be read."""
        of_desk = self._desks.get(desk_id)
        if of_desk is None:  # forgotten with the last who waits at it
            of_desk = self._desks[desk_id] = asyncio.Lock()
        async with of_desk, self._alone:
            yield
