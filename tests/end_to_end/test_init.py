"""Making a home from nothing, by real processes, twice at the same moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

import psycopg
import pytest

from server.store import areas, officers, published
from server.store.database import Store
from server.store.models import Area
from server.store.sealing import KEY_FILE, Keys
from tests.conftest import ENGINES, Home
from tests.forked import Forked
from tests.server_process import ROOT, Server, command, environment

SHIPPED = ["berangkat", "laporan_bulanan", "pantau_penyedia", "pulang", "tindak_lanjut"]


@pytest.fixture(params=ENGINES)
def nothing(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """A place for a home and, on PostgreSQL, an empty database."""
    path = tmp_path / "a new home"
    if request.param == "sqlite":
        return Home(path, f"sqlite:///{path / 'posmigran.sqlite3'}")
    uri: str = request.getfixturevalue("postgres")
    name = f"new_{abs(hash(str(tmp_path)))}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    before, _, query = uri.partition("?")
    return Home(path, f"{before.rpartition('/')[0]}/{name}?{query}")


def test_two_at_the_same_moment_make_one_home(nothing: Home) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "posmigran", "init", "--json"],
            cwd=ROOT,
            env=environment(nothing),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    made = [json.loads(out) for out, _ in outputs]
    assert sorted(m["admin"]["password"] is None for m in made) == [False, True]
    assert made[0]["forms"] == made[1]["forms"]

    store = Store(nothing.url, nothing.path, Keys.open(nothing.path))
    assert Area.select().count() == 91_599
    assert areas.require("35.07.01.2001", village=True) == "Tulungrejo"
    assert [o["role"] for o in officers.listing()] == ["admin"]
    assert sorted(form.form_id for form in published.current_forms()) == SHIPPED
    store.release()


def test_serve_makes_the_home_where_there_is_none(tmp_path: Path) -> None:
    home = Home(tmp_path / "made by serve", "sqlite:")
    home.path.mkdir()
    with Server(home, "--no-sync", forked=False) as server:
        assert "password" in server.logged(), "said once, to whoever starts it"
        assert [f["form_id"] for f in command(home, "forms", "list")] == SHIPPED
        assert command(home, "desks", "add", "35.07.01.2001")["url"].startswith(server.url + "/desk/")
        assert server.stop() == 0


def test_what_a_killed_init_left_unfinished_is_finished(tmp_path: Path) -> None:
    home = Home(tmp_path / "half a home", "sqlite:")
    Keys.make(home.path)
    with Server(home, "--no-sync") as server:
        assert [f["form_id"] for f in command(home, "forms", "list")] == SHIPPED
        assert server.stop() == 0


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_serve_says_why_it_cannot_make_the_home(home: Home) -> None:
    command(home, "init")
    (home.path / KEY_FILE).unlink()  # a database without its key: no new one may take its place
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        process = Forked(("serve", "--port", "0"), environment(home), out.fileno(), err.fileno())
        try:
            assert process.wait(60) == 1
        finally:
            process.kill()
        err.seek(0)
        assert err.read().count("the key is missing") == 1
    assert not (home.path / KEY_FILE).exists()
