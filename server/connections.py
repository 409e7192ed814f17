"""Connections to the server: how many there may be, and how long one may be silent.

A process has so many open files. Who opens connections and says nothing would use them all up, and nobody else could
connect any more: so a request's head must be there soon, a body must not stall, and where all places are taken the
one that has been silent longest gives up its own. Slow phones are left alone, even at a byte a second while there are
places: it is no network that is so slow.
Nor may one ask without an end, or take its answer so slowly that it never does: a head is bounded, and who has stopped
reading is closed.

What is answered goes out in one piece, head and body: to the kernel, and to the phone, a second one is a second errand.
"""

from __future__ import annotations

import asyncio
import resource
from functools import cache, partial
from typing import Final

import structlog

from forms.problems import Problem, Problems
from server.request_heads import ReadHeads, whole_answer

log = structlog.get_logger()

HEAD_WITHIN = 30.0
"""Seconds in which a request's head must be there, from the connection or its first byte on."""
STALLED_AFTER = 180.0
"""Seconds without a byte after which a body counts as stalled."""
UNREAD_AFTER = 180.0
"""Seconds in which not a byte of an answer was taken, after which nobody counts as reading it any more."""
LONGEST_HEAD: Final = 1_000_000
"""Bytes of a head, or between two pieces of a body, beyond the first that came: far more than any phone sends, which
asks about all its offline entities in one address (COLLECT 3.12); there is room for 25,000."""
LONG_HEADS: Final = 64_000_000
"""The same of all connections together, ordinary ones left out."""
_ORDINARY_HEAD: Final = 64 * 1024
CRAWLS_AFTER = 60.0
"""Seconds after which a body that comes slower than :data:`CRAWLING` gives up its place where all are taken."""
CRAWLING: Final = 50.0
"""Bytes a second, on average: the slowest network is many times faster, and who holds places needs no more."""
SILENT = 30.0
"""Seconds without a byte of a body after which a connection gives up its place where all are taken."""
_LOOKED_AT_EVERY = 10.0  # seconds
_MOST_FILES: Final = 65_536
_OWN_FILES: Final = 128  # of a process besides its connections: database, logs, libraries
_MOST: Final = 10_000
_LEAST: Final = 16
_GO_ON: Final = b"HTTP/1.1 100 "
_JOINED: Final = 64 * 1024  # bytes of a body that are copied behind its head
_LINGER: Final = 1.0  # seconds in which a 503 is read before the connection is closed
_FULL: Final = whole_answer(Problem(Problems.STORE_BUSY), b"retry-after: 30")
_TOO_LONG: Final = whole_answer(Problem(Problems.REQUEST_TOO_LONG))


