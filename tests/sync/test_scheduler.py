"""The clock of the sync process: jobs that fail alone, that are seen to run, and that end when told."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from forms.problems import Problem
from server.settings import Settings
from server.store import jobs, messages, officers
from server.store.database import Store
from server.store.models import Session
from sync import Sync, build_sync
from tests.conftest import Clock
from tests.sync.world import officer, publish, submit


def now() -> datetime:
    return datetime.now(UTC)


def build(store: Store) -> Sync:
    return build_sync(Settings(home=store.home), store, now)


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


def test_a_quiet_job_notes_that_it_runs_without_a_commit_each_time(store: Store) -> None:
    sync = build(store)
    for job in sync.jobs * 3:
        sync._run_noted(job)
    first = jobs.last_runs()
    for job in sync.jobs:
        sync._run_noted(job)
    sync.close()
    assert jobs.last_runs() == first
    assert len(first) == 4


def test_sessions_that_ran_out_and_traces_of_old_processes_are_removed(store: Store, clock: Clock) -> None:
    person = officers.add("Petugas", "disnaker", "35.07", clock(), email="a@example.org")[0]
    officers.open_session(person, clock())
    clock.at += officers.SESSION_LASTS / 2
    officers.open_session(person, clock())
    jobs.note(jobs.Run("messages", "old:1", clock() - timedelta(days=8), None, None))
    clock.at += officers.SESSION_LASTS / 2 + timedelta(seconds=1)
    sync = build_sync(Settings(home=store.home), store, clock)
    assert sync.run_once()["sessions"] == 1
    sync.close()
    assert Session.select().count() == 1
    assert jobs.last_runs() == []


def test_an_sms_setting_that_is_missing_is_named(store: Store) -> None:
    settings = Settings(home=store.home, sms="twilio", TWILIO_ACCOUNT_SID="AC1")
    with pytest.raises(Problem, match="TWILIO_AUTH_TOKEN"):
        build_sync(settings, store, now)
