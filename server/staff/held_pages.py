"""Uploads in quarantine, for the overseers of their area: the list, one upload, deciding what becomes of it.

The pages show where and when something came and why it was held, never what is in it: whoever decides asks the
village desk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from falcon.asgi import Request, Response

from forms.problems import Problem, Problems
from server.intake.intake import FAULT, OTHER_BYTES, Intake
from server.intake.judging import CLOSED, ENCRYPTED
from server.staff import words
from server.staff.pages import Button, Pages, Resource, for_officers
from server.staff.trust import Visitor
from server.store import areas, published, quarantine
from server.store.desks import VILLAGE_LENGTH
from server.store.officers import Person
from server.store.quarantine import Held

PAGE_SIZE = 50
AT_ONCE = 200
"""Uploads that one press of a button takes in, each in a transaction of its own."""
_NOTES = {
    "terima": "Data sudah diterima dan dinilai, seperti kiriman lain.",
    "semua": "Kiriman yang formulirnya sudah terbit atau dibuka lagi kini diterima dan dinilai.",
    "sebagian": "Ada kiriman yang belum dapat diterima. Buka satu per satu, dan lihat apa yang harus dipilih. "
    "Yang lain sudah diterima dan dinilai.",
    "sama": "Sudah dicatat sebagai kiriman yang sama.",
    "buang": "Sudah dicatat sebagai tidak dipakai. Isinya tetap disimpan.",
}
_UNKNOWN = Problems.FORM_UNKNOWN.value.code
_TOO_BIG = Problems.XML_TOO_BIG.value.code
_REASONS = {
    _UNKNOWN: "Formulir atau versinya belum terbit di server ini",
    CLOSED: "Formulirnya ditutup waktu kiriman ini sampai",
    OTHER_BYTES: "Data ini sudah pernah diterima, tetapi dengan isi lain",
    ENCRYPTED: "Isinya dikunci oleh HP, sehingga tidak dapat dinilai",
    FAULT: "Server salah waktu mengolahnya",
    "xml.unreadable": "Isinya rusak, tidak terbaca",
    _TOO_BIG: "Isinya terlalu besar",
    "xml.no_form_id": "Tidak menyebut formulirnya",
}
_REFUSED = (
    "HP sudah diberi tahu bahwa kiriman ini ditolak, jadi datanya masih ada di HP. Hubungi meja desa: minta kirim "
    "ulang atau isi ulang. Bila datanya sudah masuk, pilih di bawah kiriman mana yang sama."
)
_ADVICE = {
    _UNKNOWN: "Minta pengelola menerbitkan formulir dengan versi itu. Sesudah terbit, terima kiriman ini.",
    CLOSED: "Formulir ini ditutup supaya kirimannya tidak dihitung, jadi belum dinilai. Terima bila datanya masih "
    "diperlukan. Bila Anda ragu, telepon meja desa, atau terima saja: mungkin ada orang dalam bahaya. Bila pasti tidak "
    "diperlukan, catat sebagai tidak dipakai.",
    OTHER_BYTES: "Tanyakan kepada meja desa: apakah ini perbaikan dari data yang sama, atau data orang lain?",
    ENCRYPTED: "Minta pengelola menerbitkan formulir tanpa kunci (public_key). Sesudah itu meja desa mengisi ulang.",
    FAULT: "Minta pengelola memperbarui server dan melaporkan kesalahannya. Sesudah itu terima kiriman ini.",
    _TOO_BIG: "HP sudah diberi tahu bahwa kiriman ini terlalu besar, jadi datanya masih ada di HP. Telepon meja desa. "
    "Bila datanya benar, terima di sini, lalu minta meja desa mengirim sekali lagi: sesudah itu HP tahu bahwa datanya "
    "sudah sampai.",
}
_NEVER = (Problems.XML_UNREADABLE.value.code, Problems.XML_NO_FORM_ID.value.code)
"""Reasons for which nothing can be taken in, ever: it is not known what it is."""
_STATES = {"released": "Diterima", "linked": "Sama dengan kiriman lain", "discarded": "Tidak dipakai"}
_TAKEN_AS = {"perbaikan": "correction", "baru": "new"}


@dataclass(frozen=True)
class Entry:
    """A held upload in a reader's words."""

    number: int
    reason: str
    form: str
    version: str
    place: str
    desk: str
    phone: str
    came: str
    age: str
    files: int
    state: str
    decided: str | None


