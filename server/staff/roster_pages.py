"""Who is on duty: one's own office, or for overseers all offices of their area. To read, fill in, upload, download."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType

from falcon.asgi import Request, Response

from forms.problems import Problem, Problems
from server.staff import words
from server.staff.pages import Button, Pages, Resource, for_officers
from server.staff.trust import Visitor
from server.store import areas, events, roster_entries
from server.store.cases import OVERSEERS
from server.store.officers import Person
from server.store.roster_entries import Entry

KINDS = {"jaga": "Bertugas jaga", "tukar": "Menggantikan jaga", "cuti": "Cuti atau tidak di tempat"}
FIELDS = ("jenis", "petugas", "dari", "sampai", "lain")
_NOTES = {
    "dicatat": "Sudah dicatat.",
    "dihapus": "Sudah dihapus.",
    "diunggah": "Jadwal dari berkas sudah dipakai.",
    "ditambah": "Jadwal dari berkas sudah ditambahkan. Jadwal lain tetap, karena berkas ini bukan unduhan dari sini.",
}
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Line:
    """A line of a roster in a reader's words."""

    id: str
    kind: str
    name: str
    office: str
    period: str
    also: str
    now: bool


def role_of(person: Person) -> str | None:
    """The role whose rosters a person keeps; None for overseers, who keep all."""
    return None if person.role in OVERSEERS else person.role


class Rosters(Resource):
    """``/jaga``."""

    after_sign_in = "/jaga"

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """What is written from today on, and the forms to add to it."""
        note = _NOTES.get(request.get_param("pesan", default=""))
        await _show(self.pages, response, visitor, note=note)


async def _show(
    pages: Pages,
    response: Response,
    visitor: Visitor,
    *,
    note: str | None = None,
    problem: Problem | None = None,
    typed: Mapping[str, str] | None = None,
) -> None:
    person, now = visitor.person, pages.clock()

    def read() -> tuple[list[Line], list[Person]]:
        people = roster_entries.people(person.area, role_of(person))
        written = roster_entries.entries(person.area, now, role_of(person))
        named = areas.names(entry.area for entry in written)
        by_slug = {p.slug: p.name for p in people}
        return [_line(entry, named, by_slug, now) for entry in written], people

    lines, people = await pages.readers.run(read)
    pages.show(
        response,
        "rosters.html",
        visitor,
        status=200 if problem is None else problem.kind.status,
        area=await pages.area_name(visitor),
        lines=lines,
        people=people,
        kinds=KINDS,
        note=note,
        problem=_said(problem) if problem is not None else None,
        typed={name: (typed or {}).get(name, "") for name in FIELDS},
    )


def _said(problem: Problem) -> str:
    """The problem with its dates as these pages write them."""
    if problem.problem in (Problems.ROSTER_PERIOD, Problems.ROSTER_OVER, Problems.ROSTER_TWICE):
        days = {name: words.day(str(problem.facts[name])) for name in ("starts", "ends")}
        return Problem(problem.problem, **{**problem.facts, **days}).text("id")
    return problem.text("id")


def _line(entry: Entry, named: dict[str, str], people: dict[str, str], now: datetime) -> Line:
    kind = {"duty": "jaga", "swap": "tukar", "leave": "cuti"}[entry.kind]
    also = []
    if entry.instead_of:
        also.append(f"menggantikan {people.get(entry.instead_of, entry.instead_of)}")
    if entry.deputy:
        also.append(f"wakil {people.get(entry.deputy, entry.deputy)}")
    starts = words.day(roster_entries.shown(entry.starts_at, entry.area))
    ends = words.day(roster_entries.shown(entry.ends_at, entry.area, end=True))
    return Line(
        entry.id,
        KINDS[kind],
        entry.name,
        f"{words.ROLES.get(entry.role, entry.role)} {named.get(entry.area, entry.area)}",
        starts if starts == ends else f"{starts} sampai {ends}",
        ", ".join(also),
        entry.starts_at <= now < entry.ends_at,
    )


