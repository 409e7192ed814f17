"""201 means kept: nobody hears of a piece of work before the commit that made it durable has returned."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from server.store import counters
from server.store.checkpoints import Checkpoints
from server.store.database import Store
from server.store.writer import Writer


def test_nobody_hears_of_work_before_the_commit_that_holds_it_has_returned(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed, heard = [0], []
    commit: Callable[[], None] = store.db.commit

    def committing() -> None:
        holds = counters.current("kept")
        commit()
        committed.append(holds)

    class Told(Future[int]):
        """Notes in the writer's own thread, so in order, what it tells and what was on disk by then."""

        def set_result(self, result: int) -> None:
            heard.append((result, committed[-1]))
            super().set_result(result)

    monkeypatch.setattr(store.db, "commit", committing)
    monkeypatch.setattr("server.store.writer.Future", Told)
    writer = Writer(store)

    def send() -> None:
        for _ in range(4):
            writer.wait(lambda: counters.increment("kept"))

    phones = [threading.Thread(target=send, daemon=True) for _ in range(5)]
    for phone in phones:
        phone.start()
    for phone in phones:
        phone.join(10)
    early = [(number, on_disk) for number, on_disk in heard if number is None or number > on_disk]
    assert early == []
    assert sorted(number for number, _ in heard) == list(range(1, 21))
    writer.close()


def test_a_commit_that_returned_is_on_disk(store: Store) -> None:
    """What SQLite and PostgreSQL document of these settings; ``docs/operation.md`` shows how to see it with strace."""
    if not store.sqlite:  # a hasty administrator
        name = store.db.execute_sql("select current_database()").fetchone()[0]
        store.db.execute_sql(f"alter database {name} set synchronous_commit = off")
    writer = Writer(store)

    def asked(what: str) -> str:
        return str(writer.wait(lambda: store.db.execute_sql(what).fetchone()[0]))

    if store.sqlite:
        assert (asked("pragma journal_mode"), asked("pragma synchronous")) == ("wal", "2")  # 2 is FULL
    else:
        assert asked("show synchronous_commit") == "on"
    writer.close()


def test_the_log_begins_anew_although_the_writer_never_pauses(store: Store) -> None:
    if not store.sqlite:
        return  # PostgreSQL keeps its own log
    log = store.home / "posmigran.sqlite3-wal"
    writer = Writer(store, after=Checkpoints(store, commits=5, longest=50))
    store.db.execute_sql("pragma wal_checkpoint(truncate)")
    for _ in range(300):
        writer.wait(lambda: counters.increment("busy"))
    size = log.stat().st_size
    writer.close()
    assert counters.current("busy") == 300
    # each commit writes a page at least: without checkpoints the log would be 300 pages and more
    assert 0 < size < 200 * 4120
