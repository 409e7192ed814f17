"""Entries of lists (workers and others who are known again) that people must look at: conflicts, wrong entries.

For the roles that oversee. A phone changes entries while offline, so two may change one without knowing of each
other; both are kept, and here somebody says which counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falcon.asgi import Request, Response

from forms.entities import declarations
from forms.form import SensitiveKind
from forms.problems import Problem, Problems
from server.staff import words
from server.staff.pages import Resource, for_officers
from server.staff.trust import Visitor
from server.store import areas, cases, entity_history, entity_lists, published
from server.store.entity_history import EntityView
from server.store.officers import Person

_NOTES = {
    "selesai": "Selisih sudah diselesaikan. HP mendapat isian ini saat ada sinyal.",
    "dihapus": "Isian sudah dihapus dari daftar. HP melupakannya saat ada sinyal. Semua versinya tetap disimpan.",
    "kembali": "Isian sudah ada lagi di daftar.",
}
_ORIGINS = {
    "create": "dibuat",
    "update": "diubah",
    "forced": "diubah tanpa versi sebelumnya",
    "resolved": "diambil dari versi lama",
}
_VERBS = {"resolved": "Selisih diselesaikan", "deleted": "Dihapus", "restored": "Dikembalikan"}
HIDDEN = "(tidak ditampilkan)"
_IDENTITY: frozenset[SensitiveKind] = frozenset(("identity",))
_FIELDS = {
    "label": "Tampil di HP",
    "full_name": "Nama",
    "village": "Desa",
    "last_country": "Negara terakhir",
    "status": "Status",
    "depart_date": "Tanggal berangkat",
    "return_date": "Tanggal pulang",
    "last_contact": "Kabar terakhir",
}


@dataclass(frozen=True)
class Line:
    """An entry in a list of those to look at."""

    list: str
    uuid: str
    label: str
    place: str
    version: int


@dataclass(frozen=True)
class Secrets:
    """What a reader may see of an entity: kinds of secrets, and the kinds that each property tells of.

    A property that no form declares any more counts as identity.
    """

    kinds: frozenset[SensitiveKind]
    of: Mapping[str, frozenset[SensitiveKind]]
    unshared: bool

    def hide(self, name: str, value: str, *, shared: bool) -> str:
        """The value of a property (``label`` among them), or a word in its place."""
        kinds = _IDENTITY if name == "label" else self.of.get(name, _IDENTITY)
        if not kinds or not value:
            return value
        allowed = kinds <= self.kinds and (shared or self.unshared or "identity" not in kinds)
        return value if allowed else HIDDEN


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else None


def _overseer(person: Person) -> Person:
    if person.role not in cases.OVERSEERS:
        raise Problem(Problems.FORBIDDEN)
    return person


def _secrets(list_name: str, person: Person) -> Secrets:
    """By the forms that phones have: a property is as secret as what is saved in it, be it asked or calculated."""
    from exports import access_of  # openpyxl is slow to import: only where it is needed
    from exports.visible import Version, Visible, relative

    reader = access_of(person.role)
    kinds: dict[str, frozenset[SensitiveKind]] = {}
    for listed in published.current_forms():
        form = published.get_form(listed.form_id, listed.version)
        declared = [d for d in declarations(form.xform) if d.list == list_name] if form is not None else []
        if form is None or not declared:
            continue
        visible = Visible.of([Version.read(form)], reader)
        for prop, path in (saved for one in declared for saved in one.saves.items()):
            kinds[prop] = kinds.get(prop, frozenset()) | visible.of_path(relative(path))
    return Secrets(reader.kinds, kinds, reader.sees_unshared)


class EntityConflicts(Resource):
    """``/daftar``."""

    after_sign_in = "/daftar"

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """What is in conflict in one's area."""
        person = _overseer(visitor.person)

        def read() -> list[Line]:
            lines = []
            for name in published.entity_lists(published.current_forms()):
                secrets = _secrets(name, person)
                found = entity_lists.conflicts(name, person.area, self.pages.store)
                names = areas.names(code for e in found for code in words.place_codes(e.village))
                lines += [
                    Line(
                        name,
                        e.uuid,
                        secrets.hide("label", e.label, shared=e.shared),
                        words.place(e.village, names, person.area),
                        e.version,
                    )
                    for e in found
                ]
            return lines

        self.pages.show(
            response,
            "entities.html",
            visitor,
            area=await self.pages.area_name(visitor),
            lines=await self.pages.readers.run(read),
        )


