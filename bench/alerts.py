"""From a phone's POST to the carrier: how long an alert takes while submissions come in at a steady pace.

A real server with its sync process, the Twilio stand-in, phones on keep-alive connections. One submission in twenty
raises alarm, as a busy province's might; each is for three roles.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from bench.door import _prepare
from bench.load import submissions
from server.store import officers
from server.store.database import Store
from server.store.models import Case, Submission
from server.store.sealing import Keys
from tests.conftest import Home, compiled_library
from tests.phone.interviews import interviews
from tests.phone.javarosa import Engine
from tests.phone.lists import library_lists
from tests.server_process import Server
from tests.twilio_standin import Taken, TwilioStandIn

PACE, SECONDS, ONE_IN, PHONES = 100, 30, 20, 16
"""Submissions a second, for how long, one of how many raises alarm, over how many connections."""
NO_CAPS = {f"POSMIGRAN_CAP_{cap}": "0" for cap in ("PERSON", "CASE", "HOUR", "MONTH")}
ALARM = "scam ring in Cambodia"
_INSTANCE = re.compile(rb"<instanceID>([^<]+)<")
_REF = re.compile(r"R-\d{6}-\d{4,}")


@dataclass(frozen=True)
class Measured:
    """Seconds from the POST to the carrier's, and how fast submissions really came in."""

    median: float
    p99: float
    messages: int
    per_second: float


def measure(database_url: str = "") -> Measured:
    """One run on a fresh home."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        home = Home(path, database_url or f"sqlite:///{path / 'posmigran.sqlite3'}")
        desk, _ = _prepare(home)
        numbers = count(1)
        store = Store(home.url, home.path, Keys.open(home.path))
        with store.transaction():
            for role in ("disnaker", "p4mi", "bp3mi", "ppa", "dinsos"):
                phone = f"+62 812 0000 {next(numbers):04d}"
                officers.add("Petugas", role, "35.07", datetime.now(UTC), phone=phone)
        arrived: dict[str, list[float]] = {}
        lock = threading.Lock()

        def watch(moment: str, taken: Taken) -> None:
            if moment == "received" and (said := _REF.search(taken.body)):
                with lock:
                    arrived.setdefault(said[0], []).append(time.time())

        with TwilioStandIn(watch=watch) as twilio:
            with Server(home, extra={**twilio.settings, **NO_CAPS}, forked=False) as server:
                posted, elapsed = _post(f"{server.url}{desk}")
                _until_quiet(arrived)
            ref_of = dict(Case.select(Submission.instance_id, Case.ref).join(Submission).tuples())
        store.release()
    waits = sorted(
        moment - sent
        for instance, sent in posted.items()
        for moment in arrived.get(ref_of.get(instance, ""), ())
    )
    return Measured(waits[len(waits) // 2], waits[int(len(waits) * 0.99)], len(waits), len(posted) / elapsed)


def _post(desk_url: str) -> tuple[dict[str, float], float]:
    """Send at an even pace; returns when each instanceID was posted, and how long all took."""
    parts = urlsplit(desk_url)
    requests = list(_requests(parts.path))
    posted: dict[str, float] = {}
    start = time.time() + 0.5

    def phone(number: int) -> None:
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        connection.connect()
        for index in range(number, len(requests), PHONES):
            time.sleep(max(0.0, start + index / PACE - time.time()))
            whole = requests[index]
            instance = _INSTANCE.search(whole)
            assert instance is not None
            posted[instance[1].decode()] = time.time()
            assert connection.sock is not None
            connection.sock.sendall(whole)
            _read_answer(connection)
        connection.close()

    with ThreadPoolExecutor(PHONES) as pool:
        list(pool.map(phone, range(PHONES)))
    return posted, time.time() - start


def _read_answer(connection: HTTPConnection) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.sock.recv(65_536)
        if not more:
            raise ConnectionError("the server hung up")
        head += more
    first, _, rest = head.partition(b"\r\n\r\n")
    if not first.startswith(b"HTTP/1.1 201"):
        raise RuntimeError(first.decode("latin-1").splitlines()[0])
    at = first.lower().index(b"\r\ncontent-length:")  # not X-OpenRosa-Accept-Content-Length
    length = int(first[at + 17 :].split(b"\r\n", 1)[0])
    while len(rest) < length:
        rest += connection.sock.recv(65_536)


def _requests(path: str) -> Iterator[bytes]:
    """Ready POSTs: one in so many raises alarm."""
    engine = Engine()
    form = compiled_library()["berangkat"]
    filled = {}
    for name in ("clean departure", ALARM):
        told = next(i for i in interviews(engine.today()) if i.name == name)
        filled[name] = engine.open(form.xform, library_lists()).fill(told.answers).xml
    total = PACE * SECONDS
    alarms = iter(submissions(path, filled[ALARM], total // ONE_IN + 1))
    clean = iter(submissions(path, filled["clean departure"], total))
    for index in range(total):
        yield next(alarms) if index % ONE_IN == 0 else next(clean)


def _until_quiet(arrived: dict[str, list[float]]) -> None:
    """Wait until nothing has arrived for three seconds."""
    before = -1
    while (so_far := sum(map(len, arrived.values()))) != before:
        before = so_far
        time.sleep(3)


def main() -> None:
    """Measure and print."""
    found = measure()
    print(
        f"{'POST to carrier':26} median {found.median:.2f} s   p99 {found.p99:.2f} s   {found.messages} messages, "
        f"{found.per_second:.0f} submissions/s, one in {ONE_IN} raises alarm"
    )