class Note(Button):
    """``/jaga/catat``."""

    after_sign_in = "/jaga"

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """Write down a duty, a swap or a leave (``jenis``) of an officer, from day to day."""
        form, now = request.context.form, self.pages.clock()
        kind, slug, other = (form.get(name, "")[:60] for name in ("jenis", "petugas", "lain"))

        def work() -> None:
            people = {p.slug: p for p in roster_entries.people(visitor.person.area, role_of(visitor.person))}
            officer = people.get(slug)
            if officer is None:
                raise Problem(Problems.OFFICER_UNKNOWN, officer=slug)
            starts = roster_entries.moment(form.get("dari", ""), officer.area)
            ends = roster_entries.moment(form.get("sampai", ""), officer.area, end=True)
            by = visitor.person.slug
            if kind == "cuti":
                entry = roster_entries.add_leave(slug, starts, ends, now, by, deputy=other or None)
            elif kind == "tukar":
                if not other:
                    raise Problem(Problems.ROSTER_INSTEAD)
                entry = roster_entries.add_duty(slug, starts, ends, now, by, instead_of=other)
            else:
                entry = roster_entries.add_duty(slug, starts, ends, now, by, deputy=other or None)
            events.record(now, by, "roster.noted", slug, entry=entry)

        try:
            await self.pages.writer.run(work)
        except Problem as problem:
            if problem.kind.status >= 500:
                raise
            await _show(self.pages, response, visitor, problem=problem, typed=form)
            return
        self.pages.redirect(response, "/jaga?pesan=dicatat")


class Remove(Button):
    """``/jaga/hapus``."""

    after_sign_in = "/jaga"

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """Take out a line of one's own rosters."""
        name, now, person = request.context.form.get("catatan", ""), self.pages.clock(), visitor.person

        def work() -> None:
            own = {e.id for e in roster_entries.entries(person.area, now, role_of(person))}
            if name not in own:
                raise Problem(Problems.ROSTER_UNKNOWN, entry=name[:20])
            roster_entries.remove(name)
            events.record(now, person.slug, "roster.removed", "rosters", entry=name)

        await self.pages.writer.run(work)
        self.pages.redirect(response, "/jaga?pesan=dihapus")


class Book(Button):
    """``/jaga/berkas``."""

    after_sign_in = "/jaga"

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """One's rosters as a workbook, to fill in."""
        person, now = visitor.person, self.pages.clock()

        def work() -> bytes:
            target = io.BytesIO()
            _roster_book().write(person.area, target, now, role_of(person))
            return target.getvalue()

        content = await self.pages.readers.run(work)
        response.content_type = _XLSX
        response.downloadable_as = f"jaga-{person.area}.xlsx"
        response.data = content


def _roster_book() -> ModuleType:
    """What reads and writes the workbook, loaded in a reader when asked for: with it comes openpyxl, large and slow."""
    from exports import roster_book

    return roster_book


class Upload(Button):
    """``/jaga/unggah``."""

    after_sign_in = "/jaga"
    takes_file = True

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """Let a workbook take the place of what is written, all or nothing."""
        person, now, file = visitor.person, self.pages.clock(), request.context.file

        roster_book = await self.pages.readers.run(_roster_book)
        # before the transaction: meanwhile phones are answered
        book = await self.pages.readers.run(lambda: roster_book.opened(io.BytesIO(file), role_of(person)))

        def work() -> bool:
            done = roster_book.read(book, person.area, now, person.slug, role_of(person))
            if done.findings:
                raise roster_book.refused("Excel", done.findings)  # and the writer undoes what was begun
            events.record(now, person.slug, "roster.imported", person.area, lines=done.stored)
            return bool(done.replaced)

        try:
            replaced = await self.pages.writer.run(work)
        except Problem as problem:
            if problem.kind.status >= 500:
                raise
            await _show(self.pages, response, visitor, problem=problem)
            return
        self.pages.redirect(response, f"/jaga?pesan={'diunggah' if replaced else 'ditambah'}")