class EntityPage(Resource):
    """``/daftar/{list_name}/{uuid}``."""

    after_sign_in = "/daftar/{list_name}/{uuid}"

    @for_officers
    async def on_get(
        self, request: Request, response: Response, visitor: Visitor, list_name: str, uuid: str
    ) -> None:
        """One entry with all its versions."""
        await self._show(
            response, visitor, list_name, uuid, note=_NOTES.get(request.get_param("pesan") or "")
        )

    @for_officers
    async def on_post(
        self, request: Request, response: Response, visitor: Visitor, list_name: str, uuid: str
    ) -> None:
        """Resolve a conflict, delete an entry, or put it back; each with a reason."""
        person, form = _overseer(visitor.person), request.context.form
        now, store, reason = self.pages.clock(), self.pages.store, form.get("alasan", "")
        act, number, seen = form.get("aksi", ""), _number(form.get("versi")), _number(form.get("dilihat"))
        given = (list_name, uuid, person.area, reason, person.slug, store, now)
        done = {
            "selesai": lambda: entity_history.resolve(*given, version=number, seen=seen),
            "dihapus": lambda: entity_history.delete(*given, seen=seen),
            "kembali": lambda: entity_history.restore(*given),
        }.get(act)
        if done is None:
            raise Problem(Problems.NOT_FOUND)
        try:
            await self.pages.writer.run(done)
        except Problem as problem:
            if problem.problem is Problems.ENTITY_UNKNOWN:
                raise
            await self._show(response, visitor, list_name, uuid, problem=problem)
            return
        self.pages.redirect(response, f"/daftar/{list_name}/{uuid}?pesan={act}")

    async def _show(
        self,
        response: Response,
        visitor: Visitor,
        list_name: str,
        uuid: str,
        *,
        note: str | None = None,
        problem: Problem | None = None,
    ) -> None:
        person = _overseer(visitor.person)

        def read() -> dict[str, Any]:
            view = entity_history.find(list_name, uuid, person.area, self.pages.store)
            names = areas.names(words.place_codes(view.village))
            return self._words(
                view, _secrets(list_name, person), words.place(view.village, names, person.area)
            )

        self.pages.show(
            response,
            "entity.html",
            visitor,
            status=200 if problem is None else problem.kind.status,
            note=note,
            problem=problem.text("id") if problem is not None else None,
            **await self.pages.readers.run(read),
        )

    def _words(self, view: EntityView, secrets: Secrets, place: str) -> dict[str, Any]:
        zone = areas.zone(view.village, self.pages.settings.timezone)

        def said(label: str, properties: Mapping[str, str]) -> dict[str, str]:
            values = {"label": label, **properties}
            return {name: secrets.hide(name, value, shared=view.shared) for name, value in values.items()}

        versions = [(v, said(v.label, v.properties)) for v in view.versions]
        fields = list(dict.fromkeys(name for _, values in versions for name in values))
        return {
            "entity": view,
            "title": said(view.label, {})["label"],
            "place": place,
            "versions": [
                {
                    "number": v.version,
                    "origin": _ORIGINS.get(v.origin, v.origin),
                    "at": words.local_time(v.at, zone),
                    "desk": v.desk or "tidak diketahui",
                    "base": v.base_version,
                    "crossed": v.crossed,
                    "values": [(_FIELDS.get(n, n), values.get(n, ""), n in v.changed) for n in fields],
                }
                for v, values in reversed(versions)
            ],
            "decisions": [
                (words.local_time(d.at, zone), _VERBS.get(d.verb, d.verb), d.actor, d.reason)
                for d in view.decisions
            ],
        }
