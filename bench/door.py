"""How many phones the door serves: submissions a second with everything judged and stored, form lists a second.

Each measure alternates with the floor (:mod:`bench.bare`) in the same run, because the speed of a shared machine
changes from minute to minute; ODK Central's figures were measured on a machine of this size.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from server.store import areas, desks
from server.store.database import Store
from server.store.sealing import Keys
from tests.conftest import Home, compiled_library, publish_library
from tests.phone.interviews import interviews
from tests.phone.javarosa import Engine
from tests.phone.lists import library_lists
from tests.server_process import ROOT, Server

RUNS = 3
CENTRAL = {1: 84, 8: 170, 32: 222}  # submissions/s acknowledged
CENTRAL_LIST = 699


@dataclass(frozen=True)
class Line:
    """One measure: the median of the runs, and what it is held against."""

    what: str
    per_second: float
    median_ms: float
    p99_ms: float
    floor: float | None
    central: float


def load(url: str, clients: int, count: int, **what: str) -> dict[str, Any]:
    """Run one load in a process of its own."""
    task = json.dumps({"url": url, "clients": clients, "count": count, **what})
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=task, capture_output=True, text=True, cwd=ROOT, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(database_url: str = "") -> list[Line]:
    """All measures on a fresh home with a desk, one after another."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        home = Home(path, database_url or f"sqlite:///{path / 'posmigran.sqlite3'}")
        url, xml = _prepare(home)
        with _bare(path / "floor.sqlite3") as floor_url, Server(home, "--no-sync") as server:
            desk_url = f"{server.url}{url}"
            load(desk_url, 8, 300, xml=str(xml))  # forms compiled, caches warm
            for clients in (1, 8, 32):
                count = 400 * min(clients, 6)
                runs, floors = [], []
                for _ in range(RUNS):
                    floors.append(load(floor_url, clients, count, xml=str(xml)))
                    runs.append(load(desk_url, clients, count, xml=str(xml)))
                lines.append(_line(f"submissions, {clients} clients", runs, CENTRAL[clients], floors))
            runs = [load(desk_url, 8, 4000, get="/formList") for _ in range(RUNS)]
            lines.append(_line("formList, 8 clients", runs, CENTRAL_LIST))
    return lines


@contextlib.contextmanager
def _bare(file: Path) -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.bare", str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().removeprefix("listening on ").strip()
    finally:
        server.terminate()
        server.wait()


def _line(
    what: str, runs: list[dict[str, Any]], central: float, floors: list[dict[str, Any]] | None = None
) -> Line:
    def median(of: list[dict[str, Any]], key: str) -> float:
        return statistics.median(float(run[key]) for run in of)

    return Line(
        what,
        median(runs, "per_second"),
        median(runs, "median_ms"),
        median(runs, "p99_ms"),
        median(floors, "per_second") if floors else None,
        central,
    )


def _prepare(home: Home) -> tuple[str, Path]:
    """A desk's path under the server, and a file with a filled departure of 3.6 kB that opens a case."""
    library = compiled_library()
    store = Store(home.url, home.path, Keys.make(home.path))
    store.migrate()
    with store.transaction():
        areas.load_areas()
    publish_library(store, library)
    with store.transaction():
        _, credentials = desks.add("35.07.01.2001", None, store.keys, datetime.now(UTC))
    store.release()
    engine = Engine()
    told = next(i for i in interviews(engine.today()) if i.name == "to Cambodia")
    filled = engine.open(library["berangkat"].xform, library_lists()).fill(told.answers)
    xml = home.path / "departure.xml"
    xml.write_bytes(filled.xml)
    return f"/desk/{credentials.token}", xml
