"""Correcting answers in Excel: a locked workbook to download, to upload again, to look through, and to apply."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidTag
from falcon.asgi import Request, Response

from exports.access import Access
from forms.problems import Problem, Problems
from server.intake.intake import Intake
from server.staff import words
from server.staff.pages import Button, Pages, Resource, for_officers
from server.staff.trust import Visitor
from server.store import areas, corrections, events, published
from server.store.records import Wanted

if TYPE_CHECKING:  # it loads what reads and writes workbooks: only where it is needed
    from server.corrections import Corrections, Review

MOST_BYTES: Final = 10 * 1024 * 1024
"""A workbook of 2,000 departures is a tenth of that."""
_LASTS: Final = timedelta(hours=1)
_MOST_FAULTS: Final = 200
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}").fullmatch


class Uploads:
    """Uploaded workbooks between being looked through and being applied: sealed, for an hour, for one session."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._folder = pages.settings.home / "tmp"

    def keep(self, visitor: Visitor, content: bytes) -> str:
        """Put one by; returns the name under which this session finds it again."""
        self.sweep()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = hashlib.sha256(content).hexdigest()
        draft = self._folder / f"koreksi-{secrets.token_hex(16)}.baru"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(self._pages.store.keys.seal(content, self._owner(visitor)))
        now = self._pages.clock().timestamp()
        os.utime(draft, (now, now))
        draft.replace(self._place(visitor, name))
        return name

    def find(self, visitor: Visitor, name: str) -> bytes:
        """The same bytes. Raises :class:`Problem` (PAGE_EXPIRED) where there are none of that name for this session."""
        self.sweep()
        if not _DIGEST(name):
            raise Problem(Problems.PAGE_EXPIRED)
        try:
            sealed = self._place(visitor, name).read_bytes()
            return self._pages.store.keys.unseal(sealed, self._owner(visitor))
        except (FileNotFoundError, InvalidTag):
            raise Problem(Problems.PAGE_EXPIRED) from None

    def drop(self, visitor: Visitor, name: str) -> None:
        """Throw it away: it was applied."""
        self._place(visitor, name).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Throw away what is too old, whoever's it was."""
        oldest = (self._pages.clock() - _LASTS).timestamp()
        for left in self._folder.glob("koreksi-*"):
            try:
                if left.stat().st_mtime < oldest:
                    left.unlink()
            except FileNotFoundError:
                continue  # another process was quicker

    def _place(self, visitor: Visitor, name: str) -> Path:
        found = self._pages.store.keys.find("correction", f"{visitor.session}:{name}")
        return self._folder / f"koreksi-{found}"

    @staticmethod
    def _owner(visitor: Visitor) -> str:
        return f"correction:{visitor.person.slug}"


class _Desk:
    """What these pages share. One workbook at a time, so that pages and phones keep a core."""

    def __init__(self, pages: Pages, clock: Callable[[], datetime]) -> None:
        self.pages = pages
        self.uploads = Uploads(pages)
        self.one = asyncio.Semaphore(1)
        self._intake = Intake(pages.store, clock)
        self._clock = clock

    def corrections(self) -> Corrections:
        """What makes, reviews and applies."""
        from server.corrections import Corrections

        return Corrections(self.pages.store, self._intake, self._clock)

    def require(self, visitor: Visitor) -> None:
        """Raises :class:`Problem` (FORBIDDEN) for roles that correct nothing."""
        if visitor.person.role not in corrections.CORRECTORS:
            raise Problem(Problems.FORBIDDEN)

    async def review(self, visitor: Visitor, content: bytes) -> Review:
        """What an uploaded workbook would change, in a thread of its own."""

        def work() -> Review:
            try:
                return self.corrections().review(io.BytesIO(content), Access.of(visitor.person))
            finally:
                self.pages.store.release()

        async with self.one:
            return await asyncio.to_thread(work)

    async def show(
        self, response: Response, visitor: Visitor, *, note: str | None = None, problem: Problem | None = None
    ) -> None:
        """The page to begin with."""
        forms = await self.pages.readers.run(published.current_forms)
        self.pages.show(
            response,
            "corrections.html",
            visitor,
            status=200 if problem is None else problem.kind.status,
            area=await self.pages.area_name(visitor),
            forms={f.form_id: words.form(f.form_id, f.title) for f in forms},
            today=self._clock().astimezone(self.zone(visitor)).date().isoformat(),
            note=note,
            problem=problem.text("id") if problem is not None else None,
        )

    def show_review(
        self, response: Response, visitor: Visitor, review: Review, name: str, problem: Problem | None = None
    ) -> None:
        """Every difference and every fault; a button only where nothing is wrong."""
        wrong = bool(review.faults)
        self.pages.show(
            response,
            "correction_review.html",
            visitor,
            status=problem.kind.status if problem is not None else 422 if wrong else 200,
            review=review,
            faults=[fault.text("id") for fault in review.faults[:_MOST_FAULTS]],
            more_faults=max(0, len(review.faults) - _MOST_FAULTS),
            name=name,
            problem=problem.text("id") if problem is not None else None,
        )

    def zone(self, visitor: Visitor) -> ZoneInfo:
        """The zone of an officer's area."""
        return areas.zone(visitor.person.area, self.pages.settings.timezone)


