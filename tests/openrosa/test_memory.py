"""Large files go through to the disk: memory does not grow with them."""

from __future__ import annotations

import http.client
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from server.store import attachments, submissions
from server.store.database import Store
from server.store.files import Files
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
