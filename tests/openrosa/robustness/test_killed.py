"""kill -9 of the whole server at random moments under load: what was answered 201 is there, with all that it owes."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from forms.form import Form
from server.store import desks
from server.store.database import Store
from server.store.files import Files
from server.store.models import Alert, Attachment, Case, Entity, Register, Submission
from server.store.sealing import Keys
from tests.conftest import Clock, Home, make_home, publish_library
from tests.openrosa.conftest import again, instance_id
from tests.openrosa.robustness.requests import submission_of
from tests.server_process import ROOT, environment

KILLS = {"sqlite": 36, "postgresql": 14}
"""50 in all. ``KILLS=500`` in the environment makes it so many for each engine."""
RISKY = {"broker without a letter", "rat port", "sexual violence"}
PHONES = 4


class Killable:
    """A server that is started again and again on one home."""

    def __init__(self, home: Home) -> None:
        self._log = (home.path.parent / "server.log").open("ab")
        self._forking = subprocess.Popen(
            [sys.executable, "-m", "tests.openrosa.robustness.forking"],
            cwd=ROOT,
            env=environment(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._group = 0

    def start(self) -> str:
        """Returns the address once it answers."""
        assert self._forking.stdin is not None
        assert self._forking.stdout is not None
        self._forking.stdin.write("\n")
        self._forking.stdin.flush()
        self._group = int(self._forking.stdout.readline())
        line = self._forking.stdout.readline()
        assert line.startswith("listening on "), line
        return line.removeprefix("listening on ").strip()

    def kill(self) -> None:
        os.killpg(self._group, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        self._forking.communicate(timeout=30)
        self._log.close()


class Load:
    """Phones that send one record after the other, each with a photo, and note which were answered 201."""

    def __init__(self, filled: dict[str, bytes], token: str) -> None:
        self._filled = list(filled.items())
        self._path = f"/desk/{token}/submission"
        self.accepted: dict[str, tuple[str, str]] = {}
        """instanceID -> the kind of record, and the SHA-256 of its photo."""
        self.first = threading.Event()

    def send(self, url: str) -> list[threading.Thread]:
        self.first.clear()
        phones = [threading.Thread(target=self._phone, args=(url, random.Random(n))) for n in range(PHONES)]
        for phone in phones:
            phone.start()
        return phones

    def _phone(self, url: str, chance: random.Random) -> None:
        line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        head = {"Content-Type": "multipart/form-data; boundary=xyz", "X-OpenRosa-Version": "1.0"}
        while True:
            kind, xml = chance.choice(self._filled)
            xml = _other_worker(again(xml))
            photo = os.urandom(chance.randrange(1, 60_000))
            body = submission_of(xml, ("foto.jpg", photo))
            try:
                line.request("POST", self._path, body, head)
                answer = line.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return  # killed
            assert answer.status in (201, 503)
            if answer.status == 201:
                self.accepted[instance_id(xml)] = kind, hashlib.sha256(photo).hexdigest()
                self.first.set()


_WORKER = re.compile(rb'(<entity [^>]*\bid=")[^"]+')


def _other_worker(xml: bytes) -> bytes:
    return _WORKER.sub(rb"\g<1>" + str(uuid.uuid4()).encode(), xml)


@pytest.fixture(params=KILLS)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fresh(
    request: pytest.FixtureRequest, engine: str, tmp_path: Path, library: dict[str, Form]
) -> Iterator[tuple[Home, Store]]:
    home = make_home(request, engine, tmp_path)
    store = Store(home.url, home.path, Keys.open(home.path))
    publish_library(store, library)
    yield home, store
    store.release()


def nothing_lies_about(store: Store) -> None:
    """No file without its row, no row without its file, nothing half-received."""
    assert list((store.home / "staging").iterdir()) == []
    there = {path.name for path in (store.home / "attachments").rglob("*") if path.is_file()}
    assert there == {address for (address,) in Attachment.select(Attachment.sha256).tuples() if address}


def test_what_was_answered_201_survives_every_kill_with_all_that_follows_from_it(
    fresh: tuple[Home, Store], filled: dict[str, bytes], clock: Clock, engine: str
) -> None:
    home, store = fresh
    with store.transaction():
        _, credentials = desks.add("35.07.01.2001", None, store.keys, clock())
    load, chance = Load(filled, credentials.token), random.Random(1)
    server = Killable(home)
    try:
        for _ in range(int(os.environ.get("KILLS", KILLS[engine]))):
            url = server.start()
            nothing_lies_about(store)
            phones = load.send(url)
            assert load.first.wait(60)
            threading.Event().wait(chance.uniform(0, 0.25))  # any moment will do
            server.kill()
            for phone in phones:
                phone.join()
        server.start()  # what the last kill left is swept
        nothing_lies_about(store)
        _everything_followed(store, load)
    finally:
        server.close()


def _everything_followed(store: Store, load: Load) -> None:
    rows: dict[str, Any] = {s.instance_id: s for s in Submission.select()}
    sys.stdout.write(f"{len(load.accepted)} answered 201, {len(rows)} kept\n")  # pytest -s shows it
    assert set(load.accepted) <= set(rows)
    registered = {r for (r,) in Register.select(Register.submission).tuples()}
    workers = {uuid for (uuid,) in Entity.select(Entity.uuid).tuples()}
    cases = {c.root: c.id for c in Case.select()}
    owed = {case for (case,) in Alert.select(Alert.case).where(Alert.owed).tuples()}
    photos = {a.submission_id: a.sha256 for a in Attachment.select().where(Attachment.filename == "foto.jpg")}
    files = Files(store.home, store.keys)
    for name, row in rows.items():  # also what nobody heard the answer of is there whole, or not at all
        xml = store.keys.unseal(bytes(row.xml), name)
        assert row.id in registered
        for made in re.findall(rb'<entity [^>]*\bid="([^"]+)"[^>]*create="1"', xml):
            assert made.decode() in workers
        assert (name in cases) == bool(row.indicators)
        assert not row.indicators or cases[name] in owed
        content = b"".join(files.read(photos[row.id]))
        if name in load.accepted:
            kind, digest = load.accepted[name]
            assert bool(row.indicators) == (kind in RISKY)
            assert hashlib.sha256(content).hexdigest() == digest
    assert workers  # some of these records did make workers known