class _Page(Button):
    after_sign_in = "/koreksi"

    def __init__(self, desk: _Desk) -> None:
        super().__init__(desk.pages)
        self.desk = desk


class CorrectionPage(_Page):
    """``/koreksi``."""

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """Take a workbook, or bring one back; ``?selesai=`` is the number of edits that were just made, ``?sisa=`` that
        of those which wait for the next upload of the same workbook.
        """
        self.desk.require(visitor)
        done, left = (request.get_param(name, default="") for name in ("selesai", "sisa"))
        note = f"Selesai: {words.page_number(done)} data sudah dikoreksi." if done else None
        if note and left:
            note += f" Unggah buku yang sama lagi untuk {words.page_number(left)} data berikutnya."
        await self.desk.show(response, visitor, note=note)


class Make(_Page):
    """``/koreksi/unduh``."""

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """The workbook. That it was taken is on record before its first byte goes out."""
        self.desk.require(visitor)
        form, person, now = request.context.form, visitor.person, self.pages.clock()
        try:
            wanted = self._wanted(form, visitor)
            async with self.desk.one:
                content, rows = await asyncio.to_thread(self._written, wanted, visitor)
        except Problem as problem:
            if problem.kind.status >= 500:
                raise
            await self.desk.show(response, visitor, problem=problem)
            return
        await self.pages.writer.run(
            lambda: events.record(
                now, person.slug, "corrections.made", wanted.form_id, area=person.area, rows=rows
            )
        )
        response.content_type = _XLSX
        response.downloadable_as = f"koreksi-{wanted.form_id.replace('/', '-')}-{person.area}.xlsx"
        response.data = content

    def _wanted(self, form: dict[str, str], visitor: Visitor) -> Wanted:
        zone = self.desk.zone(visitor)
        try:
            start, end = date.fromisoformat(form.get("dari", "")), date.fromisoformat(form.get("sampai", ""))
            after = end + timedelta(days=1)
        except (ValueError, OverflowError):
            raise Problem(Problems.PAGE_EXPIRED) from None
        return Wanted(
            form.get("formulir", ""),
            visitor.person.area,
            datetime.combine(start, time.min, zone),
            datetime.combine(after, time.min, zone),
        )

    def _written(self, wanted: Wanted, visitor: Visitor) -> tuple[bytes, int]:
        folder = self.pages.settings.home / "tmp"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            # for our eyes only (0700); no copy stays behind, whatever becomes of the download
            with tempfile.TemporaryDirectory(prefix="unduh-", dir=folder) as own:
                target = Path(own) / "koreksi.xlsx"
                reader = Access.of(visitor.person)
                rows = self.desk.corrections().make(target, wanted, reader, visitor.person.name)
                return target.read_bytes(), rows
        finally:
            self.pages.store.release()


class Check(_Page):
    """``/koreksi/unggah``."""

    takes_file = True
    most_file = MOST_BYTES

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """Show what a workbook changes; changes nothing."""
        self.desk.require(visitor)
        content: bytes = request.context.file
        try:
            review = await self.desk.review(visitor, content)
        except Problem as problem:
            if problem.kind.status >= 500:
                raise
            await self.desk.show(response, visitor, problem=problem)
            return
        name = ""
        if review.edits and not review.faults:
            name = await asyncio.to_thread(self.desk.uploads.keep, visitor, content)
        self.desk.show_review(response, visitor, review, name)


class Apply(_Page):
    """``/koreksi/terapkan``."""

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """Take in what was looked through (``buku``, as ``tanda`` says), with the reason (``alasan``)."""
        self.desk.require(visitor)
        form, person = request.context.form, visitor.person
        name, reason = form.get("buku", ""), form.get("alasan", "")
        content = await asyncio.to_thread(self.desk.uploads.find, visitor, name)
        review = await self.desk.review(visitor, content)
        if review.faults or review.mark != form.get("tanda", ""):
            # what is stored is not what it was when they looked: they look again
            problem = Problem(Problems.CORRECTION_OTHER) if review.edits or review.faults else None
            self.desk.show_review(response, visitor, review, name, problem)
            return
        try:
            done = await self.pages.writer.run(lambda: self.desk.corrections().apply(review, person, reason))
        except Problem as problem:
            if problem.kind.status >= 500:
                raise
            again = await self.desk.review(visitor, content)
            self.desk.show_review(response, visitor, again, name, problem)
            return
        self.desk.uploads.drop(visitor, name)
        left = f"&sisa={review.left}" if review.left else ""
        self.pages.redirect(response, f"/koreksi?selesai={len(done)}{left}")


def resources(pages: Pages, clock: Callable[[], datetime]) -> dict[str, Resource]:
    """The addresses of these pages and what answers there."""
    desk = _Desk(pages, clock)
    return {
        "/koreksi": CorrectionPage(desk),
        "/koreksi/unduh": Make(desk),
        "/koreksi/unggah": Check(desk),
        "/koreksi/terapkan": Apply(desk),
    }
