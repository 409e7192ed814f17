"""The server as a process: how it starts and ends, and what it says when it has nothing to show."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.store import desks
from server.store.database import Store
from server.store.sealing import Keys
from tests.conftest import ENGINES, Clock, Home, make_home
from tests.openrosa.test_door import raw
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
    with Server(home, "--no-sync") as server:
        assert raw(server.url, path="/healthz").status == 200
        assert raw(f"{server.url}/desk/{credentials.token}").status == 503
        assert server.stop() == 0
