"""Several processes that answer, forked from one that only looks after them.

Forked, because what they have in common (the interpreter, libraries, code) is then in memory once. The one that
forks opens no database and starts no event loop, so that each child begins clean; it starts a new one where one dies.
Each ends when that one is gone, however it died: a pipe from it closes. Otherwise they would go on answering
at the old port, beside the server that is started next. One more process, that answers nobody, may be kept beside them.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()

NOT_STARTED = 3
"""Exit status of a worker that could not start."""
_PAUSE = 1.0  # seconds from one start in place of a dead worker to the next
_BESIDE = -1  # the number of the one that answers nobody
_BESIDE_ENDS_WITHIN = 30.0  # seconds in which it may finish what it has begun
_LOOK = 0.05  # seconds
_STOPPING = (signal.SIGTERM, signal.SIGINT)


class Workers:
    """``run(number)`` is what each does, in its own process: it returns when it was told to end, whether it started.

    ``beside`` is what one more does, in a session of its own: Ctrl-C in a terminal is not for it. It ends last.
    """

    def __init__(
        self, count: int, run: Callable[[int], bool], beside: Callable[[], None] | None = None
    ) -> None:
        self._count = count
        self._run = run
        self._beside = beside
        self._numbers: dict[int, int] = {}
        self._parted, self._held = os.pipe()

    def look_after(self) -> bool:
        """Until SIGTERM or SIGINT. False where the workers could not even start the first time."""
        stopping = threading.Event()
        woken, waker = socket.socketpair()
        waker.setblocking(False)
        for caught in _STOPPING:
            signal.signal(caught, lambda *_: stopping.set())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # a child's collector would touch, and so copy, every object that it has in common with others
        if self._beside is not None:
            self._start(_BESIDE)
        for number in range(self._count):
            self._start(number)
        first, started = {pid for pid, number in self._numbers.items() if number != _BESIDE}, True
        while started and not stopping.is_set():
            select.select([woken], [], [])
            woken.recv(4096)
            for pid, number in list(self._numbers.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if not ended or stopping.is_set():
                    continue
                del self._numbers[pid]
                code = os.waitstatus_to_exitcode(status)
                if pid in first and code == NOT_STARTED:
                    started = False
                    break
                log.error("sync.ended" if number == _BESIDE else "worker.ended", code=code)
                stopping.wait(_PAUSE)
                if not stopping.is_set():
                    self._start(number)
        signal.set_wakeup_fd(-1)
        self._stop()
        return started

    def _stop(self) -> None:
        answering = [pid for pid, number in self._numbers.items() if number != _BESIDE]
        for pid in answering:
            os.kill(pid, signal.SIGTERM)
        for pid in answering:
            os.waitpid(pid, 0)
        for pid in self._numbers.keys() - set(answering):
            self._end_beside(pid)

    @staticmethod
    def _end_beside(pid: int) -> None:
        os.kill(pid, signal.SIGTERM)
        pause, closing = threading.Event(), time.monotonic() + _BESIDE_ENDS_WITHIN
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() >= closing:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return
            pause.wait(_LOOK)

    def _start(self, number: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        # a signal that comes now is for whichever of the two it was sent to, and finds its handlers in place
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        pid = os.fork()
        if pid == 0:
            self._be(number)
        self._numbers[pid] = number
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)

    def _be(self, number: int) -> None:
        status = NOT_STARTED
        try:
            signal.set_wakeup_fd(-1)
            for inherited in (*_STOPPING, signal.SIGCHLD):
                signal.signal(inherited, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
            os.close(self._held)
            threading.Thread(target=self._end_with_parent, name="parent", daemon=True).start()
            if number == _BESIDE and self._beside is not None:
                os.setsid()
                self._beside()
                status = 0
            else:
                status = 0 if self._run(number) else NOT_STARTED
        finally:
            sys.stdout.flush()
            os._exit(status)  # nothing of what the parent would do on its way out is for a child to do

    def _end_with_parent(self) -> None:
        os.read(self._parted, 1)  # nobody writes: this ends when the last who could has gone
        os.kill(os.getpid(), signal.SIGTERM)
