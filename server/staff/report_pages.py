"""The monthly report of one's own area, as far as one may read it: of a month, or every month."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from babel.dates import format_date
from falcon.asgi import Request, Response

from exports.password import SHORTEST, require_good
from forms.problems import Problem, Problems
from server.staff import order_lines
from server.staff.pages import Pages, Resource, for_officers
from server.staff.taking import Taking
from server.staff.trust import Visitor
from server.store import areas, events, export_jobs, saved_exports
from server.store.export_jobs import REPORT
from server.store.officers import Person

_MONTHS: Final = 24
"""Months that are offered, this one among them."""
_NO_FORM: Final = ""
_MONTHLY: Final = "laporan bulanan"


def variants(person: Person) -> dict[str, str]:
    """The variants that a person may have, by their word in the form."""
    known = order_lines.VARIANTS
    return {word: text for word, text in known.items() if word != "terbatas" or person.role == "ppa"}


def months(now: datetime, area: str, default: str) -> dict[str, str]:
    """The months that are offered, the last whole one first: ``2026-11`` -> ``November 2026``."""
    today = now.astimezone(areas.zone(area, default)).date()
    first = [_back(today, number) for number in range(_MONTHS)]
    return {f"{day:%Y-%m}": str(format_date(day, "MMMM y", locale="id")) for day in (*first[1:], first[0])}


def _back(today: date, months: int) -> date:
    number = today.year * 12 + today.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


class Reports(Resource):
    """``/laporan``."""

    after_sign_in = "/laporan"

    def __init__(self, pages: Pages, taking: Taking) -> None:
        super().__init__(pages)
        self._taking = taking

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """The choice of month and variant, and what comes every month."""
        person = visitor.person
        zone = areas.zone(person.area, self.pages.settings.timezone)
        saved = await self.pages.readers.run(lambda: saved_exports.scheduled(person.slug))
        self.pages.show(
            response,
            "reports.html",
            visitor,
            area=await self.pages.area_name(visitor),
            months=months(self.pages.clock(), person.area, self.pages.settings.timezone),
            variants=variants(person),
            shortest=SHORTEST,
            monthly=[
                order_lines.monthly(one, {}, zone)
                for one in saved
                if (one.request or {}).get("kind") == REPORT
            ],
        )

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """Order a month's workbook, which comes at once if it is ready soon; or have it made every month."""
        person, now, store = visitor.person, self.pages.clock(), self.pages.store
        said: Mapping[str, str] = request.context.form
        month, variant = said.get("bulan", ""), said.get("jenis", "dinas")
        if variant not in variants(person):
            raise Problem(Problems.FORBIDDEN)
        password = said.get("sandi") or None
        if password is not None:
            require_good(password)
        if said.get("bulanan"):
            zone = areas.zone(person.area, self.pages.settings.timezone)
            wanted = {"kind": REPORT, "report": {"variant": variant}}

            def schedule() -> None:
                name = saved_exports.series(_MONTHLY, wanted)
                saved_exports.schedule(
                    person.slug, name, _NO_FORM, wanted, zone, now, store, password=password
                )
                events.record(now, person.slug, "report.scheduled", person.area, variant=variant)

            await self.pages.writer.run(schedule)
            self.pages.redirect(response, "/laporan")
            return
        if month not in months(now, person.area, self.pages.settings.timezone):
            raise Problem(Problems.REPORT_MONTH)

        def order() -> str:
            events.record(now, person.slug, "report.ordered", person.area, month=month, variant=variant)
            asked = {"report": {"month": month, "variant": variant}}
            return export_jobs.order(person, _NO_FORM, REPORT, asked, store, now, password=password)

        await self._taking.soon(response, visitor, await self.pages.writer.run(order))
