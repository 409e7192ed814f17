"""The server as a process: how it starts and ends, and what it says when it has nothing to show."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from server.store import desks
from server.store.database import Store
from server.store.sealing import Keys
from tests.conftest import ENGINES, Clock, Home, make_home
from tests.openrosa.asking import raw
from tests.server_process import Server


@pytest.fixture(params=ENGINES)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    return make_home(request, request.param, tmp_path)


def test_without_forms_it_answers_503_and_never_an_empty_list_and_sigterm_ends_it_cleanly(
    home: Home, clock: Clock
) -> None:
    store = Store(home.url, home.path, Keys.open(home.path))
    with store.transaction():
        _, credentials = desks.add("35.07.01.2001", None, store.keys, clock())
    store.release()
    with Server(home, "--no-sync", forked=False) as server:
        assert raw(server.url, path="/healthz").status == 200
        assert raw(f"{server.url}/desk/{credentials.token}").status == 503
        assert server.stop() == 0


def test_after_the_death_of_the_server_a_request_that_never_ends_does_not_keep_the_port(home: Home) -> None:
    with Server(home, "--workers", "2", "--no-sync", forked=False) as server:
        port = server.url.rpartition(":")[2]
        slow = [socket.create_connection(("127.0.0.1", int(port))) for _ in range(4)]
        for phone in slow:
            phone.sendall(b"POST /masuk HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n")
        server.kill()
        for _ in range(100):  # both workers find out by themselves
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", int(port))):
                break
            time.sleep(0.1)
        with (
            Server(home, "--port", port, "--no-sync") as next_one,
            urlopen(f"{next_one.url}/healthz") as said,
        ):
            assert said.status == 200
        for phone in slow:
            phone.close()


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
@pytest.mark.parametrize("more", [0, 1])
def test_workers_keep_to_a_core_each_where_there_are_as_many(home: Home, more: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    count = len(cores) + more
    expected = [[core] for core in cores] if more == 0 else [cores] * count
    with Server(home, "--workers", str(count), "--no-sync", forked=False) as server:
        first = server.process.pid

        def kept_to() -> list[list[int]]:
            children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
            return sorted(
                sorted(os.sched_getaffinity(int(pid))) for pid in (children if count > 1 else [first])
            )

        given_up = time.monotonic() + 20
        while kept_to() != expected and time.monotonic() < given_up:  # the last one may be beginning still
            time.sleep(0.01)
        assert kept_to() == expected
        assert server.stop() == 0
