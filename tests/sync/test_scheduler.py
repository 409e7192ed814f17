"""The clock of the sync process: jobs that fail alone, that are seen to run, and that end when told."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from random import Random
from typing import Any

import pytest

from forms.problems import Problem
from server.settings import Settings
from server.store import figures, jobs, messages, officers
from server.store.claims import Claimed
from server.store.database import Store
from server.store.models import Session
from server.store.writer import Writer
from sync import Sync, build_sync
from sync.channels.console import Console
from sync.outbox import Outbox, Policy
from sync.scheduler import PAGE
from tests.conftest import Clock, Home
from tests.sync.world import officer, publish, submit


def now() -> datetime:
    return datetime.now(UTC)


def awake(store: Store) -> Settings:
    """These tests run by the real clock, at night too."""
    return Settings(home=store.home, quiet_hours="none")


def build(store: Store) -> Sync:
    return build_sync(awake(store), store, now)


def test_a_job_that_fails_is_on_record_and_the_others_go_on(store: Store) -> None:
    publish(now())
    officer("disnaker", "35.07", now())
    submit(store, ["D08"], now())
    sync = build(store)
    stop, seen = threading.Event(), threading.Event()

    def broken() -> Mapping[str, int]:
        raise OSError("the disk")

    def watch() -> Mapping[str, int]:
        runs = {run.job: run for run in jobs.last_runs()}
        if runs.keys() >= {"messages", "files"} and all(m["state"] == "sent" for m in messages.listing()):
            seen.set()
        return {}

    by_name = {job.name: job for job in sync.jobs}
    told = {"messages", "detours", "escalation", "reminders", "digest", "held"}
    assert by_name.keys() == told | {"files", "sessions", "entities", "exports"}
    sync.jobs = (
        by_name["messages"],
        replace(by_name["files"], run=broken),
        replace(by_name["sessions"], run=watch, every=timedelta(seconds=0.1)),
        by_name["entities"],
    )
    running = threading.Thread(target=sync.run_forever, args=(stop,))
    running.start()
    assert seen.wait(30)
    stop.set()
    running.join()
    assert [m["state"] for m in messages.listing()] == ["sent"]
    errors = {run.job: run.error for run in jobs.last_runs()}
    assert (errors["messages"], errors["files"]) == (None, "OSError")
    shown = {figure.name: figure.counts for figure in figures.counted()}
    failures = shown["posmigran_job_failures"]
    assert failures["files"] >= 1
    assert failures["messages"] == 0
    assert {"messages", "files"} <= shown["posmigran_job_started_seconds"].keys()
    assert shown["posmigran_job_took_seconds"]["messages"] > 0
    assert shown["posmigran_segments"] == {"console": 1.0}
    failed = jobs.newest()["files"]
    for error, expected in ((failed.error, failed.failures + 1), (None, 0)):
        with store.transaction():
            jobs.note(replace(failed, error=error))
        assert jobs.newest()["files"].failures == expected


def test_a_quiet_job_notes_that_it_runs_without_a_commit_each_time(store: Store) -> None:
    sync = build(store)
    for job in sync.jobs * 3:
        sync._run_noted(job)
    first = jobs.last_runs()
    for job in sync.jobs:
        sync._run_noted(job)
    sync.close()
    assert jobs.last_runs() == first
    assert len(first) == len(sync.jobs)


def test_rounds_with_nothing_to_do_take_no_lock_for_writing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(now())
    submit(store, ["R05"], now())  # put off: nobody of ppa
    sync = build(store)
    sync.run_once()
    for job in sync.jobs:
        sync._run_noted(job)
    begun: list[str] = []
    monkeypatch.setattr(Writer, "_commit", lambda *_: begun.append("a transaction"))
    for _ in range(3):
        sync._run_noted(sync.jobs[0])
    monkeypatch.undo()
    sync.close()
    assert begun == []


def test_a_backlog_is_sent_while_it_is_routed_the_gravest_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(now())
    officer("disnaker", "35.07", now())
    officer("ppa", "35.07", now())
    mild = [submit(store, ["D08"], now())[1] for _ in range(3 * PAGE)]
    grave = [submit(store, ["R05"], now())[1]]
    seen: list[str] = []

    def show(message: Claimed) -> None:
        seen.append(message.ref)
        if len(grave) < 2:  # meanwhile
            grave.append(submit(store, ["R05"], now())[1])

    monkeypatch.setattr(Outbox, "start_due", Outbox.drain)  # waits, so that the order is certain
    channels = {"console": Console(show)}
    policy = Policy(threads=1)
    sync = Sync(
        store,
        awake(store),
        now,
        channels,
        "console",
        random=Random(1),
        policy=policy,
        gap=0.0,
    )
    sync._messages()
    sync.close()
    first = PAGE - 1
    assert seen == [grave[0], *mild[:first], grave[1], *mild[first:]]


@pytest.mark.parametrize(
    "home", ["sqlite"], indirect=True
)  # on PostgreSQL writers do not wait for each other
def test_the_server_gets_its_turn_however_much_the_sync_process_has_to_write(
    home: Home, store: Store
) -> None:
    sync = build(store)
    held, through = threading.Event(), threading.Event()
    done = 0

    def page() -> None:
        nonlocal done
        held.set()
        through.wait(0.03)  # as long as a page of routing holds the lock
        done += 1

    def backlog() -> None:
        while not through.is_set() and done < 60:
            sync._writer.wait(page)

    routing = [threading.Thread(target=backlog) for _ in range(2)]
    # as the server writes: through a connection of its own that waits and looks again
    server = sqlite3.connect(home.url.removeprefix("sqlite:///"), timeout=30, isolation_level=None)
    for thread in routing:
        thread.start()
    before = []
    for _ in range(3):
        held.clear()
        assert held.wait(30)
        seen = done
        server.execute("begin immediate")
        before.append(done - seen)
        server.execute("commit")
    through.set()
    for thread in routing:
        thread.join()
    server.close()
    sync.close()
    assert max(before) <= 6, "it waited for page after page"


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=20_000)])
def test_a_clock_that_jumps_stops_no_job(
    store: Store, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    wrong = [timedelta(0)]

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + wrong[0]

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Shifted)
    monkeypatch.setattr("sync.scheduler.datetime", Shifted)
    sync = build_sync(awake(store), store, lambda: Shifted.now(UTC))
    before, after = threading.Event(), threading.Event()

    def run() -> Mapping[str, int]:
        (after if wrong[0] else before).set()
        return {}

    sync.jobs = (replace(sync.jobs[0], run=run), *sync.jobs[1:])
    stop = threading.Event()
    running = threading.Thread(target=sync.run_forever, args=(stop,))
    running.start()
    assert before.wait(30)
    wrong[0] = jump
    goes_on = after.wait(30)
    stop.set()
    running.join()
    assert goes_on


def test_sessions_that_ran_out_and_traces_of_old_processes_are_removed(store: Store, clock: Clock) -> None:
    person = officers.add("Petugas", "disnaker", "35.07", clock(), email="a@example.org")[0]
    officers.open_session(person, clock())
    clock.at += officers.SESSION_LASTS / 2
    officers.open_session(person, clock())
    jobs.note(jobs.Run("messages", "old:1", clock() - timedelta(days=8), None, None))
    clock.at += officers.SESSION_LASTS / 2 + timedelta(seconds=1)
    sync = build_sync(awake(store), store, clock)
    assert sync.run_once()["sessions"] == 1
    sync.close()
    assert Session.select().count() == 1
    assert jobs.last_runs() == []


def test_an_sms_setting_that_is_missing_is_named(store: Store) -> None:
    settings = Settings(home=store.home, sms="twilio", TWILIO_ACCOUNT_SID="AC1")
    with pytest.raises(Problem, match="TWILIO_AUTH_TOKEN"):
        build_sync(settings, store, now)


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_what_sync_asks_every_round_reads_no_table_through(store: Store) -> None:
    """Twice a second through all alerts there ever were would be a core's work after some years."""
    publish(now())
    submit(store, ["D08"], now())  # there is nobody to tell: it is put off, and remains owed
    sync = build(store)
    asked: list[tuple[str, object]] = []
    store.db.query_hooks.append(lambda event: asked.append((event.sql, event.params)))
    rounds = [job for job in sync.jobs if job.name in ("messages", "escalation", "reminders")]
    for job in rounds:
        job.run()
    sync.close()
    store.db.query_hooks.clear()
    about_alerts = [(sql, values) for sql, values in asked if sql.startswith("SELECT") and '"alert"' in sql]
    assert len(about_alerts) > len(rounds) == 3
    read_through = [
        (step, sql)
        for sql, values in about_alerts
        for *_, step in store.db.execute_sql(f"explain query plan {sql}", values)
        # its own index holds nothing but what is owed
        if step.startswith("SCAN") and not step.endswith(("INDEX alert_owed", "CONSTANT ROW"))
    ]
    assert read_through == []


def test_phones_need_not_wait_while_sync_finds_out_whom_to_tell(store: Store) -> None:
    """Its transaction only writes: on SQLite nobody else can meanwhile."""
    publish(now())
    told = officer("disnaker", "35.07", now())
    submit(store, ["D08"], now())
    sync = build(store)
    asked_in_transaction: list[bool] = []

    def note(event: Any) -> None:
        if event.sql.startswith("SELECT") and '"officer"' in event.sql:
            asked_in_transaction.append(store.db.in_transaction())

    store.db.query_hooks.append(note)
    sync._route()
    store.db.query_hooks.clear()
    sync.close()
    assert asked_in_transaction
    assert not any(asked_in_transaction)
    assert [m["to"] for m in messages.listing()] == [told.phone]