class HeldList(Resource):
    """``/tertahan``."""

    after_sign_in = "/tertahan"

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """A page of what waits for a decision, newest first; ``?status=diputuskan`` of what was decided."""
        pages, now, person = self.pages, self.pages.clock(), visitor.person
        decided = request.get_param("status", default="") == "diputuskan"
        asked = words.page_number(request.get_param("hal", default="1"))

        def read() -> dict[str, Any]:
            total = quarantine.decided(person) if decided else quarantine.waiting(person)
            last = max(1, -(-total // PAGE_SIZE))
            number = min(asked, last)
            offset = (number - 1) * PAGE_SIZE
            entries = quarantine.entries(person, held=not decided, limit=PAGE_SIZE, offset=offset)
            return {
                "entries": _in_words(pages, entries, person, now),
                "ready": 0 if decided else len(_ready(person)),
                "number": number,
                "last": last,
            }

        pages.show(
            response,
            "held_list.html",
            visitor,
            area=await pages.area_name(visitor),
            decided=decided,
            **await pages.readers.run(read),
            note=_NOTES.get(request.get_param("pesan", default="")),
        )


class HeldPage(Resource):
    """``/tertahan/{number}``."""

    after_sign_in = "/tertahan/{number}"

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor, number: str) -> None:
        """One upload."""
        await _show(self.pages, response, visitor, _number(number))


class _Decision(Button, ABC):
    """A button. What it does runs in the writer."""

    after_sign_in = "/tertahan/{number}"
    word = ""

    def __init__(self, pages: Pages, intake: Intake) -> None:
        super().__init__(pages)
        self._intake = intake

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor, number: str) -> None:
        """Decide, with a reason."""
        known, person, filled = _number(number), visitor.person, request.context.form
        note = filled.get("alasan", "")

        def work() -> None:
            self._decide(quarantine.require(known, person), person, note, filled)

        try:
            await self.pages.writer.run(work)
        except Problem as problem:
            if problem.problem in (Problems.QUARANTINE_UNKNOWN, Problems.FORBIDDEN, Problems.STORE_BUSY):
                raise
            await _show(self.pages, response, visitor, known, problem=problem, written=note)
            return
        self.pages.redirect(response, f"/tertahan?pesan={self.word}")

    @abstractmethod
    def _decide(self, entry: Held, person: Person, note: str, filled: dict[str, str]) -> None: ...


class Release(_Decision):
    """``/tertahan/{number}/terima``."""

    word = "terima"

    def _decide(self, entry: Held, person: Person, note: str, filled: dict[str, str]) -> None:
        taken_as = _TAKEN_AS.get(filled.get("sebagai", ""))
        if taken_as is None and _to_choose(entry):
            raise Problem(Problems.QUARANTINE_CHOOSE)
        self._intake.release(entry, person, note, taken_as)


class Link(_Decision):
    """``/tertahan/{number}/sama``."""

    word = "sama"

    def _decide(self, entry: Held, person: Person, note: str, filled: dict[str, str]) -> None:
        instance_id = filled.get("kiriman", "")
        if not instance_id:
            raise Problem(Problems.QUARANTINE_CHOOSE)
        quarantine.link(entry, instance_id, person, note, self.pages.store, self.pages.clock())


class Discard(_Decision):
    """``/tertahan/{number}/buang``."""

    word = "buang"

    def _decide(self, entry: Held, person: Person, note: str, filled: dict[str, str]) -> None:
        quarantine.discard(entry, person, note, self.pages.store, self.pages.clock())


class ReleaseAll(Button):
    """``/tertahan/terima-semua``."""

    after_sign_in = "/tertahan"

    def __init__(self, pages: Pages, intake: Intake) -> None:
        super().__init__(pages)
        self._intake = intake

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """Take in all that only waited for its form. What still cannot be taken stays held, and holds up no other."""
        person, note = visitor.person, request.context.form.get("alasan", "")
        if not note.strip():
            raise Problem(Problems.REASON_MISSING)
        word = "semua"
        for number in (await self.pages.readers.run(lambda: _ready(person)))[:AT_ONCE]:

            def work(number: int = number) -> None:
                self._intake.release(quarantine.require(number, person), person, note)

            try:
                await self.pages.writer.run(work)
            except Problem as problem:
                if problem.problem not in (Problems.QUARANTINE_REMAINS, Problems.QUARANTINE_DECIDED):
                    raise
                if problem.problem is Problems.QUARANTINE_REMAINS:
                    word = "sebagian"
        self.pages.redirect(response, f"/tertahan?pesan={word}")


