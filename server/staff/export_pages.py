"""Ordering exports that the sync process writes, following, taking and cancelling them; monthly ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from falcon.asgi import Request, Response

from exports.options import KINDS, Filters, Options, to_json
from exports.password import require_good
from forms.problems import Problem, Problems
from server.staff import words
from server.staff.attachments import Content
from server.staff.downloads import LANGUAGES
from server.staff.pages import Pages, Resource, for_officers
from server.staff.trust import Visitor
from server.store import areas, events, export_jobs, published, saved_exports
from server.store.export_files import ExportFiles
from server.store.export_jobs import Job
from server.store.officers import Person
from server.store.saved_exports import Saved

_STATES: Final = {
    "open": "menunggu", "acknowledged": "ditangani", "closed": "ditutup", "none": "tanpa kasus",
}  # fmt: skip
_KINDS: Final = {
    "xlsx": "Excel (.xlsx)", "csv": "CSV, satu tabel", "zip": "CSV semua tabel, susunan ODK Central (.zip)",
    "geojson": "Peta (.geojson)",
}  # fmt: skip
_CHOICES: Final = {"label": "kata-kata", "code": "kode", "both": "kata-kata dan kode"}
_TYPES: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "zip": "application/zip",
    "geojson": "application/geo+json",
}
_ERRORS: Final = {
    "export.indicator_unknown": "Kode indikator itu tidak ada pada formulir ini.",
    "auth.forbidden": "Hak akses Anda sudah berubah. Pesan lagi.",
    "form.unpublished": "Formulir itu sudah tidak ada.",
}
_REFRESH: Final = 5  # seconds
_NEW: Final = "halaman"
_MONTHLY: Final = "bulanan"


@dataclass(frozen=True)
class Line:
    """An order as the page shows it."""

    token: str
    title: str
    what: str
    state: str
    ordered: str
    percent: int | None
    facts: str


@dataclass(frozen=True)
class Monthly:
    """A monthly export as the page shows it."""

    id: int
    title: str
    what: str
    next: str


class Exports(Resource):
    """``/ekspor``."""

    after_sign_in = "/ekspor"

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """What may be ordered, one's orders, one's monthly exports."""
        person = visitor.person
        zone = areas.zone(person.area, self.pages.settings.timezone)

        def read() -> tuple[dict[str, str], list[Job], list[Saved]]:
            titles = {f.form_id: words.form(f.form_id, f.title) for f in published.current_forms()}
            return titles, export_jobs.mine(person.slug), saved_exports.scheduled(person.slug)

        titles, jobs, saved = await self.pages.readers.run(read)
        waiting = any(job.state in export_jobs.OPEN for job in jobs)
        # A page that loads itself again would empty a form that is half filled in.
        ordering = not waiting or request.get_param("baru") is not None
        if not ordering:
            response.set_header("Refresh", str(_REFRESH))
        self.pages.show(
            response,
            "exports.html",
            visitor,
            area=await self.pages.area_name(visitor),
            ordering=ordering,
            titles=titles,
            lines=[_line(job, titles, zone) for job in jobs],
            monthly=[_monthly(one, titles, zone) for one in saved],
            kinds=_KINDS,
            states=_STATES,
            choices=_CHOICES,
            languages=LANGUAGES,
            days=self.pages.settings.export_days,
        )

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """Order one, now or every month."""
        said: Mapping[str, str] = request.context.form
        person, now = visitor.person, self.pages.clock()
        form_id = said.get("formulir", "")
        known = await self.pages.readers.run(published.current_forms)
        if form_id not in {form.form_id for form in known}:
            raise Problem(Problems.NOT_FOUND)
        asked = _Asked.read(said, person, self.pages.settings.zone)
        store = self.pages.store

        def order() -> None:
            if said.get("bulanan"):
                request = {
                    "kind": asked.kind,
                    "filters": to_json(asked.filters),
                    "options": to_json(asked.options),
                }
                name = saved_exports.series(_MONTHLY, request)
                zone = areas.zone(person.area, self.pages.settings.timezone)
                saved_exports.schedule(person.slug, name, form_id, request, zone, now)
                events.record(now, person.slug, "export.scheduled", form_id, area=asked.filters.area)
                return
            filters = to_json(asked.filters)
            series = None
            if said.get("baru"):
                series = saved_exports.series(_NEW, filters)
                filters = {**filters, **saved_exports.bounds(person.slug, series, form_id, now)}
            wanted = {"filters": filters, "options": to_json(asked.options), "series": series}
            export_jobs.order(person, form_id, asked.kind, wanted, store, now, password=asked.password)
            events.record(
                now, person.slug, "export.ordered", form_id, area=asked.filters.area, kind=asked.kind
            )

        await self.pages.writer.run(order)
        self.pages.redirect(response, "/ekspor")


class TakeExport(Resource):
    """``/ekspor/{token}/ambil``."""

    after_sign_in = "/ekspor"

    def __init__(self, pages: Pages) -> None:
        super().__init__(pages)
        self._files = ExportFiles(pages.settings.home, pages.store.keys)

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor, token: str) -> None:
        """Only a button downloads: browsers and previews fetch links unasked."""
        self.pages.redirect(response, "/ekspor")

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor, token: str) -> None:
        """The file, for whoever ordered it and still has the rights. That it was taken is on record first."""
        person, now = visitor.person, self.pages.clock()

        def read() -> tuple[Job, Iterator[bytes]]:
            job = export_jobs.to_download(person, token, now)
            try:
                return job, self._files.read(job.token, job.address or "")
            except FileNotFoundError:
                raise Problem(Problems.EXPORT_GONE) from None

        job, content = await self.pages.readers.run(read)

        def note() -> None:
            events.record(now, person.slug, "export.downloaded", job.form_id, area=job.area, kind=job.kind)
            series, until = job.request.get("series"), job.request["filters"].get("until")
            if series is not None:  # what was never taken comes again with the next one
                saved_exports.advance(person.slug, series, job.form_id, until, now)

        await self.pages.writer.run(note)
        day = job.ordered_at.astimezone(areas.zone(job.area, self.pages.settings.timezone)).date()
        response.content_type = _TYPES[job.kind]
        response.downloadable_as = f"{job.form_id.replace('/', '-')}-{job.area}-{day.isoformat()}.{job.kind}"
        response.set_stream(Content(content), job.size or 0)


class CancelExport(Resource):
    """``/ekspor/{token}/batal``."""

    after_sign_in = "/ekspor"

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor, token: str) -> None:
        """Not wanted any more; a file that is there goes at once."""
        person, now = visitor.person, self.pages.clock()

        def cancel() -> None:
            if export_jobs.cancel(person.slug, token, now):
                events.record(now, person.slug, "export.cancelled", token)

        await self.pages.writer.run(cancel)
        self.pages.redirect(response, "/ekspor")


class StopMonthly(Resource):
    """``/ekspor/bulanan/{number}/henti``."""

    after_sign_in = "/ekspor"

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor, number: int) -> None:
        """Make it no more."""
        person = visitor.person
        await self.pages.writer.run(lambda: saved_exports.unschedule(person.slug, number))
        self.pages.redirect(response, "/ekspor")


@dataclass(frozen=True)
class _Asked:
    """What a filled-in order asks for. Reading it raises :class:`Problem` for what cannot be meant."""

    kind: str
    filters: Filters
    options: Options
    password: str | None

    @classmethod
    def read(cls, said: Mapping[str, str], person: Person, fallback: ZoneInfo) -> _Asked:
        kind = said.get("jenis", "xlsx")
        if kind not in KINDS:
            raise Problem(Problems.EXPORT_OPTION, option="jenis", allowed=" ".join(KINDS))
        area = said.get("wilayah", "").strip() or person.area
        if not areas.covers(person.area, area):
            raise Problem(Problems.FORBIDDEN)
        zone = areas.zone(area, fallback.key)
        start, end = _day(said.get("dari", "")), _day(said.get("sampai", ""))
        indicators = said.get("indikator", "").upper().replace(",", " ").split()
        filters = Filters(
            area=area,
            start=datetime.combine(start, time.min, zone) if start else None,
            end=datetime.combine(end + timedelta(days=1), time.min, zone) if end else None,
            indicators=tuple(indicators[:50]),
            states=tuple(state for state in _STATES if said.get(f"status-{state}")),  # type: ignore[misc]
        )
        options = Options.for_kind(
            kind,
            lang=said.get("bahasa", "id"),
            choices=said.get("pilihan") or None,
            multiple="split" if said.get("pisah") else None,
            groups=True if said.get("kelompok") else None,
        )
        password = said.get("sandi") or None
        if password is not None:
            if kind != "xlsx" or said.get("bulanan"):
                raise Problem(Problems.PASSWORD_XLSX_ONLY)
            require_good(password)
        return cls(kind, filters, options, password)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise Problem(Problems.EXPORT_OPTION, option="tanggal", allowed="2026-11-30") from None


def _line(job: Job, titles: Mapping[str, str], zone: ZoneInfo) -> Line:
    percent = None
    if job.state == "running" and job.total:
        percent = min(100 * job.done // job.total, 99)
    facts = ""
    if job.state == "done" and job.expires_at is not None:
        until = words.local_time(job.expires_at, zone)
        facts = f"{job.rows} data, {words.file_size(job.size or 0)}, disimpan sampai {until}"
    elif job.state == "failed":
        facts = _ERRORS.get(job.error or "", "Gagal dibuat. Hubungi pengelola bila terulang.")
    elif job.state == "removed":
        facts = "Berkas sudah dihapus."
    what = _what(job.kind, job.request)
    ordered = words.local_time(job.ordered_at, zone)
    return Line(job.token, titles.get(job.form_id, job.form_id), what, job.state, ordered, percent, facts)


def _monthly(saved: Saved, titles: Mapping[str, str], zone: ZoneInfo) -> Monthly:
    request = saved.request or {}
    due = words.local_time(saved.next_at, zone) if saved.next_at else ""
    title = titles.get(saved.form_id, saved.form_id)
    return Monthly(saved.id, title, _what(str(request.get("kind", "xlsx")), request), due)


def _what(kind: str, request: Mapping[str, Any]) -> str:
    """A line on what was asked for."""
    filters = request.get("filters", {})
    parts = [_KINDS.get(kind, kind), f"wilayah {filters.get('area', '')}"]
    if filters.get("indicators"):
        parts.append("indikator " + ", ".join(filters["indicators"]))
    if filters.get("states"):
        parts.append("status " + ", ".join(_STATES[state] for state in filters["states"]))
    if request.get("series"):
        parts.append("hanya yang baru")
    if request.get("locked"):
        parts.append("dengan kata sandi")
    return "; ".join(parts)
