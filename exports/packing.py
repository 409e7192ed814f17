"""ZIP packages whose large parts are compressed while they are written, by a thread of their own.

zlib works without the interpreter's lock, so a second core compresses what the first one makes. A part is packed in
pieces that are put together at the end: raw DEFLATE (RFC 1951) may be cut at a flush and what follows may come from
another compressor, and the checksum of the whole follows from those of its pieces. Layout: PKWARE's APPNOTE 6.3.
"""

from __future__ import annotations

import io
import shutil
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Final, Self

LEVEL: Final = 4
"""Of compression: half the time of the usual 6, for a file a tenth larger."""
_PIECE: Final = 1 << 18  # bytes that are compressed at a time
_AHEAD: Final = 8  # pieces that may wait, so that memory stays bounded
_COPY: Final = 1 << 20
_HUGE: Final = 0xFFFFFFFF
_DATED: Final = 0x21 << 16  # 1 January 1980, ZIP's first day: packages of equal content are equal
_UTF8: Final = 1 << 11
_VERSION: Final = 45  # ZIP64
_STORED: Final = 0
_DEFLATED: Final = 8


class Compressor:
    """The thread that compresses, for all parts of a package."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="compress")
        self._waiting: deque[Future[None]] = deque()
        self._closed = False

    def part(self, folder: Path) -> Part:
        """Begin a part; until it is packed it lies in a file without a name."""
        return Part(TemporaryFile(dir=folder), self)

    def submit(self, part: Part, piece: bytes) -> None:
        """Have a piece compressed; waits where too many wait. Raises what went wrong with former ones.

        Once closed, nobody wants it any more.
        """
        if self._closed:
            return
        if len(self._waiting) >= _AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(part.compress, piece))

    def drain(self) -> None:
        """Wait until all is compressed. Raises what went wrong."""
        while self._waiting:
            self._waiting.popleft().result()

    def close(self) -> None:
        """End the thread, whatever still waits."""
        self._closed = True
        self._thread.shutdown(cancel_futures=True)
        self._waiting.clear()


class Part(io.RawIOBase):
    """A part in the making: a stream to write to."""

    def __init__(self, file: IO[bytes], compressor: Compressor) -> None:
        self._file = file
        self._compressor = compressor
        self._deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._pending: list[bytes] = []
        self._length = 0
        self.crc = 0
        self.size = 0
        self.packed = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Take bytes."""
        piece = bytes(data)
        self._pending.append(piece)
        self._length += len(piece)
        if self._length >= _PIECE:
            self._hand_over()
        return len(piece)

    def compress(self, piece: bytes) -> None:
        """What the thread does."""
        self.crc = zlib.crc32(piece, self.crc)
        self.size += len(piece)
        self._keep(self._deflate.compress(piece))

    def finish(self) -> IO[bytes]:
        """All that was written, compressed up to a flush, from its beginning. Once, when nothing else comes."""
        self._hand_over()
        self._compressor.drain()
        self._keep(self._deflate.flush(zlib.Z_FULL_FLUSH))
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Let go of it."""
        self._file.close()
        super().close()

    def _hand_over(self) -> None:
        if self._pending:
            piece = b"".join(self._pending)
            self._pending, self._length = [], 0
            self._compressor.submit(self, piece)

    def _keep(self, packed: bytes) -> None:
        self._file.write(packed)
        self.packed += len(packed)


class Package:
    """A ZIP file in the making; leaving its ``with`` block writes its directory."""

    def __init__(self, target: Path) -> None:
        self._stream = target.open("wb")
        self._directory: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._end()
        finally:
            self._stream.close()

    def add(self, name: str, content: bytes) -> None:
        """A small part."""
        self._entry(name, [_small(content, last=True)])

    def add_part(self, name: str, part: Part, before: bytes = b"", after: bytes = b"") -> None:
        """A part that is finished herewith, with what stands before and after it."""
        stream = part.finish()
        body = _Piece(part.crc, part.size, part.packed, stream)
        self._entry(name, [_small(before), body, _small(after, last=True)])

    def add_stored(self, name: str, pieces: Iterable[bytes]) -> None:
        """A file of any size, as it is: pictures and films gain nothing by compressing.

        Its header is written once all has come, so it always has room for the numbers of a large one. Where reading
        ``pieces`` fails, what came of it is taken back, and the package goes on.
        """
        where, crc, size = self._stream.tell(), 0, 0
        try:
            self._stream.write(_local(name, _STORED, 0, _HUGE, _HUGE, roomy=True))
            for piece in pieces:
                self._stream.write(piece)
                crc, size = zlib.crc32(piece, crc), size + len(piece)
        except BaseException:
            self._stream.seek(where)
            self._stream.truncate()
            raise
        self._stream.seek(where)
        self._stream.write(_local(name, _STORED, crc, size, size, roomy=True))
        self._stream.seek(0, io.SEEK_END)
        self._directory.append(_listed(name, _STORED, crc, size, size, where))

    def _entry(self, name: str, pieces: Sequence[_Piece]) -> None:
        crc = 0
        for piece in pieces:
            crc = combined(crc, piece.crc, piece.size)
        size, packed = sum(p.size for p in pieces), sum(p.packed for p in pieces)
        where = self._stream.tell()
        self._stream.write(_local(name, _DEFLATED, crc, size, packed))
        for piece in pieces:
            shutil.copyfileobj(piece.stream, self._stream, _COPY)
        self._directory.append(_listed(name, _DEFLATED, crc, size, packed, where))

    def _end(self) -> None:
        start, entries = self._stream.tell(), len(self._directory)
        self._stream.write(b"".join(self._directory))
        end = self._stream.tell()
        if start >= _HUGE or entries >= 0xFFFF:
            self._stream.write(
                struct.pack("<4sQHHII", b"PK\x06\x06", 44, _VERSION, _VERSION, 0, 0)
                + struct.pack("<QQQQ", entries, entries, end - start, start)
                + struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
            )
        count = min(entries, 0xFFFF)
        self._stream.write(
            struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, end - start, min(start, _HUGE), 0)
        )


class _Piece:
    """Compressed bytes that can stand in a row with others."""

    def __init__(self, crc: int, size: int, packed: int, stream: IO[bytes]) -> None:
        self.crc, self.size, self.packed, self.stream = crc, size, packed, stream


def _small(content: bytes, *, last: bool = False) -> _Piece:
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(content) + deflate.flush(zlib.Z_FINISH if last else zlib.Z_FULL_FLUSH)
    return _Piece(zlib.crc32(content), len(content), len(packed), io.BytesIO(packed))


def _local(name: str, method: int, crc: int, size: int, packed: int, *, roomy: bool = False) -> bytes:
    """What stands before a part. ZIP64 tells both sizes here or none; ``roomy``: it tells them in any case."""
    large = roomy or max(size, packed) >= _HUGE
    extra = _zip64([size, packed] if large else [])
    sizes = (_HUGE, _HUGE) if large else (packed, size)
    return (
        b"PK\x03\x04"
        + _common(name, method, crc, *sizes)
        + struct.pack("<H", len(extra))
        + name.encode()
        + extra
    )


def _listed(name: str, method: int, crc: int, size: int, packed: int, where: int) -> bytes:
    """A part's line in the directory. Here ZIP64 tells only what the line itself has no room for."""
    extra = _zip64([number for number in (size, packed, where) if number >= _HUGE])
    return (
        b"PK\x01\x02"
        + struct.pack("<H", 3 << 8 | _VERSION)  # made on Unix, so that the rights below count
        + _common(name, method, crc, min(packed, _HUGE), min(size, _HUGE))
        + struct.pack("<HHHHII", len(extra), 0, 0, 0, 0o600 << 16, min(where, _HUGE))
        + name.encode()
        + extra
    )


def _common(name: str, method: int, crc: int, packed: int, size: int) -> bytes:
    """What both have, from the version needed to the length of the name."""
    return struct.pack("<HHHIIIIH", _VERSION, _UTF8, method, _DATED, crc, packed, size, len(name.encode()))


def _zip64(numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""


def combined(first: int, second: int, length: int) -> int:
    """The CRC-32 of two pieces put together, from theirs and the second one's length in bytes.

    A CRC is a polynomial's remainder: that of the first is moved on by ``8 * length`` powers of x (zlib's
    ``crc32_combine``).
    """
    moved, power = 1 << 31, 1 << 23  # x^0, and x^8 for the first byte; the highest power is the lowest bit
    while length:
        if length & 1:
            moved = _times(power, moved)
        power = _times(power, power)
        length >>= 1
    return _times(moved, first) ^ second


def _times(one: int, other: int) -> int:
    """The product of two polynomials, its remainder by that of CRC-32."""
    product, bit = 0, 1 << 31
    while bit:
        if one & bit:
            product ^= other
        bit >>= 1
        other = other >> 1 ^ 0xEDB88320 if other & 1 else other >> 1
    return product
