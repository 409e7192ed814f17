"""The cases of one's area: the list, one case, taking it on, closing it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from falcon.asgi import Request, Response

from forms.problems import Problem, Problems
from server.settings import Quiet
from server.staff import history, words
from server.staff.pages import Button, Pages, Resource, for_officers
from server.staff.trust import Visitor
from server.store import (
    areas,
    assignments,
    case_chain,
    cases,
    corrections,
    events,
    reopening,
    submissions,
)
from server.store.cases import AlertView, CaseView
from server.store.officers import Person

PAGE_SIZE = 25
_NOTES = {
    "ditangani": "Kasus ini sekarang Anda tangani.",
    "sudah": "Tidak ada yang berubah: kasus ini sudah ditangani.",
    "ditutup": "Kasus sudah ditutup. Terima kasih.",
    "tetap": "Tidak ada yang berubah: lihat keadaan kasus di bawah.",
    "dibuka": "Kasus dibuka lagi dan sekarang Anda tangani.",
    "diminta": "Petugas itu sudah diminta. Ia mendapat pesan.",
}
"""What a page says after a button: the word in the address -> the sentence."""


@dataclass(frozen=True)
class Sign:
    """An indicator in a reader's words."""

    code: str
    label: str
    advice: str
    severity: str
    gone: bool


@dataclass(frozen=True)
class Card:
    """A case in a reader's words; ``taken`` says who took it on and when."""

    ref: str
    severity: str
    severity_word: str
    form: str
    place: str
    desk: str
    desk_phone: str | None
    age: str
    opened: str
    state: str
    state_word: str
    taken: str | None
    signs: tuple[Sign, ...]

    @property
    def gone(self) -> bool:
        """Does an edit no longer show one of its signs?"""
        return any(sign.gone for sign in self.signs)


