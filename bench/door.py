"""How many phones the door serves: submissions a second with everything judged and stored, lists a second; what that
costs; and the same with 200,000 submissions stored.

Each measure alternates with the floor (:mod:`bench.bare`) in the same run, because the speed of a shared machine
changes from minute to minute; ODK Central's figures were measured on a machine of this size.
"""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx

from bench import stored as stored_homes
from bench.processes import cost
from server.store import areas, desks
from server.store.database import Store
from server.store.entities import WORKERS
from server.store.sealing import Keys
from tests.conftest import Home, compiled_library, publish_library
from tests.phone.interviews import interviews
from tests.phone.javarosa import Engine
from tests.phone.lists import library_lists
from tests.server_process import ROOT, Server

RUNS = 3
IN_TURNS = 7
STORED = 200_000
LISTED = 10_000
LISTED_VILLAGE = "35.07.01.2002"
CENTRAL = {1: 84, 8: 170, 32: 222}  # submissions/s acknowledged
CENTRAL_LIST = 699
CENTRAL_MANIFEST = 388


@dataclass(frozen=True)
class Line:
    """One measure: the median of the runs, and what it is held against, where there is something."""

    what: str
    per_second: float
    median_ms: float
    p99_ms: float
    floor: float | None = None
    central: float | None = None
    cpu_ms: float | None = None


