"""The writer's promises: what it keeps, what it tells to whom, and that those who wait share a flush."""

from __future__ import annotations

import asyncio
import threading

import psycopg
import pytest

from forms.problems import Problem, Problems
from server.store import counters
from server.store.database import Store
from server.store.models import Counter, Event
from server.store.writer import Writer
from tests.conftest import Clock, Home


def test_work_that_is_prepared_first_is_written_with_what_was_prepared(store: Store) -> None:
    """What fails in the preparing is told to the one who asked, and written by nobody."""
    writer = Writer(store)

    def cannot() -> str:
        raise Problem(Problems.NOT_FOUND)

    def write(name: str) -> int:
        assert store.db.in_transaction()
        return counters.increment(name)

    async def ask() -> tuple[int, BaseException | int]:
        good = writer.run_prepared(lambda: "good", write)
        first, second = await asyncio.gather(good, writer.run_prepared(cannot, write), return_exceptions=True)
        assert isinstance(first, int)
        return first, second

    first, second = asyncio.run(ask())
    writer.close()
    assert first == 1
    assert isinstance(second, Problem)
    assert counters.current("good") == 1


def test_work_that_fails_undoes_itself_and_nothing_else(store: Store, clock: Clock) -> None:
    writer = Writer(store)
    started, go = threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        go.wait(10)

    def fail() -> None:
        Counter.create(name="lost", value=1)
        raise Problem_for_test

    class Problem_for_test(Exception):  # noqa: N801, N818
        pass

    outcomes: dict[str, object] = {}

    def ask(name: str, work: object) -> None:
        try:
            outcomes[name] = writer.wait(work)  # type: ignore[arg-type]
        except (Problem, Problem_for_test) as error:
            outcomes[name] = type(error).__name__

    threads = [threading.Thread(target=ask, args=("hold", hold))]
    threads[0].start()
    started.wait(10)
    for name, work in (
        ("kept", lambda: Counter.create(name="kept", value=1) and "yes"),
        ("fails", fail),
        ("also kept", lambda: Counter.create(name="also", value=1) and "yes"),
    ):
        threads.append(threading.Thread(target=ask, args=(name, work)))
        threads[-1].start()
    go.set()
    for thread in threads:
        thread.join()
    writer.close()
    assert outcomes["kept"] == outcomes["also kept"] == "yes"
    assert outcomes["fails"] == "Problem_for_test"
    assert {c.name for c in Counter.select()} == {"kept", "also"}


def test_a_commit_that_fails_is_told_to_everybody_who_waited(store: Store) -> None:
    writer = Writer(store)
    store.db.execute_sql("create table parent (id integer primary key)")
    store.db.execute_sql(
        "create table child (parent integer references parent deferrable initially deferred)"
    )

    def orphan() -> None:
        store.db.execute_sql("insert into child values (7)")

    with pytest.raises(Problem) as caught:
        writer.wait(orphan)
    assert caught.value.kind.code == "store.unavailable"
    assert writer.wait(lambda: Event.select().count()) == 0
    writer.close()


def test_the_writer_outlives_what_fails_after_a_commit(store: Store) -> None:
    class Failing:
        def committed(self) -> None:
            raise OSError("too many open files")

        def close(self) -> None: ...

    writer = Writer(store, after=Failing())
    assert [writer.wait(lambda: counters.increment("kept")) for _ in range(2)] == [1, 2]
    writer.close()


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)
def test_work_that_crossed_another_process_s_is_done_again(home: Home, store: Store) -> None:
    for name in ("a", "b"):
        counters.increment(name)
    writer, go, done = Writer(store), threading.Event(), []
    add = "update counter set value = value + 1 where name = %s"
    waiting = "select count(*) from pg_locks where not granted"
    works = (lambda: go.wait(10), lambda: counters.increment("a"), lambda: counters.increment("b"))

    async def together() -> None:
        asked = [asyncio.ensure_future(writer.run(work)) for work in works]
        await asyncio.sleep(0)
        go.set()
        done.extend(await asyncio.gather(*asked))

    with psycopg.connect(home.url) as other, psycopg.connect(home.url, autocommit=True) as looking:
        other.execute("set deadlock_timeout = '1min'")  # the writer is the one to notice
        other.execute(add, ["b"])
        thread = threading.Thread(target=lambda: asyncio.run(together()))
        thread.start()
        while looking.execute(waiting).fetchone() == (0,):
            assert thread.is_alive()
        other.execute(add, ["a"])  # waits for the writer, which waits for this
        other.commit()
    thread.join(20)
    writer.close()
    assert len(done) == 3
    assert (counters.current("a"), counters.current("b")) == (3, 3)


class Commits:
    """Counts a writer's commits."""

    def __init__(self) -> None:
        self.count = 0

    def committed(self) -> None:
        self.count += 1

    def close(self) -> None: ...


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_what_comes_while_others_are_prepared_shares_their_flush(store: Store) -> None:
    commits = Commits()
    writer = Writer(store, after=commits)
    began, came = threading.Event(), threading.Event()

    def first() -> str:
        began.set()
        assert came.wait(10)
        return "a"

    def fail() -> str:
        raise Problem(Problems.NOT_FOUND)

    async def ask() -> list[object]:
        asked = [asyncio.ensure_future(writer.run_prepared(first, counters.increment))]
        assert await asyncio.to_thread(began.wait, 10)
        asked += [
            asyncio.ensure_future(writer.run_prepared(work, counters.increment))
            for work in (lambda: "b", fail, lambda: "a")
        ]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(asyncio.to_thread(writer.close))
        came.set()
        kept: list[object] = await asyncio.gather(*asked, return_exceptions=True)
        await closing
        return kept

    a, b, problem, another_a = asyncio.run(ask())
    assert (a, b, another_a) == (1, 1, 2)
    assert isinstance(problem, Problem)
    assert commits.count == 1
