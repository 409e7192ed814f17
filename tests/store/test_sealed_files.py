"""Attachments at rest: whole and in their place, or not given out."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
from pathlib import Path

import pytest

from forms.form import Form
from server.store import submissions
from server.store.attachments import NewFile, attach
from server.store.database import Store
from server.store.files import Files, Reserved, reserve
from server.store.models import Attachment, Quarantine
from server.store.sealed_files import CHUNK, HEADER, Unreadable
from server.store.sealing import Keys
from server.store.submissions import NewSubmission
from tests.conftest import Clock

ONE_ENGINE = pytest.mark.parametrize("home", ["sqlite"], indirect=True)


def stored(files: Files, content: bytes, piece: int = 100_000) -> str:
    staged = files.stage()
    for start in range(0, len(content), piece):
        staged.write(content[start : start + piece])
    address = staged.keep()
    staged.settle()
    return address


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "files", Keys.make(tmp_path))


def on_disk(tmp_path: Path, address: str) -> Path:
    return tmp_path / "files" / "attachments" / address[:2] / address


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7])
def test_what_was_sealed_comes_back_whole(files: Files, size: int) -> None:
    content = bytes(n % 251 for n in range(size))
    assert b"".join(files.read(stored(files, content, piece=10_007))) == content


def test_no_more_files_arrive_at_once_than_a_process_may_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (160, 160))  # 128 of its own, 16 connections
    files = Files(tmp_path / "files", Keys.make(tmp_path))
    arriving = [files.stage() for _ in range(17)]
    for staged in arriving[:16]:
        staged.write(b"x")
    with pytest.raises(OSError, match="as many files are arriving as may"):
        arriving[16].write(b"x")
    arriving[0].drop()
    arriving[16].write(b"x")
    for staged in arriving:
        staged.drop()
    assert not list((tmp_path / "files" / "staging").iterdir())


def test_files_leave_a_gigabyte_free_or_a_twentieth_of_a_small_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"small": 8_000_000_000, "large": 500_000_000_000}
    for disk, left in (("small", 400_000_000), ("large", 1_000_000_000)):
        usage = shutil._ntuple_diskusage(sizes[disk], 0, 0)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        assert (reserve(tmp_path, None), reserve(tmp_path, 7), reserve(tmp_path, 0)) == (left, 7, 0)


def test_a_file_is_on_disk_with_its_name_before_anybody_hears_of_it(
    tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    flush = os.fsync

    def noted(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    staged = files.stage()
    staged.write(b"x")
    [arriving] = (tmp_path / "files" / "staging").iterdir()
    staged.keep()
    assert flushed == [arriving.name, "staging"]
    staged.drop()


def test_the_reserve_is_free_after_a_piece_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staged = Files(tmp_path / "files", Keys.make(tmp_path), reserve=900).stage()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2_000, 1_000, 1_000))
    staged.write(b"x" * 100)
    with pytest.raises(Reserved):
        staged.write(b"x" * 101)
    staged.drop()


def test_an_address_tells_nothing_of_the_content_without_the_key(tmp_path: Path, files: Files) -> None:
    other = Files(tmp_path / "other", Keys.make(tmp_path / "other"))
    content = b"a picture that everybody knows"
    assert stored(files, content) == stored(files, content)
    assert stored(files, content) not in (stored(other, content), hashlib.sha256(content).hexdigest())
    written = on_disk(tmp_path, stored(files, content)).read_bytes()
    assert content not in written


@pytest.mark.parametrize("spoil", ["bit", "cut", "cut a chunk", "swap chunks", "longer", "other file"])
def test_what_was_changed_on_the_disk_is_not_given_out(tmp_path: Path, files: Files, spoil: str) -> None:
    address = stored(files, b"a" * (3 * CHUNK))
    place = on_disk(tmp_path, address)
    data = bytearray(place.read_bytes())
    begin, step = len(HEADER) + 16, CHUNK + 16
    if spoil == "bit":
        data[begin + 5] ^= 1
    elif spoil == "cut":
        data = data[:-1]
    elif spoil == "cut a chunk":
        data = data[: begin + 2 * step]
    elif spoil == "swap chunks":
        first, second = data[begin : begin + step], data[begin + step : begin + 2 * step]
        data[begin : begin + 2 * step] = second + first
    elif spoil == "longer":
        data += b"x" * step
    else:
        other = stored(files, b"b" * 10)
        shutil.copy(on_disk(tmp_path, other), place)
        data = bytearray(place.read_bytes())
    place.write_bytes(data)
    with pytest.raises(Unreadable):
        list(files.read(address))


def test_a_home_of_before_has_its_files_sealed_and_rows_follow(
    published: Store, library: dict[str, Form], clock: Clock
) -> None:
    """As ``init`` does after an update; also after it was broken off."""
    files = Files(published.home, published.keys)
    old = {name: hashlib.sha256(content).hexdigest() for name, content in FORMER.items()}
    for name, content in FORMER.items():
        place = published.home / "attachments" / old[name][:2] / old[name]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
    form = library["berangkat"]
    with published.transaction():
        kept = submissions.keep(
            NewSubmission(
                form_id=form.form_id,
                version=form.version,
                instance_id="uuid:1",
                deprecated_id=None,
                desk_id=None,
                village="35.07.01.2001",
                received_at=clock(),
                device_id=None,
                xml=b"<x/>",
                answers={},
                sensitive={},
                root_path="/berangkat",
                indicators=(),
                verdict={},
            ),
            published,
        )
        attach(kept.id, [NewFile("foto.jpg", old["of a row"], 4, "image/jpeg")], clock())
        Quarantine.insert(
            received_at=clock(), reason="x", form_id="f", version="1", instance_id="i", xml=b"", xml_hash="0",
            files=[{"filename": "a.jpg", "sha256": old["in quarantine"], "size": 4, "content_type": ""}],
        ).execute()  # fmt: skip
    assert files.seal_older(published) == 3
    assert files.seal_older(published) == 0
    held = Quarantine.get().files[0]["sha256"]
    for address, name in ((Attachment.get().sha256, "of a row"), (held, "in quarantine")):
        assert b"".join(files.read(address)) == FORMER[name]
    left = [p for p in (published.home / "attachments").rglob("*") if p.is_file()]
    assert sorted(p.name for p in left) == sorted((Attachment.get().sha256, held))
    assert not list((published.home / "staging").iterdir())


FORMER = {"of a row": b"foto", "in quarantine": b"ditahan", "of nobody": b"yatim"}
