"""Reading beside the event loop: a few threads, each with a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import peewee

from forms.problems import Problem, Problems
from server.store.database import Store

T = TypeVar("T")


class _Answers:
    """Results on their way from threads to one event loop, which is woken once for all that wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._woken = False

    def put(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        """From any thread."""
        self._done.append((future, result, error))
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._woken = False  # before looking: what is put from now on wakes it again
        while self._done:
            future, result, error = self._done.popleft()
            if future.done():  # whoever asked has gone
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)


class Readers:
    """A few threads that read, so that no query ever runs in the event loop."""

    def __init__(self, store: Store, threads: int = 4) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any], _Answers] | None] = (
            queue.SimpleQueue()
        )
        self._answers: _Answers | None = None
        self._threads = [
            threading.Thread(target=self._serve, name=f"reader-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, read: Callable[[], T]) -> T:
        """Run ``read`` in a reader. A connection that broke is replaced and the read tried once more."""
        loop = asyncio.get_running_loop()
        answers = self._answers
        if answers is None or answers.loop is not loop:
            answers = self._answers = _Answers(loop)
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put((read, future, answers))
        return await future

    def _serve(self) -> None:
        while (asked := self._queue.get()) is not None:
            read, future, answers = asked
            try:
                result, error = self._attempt(read), None
            except BaseException as raised:  # noqa: BLE001 - handed to the one who asked
                result, error = None, raised
            answers.put(future, result, error)
            del asked, read, future, answers, result, error  # nothing is held while waiting for the next
        self._store.release()

    def _attempt(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except (peewee.OperationalError, peewee.InterfaceError):
            self._store.release()
        try:
            return read()
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            self._store.release()
            raise Problem(Problems.STORE_BUSY) from error

    def close(self) -> None:
        """Finish what was asked, then end the threads."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
