"""The writer: one thread that does all writing of a process.

It commits whatever waits in one transaction, so that one flush to disk serves all who wait for it. The same writer
serves PostgreSQL, where several processes may write at once and each piece of work has a savepoint of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import peewee
import structlog

from forms.problems import Problem, Problems
from server.store.database import Store

log = structlog.get_logger()

P = TypeVar("P")
T = TypeVar("T")

_GATHERING = 0.001  # seconds that a batch waits at most for work that is coming
_COLLECTING = 0.01  # seconds after which a batch is written, also where more keeps coming
_TRIES = 3  # how often work is begun again that crossed another process's


@dataclass
class _Work:
    """A piece of work for the writer, and who waits for it. ``prepare`` comes before the transaction, if anything."""

    prepare: Callable[[], Any] | None
    run: Callable[..., Any]
    deliver: Callable[[Any, BaseException | None], None]
    loop: asyncio.AbstractEventLoop | None
    prepared: tuple[Any, ...] = ()
    result: Any = None
    error: BaseException | None = None

    def write(self) -> Any:
        """Do it, in the transaction. May be done again after that was undone."""
        return self.run(*self.prepared)


@dataclass
class _Batch:
    """What shares a transaction: all who wait for it, those who are ready for it, and whether it is the last."""

    works: list[_Work]
    ready: list[_Work] = field(default_factory=list)
    last: bool = False


class _HalfDoneError(Exception):
    """A work failed after it had written something, or could have."""


class AfterCommits(Protocol):
    """What is done after commits: ``committed`` is called in the writer's thread."""

    def committed(self) -> None:
        """A transaction is on disk, and whoever waited for it knows."""

    def close(self) -> None:
        """The writer has ended."""


