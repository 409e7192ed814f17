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
from pathlib import Path
from random import Random

import pytest

from server.store import messages
from server.store.database import Store
from server.store.models import Alert, JobRun
from tests.conftest import Home
from tests.sync.world import officer, publish, submit
from tests.twilio_standin import Drop, Hold, Taken, TwilioStandIn

ROOT = Path(__file__).parents[2]
LEASE = 4.0
"""Seconds; longer than a call may take even where two cores are shared with others."""
KILLS = 10
PATIENCE = 60.0


def start(home: Home, twilio: TwilioStandIn) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sync.process", str(home.path), home.url, twilio.url, str(LEASE)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )


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


class Moments:
    """Stops the stand-in at an agreed moment of a call until the test has done its worst."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: tuple[str, int] | None = None
        self._reached = threading.Event()
        self._go_on = threading.Event()

    def __call__(self, moment: str, taken: Taken) -> None:
        with self._lock:
            if self._armed is None or self._armed[0] != moment:
                return
            self._armed = (moment, self._armed[1] - 1)
            if self._armed[1] > 0:
                return
            self._armed = None
            self._reached.set()
        self._go_on.wait(10)

    @contextmanager
    def reached(self, moment: str, count: int) -> Iterator[None]:
        self._reached.clear()
        self._go_on.clear()
        self._armed = (moment, count)
        assert self._reached.wait(PATIENCE), "no more calls came"
        yield
        self._go_on.set()


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def test_killed_ten_times_with_two_processes_at_once_every_message_arrives_and_none_twice(
    home: Home, store: Store, now: datetime
) -> None:
    random = Random(7)
    publish(now)
    for role in ("disnaker", "ppa", "dinsos"):
        officer(role, "35.07", now)
    moments = Moments()
    cases = 0
    with TwilioStandIn(watch=moments) as twilio, started(home, twilio, 2) as processes:
        for _ in range(KILLS):
            for _ in range(5):
                submit(store, ["R14", "D24"], datetime.now(UTC))
                cases += 1
            if random.random() < 0.3:
                twilio.next(Drop(accepted=True))
            with moments.reached(random.choice(["received", "accepted"]), random.randint(1, 8)):
                victim = random.randrange(2)
                processes[victim].kill()
                processes[victim].wait()
            processes[victim] = start(home, twilio)
        until(all_sent, "not all was sent")
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(PATIENCE) for process in processes] == [0, 0]
        assert twilio.twice() == []
        wanted = {(m["to"], m["body"]) for m in messages.listing()}
        assert {(m.to, m.body) for m in twilio.messages} == wanted
        assert len(wanted) == cases * 3


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
    assert {run.job for run in JobRun.select()} == {"messages", "files", "sessions", "entities"}
    assert all(run.ended_at is not None and run.error is None for run in JobRun.select())


def test_a_sync_process_ends_when_the_server_that_holds_its_stdin_is_gone(home: Home, store: Store) -> None:
    with TwilioStandIn() as twilio, started(home, twilio) as (process,):
        until(lambda: JobRun.select().count() == 4, "it never began")
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
