"""Whatever is thrown at the running server: a 4xx in OpenRosa's words, nothing half-stored, and others are served."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.store.database import Store
from server.store.models import Attachment, Quarantine, Submission
from tests.openrosa.conftest import Running, again
from tests.openrosa.robustness.requests import (
    Heard,
    bomb,
    content_types,
    hostile_xml,
    multipart_bodies,
    post,
    submission_of,
)

KIND = "multipart/form-data; boundary=xyz"
MORE_MEMORY = 200_000
"""KiB of all processes together: a dozen uploads of 5 MB and their reading. Bombs take gigabytes."""
many = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def memory(running: Running) -> int:
    """The most that the server's processes ever took, in KiB."""
    parent = running.server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in (parent, *children)]
    return sum(int(status.partition("VmHWM:")[2].split()[0]) for status in statuses)


def files_named(store: Store) -> set[str]:
    rows = {sha for (sha,) in Attachment.select(Attachment.sha256).tuples() if sha}
    for (files,) in Quarantine.select(Quarantine.files).tuples():
        rows |= {f["sha256"] for f in files}
    return rows


def files_there(store: Store) -> set[str]:
    return {path.name for path in (store.home / "attachments").rglob("*") if path.is_file()}


@contextmanager
def nothing_half_stored(running: Running, store: Store) -> Iterator[None]:
    """Around what a test does: rows and files agree before and after, and memory stays where it was."""
    earlier, before = files_there(store) - files_named(store), memory(running)
    yield
    assert list((store.home / "staging").iterdir()) == []
    assert files_there(store) - files_named(store) == earlier  # left by former tests, whose rows are gone
    assert files_named(store) <= files_there(store)
    assert memory(running) - before < MORE_MEMORY
    assert running.server.process.poll() is None


def in_openrosa_words(heard: Heard) -> None:
    assert b"OpenRosaResponse" in heard.body, heard
    assert b"x-openrosa-version: 1.0" in heard.head.lower()
    assert b"root:" not in heard.body
    assert b"Traceback" not in heard.body


def test_whatever_claims_to_be_a_submission_is_refused_or_kept_for_staff(
    running: Running, published: Store, filled: dict[str, bytes]
) -> None:
    @many
    @given(xml=hostile_xml, photo=st.binary(max_size=500))
    def throw(xml: bytes, photo: bytes) -> None:
        heard = post(running.url, submission_of(xml, ("foto.jpg", photo)), KIND)
        in_openrosa_words(heard)
        held = Quarantine.select().count()
        assert heard.status in (201, 400)
        assert heard.status == 400 or held  # readable, but nothing of this is a form that we have
        assert Submission.select().count() == 0

    with nothing_half_stored(running, published):
        throw()
        assert running.phone().submit(again(filled["clean departure"])).status == 201


def test_whatever_claims_to_be_an_upload_is_answered_in_openrosa_words(
    running: Running, published: Store, filled: dict[str, bytes]
) -> None:
    @many
    @given(body=multipart_bodies, kind=content_types)
    def throw(body: bytes, kind: str) -> None:
        heard = post(running.url, body, kind)
        in_openrosa_words(heard)
        assert heard.status in (201, 400)
        assert Submission.select().count() == 0

    with nothing_half_stored(running, published):
        throw()
        assert running.phone().submit(again(filled["clean departure"])).status == 201


def test_an_upload_that_is_cut_off_anywhere_leaves_nothing(
    running: Running, published: Store, filled: dict[str, bytes]
) -> None:
    whole = submission_of(
        again(filled["clean departure"]), ("a.jpg", b"a" * 40_000), ("b.jpg", b"b" * 300_000)
    )

    @many
    @given(cut=st.integers(0, len(whole) - 1), missing=st.integers(1, 5_000_000))
    def throw(cut: int, missing: int) -> None:
        heard = post(running.url, whole[:cut], KIND, length=cut + missing, hang_up=True)
        assert heard.status in (0, 400)
        assert Submission.select().count() == Quarantine.select().count() == 0

    with nothing_half_stored(running, published):
        throw()
        assert post(running.url, whole, KIND).status == 201


@pytest.mark.parametrize("short", [7, 400, 100_000])
def test_an_upload_longer_than_it_says_is_refused(
    running: Running, published: Store, filled: dict[str, bytes], short: int
) -> None:
    whole = submission_of(again(filled["clean departure"]), ("a.jpg", b"a" * 200_000))
    with nothing_half_stored(running, published):
        heard = post(running.url, whole, KIND, length=len(whole) - short)
        assert heard.status in (0, 400)  # 0: reset, since we went on talking
        assert Submission.select().count() == 0


def test_bombs_thrown_by_many_at_once_cost_neither_memory_nor_others_their_turn(
    running: Running, published: Store, filled: dict[str, bytes]
) -> None:
    bodies = [
        submission_of(xml)
        for xml in (
            bomb(30),
            b'<d id="entah" a="' + b"x" * 4_900_000 + b'"/>',
            b'<d id="entah">' + b"<a>" * 49_000,
            b'<d id="entah">' + b"<a/>" * 49_000 + b"</d>",
        )
    ] * 3
    heard: list[int] = []
    with nothing_half_stored(running, published):
        throwers = [
            threading.Thread(target=lambda b=body: heard.append(post(running.url, b, KIND).status))
            for body in bodies
        ]
        for thrower in throwers:
            thrower.start()
        sent = [running.phone().submit(again(filled["clean departure"])).status for _ in range(5)]
        for thrower in throwers:
            thrower.join()
    assert sent == [201] * 5
    assert sorted(heard) == [201] * 6 + [400] * 6


def test_200_senders_of_a_byte_at_a_time_hold_nobody_up(
    running: Running, published: Store, filled: dict[str, bytes]
) -> None:
    whole = submission_of(again(filled["clean departure"]), ("a.jpg", b"a" * 400))
    parts = urlsplit(running.url)
    head = (
        f"POST {parts.path}/submission HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {KIND}\r\n"
        f"Content-Length: {len(whole)}\r\n\r\n"
    ).encode()
    done = threading.Event()

    def trickle(lines: list[socket.socket]) -> None:
        sent = 0
        while not done.wait(0.05):  # twenty times as fast as a byte a second, so that it is soon over
            for line in lines:
                line.sendall(whole[sent : sent + 1])
            sent += 1

    with nothing_half_stored(running, published):
        slow = [socket.create_connection((parts.hostname, parts.port), timeout=30) for _ in range(200)]
        for line in slow:
            line.sendall(head)
        trickler = threading.Thread(target=trickle, args=(slow,))
        trickler.start()
        try:
            assert [running.phone().submit(again(filled["clean departure"])).status for _ in range(8)] == [
                201
            ] * 8
            assert len(running.phone().form_list()) > 1
        finally:
            done.set()
            trickler.join()
            for line in slow:
                line.close()
        assert running.phone().submit(again(filled["clean departure"])).status == 201
    assert Submission.select().count() == 9
