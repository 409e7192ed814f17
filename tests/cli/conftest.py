"""The command line called in this process: arguments in, exit status and both outputs back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import posmigran
from forms.form import Form
from server.store.database import Store
from server.store.sealing import Keys
from tests.conftest import Clock, Home, make_home, publish_library
from tests.staff.conftest import Office


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document that standard output is."""
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """``run("desks", "list", "--json")``; ``environment`` is added to a bare one."""
    for name in [n for n in os.environ if n.startswith(("POSMIGRAN_", "TWILIO_", "LANG", "LC_"))]:
        monkeypatch.delenv(name)

    def call(*words: str | Path, **environment: str) -> Ended:
        with monkeypatch.context() as patch:
            patch.setattr("sys.argv", ["posmigran", *map(str, words)])
            for name, value in environment.items():
                patch.setenv(name, value)
            capfd.readouterr()
            mask = os.umask(0o022)  # commands set their own, for the rest of their process
            with pytest.raises(SystemExit) as stop:
                posmigran.main()
            os.umask(mask)
        captured = capfd.readouterr()
        status = stop.value.code
        return Ended(status if isinstance(status, int) else 0, captured.out, captured.err)

    return call


@pytest.fixture
def done(run: Run) -> Callable[..., Any]:
    """Run a command with ``--json`` that must succeed; returns its document."""

    def call(*words: str | Path, **environment: str) -> Any:
        ended = run(*words, "--json", **environment)
        assert ended.status == 0, ended.err
        return ended.document

    return call


@dataclass(frozen=True)
class Place:
    """A home with the shipped forms, and the environment that commands need to find it."""

    home: Home
    clock: Clock
    library: dict[str, Form]

    @property
    def environment(self) -> dict[str, str]:
        found = {"POSMIGRAN_HOME": str(self.home.path)}
        return found | ({"POSMIGRAN_DATABASE_URL": self.home.url} if "postgres" in self.home.url else {})

    def case(self, codes: str) -> str:
        """File a form that shows these indicators; the case's reference."""
        with opened(self.home) as store:
            return Office(store, self.clock, self.library).case(codes)


@contextmanager
def opened(home: Home) -> Iterator[Store]:
    """A process has one store at a time: each command in this process opens its own."""
    store = Store(home.url, home.path, Keys.open(home.path))
    yield store
    store.release()


@pytest.fixture
def place(home: Home, clock: Clock, library: dict[str, Form]) -> Place:
    """On either engine."""
    with opened(home) as store:
        publish_library(store, library)
    return Place(home, clock, library)


@pytest.fixture(scope="session")
def shipped(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, library: dict[str, Form]
) -> Path:
    """A home on SQLite with the shipped forms, for commands that change nothing."""
    home = make_home(request, "sqlite", tmp_path_factory.mktemp("shipped"))
    with opened(home) as store:
        publish_library(store, library)
    return home.path
