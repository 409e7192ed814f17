"""The monthly report of one's own area, as far as one may read it."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Final

from babel.dates import format_date
from falcon.asgi import Request, Response

from forms.problems import Problem, Problems
from server.staff.pages import Pages, Resource, for_officers
from server.staff.trust import Visitor
from server.store import areas, events
from server.store.officers import Person

VARIANTS: Final = {
    "dinas": "Untuk dinas: dengan register",
    "umum": "Untuk umum: tanpa data pribadi",
    "terbatas": "Terbatas: dengan jawaban tentang kekerasan",
}
_MONTHS: Final = 24
"""Months that are offered, this one among them."""
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def variants(person: Person) -> dict[str, str]:
    """The variants that a person may have, by their word in the form."""
    return {word: text for word, text in VARIANTS.items() if word != "terbatas" or person.role == "ppa"}


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

    def __init__(self, pages: Pages) -> None:
        super().__init__(pages)
        self._one = asyncio.Semaphore(1)  # writing takes a core: pages and phones keep the other

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """The choice of month and variant."""
        person = visitor.person
        self.pages.show(
            response,
            "reports.html",
            visitor,
            area=await self.pages.area_name(visitor),
            months=months(self.pages.clock(), person.area, self.pages.settings.timezone),
            variants=variants(person),
        )

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """The workbook. That it was taken is on record before its first byte goes out."""
        person, now, form = visitor.person, self.pages.clock(), request.context.form
        month, variant = form.get("bulan", ""), form.get("jenis", "dinas")
        if month not in months(now, person.area, self.pages.settings.timezone):
            raise Problem(Problems.REPORT_MONTH)
        if variant not in variants(person):
            raise Problem(Problems.FORBIDDEN)
        day = date.fromisoformat(f"{month}-01")
        async with self._one:
            content = await asyncio.to_thread(self._written, person, day, variant, now)
        await self.pages.writer.run(
            lambda: events.record(
                now, person.slug, "report.downloaded", person.area, month=month, variant=variant
            )
        )
        response.content_type = _XLSX
        response.downloadable_as = f"laporan-{person.area}-{month}-{variant}.xlsx"
        response.data = content

    def _written(self, person: Person, month: date, variant: str, now: datetime) -> bytes:
        from exports.access import Access  # it loads what writes workbooks: only where it is needed
        from exports.report import Order, write_report

        pages = self.pages
        folder = pages.settings.home / "tmp"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        order = Order(
            person.area,
            month,
            Access.of(person),
            now,
            person.name,
            public=variant == "umum",
            restricted=variant == "terbatas",
            default_zone=pages.settings.timezone,
        )
        try:
            # for our eyes only (0700); no copy stays behind, whatever becomes of the download
            with tempfile.TemporaryDirectory(prefix="unduh-", dir=folder) as own:
                target = Path(own) / "laporan.xlsx"
                write_report(order, target, pages.store)
                return target.read_bytes()
        finally:
            pages.store.release()