class Writer:
    """One thread that does all writing of a process; whoever waits together shares one commit.

    ``gap``: seconds that it leaves the store to the writers of other processes after each of its commits. Only
    SQLite needs it: whoever waits for its lock looks again every tenth of a second, and finds it taken each time
    where another takes it without a pause. ``after`` hears of each commit, and ends with the writer.
    """

    def __init__(
        self, store: Store, batch: int = 64, gap: float = 0.0, after: AfterCommits | None = None
    ) -> None:
        self._store = store
        self._after = after
        self._gap = gap if store.sqlite else 0.0
        self._free_at = 0.0
        self._batch = batch
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._coming = 0
        self._thread = threading.Thread(target=self._serve, name="writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[], T]) -> T:
        """Run ``work`` in the writer; returns when it is on disk. Its own exception undoes it alone."""
        return await self._give(None, work)

    async def run_prepared(self, prepare: Callable[[], P], work: Callable[[P], T]) -> T:
        """The same in two steps: ``prepare``, which only reads, before the transaction; its result for ``work``.

        What needs no transaction keeps nobody else's waiting, neither in this process nor in another.
        """
        return await self._give(prepare, work)

    async def _give(self, prepare: Callable[[], Any] | None, work: Callable[..., T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def deliver(result: Any, error: BaseException | None) -> None:
            if future.done():  # the phone hung up meanwhile: kept all the same
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._queue.put(_Work(prepare, work, deliver, loop))
        return await future

    @contextlib.contextmanager
    def coming(self) -> Iterator[None]:
        """Say that work is about to be given, from the event loop: a batch waits a moment for it."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1

    def wait(self, work: Callable[[], T]) -> T:
        """The same for a caller without an event loop."""
        future: Future[T] = Future()

        def deliver(result: Any, error: BaseException | None) -> None:
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._queue.put(_Work(None, work, deliver, None))
        return future.result()

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        self._queue.put(None)
        self._thread.join()
        if self._after is not None:
            self._after.close()

    def _serve(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                self._store.release()
                return
            if self._gap:
                time.sleep(max(0.0, self._free_at - time.monotonic()))
            batch = self._collect(first)
            if batch.ready:
                self._commit(batch.ready)
            self._free_at = time.monotonic() + self._gap
            self._answer(batch.works)
            if batch.ready and self._after is not None:
                try:
                    self._after.committed()
                except Exception as error:  # noqa: BLE001 - this thread must outlive everything: nobody else writes
                    log.error("writer.after", error=type(error).__name__)
            if batch.last:
                self._store.release()
                return

    def _collect(self, first: _Work) -> _Batch:
        """The first, and what comes while it and the others are prepared: they all share a flush."""
        batch = _Batch([])
        self._add(batch, first)
        began = time.monotonic()
        while (spent := time.monotonic() - began) < _COLLECTING:
            # work that is a moment away is waited for
            if not self._gather(batch, _GATHERING - spent if self._coming else 0.0):
                break
        return batch

    def _gather(self, batch: _Batch, patience: float = 0.0) -> bool:
        """Prepare one more work, which comes after so many seconds at most, to share the flush. Was there one?"""
        if batch.last or len(batch.works) == self._batch:
            return False
        try:
            work = self._queue.get(block=patience > 0, timeout=max(patience, 0.0))
        except queue.Empty:
            return False
        if work is None:
            batch.last = True
            return False
        self._add(batch, work)
        return True

    def _add(self, batch: _Batch, work: _Work) -> None:
        batch.works.append(work)
        if self._prepare(work):
            batch.ready.append(work)

    def _prepare(self, work: _Work) -> bool:
        """Is it ready to be written? What fails here has asked for nothing yet."""
        try:
            if work.prepare is not None:
                work.prepared = (work.prepare(),)
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            work.error = Problem(Problems.STORE_BUSY)
            work.error.__cause__ = error
            with contextlib.suppress(peewee.PeeweeException):
                self._store.release()
        except Exception as error:  # noqa: BLE001 - handed to the one who asked
            work.error = error
        return work.error is None

    def _commit(self, batch: list[_Work], tries: int = _TRIES) -> None:
        try:
            try:
                self._together(batch)
            except _HalfDoneError:
                with self._store.transaction():
                    for work in batch:
                        self._apart(work)
        except Exception as error:  # noqa: BLE001 - nothing was kept, so all who wait must hear it
            if tries and _crossed(error):
                # alone, each needs less at a time of what another process holds
                for work in batch:
                    self._commit([work], tries - 1)
                return
            unavailable = Problem(Problems.STORE_BUSY)
            unavailable.__cause__ = error
            for work in batch:
                work.error = unavailable
            # A broken connection is replaced at the next piece of work.
            with contextlib.suppress(peewee.PeeweeException):
                self._store.release()

    def _together(self, batch: list[_Work]) -> None:
        """One transaction without savepoints. A work that fails half-way undoes all: then each goes apart.

        Every statement hands the interpreter to another thread and waits to get it back, so two savepoints a
        work would be a third of the work. Failures before anything was written are the ordinary ones.
        """
        if not self._store.sqlite:
            raise _HalfDoneError  # PostgreSQL gives up the whole transaction at the first failed statement
        with self._store.transaction():
            connection = self._store.db.connection()
            for work in batch:
                before = connection.total_changes
                try:
                    work.result, work.error = work.write(), None
                except (peewee.OperationalError, peewee.InterfaceError):
                    raise  # the database itself fails: nobody in this batch is kept
                except Exception as error:
                    work.error = error
                    if connection.total_changes != before:
                        raise _HalfDoneError from error

    def _apart(self, work: _Work) -> None:
        execute = self._store.db.execute_sql
        execute("savepoint work")
        try:
            work.result, work.error = work.write(), None
        except (peewee.OperationalError, peewee.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - handed to the one who asked
            work.error = error
            execute("rollback to savepoint work")
        execute("release savepoint work")

    @staticmethod
    def _answer(batch: list[_Work]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[_Work]] = {}
        for work in batch:
            if work.loop is None:
                work.deliver(work.result, work.error)
            else:
                loops.setdefault(work.loop, []).append(work)

        for loop, done in loops.items():

            def deliver_all(done: list[_Work] = done) -> None:
                for work in done:
                    work.deliver(work.result, work.error)

            with contextlib.suppress(RuntimeError):  # the loop has ended; the rows are kept
                loop.call_soon_threadsafe(deliver_all)


def _crossed(error: Exception) -> bool:
    """Did PostgreSQL undo a transaction because it and another one waited for each other? It may be done again."""
    driver_s = error.__context__  # Peewee raises its own while it handles that
    return getattr(driver_s, "sqlstate", None) in ("40P01", "40001")
