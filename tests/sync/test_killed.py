"""Real sync processes that are killed at the worst moments: every message arrives, none twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from random import Random

import pytest

from server.store import messages
from server.store.database import Store
from server.store.models import Alert, JobRun
from tests.conftest import Home
from tests.sync.process import LIGHT, light
from tests.sync.world import officer, publish, submit
from tests.twilio_standin import Drop, Hold, Taken, TwilioStandIn

ROOT = Path(__file__).parents[2]
LEASE = 4.0
"""Seconds; longer than a call may take even where two cores are shared with others."""
PATIENCE = 60.0


def start(home: Home, twilio: TwilioStandIn) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sync.process", str(home.path), home.url, twilio.url, str(LEASE)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )


def start_light(home: Home, twilio: TwilioStandIn) -> ForkServerProcess:
    """As :func:`start`, quicker and without a pipe to its parent."""
    made = LIGHT.Process(target=light, args=(home.path, home.url, twilio.url, LEASE), daemon=True)
    made.start()
    return made


@contextmanager
def started(home: Home, twilio: TwilioStandIn, number: int = 1) -> Iterator[list[subprocess.Popen[bytes]]]:
    processes = [start(home, twilio) for _ in range(number)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()


def until(condition: object, what: str) -> None:
    """Wait for something that happens in another process's database."""
    assert callable(condition)
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def all_sent() -> bool:
    return not Alert.select().where(Alert.owed).exists() and all(
        m["state"] == "sent" for m in messages.listing()
    )


def began(processes: list[subprocess.Popen[bytes]]) -> bool:
    noted = {int(run.worker.rpartition(":")[2]) for run in JobRun.select()}
    return noted >= {process.pid for process in processes}


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def fill(store: Store, cases: int) -> None:
    """So many cases with an alert each, owed."""
    publish(datetime.now(UTC))
    officer("disnaker", "35.07", datetime.now(UTC))
    for _ in range(cases):
        submit(store, ["D08"], datetime.now(UTC))


def counts(twilio: TwilioStandIn, unlisted: set[str]) -> dict[str, int]:
    """What arrived how often. ``untold``: of those twice, how many the stand-in's own list had not told of."""
    twice = twilio.twice()
    untold = [
        key for key in twice if any((m.to, m.body) == key and m.sid in unlisted for m in twilio.messages)
    ]
    arrived = {(m.to, m.body) for m in twilio.messages}
    asked = twilio.calls["GET", 200]
    return {"arrived": len(arrived), "twice": len(twice), "untold": len(untold), "asked": asked}


def test_killed_at_random_moments_with_two_processes_at_once_every_alert_arrives_and_none_twice(
    home: Home, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fifty kills and 500 alerts on SQLite, ten and 100 on PostgreSQL; the count of each is printed.

    Now and then the carrier breaks the connection too, or takes a message that its list does not show: only such a
    one may come twice.
    """
    kills, cases = (50, 500) if store.sqlite else (10, 100)
    random = Random(7)
    unlisted: set[str] = set()

    def watch(moment: str, taken: Taken) -> None:
        if moment == "accepted" and random.random() < 0.15:
            unlisted.add(taken.sid)

    fill(store, cases)
    with TwilioStandIn(watch=watch, unlisted=unlisted) as twilio:
        processes = [start_light(home, twilio) for _ in range(2)]
        for _ in range(kills):
            time.sleep(random.uniform(0.05, 0.4))
            if random.random() < 0.2:
                twilio.next(Drop(accepted=random.random() < 0.5))
            victim = random.randrange(2)
            processes[victim].kill()
            processes[victim].join()
            processes[victim] = start_light(home, twilio)
        until(all_sent, "not all was sent")
        for process in processes:
            process.terminate()
            process.join(PATIENCE)
        assert [process.exitcode for process in processes] == [0, 0]
        found = counts(twilio, unlisted)
    with capsys.disabled():
        sys.stdout.write(f"\n{kills} kills of two processes, {cases} alerts: {found}\n")
    assert found["arrived"] == cases
    assert found["twice"] == found["untold"], "sent twice although the carrier's list could tell"


def test_a_sync_process_finishes_its_call_and_ends_when_it_is_asked_to(
    home: Home, store: Store, now: datetime
) -> None:
    publish(now)
    officer("disnaker", "35.07", now)
    submit(store, ["D08"], now)
    release, called = threading.Event(), threading.Event()
    with TwilioStandIn(watch=lambda *_: called.set()) as twilio:
        twilio.next(Hold(release))
        with started(home, twilio) as (process,):
            assert called.wait(PATIENCE)
            process.send_signal(signal.SIGTERM)
            release.set()
            assert process.wait(PATIENCE) == 0
    assert all_sent()
    assert {run.job for run in JobRun.select()} >= {"messages", "escalation", "files", "sessions"}
    assert all(run.ended_at is not None and run.error is None for run in JobRun.select())


def test_a_sync_process_ends_when_the_server_that_holds_its_stdin_is_gone(home: Home, store: Store) -> None:
    with TwilioStandIn() as twilio, started(home, twilio) as (process,):
        until(lambda: began([process]), "it never began")
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
