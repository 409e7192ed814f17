"""Large files and large answers go through to the disk: memory does not grow with them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from forms.problems import Problem, Problems
from server.openrosa import multipart_body
from server.openrosa.memory import Memory
from server.openrosa.multipart_body import XML_LIMIT, Received, receive
from server.store import attachments, submissions
from server.store.database import Store
from server.store.files import Files
from server.store.readers import Readers
from server.store.room import Room
from tests.openrosa.conftest import Running, instance_id, with_photos

MB = 1_000_000
PHONES = 8
VIDEO = 12 * MB
"""A film of 100 MB is sent by hand before a release; what is tested is that its length does not matter."""


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_eight_phones_sending_films_at_once_cost_little_memory(
    running: Running, published: Store, photos: str
) -> None:
    processes = family(running.server.process.pid)
    films = [with_photos(photos, face=f"{number}.mp4") for number in range(PHONES)]
    before = sum(memory(pid, "VmRSS") for pid in processes)
    forget_peaks(processes)
    with ThreadPoolExecutor(PHONES) as phones:
        answers = list(
            phones.map(lambda n: send_film(running.url, films[n], f"{n}.mp4", VIDEO), range(PHONES))
        )
    assert answers == [201] * PHONES
    peak = sum(memory(pid, "VmHWM") for pid in processes)
    assert peak - before < 40 * MB  # in memory they would be 96
    assert not any(map(arenas, processes)), "all threads of a process take memory from one place"
    assert {s["state"] for s in submissions.listing()} == {"received"}
    (file,) = attachments.of_instance(instance_id(films[0])).files
    assert file.address is not None
    assert file.size == VIDEO
    sizes = [len(piece) for piece in Files(published.home, published.keys).read(file.address)]
    assert sum(sizes) == VIDEO


PEOPLE = 30
ANSWERS = 4_800_000
"""Bytes of answers, just below what is taken."""


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_large_answers_on_many_connections_cost_little_memory_and_each_is_taken_or_forgotten_whole(
    running: Running, published: Store, photos: str
) -> None:
    processes = family(running.server.process.pid)
    records = [with_photos(photos, note="x" * ANSWERS) for _ in range(PEOPLE)]
    before = sum(memory(pid, "VmRSS") for pid in processes)
    forget_peaks(processes)
    lines = [begin(running.url, xml) for xml in records]
    given_up, taken = lines[::3], [line for n, line in enumerate(lines) if n % 3]
    for line in given_up:
        line.close()
    for line in taken:
        line.sendall(AFTER)
    assert [line.recv(4096).split()[1] for line in taken] == [b"201"] * len(taken)
    peak = sum(memory(pid, "VmHWM") for pid in processes)
    # in memory they would be 144, and judged together twice as many
    assert peak - before < 130 * MB * (len(processes) - 1), "each worker reads one at a time"
    assert {s["instance_id"] for s in submissions.listing()} == {
        instance_id(xml) for n, xml in enumerate(records) if n % 3
    }
    assert not list((published.home / "staging").iterdir())


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_what_uploads_hold_is_given_back_however_they_end(
    published: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multipart_body, "XML_KEPT", 3 * MB)
    readers, memory = Readers(published, threads=1), Memory(50_000)
    files = Files(published.home, published.keys)
    scarce = Files(published.home, published.keys, int(shutil.disk_usage(published.home).free * 1.5))
    small, large, huge = (b"<a>" + b"x" * size for size in (3_000, 60_000, XML_LIMIT))

    async def admitted() -> Room:
        return Room(MB, Problem(Problems.DESK_FULL))

    async def refused() -> Room:
        raise Problem(Problems.UNAUTHENTICATED)

    async def send(
        *pieces: bytes | Exception,
        ask: Callable[[], Awaitable[Room]] = admitted,
        files: Files = files,
    ) -> Received:
        async def body() -> AsyncIterator[bytes]:
            for piece in pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece

        kind = "multipart/form-data; boundary=grens"
        return await receive(body(), kind, None, files, readers, memory, room=None, ask_room=ask)

    async def go() -> None:
        ordinary = await send(BEFORE + small, AFTER)
        assert (ordinary.xml, memory.free) == (small, 47_000 - 3)
        # no room in memory for this one besides: it goes to a file, of whoever may have one
        other = await send(BEFORE + large[:30_000], large[30_000:], AFTER)
        assert (other.xml, memory.free) == (b"", 47_000 - 3)
        assert other.spooled is not None
        await readers.run(other.load)
        assert other.xml == large
        with pytest.raises(Problem, match="does not match"):
            await send(BEFORE + large, AFTER, ask=refused)
        too_large = await send(BEFORE + huge, AFTER)
        assert (too_large.xml, too_large.oversized) == (b"", hashlib.sha256(huge).hexdigest())
        assert too_large.document is not None
        assert too_large.document.size == 3 * MB, "more than staff can release is not kept"
        # where there is no room for files any more there is some for answers
        late = await send(BEFORE + large, AFTER, files=scarce)
        assert late.spooled is not None
        for received in (ordinary, other, too_large, late):
            received.let_go()
            received.drop()
        hung_up: list[tuple[bytes | Exception, ...]] = [
            (BEFORE + small, ConnectionResetError()),
            (BEFORE + small,),
            (BEFORE + small, b"\r\n--grens\r\nno header\r\n\r\n"),
            (BEFORE + small, AFTER[:-4] + b"\r\n" + BEFORE.partition(b"\r\n")[2], AFTER),
            (BEFORE + huge[:400_000], huge[400_000:900_000], ConnectionResetError()),
        ]
        for pieces in hung_up:
            with pytest.raises((Problem, ConnectionResetError)):
                await send(*pieces)

    asyncio.run(go())
    readers.close()
    assert memory.free == 50_000
    assert not list((published.home / "staging").iterdir())


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_large_answers_may_take_half_of_the_disk_that_files_leave_free(published: Store) -> None:
    free = shutil.disk_usage(published.home).free
    for reserve, answers, fits in ((1.5, False, False), (1.5, True, True), (3.0, True, False)):
        staged = Files(published.home, published.keys, int(free * reserve)).stage(answers=answers)
        with contextlib.nullcontext() if fits else pytest.raises(OSError):
            staged.write(b"x")
        staged.drop()


def test_one_desk_leaves_places_to_others_and_all_are_given_back() -> None:
    memory = Memory(streams=5, share=3)

    for desk in (1, 1, 1, 2, 2):
        memory.enter(desk)
    memory.leave(2)
    for desk in (1, 2, 2):  # its share is taken, then all places
        with contextlib.nullcontext() if desk == 2 and memory.places else pytest.raises(Problem) as refused:
            memory.enter(desk)
    assert refused is not None
    assert refused.value.kind.status == 503
    for desk in (1, 1, 1, 2, 2):
        memory.leave(desk)
    assert memory.places == 5


def test_desks_take_turns_with_large_answers() -> None:
    memory, order = Memory(), []

    async def send(desk: int, number: int) -> None:
        async with memory.turn(desk):
            order.append((desk, number))
            await asyncio.sleep(0)

    async def go() -> None:
        many = [asyncio.create_task(send(1, number)) for number in range(5)]
        await asyncio.sleep(0)
        await asyncio.gather(*many, send(2, 0), send(2, 1))

    asyncio.run(go())
    assert order[:4] == [(1, 0), (2, 0), (1, 1), (2, 1)]
    assert len(order) == 7


BEFORE = b'--grens\r\nContent-Disposition: form-data; name="xml_submission_file"; filename="a.xml"\r\n\r\n'
AFTER = b"\r\n--grens--\r\n"


def begin(url: str, xml: bytes) -> socket.socket:
    """Send a submission but for its end."""
    parts = urlsplit(url)
    line = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=300)
    length = len(BEFORE) + len(xml) + len(AFTER)
    line.sendall(
        f"POST {parts.path}/submission HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
        "Content-Type: multipart/form-data; boundary=grens\r\n\r\n".encode()
    )
    line.sendall(BEFORE + xml)
    return line


def send_film(url: str, xml: bytes, name: str, size: int) -> int:
    """POST a submission with one file of this size, without holding that here."""
    parts = urlsplit(url)
    before = (
        b'--grens\r\nContent-Disposition: form-data; name="xml_submission_file"; filename="a.xml"\r\n'
        b"Content-Type: text/xml\r\n\r\n"
        + xml
        + b"\r\n--grens\r\nContent-Disposition: form-data; "
        + f'name="{name}"; filename="{name}"\r\nContent-Type: video/mp4\r\n\r\n'.encode()
    )
    after = b"\r\n--grens--\r\n"
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=300)
    line.putrequest("POST", f"{parts.path}/submission")
    line.putheader("Content-Type", "multipart/form-data; boundary=grens")
    line.putheader("Content-Length", str(len(before) + size + len(after)))
    line.endheaders(before)
    piece = bytes(range(256)) * 256
    left = size
    while left:
        line.send(piece[: min(left, len(piece))])
        left -= min(left, len(piece))
    line.send(after)
    answer = line.getresponse()
    answer.read()
    line.close()
    return answer.status


def family(pid: int) -> list[int]:
    """A process and all that come from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in family(int(child)))]


def forget_peaks(pids: list[int]) -> None:
    """From now on ``VmHWM`` is the most memory since now."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def memory(pid: int, what: str) -> int:
    """Bytes of a process's memory: ``VmRSS`` now, ``VmHWM`` at its peak."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{what}:"))
    return int(line.split()[1]) * 1024


def arenas(pid: int) -> int:
    """How many of malloc's arenas a process has besides the first: each is 64 MiB of addresses."""
    found, before, length = 0, 0, 0
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        addresses, _, _, _, _, *name = line.split()
        begin, end = (int(address, 16) for address in addresses.split("-"))
        length = end - begin if name or begin != before else length + end - begin
        before = 0 if name else end
        found += length == 64 << 20 and end % (64 << 20) == 0
    return found
