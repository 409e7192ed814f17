"""Packages whose parts are compressed beside the work are packages as any other."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.packing import Compressor, Package, _Piece, combined


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_the_checksum_of_two_pieces_follows_from_theirs(first: bytes, second: bytes) -> None:
    told = combined(zlib.crc32(first), zlib.crc32(second), len(second))
    assert told == zlib.crc32(first + second)


def test_parts_come_back_whole_whatever_stands_before_and_after_them(tmp_path: Path) -> None:
    rows = [b"baris %d\n" % number for number in range(100_000)]
    compressor = Compressor()
    one, other, nothing = (compressor.part(tmp_path) for _ in range(3))
    for row in rows:
        one.write(row)
        other.write(row[::-1])
    with Package(tmp_path / "paket.zip") as package:
        package.add("kecil.txt", b"halo")
        package.add_part("data/s\u00e9.xml", one, b"<x>", b"</x>")
        package.add_part("lain.csv", other)
        package.add_part("kosong.csv", nothing)
    compressor.close()
    with zipfile.ZipFile(tmp_path / "paket.zip") as read:
        assert read.testzip() is None
        assert read.read("kecil.txt") == b"halo"
        assert read.read("data/s\u00e9.xml") == b"<x>" + b"".join(rows) + b"</x>"
        assert read.read("lain.csv") == b"".join(row[::-1] for row in rows)
        assert read.read("kosong.csv") == b""
        assert read.getinfo("lain.csv").compress_size < read.getinfo("lain.csv").file_size / 3


def test_more_parts_than_the_old_format_counts_are_all_found(tmp_path: Path) -> None:
    with Package(tmp_path / "banyak.zip") as package:
        for number in range(0x10000 + 5):
            package.add(f"{number}", b"")
    with zipfile.ZipFile(tmp_path / "banyak.zip") as read:
        assert len(read.infolist()) == 0x10000 + 5


def test_what_has_no_room_in_the_old_format_is_told_in_the_new(tmp_path: Path) -> None:
    """More than 4 GiB: the size of a part that its piece only says, and the place of one that lies behind a hole."""
    huge = 5 << 30
    with Package(tmp_path / "besar.zip") as package:
        package._entry("besar.csv", [_Piece(7, huge, 3, io.BytesIO(b"\x01\x02\x03"))])
        package._stream.seek(huge)
        package.add_stored("media/foto.jpg", [b"sa", b"tu"])
        package.add("kecil.txt", b"dua")
    with zipfile.ZipFile(tmp_path / "besar.zip") as read:
        large, stored, small = read.infolist()
        assert (large.file_size, large.compress_size, large.CRC) == (huge, 3, 7)
        assert stored.header_offset >= huge
        assert (read.read(stored), stored.compress_type) == (b"satu", zipfile.ZIP_STORED)
        assert read.read(small) == b"dua"


def test_a_file_whose_reading_fails_leaves_nothing_of_itself(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"setengah"
        raise OSError

    with Package(tmp_path / "paket.zip") as package:
        with pytest.raises(OSError):
            package.add_stored("a", broken())
        package.add_stored("b", [b"utuh"])
    with zipfile.ZipFile(tmp_path / "paket.zip") as read:
        assert read.namelist() == ["b"]
        assert read.read("b") == b"utuh"
    assert b"setengah" not in (tmp_path / "paket.zip").read_bytes()


def test_a_fault_while_compressing_is_not_lost(tmp_path: Path) -> None:
    compressor = Compressor()
    part = compressor.part(tmp_path)
    part.write(b"x")
    part.close()  # its file takes nothing more, as on a full disk
    with pytest.raises(ValueError, match="closed file"), Package(tmp_path / "rusak.zip") as package:
        package.add_part("a", part)
    compressor.close()
