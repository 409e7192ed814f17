"""Two sync processes at the same step of the same case: one step, one message, whichever engine decides."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from multiprocessing.synchronize import Barrier

from server.store import cases, escalations, messages, owed
from server.store.database import Store
from server.store.models import Step
from server.store.rosters import Rosters
from server.store.sealing import Keys
from sync import escalation, routing
from tests.conftest import Clock, Home
from tests.sync.process import LIGHT
from tests.sync.world import officer, publish, submit

CASES = 6


def _take_steps(home: Home, now: datetime, ready: Barrier, kind: str) -> None:
    """A process of its own: sees what is late, waits until the other has seen the same, and takes the step."""
    store = Store(home.url, home.path, Keys.open(home.path))
    late = escalations.unanswered if kind == "escalate" else escalations.not_followed_up
    take = escalation.escalate if kind == "escalate" else escalation.remind
    seen = late(now, 100)
    for case_id in seen:
        ready.wait(30)
        with store.transaction():
            take([case_id], "console", Rosters(now))
    store.release()


def _both(home: Home, now: datetime, kind: str) -> None:
    ready = LIGHT.Barrier(2)
    processes = [LIGHT.Process(target=_take_steps, args=(home, now, ready, kind)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]


def test_two_processes_that_take_the_same_step_tell_the_next_person_once(
    home: Home, store: Store, clock: Clock
) -> None:
    publish(clock())
    duty, above = officer("disnaker", "35.07", clock()), officer("disnaker", "35", clock())
    refs = [submit(store, ["D08"], clock())[1] for _ in range(CASES)]
    with store.transaction():
        routing.route(owed.unrouted(), "console", Rosters(clock()))
    clock.at += timedelta(days=5)
    _both(home, clock(), "escalate")
    told = Counter((m["ref"], m["officer"]) for m in messages.listing())
    assert told == {(ref, one.slug): 1 for ref in refs for one in (duty, above)}
    assert Step.select().count() == 2 * CASES

    with store.transaction():
        for ref in refs:
            cases.acknowledge(duty, ref, clock())
    clock.at += timedelta(days=30)
    _both(home, clock(), "remind")
    told = Counter((m["ref"], m["officer"]) for m in messages.listing())
    assert told == {(ref, one.slug): n for ref in refs for one, n in ((duty, 2), (above, 1))}
