"""Files that came with submissions: what has not arrived yet, and opening a file that one may see."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from falcon.asgi import Request, Response

from exports.access import Access
from exports.media import FileRights
from forms.problems import Problem, Problems
from server.staff import words
from server.staff.pages import Button, Pages, Resource, for_officers
from server.staff.trust import Visitor
from server.store import areas, attachments, cases, room
from server.store.attachments import Carrier, FileView
from server.store.files import Files
from server.store.officers import Person

PAGE_SIZE = 25
_PIECES = 8  # of 64 KiB, read in one go
_SHOWN = (
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "audio/mpeg",
    "audio/mp4",
    "video/mp4",
    "video/3gpp",
)
"""Types that a browser may be told; all else comes as bytes, so that no file can run as a page of ours."""


@dataclass(frozen=True)
class Item:
    """A file in a reader's words. ``name`` is None where the reader may not see it; ``id`` where it can be opened."""

    id: int | None
    name: str | None
    size: str


@dataclass(frozen=True)
class Row:
    """A submission with its files in a reader's words."""

    form: str
    place: str
    desk: str
    received: str
    expected: int
    present: int
    items: tuple[Item, ...]
    hidden: int


class Attachments(Resource):
    """``/lampiran``."""

    after_sign_in = "/lampiran"

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """Submissions with files; ``?status=kurang`` those that lack one, ``?kasus=`` that of a case."""
        lacking = request.get_param("status", default="kurang") != "semua"
        asked, ref = request.get_param("hal", default="1"), request.get_param("kasus")
        person = visitor.person

        def read() -> dict[str, Any]:
            short, whole = attachments.tally(person.area)
            last = max(1, -(-(short if lacking else whole) // PAGE_SIZE))
            number = min(words.page_number(asked), last)
            if ref is not None:
                found = [attachments.of_instance(cases.for_person(person, ref).instance_id)]
            else:
                found = attachments.page(person.area, number, PAGE_SIZE, lacking=lacking)
            rows = _rows(self.pages, found, person)
            return {
                "rows": rows,
                "short": short,
                "whole": whole,
                "number": number,
                "last": last,
                "refused": room.refused(self.pages.clock(), person.area),
            }

        found = await self.pages.readers.run(read)
        self.pages.show(
            response,
            "attachments.html",
            visitor,
            area=await self.pages.area_name(visitor),
            lacking=lacking,
            ref=ref,
            **found,
        )


class OpenAttachment(Button):
    """``/lampiran/{number}``."""

    after_sign_in = "/lampiran"

    def __init__(self, pages: Pages, files: Files) -> None:
        super().__init__(pages)
        self._files = files

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor, number: int) -> None:
        """The file. That it was opened is on record before its first byte goes out."""
        person, now = visitor.person, self.pages.clock()

        def read() -> tuple[Carrier, FileView, Iterator[bytes]]:
            carrier, file = attachments.find(person.area, number)
            if not FileRights(Access.of(person)).may_open(carrier, file):
                raise Problem(Problems.FORBIDDEN)
            assert file.address is not None  # found only where it has come
            return carrier, file, self._files.read(file.address)

        carrier, file, content = await self.pages.readers.run(read)
        await self.pages.writer.run(lambda: attachments.note_opened(person.slug, carrier, file, now))
        known = (file.content_type or "").partition(";")[0].strip().lower()
        response.content_type = known if known in _SHOWN else "application/octet-stream"
        response.downloadable_as = file.filename
        response.set_stream(Content(content), file.size or 0)


def _rows(pages: Pages, carriers: list[Carrier], person: Person) -> list[Row]:
    rights = FileRights(Access.of(person))
    names = areas.names(code for c in carriers for code in words.place_codes(c.village))
    rows = []
    for carrier in carriers:
        open_to = [f for f in carrier.files if rights.may_open(carrier, f)]
        rows.append(
            Row(
                form=words.form(carrier.form_id),
                place=words.place(carrier.village, names, person.area),
                desk=carrier.desk or "",
                received=words.local_time(
                    carrier.received_at, areas.zone(carrier.village, pages.settings.timezone)
                ),
                expected=carrier.expected,
                present=carrier.present,
                items=tuple(
                    Item(f.id if f.address is not None else None, f.filename, words.file_size(f.size or 0))
                    for f in open_to
                ),
                hidden=len(carrier.files) - len(open_to),
            )
        )
    return rows


class Content:
    """A file on its way out, unsealed in threads."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> Content:
        return self

    async def __anext__(self) -> bytes:
        """The next part. Breaks off, so that the browser says so, where the file on disk was changed."""
        part = await asyncio.to_thread(lambda: b"".join(islice(self._pieces, _PIECES)))
        if not part:
            raise StopAsyncIteration
        return part
