"""Receiving a submission's multipart body as a stream.

The XML is held in memory (it is bounded); every other file goes to a staging file on disk, so that many phones
with large videos cost little memory. Nothing is kept unless the whole body arrived: a body that was cut off in
its last byte is refused (Central stores it).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass, field

import multipart

from forms.problems import Problem, Problems
from server.store.attachments import NewFile
from server.store.file_names import stored_name
from server.store.files import Files, Staged
from server.store.readers import Readers

XML_PART = "xml_submission_file"
XML_LIMIT = 5_000_000  # bytes
PARTS_LIMIT = 1_000  # Collect sends 101 files at most in one POST (5.10)
_LONGEST_TYPE = 255  # characters of a Content-Type
_WRITE = 256 * 1024  # bytes gathered before a thread writes them to disk


@dataclass
class Received:
    """A whole body: the XML, the files that are staged, and those of them that are durable and wait for their row."""

    xml: bytes
    staged: list[tuple[str, str, Staged]] = field(default_factory=list)
    kept: list[tuple[str, Staged]] = field(default_factory=list)

    def keep(self) -> list[NewFile]:
        """Make the files durable (flushes to disk: call it in a thread). Row and 201 come after."""
        named = []
        while self.staged:
            name, content_type, staged = self.staged[0]
            sha256 = staged.keep()
            self.kept.append((sha256, self.staged.pop(0)[2]))
            named.append(NewFile(name, sha256, staged.size, content_type))
        return named

    def settle(self) -> None:
        """Put the files where they belong, after the commit of the row that names them."""
        while self.kept:
            self.kept[-1][1].settle()
            self.kept.pop()

    def drop(self, named: Callable[[list[str]], set[str]] | None = None) -> None:
        """Forget files that no row names. Where it is unsure whether one does, ``named`` is asked."""
        while self.staged:
            self.staged.pop()[2].drop()
        rowed = named([sha256 for sha256, _ in self.kept]) if named is not None and self.kept else set()
        while self.kept:
            sha256, staged = self.kept.pop()
            if sha256 in rowed:
                staged.settle()
            else:
                staged.drop()

    def leave(self) -> None:
        """Let go of files as they lie: the next sweep asks the rows."""
        for staged in [*(s for _, _, s in self.staged), *(s for _, s in self.kept)]:
            staged.leave()
        self.staged.clear()
        self.kept.clear()


class _Assembly:
    """The parts seen so far."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.xml: bytearray | None = None
        self.received = Received(b"")
        self.buffer = bytearray()
        self.current: str | None = None
        self.staged: Staged | None = None

    def begin(self, segment: multipart.MultipartSegment) -> None:
        self.current = segment.name
        if segment.name == XML_PART:
            if self.xml is not None:
                raise Problem(Problems.MULTIPART_BROKEN, detail="xml_submission_file twice")
            self.xml = bytearray()
        elif segment.filename:
            self.staged = self.files.stage()
            # Collect's part name is the file's name too, and the name is what the XML refers to (5.6)
            name = _own_name(segment.name or segment.filename)
            self.received.staged.append((name, _content_type(segment.content_type), self.staged))

    def take(self, chunk: bytes) -> None:
        if self.current == XML_PART and self.xml is not None:
            self.xml += chunk
            if len(self.xml) > XML_LIMIT:
                raise Problem(Problems.XML_TOO_BIG, limit=f"{XML_LIMIT // 1_000_000} MB")
        elif self.staged is not None:
            self.buffer += chunk
        # other plain fields, such as *isIncomplete*, need no keeping (5.16)

    async def flush(self, readers: Readers) -> None:
        if self.staged is not None and self.buffer:
            staged, chunk = self.staged, bytes(self.buffer)
            self.buffer.clear()
            await readers.run(lambda: staged.write(chunk))


async def receive(
    stream: AsyncIterable[bytes],
    content_type: str,
    length: int | None,
    files: Files,
    readers: Readers,
    before_files: Callable[[], Awaitable[object]] | None,
) -> Received:
    """Read a body to its end. Raises :class:`Problem`: MULTIPART_BROKEN, MULTIPART_NO_XML, XML_TOO_BIG.

    ``length`` is the Content-Length, where the phone stated one. ``before_files`` is asked before the first file
    may touch the disk, and may raise. On any failure, and where the phone hangs up, the staged files are gone.
    """
    kind, options = multipart.parse_options_header(content_type)
    boundary = options.get("boundary")
    if kind != "multipart/form-data" or not boundary:
        raise Problem(Problems.MULTIPART_BROKEN, detail="multipart/form-data expected")
    assembly = _Assembly(files)
    try:
        parser = multipart.PushMultipartParser(
            boundary, max_header_size=8_192, max_segment_count=PARTS_LIMIT, header_charset="utf8"
        )
        read = 0
        async for chunk in stream:
            if not chunk:
                continue
            read += len(chunk)
            for event in parser.parse(chunk):
                if isinstance(event, multipart.MultipartSegment):
                    assembly.begin(event)
                    if before_files is not None and assembly.staged is not None:
                        await before_files()
                        before_files = None
                elif event:
                    assembly.take(event)
                else:
                    await assembly.flush(readers)
                    assembly.staged = None
            if len(assembly.buffer) >= _WRITE:
                await assembly.flush(readers)
        parser.close()  # complains where the closing boundary has not come
        if length is not None and read != length:
            # The stream of a phone that hung up ends like any other; only its length tells.
            raise Problem(Problems.MULTIPART_BROKEN, detail=f"{read} of {length} bytes")
        if assembly.xml is None:
            raise Problem(Problems.MULTIPART_NO_XML)
    except multipart.MultipartError as error:
        assembly.received.drop()
        raise Problem(Problems.MULTIPART_BROKEN, detail=type(error).__name__) from error
    except BaseException:
        with contextlib.suppress(OSError):
            assembly.received.drop()
        raise
    assembly.received.xml = bytes(assembly.xml)
    return assembly.received


def _content_type(written: str | None) -> str:
    """What a phone calls a file's kind, without what no database takes."""
    return "".join(c for c in written or "" if c.isprintable())[:_LONGEST_TYPE]


def _own_name(written: str) -> str:
    """A part's name without the escapes that Collect writes (5.7), as it is stored."""
    return stored_name(written.replace("%22", '"').replace("%0D", "").replace("%0A", ""))
