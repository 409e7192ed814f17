"""A disk that is really full: phones are told to keep their data, others are served, nothing is half-stored."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from forms.form import Form
from server.store import desks
from server.store.database import Store
from server.store.models import Attachment, Quarantine, Submission
from server.store.sealing import Keys
from tests.conftest import Clock, Home, make_home, publish_library
from tests.openrosa.conftest import again
from tests.openrosa.robustness.requests import post, submission_of
from tests.openrosa.robustness.test_killed import nothing_lies_about
from tests.phone.collect import Collect
from tests.server_process import Server

KIND = "multipart/form-data; boundary=xyz"
PHOTO = 3_000_000  # bytes


class Disk(Protocol):
    """The disk that a home lies on."""

    def fill(self, server: Server) -> None: ...

    def free(self, server: Server) -> None: ...


class Small:
    """A file system of its own in memory, with a file that takes all the rest."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self, server: Server) -> None:
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                return

    def free(self, server: Server) -> None:
        self._ballast.unlink()


class Limited:
    """Where no file system may be mounted: the kernel lets the server's files grow no further."""

    def fill(self, server: Server) -> None:
        self._limit(server, 0)

    def free(self, server: Server) -> None:
        self._limit(server, resource.RLIM_INFINITY)

    @staticmethod
    def _limit(server: Server, size: int) -> None:
        for pid in (server.process.pid, *_children(server.process.pid)):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        yield Limited()
        return
    yield Small(tmp_path)
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_full_disk_costs_nobody_a_record(
    request: pytest.FixtureRequest,
    disk: Disk,
    tmp_path: Path,
    library: dict[str, Form],
    filled: dict[str, bytes],
    clock: Clock,
) -> None:
    home: Home = make_home(request, "sqlite", tmp_path)
    store = Store(home.url, home.path, Keys.open(home.path))
    publish_library(store, library)
    with store.transaction():
        _, credentials = desks.add("35.07.01.2001", None, store.keys, clock())
    risky = filled["broker without a letter"]
    with Server(home, "--no-sync") as server:
        url = f"{server.url}/desk/{credentials.token}"
        phone = Collect(url)
        assert phone.submit(again(risky), {"a.jpg": b"a" * PHOTO}).status == 201
        disk.fill(server)
        refused = [submission_of(again(risky), ("b.jpg", b"b" * PHOTO)), submission_of(again(risky))]
        refused += [submission_of(b"<cut"), submission_of(b'<d id="entah"/>', ("c.jpg", b"c" * PHOTO))]
        refused += [submission_of(again(risky).replace(b"</meta>", b"<x>" + b"x" * 300_000 + b"</x></meta>"))]
        for body in refused:
            heard = post(url, body, KIND)
            assert heard.status == 503
            assert b"OpenRosaResponse" in heard.body
        assert len(phone.form_list()) > 1  # others are served
        assert phone.sync()
        assert (Submission.select().count(), Quarantine.select().count()) == (1, 0)
        nothing_lies_about(store)
        disk.free(server)
        for body, status in zip(refused, (201, 201, 400, 201, 201), strict=True):
            assert post(url, body, KIND).status == status
    assert (Submission.select().count(), Quarantine.select().count()) == (4, 2)
    assert Attachment.select().count() == 2
    store.release()