def load(url: str, clients: int, count: int, **what: str) -> dict[str, Any]:
    """Run one load in a process of its own."""
    task = json.dumps({"url": url, "clients": clients, "count": count, **what})
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=task, capture_output=True, text=True, cwd=ROOT, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> None:
    """Measure and print."""
    print(
        f"{'measure':34} {'per s':>7} {'median':>9} {'p99':>10} {'CPU each':>9}   {'of the floor':>14}   "
        "of ODK Central's"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        home = Home(path, f"sqlite:///{path / 'posmigran.sqlite3'}")
        desk, xml = _prepare(home)
        lister = _with_workers(home)
        # the whole server, with its sync process
        with _bare(path / "floor.sqlite3") as floor, Server(home, forked=False) as server:
            load(server.url + desk, 8, 300, xml=str(xml))  # forms compiled, caches warm
            _submissions(server, desk, xml, floor, "", RUNS)
            _lists(server, desk)
            _workers(server.url + lister)
        before = Home(path / "before", f"sqlite:///{path / 'before' / 'posmigran.sqlite3'}")
        shutil.copytree(path, before.path, ignore=shutil.ignore_patterns("before", "floor*"))
        began = time.perf_counter()
        stored = stored_homes.multiply(path / "posmigran.sqlite3", STORED)
        print(f"{stored:,} submissions stored in {time.perf_counter() - began:.0f} s")
        with _bare(path / "floor2.sqlite3") as floor, Server(home, forked=False) as server:
            load(server.url + desk, 8, 300, xml=str(xml))
            _submissions(server, desk, xml, floor, f" at {stored // 1000}k", RUNS)
            with Server(before, forked=False) as empty:
                load(empty.url + desk, 8, 300, xml=str(xml))
                _in_turns(server, empty, desk, xml, stored)


def _in_turns(full: Server, empty: Server, desk: str, xml: Path, stored: int) -> None:
    """Print the rates of a full server as parts of an empty one's, both running, each run beside one of the other.

    On a shared machine, what was measured some minutes apart says more of the machine than of the server.
    """
    for clients in (1, 8, 32):
        parts = []
        for turn in range(IN_TURNS):
            rates = {}
            for server in (full, empty) if turn % 2 else (empty, full):
                done = load(server.url + desk, clients, 400 * min(clients, 6), xml=str(xml))
                rates[server] = done["per_second"]
            parts.append(rates[full] / rates[empty])
        print(
            f"{clients} clients at {stored:,}, in turns with an empty one: {statistics.median(parts):.0%} of its rate "
            f"({min(parts):.0%} to {max(parts):.0%})",
            flush=True,
        )


def _submissions(server: Server, desk: str, xml: Path, floor_url: str, when: str, runs: int) -> None:
    """Print the measures."""
    for clients in (1, 8, 32):
        count = 400 * min(clients, 6)
        done, floors, cpu = [], [], []
        for _ in range(runs):
            floors.append(load(floor_url, clients, count, xml=str(xml)))
            before = cost(server.process.pid).cpu
            done.append(load(server.url + desk, clients, count, xml=str(xml)))
            cpu.append((cost(server.process.pid).cpu - before) / count * 1000)
        _show(_line(f"submissions, {clients} clients{when}", done, CENTRAL[clients], floors, cpu))
    memory = cost(server.process.pid)
    print(
        f"memory of the server and its sync process after that: "
        f"{memory.pss / 1e6:.0f} MB (PSS; {memory.rss / 1e6:.0f} MB if what they share is counted for each)"
    )


def _lists(server: Server, desk: str) -> None:
    for what, path, central in (
        ("formList", "/formList", CENTRAL_LIST),
        ("manifest", _manifest(server.url + desk, "berangkat"), CENTRAL_MANIFEST),
    ):
        runs = [load(server.url + desk, 8, 4000, get=path) for _ in range(RUNS)]
        _show(_line(f"{what}, 8 clients", runs, central))


def _workers(url: str) -> None:
    """The list of 10,000 workers: the first time after a start, again, and where the phone has it."""
    manifest = ElementTree.fromstring(_get(url + _manifest(url, "tindak_lanjut"))[0])
    address = next(
        file.findtext("{*}downloadUrl", "")
        for file in manifest
        if file.findtext("{*}filename") == f"{WORKERS}.csv"
    )
    (body, tag), first = _timed(address)
    again = statistics.median(_timed(address)[1] for _ in range(RUNS))
    known = statistics.median(_timed(address, tag)[1] for _ in range(5 * RUNS))
    print(
        f"list of {body.count(10) - 1:,} workers ({len(body) / 1e6:.1f} MB): first {first * 1000:.0f} ms, "
        f"again {again * 1000:.0f} ms, 304 {known * 1000:.1f} ms"
    )


def _manifest(url: str, form_id: str) -> str:
    """The path of a form's manifest below a desk's address."""
    forms = ElementTree.fromstring(_get(f"{url}/formList")[0])
    address = next(f.findtext("{*}manifestUrl", "") for f in forms if f.findtext("{*}formID") == form_id)
    return address.removeprefix(url)


def _get(url: str, tag: str = "") -> tuple[bytes, str]:
    """Body (empty where it is 304) and tag."""
    asked = _client().get(
        url, headers={"X-OpenRosa-Version": "1.0", **({"If-None-Match": tag} if tag else {})}
    )
    assert asked.status_code == (304 if tag else 200), asked.status_code
    return asked.content, asked.headers.get("ETag", "")


@functools.cache
def _client() -> httpx.Client:
    """One for all: making one takes longer than most answers."""
    return httpx.Client(trust_env=False, timeout=60)


def _timed(url: str, tag: str = "") -> tuple[tuple[bytes, str], float]:
    began = time.perf_counter()
    got = _get(url, tag)
    return got, time.perf_counter() - began


def _show(line: Line) -> None:
    floor = f"{line.per_second / line.floor:.0%} of {line.floor:,.0f}" if line.floor else ""
    central = f"{line.per_second / line.central:.1f} times {line.central:.0f}" if line.central else ""
    cpu = f"{line.cpu_ms:.2f} ms" if line.cpu_ms else ""
    print(
        f"{line.what:34} {line.per_second:7,.0f} {line.median_ms:6.2f} ms {line.p99_ms:7.2f} ms {cpu:>9}"
        f"   {floor:>14}   {central}",
        flush=True,
    )


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
    what: str,
    runs: list[dict[str, Any]],
    central: float,
    floors: list[dict[str, Any]] | None = None,
    cpu: list[float] | None = None,
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
        statistics.median(cpu) if cpu else None,
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


def _with_workers(home: Home) -> str:
    """The path of a desk whose village has many workers."""
    store = Store(home.url, home.path, Keys.open(home.path))
    with store.transaction():
        _, credentials = desks.add(LISTED_VILLAGE, None, store.keys, datetime.now(UTC))
        stored_homes.add_workers(LISTED, LISTED_VILLAGE, store.keys)
    store.release()
    return f"/desk/{credentials.token}"
