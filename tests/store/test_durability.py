"""201 means kept: nobody hears of a piece of work before the commit that made it durable has returned."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from server.store import counters
from server.store.checkpoints import Checkpoints
from server.store.database import Store, Writer


class HeldCommit:
    """The store's commit, which does not begin before it is let go."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self._go = threading.Event(), threading.Event()
        commit: Callable[[], None] = store.db.commit

        def held() -> None:
            self.asked.set()
            assert self._go.wait(30)
            commit()

        monkeypatch.setattr(store.db, "commit", held)

    def let_go(self) -> None:
        self._go.set()


def test_nobody_hears_of_work_before_the_commit_that_all_share_has_returned(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(store)
    commit = HeldCommit(store, monkeypatch)
    heard: list[int] = []
    waiting = [
        threading.Thread(
            target=lambda: heard.append(writer.wait(lambda: counters.increment("kept"))), daemon=True
        )
        for _ in range(5)
    ]
    for thread in waiting:
        thread.start()
    assert commit.asked.wait(30)
    before = list(heard)
    commit.let_go()
    for thread in waiting:
        thread.join(30)
    writer.close()
    assert before == []
    assert sorted(heard) == [1, 2, 3, 4, 5]


def test_a_commit_that_returned_is_on_disk(store: Store) -> None:
    """What SQLite and PostgreSQL document of these settings; ``docs/operation.md`` shows how to see it with strace."""
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
