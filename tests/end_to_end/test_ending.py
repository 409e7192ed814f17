"""How the server ends: killed, asked to, its parent gone. What was answered 201 is kept, and nobody told twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from random import Random

import pytest

from forms.form import Form
from tests.conftest import Home
from tests.end_to_end.world import MALANG, PATIENCE, World, family, running, runs, until
from tests.figures import figures
from tests.phone.collect import Collect
from tests.phone.desk import DeskPhone
from tests.phone.interviews import Interview
from tests.phone.javarosa import Engine
from tests.server_process import command
from tests.twilio_standin import Hold

KILLS = 5
OVERLAP = 1
"""At which kill the old sync process is still in a call when the new one begins."""
LEASE = 120.0
"""Seconds after which a message that a killed process had in hand is taken up again."""


@pytest.fixture
def random() -> Random:
    return Random(11)


class Awaited(threading.Event):
    """An event that tells when somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.somebody = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.somebody.set()
        return super().wait(timeout)


def phone_of(world: World, engine: Engine) -> DeskPhone:
    phone = DeskPhone(Collect(world.run("desks", "add", MALANG)["url"]), engine)
    phone.sync()
    return phone


def send(phone: DeskPhone, interview: Interview) -> str:
    """Fill and send; the instanceID of what was answered 201."""
    filled = phone.hold(interview)
    assert phone.send(filled).status == 201
    return filled.instance_id


def workers_of(world: World) -> list[int]:
    """The processes that answer."""
    assert world.server is not None
    return [p for p in family(world.server.process.pid) if not leads(p)]


def sync_of(world: World) -> int:
    assert world.server is not None
    (pid,) = [p for p in family(world.server.process.pid) if leads(p)]
    return pid


def leads(pid: int) -> bool:
    """Does a process lead a session of its own, as the sync process does?"""
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:  # it has ended since it was listed
        return False


def began(world: World) -> float:
    """When a sync process last began to look for messages (seconds since 1970)."""
    return figures(world.url).get('posmigran_job_started_seconds{job="messages"}', 0.0)


def test_killed_right_after_a_201_the_server_has_kept_submission_case_and_message_and_tells_once(
    shipped: Home, engine: Engine, stories: dict[str, Interview], random: Random
) -> None:
    answered: list[str] = []
    with running(shipped) as world:
        world.add_officers()
        phone = phone_of(world, engine)
        for kill in range(KILLS):
            assert world.server is not None
            sync = sync_of(world)
            answer = Awaited()
            if kill == OVERLAP:
                world.twilio.next(Hold(answer))
            filled = phone.hold(stories["18 one day after departure"])
            assert phone.send(filled).status == 201
            answered.append(filled.instance_id)
            if kill == OVERLAP:
                assert answer.somebody.wait(PATIENCE)
            elif kill:  # the first right after the 201, the others while the case is told
                threading.Event().wait(random.uniform(0, 1))
            world.server.kill()
            if kill == OVERLAP:
                killed_at = time.time()
                world.start()
                until(lambda: began(world) > killed_at, "none began beside the old one")  # noqa: B023
                assert runs(sync), "they did not overlap"
                answer.set()
            until(lambda pid=sync: not runs(pid), "the sync process outlived its server")  # type: ignore[misc]
            if kill != OVERLAP:
                world.start()
            assert phone.send(filled).status == 201, "the phone that did not hear the answer sends again"

        assert {s["instance_id"] for s in world.run("submissions", "list")} == set(answered)
        alerts = world.run("alerts", "list")
        assert sorted(a["submission"] for a in alerts) == sorted(answered)
        refs = {a["ref"] for a in alerts}
        assert len(refs) == KILLS
        until(world.all_told, "not everybody was told", LEASE + 60)
        listed = world.run("messages", "list")
        assert len(listed) == KILLS * 3, "disnaker, p4mi and ppa of Malang"
        assert sorted((m.to, m.body) for m in world.twilio.messages) == sorted(
            (m["to"], m["body"]) for m in listed
        )
        assert world.twilio.twice() == []


def test_sigterm_leaves_nothing_running_and_ends_with_0(
    shipped: Home, engine: Engine, stories: dict[str, Interview]
) -> None:
    with running(shipped) as world:
        world.add_officers()
        send(phone_of(world, engine), stories["18 one day after departure"])
        assert world.server is not None
        below = family(world.server.process.pid)
        assert any(leads(pid) for pid in below)
        assert world.server.stop() == 0
        assert [line for pid, line in below.items() if runs(pid)] == []
        assert "Traceback" not in world.server.logged()


def test_two_workers_answer_and_end_with_the_server_even_when_it_is_killed(
    shipped: Home, engine: Engine, stories: dict[str, Interview]
) -> None:
    with running(shipped, "--workers", "2") as world:
        world.add_officers()
        phone = phone_of(world, engine)
        sent = {send(phone, stories["18 one day after departure"]) for _ in range(6)}
        until(lambda: len(world.twilio.messages) == 18, "not everybody was told")
        assert world.server is not None
        below = family(world.server.process.pid)
        world.server.kill()
        until(lambda: not any(runs(pid) for pid in below), "a process outlived its server")

        world.start("--workers", "2")
        answering = workers_of(world)
        os.kill(answering[0], signal.SIGKILL)
        until(lambda: len(set(workers_of(world)) - {answering[0]}) == 2, "no worker came for the dead one")
        sent.add(send(phone, stories["clean departure"]))
        assert {s["instance_id"] for s in world.run("submissions", "list")} == sent
        assert len({a["ref"] for a in world.run("alerts", "list")}) == 6
        below = family(world.server.process.pid)
        assert world.server.stop() == 0
        assert [line for pid, line in below.items() if runs(pid)] == []
    assert world.twilio.twice() == []


def test_without_its_sync_the_server_keeps_what_is_owed_until_sync_runs_once(
    shipped: Home, engine: Engine, stories: dict[str, Interview]
) -> None:
    with running(shipped, "--no-sync") as world:
        world.add_officers()
        send(phone_of(world, engine), stories["18 one day after departure"])
        assert world.server is not None
        assert not any("posmigran sync" in line for line in family(world.server.process.pid).values())
        assert world.run("messages", "list") == []
        counts = command(shipped, "sync", "--once", extra=world.settings)
        assert (counts["cases"], counts["owed"], counts["sent"]) == (1, 3, 3)
        assert len(world.twilio.messages) == 3
        assert command(shipped, "sync", "--once", extra=world.settings)["sent"] == 0
        assert len(world.twilio.messages) == 3


def test_a_sync_process_that_dies_is_started_again(
    shipped: Home, engine: Engine, stories: dict[str, Interview], library: dict[str, Form]
) -> None:
    import os
    import signal

    with running(shipped) as world:
        world.add_officers()
        phone = phone_of(world, engine)
        first = sync_of(world)
        os.kill(first, signal.SIGKILL)
        until(lambda: not runs(first), "it did not die")
        send(phone, stories["18 one day after departure"])
        until(lambda: len(world.twilio.messages) == 3, "nobody was told")
        assert sync_of(world) != first
