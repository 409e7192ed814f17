"""A district's whole system as real processes: server with its sync, carrier stand-in, officers, phones."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

import posmigran
from forms.form import Form
from server.store import officers
from server.store.database import Store
from server.store.sealing import Keys
from tests.conftest import Home, publish_library
from tests.figures import still_owed
from tests.phone.interviews import Interview
from tests.server_process import Server, environment
from tests.twilio_standin import TwilioStandIn

MALANG, LUMAJANG = "35.07.01.2001", "35.08.10.2001"
PATIENCE = 60.0

OFFICERS = (
    ("Disnaker Malang", "disnaker", "35.07", "+62 812 0000 0001"),
    ("PPA Malang", "ppa", "35.07", "+62 812 0000 0002"),
    ("P4MI Malang", "p4mi", "35.07", "+62 812 0000 0003"),
    ("Disnaker Lumajang", "disnaker", "35.08", "+62 812 0000 0011"),
    ("PPA Lumajang", "ppa", "35.08", "+62 812 0000 0012"),
    ("P4MI Lumajang", "p4mi", "35.08", "+62 812 0000 0013"),
    ("BP3MI Jawa Timur", "bp3mi", "35", "+62 812 0000 0021"),
    ("Dinsos Jawa Timur", "dinsos", "35", "+62 812 0000 0022"),
)
AREA_OF = {phone.replace(" ", ""): area for _, _, area, phone in OFFICERS}


def until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port: int = taken.getsockname()[1]
        return port


def publish(home: Home, library: Mapping[str, Form]) -> None:
    """The shipped forms, without running ODK Validate once more."""
    store = Store(home.url, home.path, Keys.open(home.path))
    publish_library(store, dict(library))
    store.release()


def family(pid: int) -> dict[int, str]:
    """The processes below ``pid`` that still run: pid -> command line."""
    found: dict[int, str] = {}
    parents = {pid}
    while parents:
        below = {p for p, (parent, state) in _processes().items() if parent in parents and state != "Z"}
        parents = below - set(found)
        found |= {p: _command_line(p) for p in parents}
    return found


def runs(pid: int) -> bool:
    """Is this process still there (and no zombie)?"""
    return _processes().get(pid, (0, "Z"))[1] != "Z"


def _processes() -> dict[int, tuple[int, str]]:
    found = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text().rpartition(") ")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(entry.parent.name)] = (int(parent), state)
    return found


def _command_line(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@dataclass
class World:
    """A home, its server as it runs at the moment, and the carrier."""

    home: Home
    twilio: TwilioStandIn
    port: int = field(default_factory=free_port)
    server: Server | None = None

    @property
    def url(self) -> str:
        """Where it is reached, whenever it runs."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """The environment of every process of it."""
        return {**self.twilio.settings, "POSMIGRAN_PUBLIC_URL": self.url}

    def start(self, *words: str) -> Server:
        """Start the server, always at the same port."""
        self.server = Server(self.home, "--port", str(self.port), *words, extra=self.settings)
        return self.server

    def run(self, *words: str | Path) -> Any:
        """A command of the product, called in this process: half a second sooner than in one of its own."""
        arguments = [*map(str, words), "--json"]
        ended = CliRunner().invoke(posmigran.app, arguments, env=environment(self.home, self.settings))
        assert ended.exit_code == 0, f"{ended.exception} {ended.stderr}"
        return json.loads(ended.stdout)

    def add_officers(self) -> None:
        """Officers of two districts and of their province."""
        store = Store(self.home.url, self.home.path, Keys.open(self.home.path))
        with store.transaction():
            for name, role, area, phone in OFFICERS:
                officers.add(name, role, area, datetime.now(UTC), phone=phone)
        store.release()

    def all_told(self) -> bool:
        """Has all gone out that is owed?"""
        return still_owed(self.url) == 0


@contextmanager
def running(home: Home, *words: str) -> Iterator[World]:
    """A world whose server runs, and whose server is gone afterwards, however it went."""
    with TwilioStandIn() as twilio:
        world = World(home, twilio)
        world.start(*words)
        try:
            yield world
        finally:
            if world.server is not None and world.server.process.poll() is None:
                world.server.stop()


def told(interview: Interview) -> set[str]:
    """Everything said in an interview that is longer than three characters, as text."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for inner in value.values():
                yield from texts(inner)
        elif isinstance(value, list | tuple | set | frozenset):
            for inner in value:
                yield from texts(inner)
        else:
            yield str(value)

    return {text for text in texts(interview.answers) if len(text) > 3}
