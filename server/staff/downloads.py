"""Downloading a form's register of one's own area as a workbook."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from falcon.asgi import Request, Response

from forms.problems import Problem, Problems
from server.staff import words
from server.staff.pages import Pages, Resource, for_officers
from server.staff.trust import Visitor
from server.store import areas, events, published, submissions
from server.store.database import Store
from server.store.officers import Person

Export = Callable[[str, Path, Person, str], None]
"""Writes the workbook of a form, as far as a person may read it, in a language, to a path."""

LANGUAGES = {"id": "Bahasa Indonesia", "en": "English"}
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CHUNK = 256 * 1024  # bytes
_LEFT_BEHIND = 24 * 3600  # seconds after which a folder can only be that of a process that was killed


@dataclass(frozen=True)
class Offer:
    """A form that can be downloaded, and how many records of it lie in the reader's area."""

    form_id: str
    title: str
    count: int


class Downloads(Resource):
    """``/unduh``."""

    after_sign_in = "/unduh"

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """The forms, with the number of records in one's area."""

        def read() -> list[Offer]:
            return [
                Offer(
                    f.form_id,
                    words.form(f.form_id, f.title),
                    submissions.count(f.form_id, visitor.person.area),
                )
                for f in published.current_forms()
            ]

        self.pages.show(
            response,
            "downloads.html",
            visitor,
            area=await self.pages.area_name(visitor),
            offers=await self.pages.readers.run(read),
            languages=LANGUAGES,
        )


class Download(Resource):
    """``/unduh/{form_id}``."""

    after_sign_in = "/unduh"

    def __init__(self, pages: Pages, export: Export) -> None:
        super().__init__(pages)
        self._spool = Spool(pages.settings.home / "tmp", pages.store, export)

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor, form_id: str) -> None:
        """Only a button downloads: browsers and previews fetch links unasked."""
        self.pages.redirect(response, "/unduh")

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor, form_id: str) -> None:
        """The workbook. That it was taken is on record before its first byte goes out."""
        offered = await self.pages.readers.run(published.current_forms)
        if form_id not in {form.form_id for form in offered}:
            raise Problem(Problems.NOT_FOUND)
        lang = request.context.form.get("bahasa", "id")
        lang = lang if lang in LANGUAGES else "id"
        person, now = visitor.person, self.pages.clock()
        workbook = await self._spool.write(form_id, person, lang)
        await self.pages.writer.run(lambda: _note(person, form_id, lang, now))
        response.content_type = _XLSX
        response.downloadable_as = self._file_name(form_id, person, now)
        response.set_stream(workbook, workbook.size)

    def _file_name(self, form_id: str, person: Person, now: datetime) -> str:
        day = now.astimezone(areas.zone(person.area, self.pages.settings.timezone)).date()
        return f"{form_id.replace('/', '-')}-{person.area}-{day.isoformat()}.xlsx"


def _note(person: Person, form_id: str, lang: str, now: datetime) -> None:
    events.record(now, person.slug, "form.downloaded", form_id, area=person.area, lang=lang)


class Spool:
    """Has workbooks written to the home's own folder, one at a time, so that pages and phones keep a core."""

    def __init__(self, folder: Path, store: Store, export: Export) -> None:
        self._folder = folder
        self._store = store
        self._export = export
        self._one = asyncio.Semaphore(1)

    async def write(self, form_id: str, person: Person, lang: str) -> Workbook:
        """The open workbook. Raises what the export raises."""
        async with self._one:
            return await asyncio.to_thread(self._write, form_id, person, lang)

    def _write(self, form_id: str, person: Person, lang: str) -> Workbook:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()
        own = Path(tempfile.mkdtemp(prefix="unduh-", dir=self._folder))  # for our eyes only (0700)
        try:
            target = own / "register.xlsx"
            self._export(form_id, target, person, lang)
            return Workbook(target.open("rb"))
        finally:
            # The open file outlives its name: whatever becomes of the download, no copy stays behind.
            shutil.rmtree(own)
            self._store.release()

    def _sweep(self) -> None:
        for left in self._folder.glob("unduh-*"):
            if time.time() - left.stat().st_mtime > _LEFT_BEHIND:
                shutil.rmtree(left, ignore_errors=True)


class Workbook:
    """A file on its way out, read in threads."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        file.seek(0)

    def __aiter__(self) -> Workbook:
        return self

    async def __anext__(self) -> bytes:
        """The next piece."""
        piece = await asyncio.to_thread(self._file.read, _CHUNK)
        if not piece:
            raise StopAsyncIteration
        return piece

    async def close(self) -> None:
        """Called by Falcon, also where the browser hung up."""
        self._file.close()
