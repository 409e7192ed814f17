"""Downloading a form's register of one's own area as a workbook: an order as any other, which is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from falcon.asgi import Request, Response

from exports.options import Filters, Options, to_json
from forms.problems import Problem, Problems
from server.staff import words
from server.staff.pages import Button, Pages, Resource, for_officers
from server.staff.taking import Taking
from server.staff.trust import Visitor
from server.store import events, export_jobs, published, submissions

LANGUAGES: Final = {"id": "Bahasa Indonesia", "en": "English"}


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


class Download(Button):
    """``/unduh/{form_id}``."""

    after_sign_in = "/unduh"

    def __init__(self, pages: Pages, taking: Taking) -> None:
        super().__init__(pages)
        self._taking = taking

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor, form_id: str) -> None:
        """Order the workbook; it comes at once if it is ready soon."""
        offered = await self.pages.readers.run(published.current_forms)
        if form_id not in {form.form_id for form in offered}:
            raise Problem(Problems.NOT_FOUND)
        lang = request.context.form.get("bahasa", "id")
        options = Options.for_kind("xlsx", lang=lang if lang in LANGUAGES else "id")
        person, now, store = visitor.person, self.pages.clock(), self.pages.store
        wanted = {"filters": to_json(Filters(area=person.area)), "options": to_json(options)}

        def order() -> str:
            events.record(now, person.slug, "export.ordered", form_id, area=person.area, kind="xlsx")
            return export_jobs.order(person, form_id, "xlsx", wanted, store, now)

        await self._taking.soon(response, visitor, await self.pages.writer.run(order))