def raise_file_limit() -> None:
    """Let this process and its children open as many files as the system allows them to (at most 65,536)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft not in (resource.RLIM_INFINITY,) and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError) as error:  # some systems have another limit below
            log.warning("files.limit", soft=soft, error=type(error).__name__)


@cache
def room() -> int:
    """How many connections this process may have: each may need a file for what it sends besides its own."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST
    return max(_LEAST, min((soft - _OWN_FILES) // 2, _MOST))


class _InOnePiece(asyncio.Transport):
    """What one answer is written to: its head is held until the body comes, or until there is no more to come."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, after the head where that was held."""
        if self._head is None:
            if bytes(data).startswith(_GO_ON):  # not an answer yet: the phone waits for it
                self._transport.write(data)
            else:
                self._head = bytes(data)
        else:
            if self._head and len(data) <= _JOINED:
                data = self._head + data
                self._head = b""
            self.flush()
            self._transport.write(data)

    def flush(self) -> None:
        """Send what is held: the answer to ``HEAD`` is a head alone."""
        if self._head:
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        """Send what is held, then close."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """As the transport below."""
        return self._transport.is_closing()


class Connection(ReadHeads):
    """One connection, as uvicorn has them, within these bounds."""

    _watch: asyncio.TimerHandle | None = None
    _heard = 0.0
    _begun = 0.0
    _refused = False
    _idle_bytes = 0
    _came = 0
    _asked_at = 0.0
    _got_on = False
    _unsent = 0
    _taken_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, in the place of a silent one where there is no other; else 503."""
        super().connection_made(transport)
        self._heard = self._begun = self._taken_at = self.loop.time()
        if self._full() and not self._take_place():
            self._refused = True
            if len(self.connections) > room() + _LEAST:
                transport.abort()
                return
            transport.write(_FULL)
            self._watch = self.loop.call_later(_LINGER, transport.close)
            return
        self._watch = self.loop.call_later(_LOOKED_AT_EVERY, self._look)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request. A head begins with the first."""
        if self._refused:
            return
        self._heard = self.loop.time()
        if self.waiting and self.timeout_keep_alive_task is not None:
            self._begun = self._heard
        self._got_on = False
        super().data_received(data)
        self._came += len(data)
        # the parser gathers what has no end in memory: an address, a header, what follows the last piece of a body
        self._idle_bytes = 0 if self._got_on else self._idle_bytes + len(data)
        if self._endless() and not self.transport.is_closing():
            if self.waiting:
                self.transport.write(_TOO_LONG)
                self.transport.close()
            else:
                self.transport.abort()

    def _endless(self) -> bool:
        if self._idle_bytes <= _ORDINARY_HEAD:
            return False
        heads = (getattr(c, "_idle_bytes", 0) for c in self.connections)
        return self._idle_bytes > LONGEST_HEAD or sum(n for n in heads if n > _ORDINARY_HEAD) > LONG_HEADS

    def on_message_begin(self) -> None:
        """A request begins."""
        self._got_on = True
        self._came, self._asked_at = 0, self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is there. Nothing of the answer has run yet when uvicorn's own part returns."""
        self._got_on = True
        former = self.cycle
        super().on_headers_complete()
        if self.cycle is not former:
            answer = self.cycle.transport = _InOnePiece(self.transport)
            self.cycle.on_response = partial(self._answered, answer)

    def _answered(self, answer: _InOnePiece) -> None:
        answer.flush()
        self.on_response_complete()

    def on_body(self, body: bytes) -> None:
        """Some of its body is there."""
        self._got_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._got_on = True
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    @property
    def waiting(self) -> bool:
        """Is no request under way, or not even its head?"""
        return self.cycle is None or self.cycle.response_complete

    @property
    def silent_for(self) -> float:
        """Seconds since the last byte of a body that is not whole; 0 where nothing more is expected of the phone."""
        if self.waiting or not self.cycle.more_body or self.flow.read_paused:
            return 0.0
        return self.loop.time() - self._heard

    @property
    def crawls(self) -> bool:
        """Does a body come so slowly that it can only be meant to hold its place?"""
        if self.waiting or not self.cycle.more_body or self.flow.read_paused:
            return False
        lasted = self.loop.time() - self._asked_at
        return lasted >= CRAWLS_AFTER and self._came < lasted * CRAWLING

    def _look(self) -> None:
        self._note_taken()
        if self.unread_for >= UNREAD_AFTER:
            self.transport.abort()  # closing would wait for what is never taken
            return
        if self.waiting:
            # between two requests uvicorn counts the time itself
            late = self.timeout_keep_alive_task is None and self.loop.time() - self._begun >= HEAD_WITHIN
        else:
            late = self.silent_for >= STALLED_AFTER
        if late:
            self.transport.close()
        # also where it is closing: that may wait for who takes the rest of an answer
        self._watch = self.loop.call_later(_LOOKED_AT_EVERY, self._look)

    def _note_taken(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._taken_at = unsent, self.loop.time()

    @property
    def unread_for(self) -> float:
        """Seconds since anything of what is to be sent was taken, as far as was looked; 0 where nothing waits."""
        return self.loop.time() - self._taken_at if self._unsent else 0.0

    def _full(self) -> bool:
        if len(self.connections) <= room():
            return False
        return sum(not getattr(c, "_refused", False) for c in self.connections) > room()

    def _take_place(self) -> bool:
        """Close the connection that has said nothing for longest; False where each of them is being served."""
        others = [c for c in self.connections if isinstance(c, Connection) and c is not self]
        going = [c for c in others if not c.transport.is_closing() and not c._refused]
        # an answer may be on its way long after uvicorn is done with it
        idle = [c for c in going if c.waiting and not c.transport.get_write_buffer_size()]
        candidates = (
            idle
            or [c for c in going if c.silent_for >= SILENT]
            or [c for c in others if c.unread_for >= SILENT]
            or [c for c in going if c.crawls]
        )
        if not candidates:
            return False
        min(candidates, key=lambda c: c._heard).transport.abort()
        return True
