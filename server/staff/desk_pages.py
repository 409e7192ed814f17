"""The village desks of an overseer's area, and their sheets to print. What is on a sheet is secret: it is on record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from falcon.asgi import Request, Response

from forms.problems import Problem, Problems
from server.staff.pages import Button, Pages, Resource, for_officers
from server.staff.trust import Visitor
from server.store import areas, desks, events
from server.store.cases import OVERSEERS
from server.store.desks import KnownDesk
from server.store.officers import Person

MOST_SHEETS = 1_000
"""Pages of a file; the largest regency has fewer villages."""


@dataclass(frozen=True)
class Row:
    """A desk in a reader's words."""

    slug: str
    name: str
    draft: bool


class Desks(Resource):
    """``/meja``."""

    after_sign_in = "/meja"

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """The village desks of one's area by kecamatan."""
        person = visitor.person

        def read() -> list[tuple[str, list[Row]]]:
            known = _of(person)
            names = areas.names(code for d in known for code in (d.village[:8], d.village[:5]))
            places: dict[str, list[Row]] = {}
            for desk in known:
                code, regency = desk.village, names.get(desk.village[:5], desk.village[:5])
                place = f"Kec. {names.get(code[:8], code[:8])}, {regency}" if len(code) >= 8 else regency
                places.setdefault(place, []).append(Row(desk.slug, desk.name, desk.draft))
            return list(places.items())

        found = await self.pages.readers.run(read)
        self.pages.show(
            response,
            "desks.html",
            visitor,
            area=await self.pages.area_name(visitor),
            places=found,
            count=sum(len(rows) for _, rows in found),
        )


class Sheets(Button):
    """``/meja/lembar``."""

    after_sign_in = "/meja"

    def __init__(self, pages: Pages) -> None:
        super().__init__(pages)
        self._one = asyncio.Semaphore(1)  # drawing takes a core: pages and phones keep the other

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """The sheets of one desk (``meja``), or of all. That they were taken is on record before they go out."""
        pages, person, now = self.pages, visitor.person, self.pages.clock()
        wanted = request.context.form.get("meja")
        public_url = pages.settings.public_url or f"{request.scheme}://{request.netloc}"

        def draw() -> tuple[list[KnownDesk], bytes]:
            from server.handouts.desk_sheets import sheets  # large, and rarely wanted

            try:
                chosen = [d for d in _of(person) if wanted in (None, "", d.slug)][:MOST_SHEETS]
                if not chosen:
                    raise Problem(Problems.DESK_UNKNOWN, desk=(wanted or "")[:40])
                return chosen, sheets(chosen, pages.store.keys, public_url, pages.settings.help_line)
            finally:
                pages.store.release()

        async with self._one:
            chosen, document = await asyncio.to_thread(draw)
        await pages.writer.run(lambda: note(person.slug, person.area, chosen, now))
        response.content_type = "application/pdf"
        response.downloadable_as = f"lembar-{wanted or person.area}.pdf"
        response.data = document


def note(actor: str, area: str, chosen: list[KnownDesk], now: datetime) -> None:
    """Put on record who took the sheets of which desks."""
    events.record(now, actor, "desk.sheets", area, desks=[desk.slug for desk in chosen])


def _of(person: Person) -> list[KnownDesk]:
    if person.role not in OVERSEERS:
        raise Problem(Problems.FORBIDDEN)
    return desks.open_in(person.area)