class Cards:
    """Puts cases into words. Reads names and texts from the store: call in a reader."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def of(self, views: list[CaseView], person: Person, now: datetime) -> list[Card]:
        """One card a case, in the same order."""
        names = areas.names(code for view in views for code in words.place_codes(view.village))
        return [self._card(view, names, person, now) for view in views]

    def _card(self, view: CaseView, names: dict[str, str], person: Person, now: datetime) -> Card:
        zone = areas.zone(view.village, self._pages.settings.timezone)
        taken = [a for a in view.alerts if a.acknowledged_at is not None]
        first = min(taken, key=lambda a: a.acknowledged_at or now) if taken else None
        return Card(
            ref=view.ref,
            severity=view.severity,
            severity_word=words.SEVERITIES[view.severity],
            form=words.form(view.form_id),
            place=words.place(view.village, names, person.area),
            desk=view.desk or "",
            desk_phone=view.desk_phone,
            age=words.age(view.opened_at, now),
            opened=words.local_time(view.opened_at, zone),
            state=view.state,
            state_word=words.STATES[view.state],
            taken=f"{first.acknowledged_by}, {words.local_time(first.acknowledged_at, zone)}"
            if first is not None and first.acknowledged_at is not None
            else None,
            signs=tuple(self._sign(view, alert) for alert in view.alerts),
        )

    def _sign(self, view: CaseView, alert: AlertView) -> Sign:
        label, advice = self._pages.texts.find(view.form_id, view.form_version, alert.indicator)
        return Sign(alert.indicator, label, advice, alert.severity, alert.gone)


class CaseList(Resource):
    """``/``."""

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """A page of cases; ``?status=`` chooses which, ``?hal=`` the page."""
        asked = request.get_param("status", default="")
        chosen = asked if asked in words.FILTERS else "menunggu"
        number = words.page_number(request.get_param("hal", default="1"))
        state, now, person = words.FILTERS[chosen], self.pages.clock(), visitor.person

        def read() -> dict[str, Any]:
            counts = cases.tally(person)
            total = counts[state] if state is not None else sum(counts.values())
            last = max(1, -(-total // PAGE_SIZE))
            views = cases.page(person, state, min(number, last), PAGE_SIZE)
            return {
                "cards": Cards(self.pages).of(views, person, now),
                "counts": {
                    word: counts[s] if s else sum(counts.values()) for word, s in words.FILTERS.items()
                },
                "number": min(number, last),
                "last": last,
            }

        found = await self.pages.readers.run(read)
        self.pages.show(
            response,
            "cases.html",
            visitor,
            area=await self.pages.area_name(visitor),
            chosen=chosen,
            filters={word: words.STATES[s] if s else "Semua" for word, s in words.FILTERS.items()},
            **found,
        )


class CasePage(Resource):
    """``/kasus/{ref}``."""

    after_sign_in = "/kasus/{ref}"

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor, ref: str) -> None:
        """One case."""
        note = _NOTES.get(request.get_param("pesan", default=""))
        await _show_case(self.pages, response, visitor, ref, note=note)


class Acknowledge(Button):
    """``/kasus/{ref}/terima``."""

    after_sign_in = "/kasus/{ref}"

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor, ref: str) -> None:
        """Take the case on."""
        _known_form(ref)
        now = self.pages.clock()
        changed = await self.pages.writer.run(lambda: cases.acknowledge(visitor.person, ref, now))
        self.pages.redirect(response, f"/kasus/{ref}?pesan={'ditangani' if changed else 'sudah'}")


class Assign(Button):
    """``/kasus/{ref}/minta``."""

    after_sign_in = "/kasus/{ref}"

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor, ref: str) -> None:
        """Ask a colleague (``petugas``) to take the case on."""
        _known_form(ref)
        slug, now = request.context.form.get("petugas", "")[:60], self.pages.clock()
        quiet = Quiet.parse(self.pages.settings.quiet_hours)
        await self.pages.writer.run(lambda: assignments.assign(visitor.person, ref, slug, now, quiet))
        self.pages.redirect(response, f"/kasus/{ref}?pesan=diminta")


class Close(Button):
    """``/kasus/{ref}/tutup``."""

    after_sign_in = "/kasus/{ref}"

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor, ref: str) -> None:
        """Close the case with one of :data:`cases.RESULTS`; a critical one only after a page that asks again."""
        _known_form(ref)
        result = request.context.form.get("hasil", "")
        if result not in cases.RESULTS:
            missing = Problem(Problems.CASE_RESULT_MISSING)
            await _show_case(self.pages, response, visitor, ref, problem=missing)
            return
        now, person = self.pages.clock(), visitor.person
        if request.context.form.get("yakin", "") != result:
            view = await self.pages.readers.run(lambda: cases.for_person(person, ref))
            if any(a.severity == "critical" and a.state != "closed" for a in view.alerts):
                card = await self.pages.readers.run(lambda: Cards(self.pages).of([view], person, now)[0])
                self.pages.show(
                    response, "close.html", visitor, card=card, result=result, said=words.RESULTS[result]
                )
                return
        changed = await self.pages.writer.run(lambda: cases.close(person, ref, result, now))
        self.pages.redirect(response, f"/kasus/{ref}?pesan={'ditutup' if changed else 'tetap'}")


class Reopen(Button):
    """``/kasus/{ref}/buka``."""

    after_sign_in = "/kasus/{ref}"

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor, ref: str) -> None:
        """Open a closed case again, with a reason (``alasan``)."""
        _known_form(ref)
        now, reason, store = self.pages.clock(), request.context.form.get("alasan", ""), self.pages.store
        try:
            changed = await self.pages.writer.run(
                lambda: reopening.reopen(visitor.person, ref, reason, store, now)
            )
        except Problem as problem:
            if problem.problem is not Problems.REASON_MISSING:
                raise
            await _show_case(self.pages, response, visitor, ref, problem=problem)
            return
        self.pages.redirect(response, f"/kasus/{ref}?pesan={'dibuka' if changed else 'tetap'}")


async def _show_case(
    pages: Pages,
    response: Response,
    visitor: Visitor,
    ref: str,
    *,
    note: str | None = None,
    problem: Problem | None = None,
) -> None:
    _known_form(ref)
    now = pages.clock()

    def read() -> dict[str, Any]:
        view = cases.for_person(visitor.person, ref)
        zone = areas.zone(view.village, pages.settings.timezone)
        codes = [alert.indicator for alert in view.alerts]
        chain = case_chain.of(visitor.person, ref, codes)
        closed = view.state == "closed"
        reopened = reopening.of_case(ref, codes, pages.store)
        corrected = corrections.of_chain(view.form_id, view.instance_id, pages.store)
        return {
            "answer_by": words.local_time(chain.answer_by, zone) if chain.answer_by is not None else None,
            "asked": chain.asked,
            "held": words.local_time(chain.held, zone) if chain.held is not None else None,
            "may_reopen": closed and any(alert.result != "merged" for alert in view.alerts),
            "colleagues": [] if closed else assignments.candidates(visitor.person, ref),
            "card": Cards(pages).of([view], visitor.person, now)[0],
            "shared": submissions.agreed_to_share(view.form_id, view.instance_id),
            "history": [
                (words.local_time(entry.at, zone), entry.text)
                for entry in history.of(view, chain, events.of(ref), corrected, reopened, visitor.person)
            ],
        }

    found = await pages.readers.run(read)
    pages.show(
        response,
        "case.html",
        visitor,
        status=200 if problem is None else problem.kind.status,
        results=words.RESULTS,
        note=note,
        problem=problem.text("id") if problem is not None else None,
        **found,
    )


def _known_form(ref: str) -> str:
    """The reference. Raises :class:`Problem` (CASE_UNKNOWN), without a query, where it cannot be one."""
    if not words.is_ref(ref):
        raise Problem(Problems.CASE_UNKNOWN, ref=ref[:20])
    return ref