def _ready(person: Person) -> list[int]:
    """What waits for no more than somebody's word: its form is published by now, or open again."""
    holding = published.holding()
    waiting = [
        h for h in quarantine.entries(person) if h.reason in (_UNKNOWN, CLOSED) and h.form_id not in holding
    ]
    forms = {(h.form_id, h.version) for h in waiting}
    there = {form for form in forms if published.get_form(*form) is not None}
    return [h.id for h in waiting if (h.form_id, h.version) in there]


def _to_choose(held: Held) -> bool:
    """Must whoever releases it say whether it is a correction or a record of its own?"""
    return held.reason == OTHER_BYTES or quarantine.differs(held)


def resources(pages: Pages, clock: Callable[[], datetime]) -> dict[str, Resource]:
    """The addresses of these pages and what answers there."""
    intake = Intake(pages.store, clock)
    return {
        "/tertahan": HeldList(pages),
        "/tertahan/terima-semua": ReleaseAll(pages, intake),
        "/tertahan/{number}": HeldPage(pages),
        "/tertahan/{number}/terima": Release(pages, intake),
        "/tertahan/{number}/sama": Link(pages, intake),
        "/tertahan/{number}/buang": Discard(pages, intake),
    }


async def _show(
    pages: Pages,
    response: Response,
    visitor: Visitor,
    number: int,
    *,
    problem: Problem | None = None,
    written: str = "",
) -> None:
    now, person = pages.clock(), visitor.person

    def read() -> dict[str, Any]:
        held = quarantine.require(number, person)
        [entry], titles = _in_words(pages, [held], person, now), _titles()
        zone = areas.zone(held.village or person.area, pages.settings.timezone)
        waits = held.reason in (_UNKNOWN, CLOSED)
        published_now = not waits or published.get_form(held.form_id, held.version) is not None
        return {
            "entry": entry,
            "advice": _ADVICE.get(held.reason, _REFUSED if held.refused else ""),
            "note": quarantine.note_of(held, pages.store),
            "can_release": held.state != "released" and held.reason not in _NEVER and published_now,
            "can_link": held.state in ("held", "discarded"),
            "can_discard": held.state == "held",
            "choose_how": held.state != "released" and _to_choose(held),
            "candidates": [
                (
                    c["instance_id"],
                    f"{words.local_time(c['received_at'], zone)}, "
                    f"{words.form(c['form_id'], titles.get(c['form_id']))}"
                    + (" (nomor yang sama)" if c["instance_id"] == held.instance_id else ""),
                )
                for c in quarantine.candidates(held, person)
            ],
        }

    found = await pages.readers.run(read)
    pages.show(
        response,
        "held.html",
        visitor,
        status=200 if problem is None else problem.kind.status,
        problem=problem.text("id") if problem is not None else None,
        written=written,
        **found,
    )


def _in_words(pages: Pages, held: list[Held], person: Person, now: datetime) -> list[Entry]:
    names = areas.names(code for h in held if h.village for code in words.place_codes(h.village))
    titles, zone_name = _titles(), pages.settings.timezone
    return [_entry(h, names, titles.get(h.form_id), person, now, zone_name) for h in held]


def _titles() -> dict[str, str]:
    """What the published forms are called."""
    return {form.form_id: form.title for form in published.current_forms()}


def _entry(
    held: Held, names: dict[str, str], title: str | None, person: Person, now: datetime, zone_name: str
) -> Entry:
    zone = areas.zone(held.village or person.area, zone_name)
    return Entry(
        number=held.id,
        reason=_REASONS.get(held.reason, held.reason),
        form=words.form(held.form_id, title) if held.form_id else "",
        version=held.version,
        place=_place(held.village, names, person.area) if held.village else "",
        desk=held.desk or "",
        phone=held.phone or "",
        came=words.local_time(held.received_at, zone),
        age=words.age(held.received_at, now),
        files=len(held.files),
        state=held.state,
        decided=f"{_STATES[held.state]}: {held.decided_by}, {words.local_time(held.decided_at, zone)}"
        if held.decided_at is not None
        else None,
    )


def _place(code: str, names: dict[str, str], reader_area: str) -> str:
    """Where a desk is; an officer's phones belong to a wider area."""
    return words.place(code, names, reader_area) if len(code) == VILLAGE_LENGTH else names.get(code, code)


def _number(text: str) -> int:
    """The number in an address. Raises :class:`Problem` (QUARANTINE_UNKNOWN) where it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise Problem(Problems.QUARANTINE_UNKNOWN, id=text[:12])
    return int(text)
