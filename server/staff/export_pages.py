"""Ordering files that the sync process writes, following, taking and cancelling them; monthly ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from falcon.asgi import Request, Response

from exports.access import Access
from exports.media import FileRights
from exports.options import KINDS, Filters, Options, to_json
from exports.password import require_good
from forms.problems import Problem, Problems
from server.staff import order_lines, words
from server.staff.downloads import LANGUAGES
from server.staff.pages import Button, Pages, Resource, for_officers
from server.staff.taking import Taking
from server.staff.trust import Visitor
from server.store import areas, events, export_jobs, published, recaps, saved_exports
from server.store.export_jobs import Job
from server.store.officers import Person
from server.store.saved_exports import Saved

_CHOICES: Final = {"label": "kata-kata", "code": "kode", "both": "kata-kata dan kode"}
_REFRESH: Final = 5  # seconds
_SOON: Final = 2  # seconds
_NEW: Final = "halaman"
_MONTHLY: Final = "bulanan"


class Exports(Resource):
    """``/ekspor``."""

    after_sign_in = "/ekspor"

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """What may be ordered, one's orders, one's monthly exports."""
        person = visitor.person
        zone = areas.zone(person.area, self.pages.settings.timezone)

        def read() -> tuple[dict[str, str], dict[str, str], list[Job], list[Saved]]:
            below = recaps.children(person.area)
            return _titles(), below, export_jobs.mine(person.slug), saved_exports.scheduled(person.slug)

        titles, below, jobs, saved = await self.pages.readers.run(read)
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
            below=below,
            lines=[order_lines.line(job, titles, zone) for job in jobs],
            monthly=[order_lines.monthly(one, titles, zone) for one in saved],
            kinds=order_lines.KINDS,
            states=order_lines.STATES,
            choices=_CHOICES,
            files=FileRights.any(Access.of(person)),
            languages=LANGUAGES,
            days=self.pages.settings.export_days,
        )

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """Order one, now or every month."""
        said: Mapping[str, str] = request.context.form
        person, now = visitor.person, self.pages.clock()
        form_id = said.get("formulir", "")
        if area := said.get("wilayah", "").strip():
            await self.pages.readers.run(lambda: areas.require(area))
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
                saved_exports.schedule(
                    person.slug, name, form_id, request, zone, now, store, password=asked.password
                )
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


class OneExport(Resource):
    """``/ekspor/{token}``."""

    after_sign_in = "/ekspor"

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor, token: str) -> None:
        """How one order stands; the page loads itself again until its file is ready."""
        person = visitor.person

        def read() -> tuple[Job, dict[str, str]]:
            return export_jobs.of_owner(person.slug, token), _titles()

        job, titles = await self.pages.readers.run(read)
        if job.state in export_jobs.OPEN:
            response.set_header("Refresh", str(_SOON))
        zone = areas.zone(person.area, self.pages.settings.timezone)
        self.pages.show(response, "export.html", visitor, line=order_lines.line(job, titles, zone))


class TakeExport(Button):
    """``/ekspor/{token}/ambil``."""

    after_sign_in = "/ekspor"

    def __init__(self, pages: Pages, taking: Taking) -> None:
        super().__init__(pages)
        self._taking = taking

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor, token: str) -> None:
        """The file."""
        await self._taking.send(response, visitor, token)


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
            states=tuple(state for state in order_lines.STATES if said.get(f"status-{state}")),  # type: ignore[misc]
        )
        options = Options.for_kind(
            kind,
            lang=said.get("bahasa", "id"),
            choices=said.get("pilihan") or None,
            multiple="split" if said.get("pisah") else None,
            groups=True if said.get("kelompok") else None,
            media=bool(said.get("lampiran")),
        )
        if options.media and not FileRights.any(Access.of(person)):
            raise Problem(Problems.FORBIDDEN)
        password = said.get("sandi") or None
        if password is not None:
            if kind != "xlsx":
                raise Problem(Problems.PASSWORD_XLSX_ONLY)
            require_good(password)
        return cls(kind, filters, options, password)


def _titles() -> dict[str, str]:
    return {form.form_id: words.form(form.form_id, form.title) for form in published.current_forms()}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise Problem(Problems.EXPORT_OPTION, option="tanggal", allowed="2026-11-30") from None
