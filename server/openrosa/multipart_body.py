"""Receiving a submission's multipart body as a stream.

XML of ordinary size is held in memory; all else goes to staging files on disk, so that many phones with large videos,
or with answers of megabytes, cost little memory (:mod:`server.openrosa.memory`). Nothing is kept unless the whole body
arrived: a body that was cut off in its last byte is refused (Central stores it).

A file that there is no room for is read and forgotten, and the rest goes on: the answers of a record, and with them
its alerts, must not wait for the disk. XML that is too large stays in its staging file, for staff.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterable, Awaitable, Callable, Container
from dataclasses import dataclass, field

import multipart

from forms.problems import Problem, Problems
from server.openrosa.memory import SMALL, Memory
from server.store.attachments import NewFile
from server.store.file_names import stored_name
from server.store.files import Files, Staged
from server.store.readers import Readers
from server.store.room import Room

XML_PART = "xml_submission_file"
XML_LIMIT = 5_000_000  # bytes
XML_KEPT = 50_000_000  # bytes that are kept for staff of XML above the limit; as much as they can release
PARTS_LIMIT = 1_000  # Collect sends 101 files at most in one POST (5.10)
_LONGEST_TYPE = 255  # characters of a Content-Type


@dataclass
class Received:
    """A whole body: the XML, the files that are staged, and those of them that are durable and wait for their row.

    ``left_out`` says why files were forgotten, if any were. ``oversized`` is the SHA-256 of XML above the limit;
    ``xml`` is empty then, and the file ``document`` holds it. It is empty also of XML that is ``spooled``, until
    :meth:`load`. ``held`` is how many bytes of it count in ``memory``.
    """

    memory: Memory
    xml: bytes = b""
    held: int = 0
    spooled: Staged | None = None
    staged: list[tuple[str, str, Staged]] = field(default_factory=list)
    kept: list[tuple[str, Staged]] = field(default_factory=list)
    left_out: Problem | None = None
    oversized: str | None = None
    document: Staged | None = None

    def load(self) -> None:
        """Read spooled XML back, in a thread; its file goes. Raises :class:`Problem` (STORE_BUSY)."""
        assert self.spooled is not None
        try:
            self.xml = self.spooled.content()
        except OSError as error:
            raise Problem(Problems.STORE_BUSY) from error
        self._unspool()

    def _unspool(self) -> None:
        if self.spooled is not None:
            self.spooled.drop()
            self.spooled = None

    def let_go(self) -> None:
        """The XML is needed no more."""
        self.memory.give_back(self.held)
        self.held, self.xml = 0, b""

    def keep(self) -> tuple[list[NewFile], NewFile | None]:
        """Make the files durable (flushes to disk: call it in a thread). Row and 201 come after.

        Returns the files, and the one that holds oversized XML.
        """
        named: list[NewFile] = []
        document: NewFile | None = None
        while self.staged:
            name, content_type, staged = self.staged[0]
            try:
                sha256 = staged.keep()
            except OSError:
                self.forget(staged, Problem(Problems.FILES_NO_ROOM))
                continue
            self.kept.append((sha256, self.staged.pop(0)[2]))
            file = NewFile(name, sha256, staged.size, content_type)
            if staged is self.document:
                document = file
            else:
                named.append(file)
        return named, document

    def forget(self, staged: Staged, why: Problem) -> None:
        """Leave out a file that there is no room for."""
        self.staged = [one for one in self.staged if one[2] is not staged]
        staged.drop()
        self.left_out = self.left_out or why

    def settle(self, unnamed: Container[str] = ()) -> None:
        """Put the files where they belong, after the commit of the row that names them; not those ``unnamed``."""
        while self.kept:
            sha256, staged = self.kept[-1]
            if sha256 in unnamed:
                staged.drop()
            else:
                staged.settle()
            self.kept.pop()

    def drop(self, named: Callable[[list[str]], set[str]] | None = None) -> None:
        """Forget files that no row names. Where it is unsure whether one does, ``named`` is asked."""
        self._unspool()
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
        self._unspool()  # no row names that
        for staged in [*(s for _, _, s in self.staged), *(s for _, s in self.kept)]:
            staged.leave()
        self.staged.clear()
        self.kept.clear()


class _Assembly:
    """The parts seen so far. ``room`` is for all files together; None until the first comes."""

    def __init__(
        self, files: Files, memory: Memory, room: Room | None, ask_room: Callable[[], Awaitable[Room]]
    ) -> None:
        self.files = files
        self.room = room
        self.ask_room = ask_room
        self.taken = 0  # bytes of the files that are whole
        self.digest = hashlib.sha256()
        self.xml: bytearray | None = None
        self.size = 0  # bytes of the XML
        self.received = Received(memory)
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
            self.take_xml(chunk)
        elif self.staged is not None:
            self.buffer += chunk
            if self.room is not None and self.taken + self.staged.size + len(self.buffer) > self.room.size:
                self.leave_out(self.room.beyond)
        # other plain fields, such as *isIncomplete*, need no keeping (5.16)

    def take_xml(self, chunk: bytes) -> None:
        assert self.xml is not None  # begun
        received, before = self.received, self.size
        self.size += len(chunk)
        if received.spooled is None and before <= SMALL:
            if self.size <= SMALL and received.memory.take(len(chunk)):
                received.held += len(chunk)
                self.xml += chunk
                return
            chunk = bytes(self.xml) + chunk
            self.xml.clear()
            received.let_go()
            received.spooled = self.staged = self.files.stage(answers=True)
        if received.spooled is not None and self.size > XML_LIMIT:
            # from here on it is for staff only
            received.document, received.spooled = received.spooled, None
            received.document.answers = False
            received.staged.append((XML_PART, "text/xml", received.document))
        self.digest.update(chunk)
        if self.staged is not None:
            self.buffer += chunk[: max(0, XML_KEPT - self.staged.size - len(self.buffer))]

    def leave_out(self, why: Problem) -> None:
        assert self.staged is not None
        self.received.forget(self.staged, why)
        self.buffer.clear()
        self.staged = None

    async def flush(self, readers: Readers) -> None:
        if self.staged is not None and self.buffer:
            if self.room is None:  # nothing of an unknown sender goes to the disk
                self.room = await self.ask_room()
            staged, chunk = self.staged, bytes(self.buffer)
            self.buffer.clear()
            try:
                await readers.run(lambda: staged.write(chunk))
            except OSError as error:  # the disk is full, or only its reserve is left
                if staged is self.received.spooled:  # the phone keeps the record and tries again
                    raise Problem(Problems.STORE_BUSY) from error
                self.leave_out(Problem(Problems.FILES_NO_ROOM))

    async def end(self, readers: Readers) -> None:
        await self.flush(readers)
        if self.staged is not None and self.current != XML_PART:
            self.taken += self.staged.size
        self.staged = None

    def whole(self) -> Received:
        assert self.xml is not None  # asked before
        self.received.xml = bytes(self.xml)
        if self.received.document is not None:
            self.received.oversized = self.digest.hexdigest()
        return self.received


async def receive(
    stream: AsyncIterable[bytes],
    content_type: str,
    length: int | None,
    files: Files,
    readers: Readers,
    memory: Memory,
    *,
    room: Room | None,
    ask_room: Callable[[], Awaitable[Room]],
) -> Received:
    """Read a body to its end. Raises :class:`Problem`: MULTIPART_BROKEN, MULTIPART_NO_XML, STORE_BUSY (large answers
    find no room on the disk).

    ``length`` is the Content-Length, where the phone stated one. ``room`` is for its files: those above it are left
    out. Where it is not known yet, ``ask_room`` is asked before anything may touch the disk, and may raise.
    On any failure, and where the phone hangs up, the staged files are gone and the memory is given back.
    """
    kind, options = multipart.parse_options_header(content_type)
    boundary = options.get("boundary")
    if kind != "multipart/form-data" or not boundary:
        raise Problem(Problems.MULTIPART_BROKEN, detail="multipart/form-data expected")
    assembly = _Assembly(files, memory, room, ask_room)
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
                    if assembly.room is None and assembly.staged is not None:
                        assembly.room = await ask_room()
                elif event:
                    assembly.take(event)
                else:
                    await assembly.end(readers)
            if len(assembly.buffer) >= memory.piece:
                await assembly.flush(readers)
        parser.close()  # complains where the closing boundary has not come
        if length is not None and read != length:
            # The stream of a phone that hung up ends like any other; only its length tells.
            raise Problem(Problems.MULTIPART_BROKEN, detail=f"{read} of {length} bytes")
        if assembly.xml is None:
            raise Problem(Problems.MULTIPART_NO_XML)
    except BaseException as error:
        assembly.received.let_go()
        with contextlib.suppress(OSError):
            assembly.received.drop()
        if isinstance(error, multipart.MultipartError):
            raise Problem(Problems.MULTIPART_BROKEN, detail=type(error).__name__) from error
        raise
    return assembly.whole()


def _content_type(written: str | None) -> str:
    """What a phone calls a file's kind, without what no database takes."""
    return "".join(c for c in written or "" if c.isprintable())[:_LONGEST_TYPE]


def _own_name(written: str) -> str:
    """A part's name without the escapes that Collect writes (5.7), as it is stored."""
    return stored_name(written.replace("%22", '"').replace("%0D", "").replace("%0A", ""))
