"""What a new version of a form would do to the answers that are stored under the published one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from lxml import etree

from forms.form import Finding, Form
from forms.schema import Field, Schema
from forms.xpath import XPathError
from forms.xpath.parser import parse
from forms.xpath.references import questions

if TYPE_CHECKING:  # they load what reads workbooks, of which exports, which ask for changes too, know nothing
    from forms.validate import Places
    from forms.workbook import Workbook

_BIND: Final = "{http://www.w3.org/2002/xforms}bind"
_SAVE_TO: Final = "{http://www.opendatakit.org/xforms/entities}saveto"
_WIDER: Final = {("int", "decimal"), ("date", "dateTime")}
"""Types whose answers fit the other as they are."""


@dataclass(frozen=True)
class Change:
    """One thing that is no longer as it was. ``path`` is the published version's, ``now`` the new one's if any.

    ``was`` and ``becomes`` are types; ``code`` is a choice, or a property of an entity.
    """

    kind: Literal["type", "gone", "renamed", "moved", "choice", "property"]
    path: str
    now: str | None = None
    was: str = ""
    becomes: str = ""
    code: str = ""

    @property
    def name(self) -> str:
        """The question's name."""
        return self.path.rsplit("/", 1)[1]


Stored = Mapping[tuple[str, str], int]
"""How many stored submissions answer (path, ""), and how many chose (path, code)."""


def changes(old: Form, new: Form) -> tuple[Change, ...]:
    """What changed between the published version and the one to be, in the order of the published form."""
    before, after = Schema.from_xform(old.xform), Schema.from_xform(new.xform)
    known = {field.path.partition("/")[2].partition("/")[2]: field for field in after.walk()}
    fresh = _fresh(before, after)
    found: list[Change] = []
    for field in before.walk():
        if field.note or _is_ours(field, old):
            continue
        inner = field.path.partition("/")[2].partition("/")[2]  # a root of another name moves nothing
        now = known.get(inner)
        if now is None:
            found += _gone(field, after, fresh)
        else:
            found += _altered(field, now)
    saved = _saved(new)
    found += [Change("property", path, code=name) for name, path in _saved(old).items() if name not in saved]
    return tuple(found)


def _is_ours(field: Field, form: Form) -> bool:
    """Nodes that indicators become (:mod:`forms.indicators`): their coming and going is no loss of answers."""
    name = field.path.split("/")[2]
    return name == "advice" or name == "meta" or name in {i.node for i in form.indicators}


def _altered(field: Field, now: Field) -> Iterator[Change]:
    was, becomes = _type(field), _type(now)
    if was != becomes and (field.type, now.type) not in _WIDER:
        yield Change("type", field.path, now.path, was, becomes)
    elif field.choices and now.choices:
        left = {value for value, _ in now.choices}
        for value, _ in field.choices:
            if value not in left:
                yield Change("choice", field.path, now.path, code=value)


def _type(field: Field) -> str:
    if field.kind != "question":
        return field.kind
    if field.calculated:
        return "calculate"
    return f"select {field.select}" if field.select else field.type


def _fresh(before: Schema, after: Schema) -> list[Field]:
    names = {field.name for field in before.walk()}
    return [field for field in after.walk() if field.name not in names]


def _gone(field: Field, after: Schema, fresh: list[Field]) -> Iterator[Change]:
    if field.kind == "group":
        return  # what was in it is told of one by one
    moved = [f for f in after.named(field.name) if f.kind == field.kind]
    if moved:
        yield Change("moved", field.path, moved[0].path)
        return
    for other in fresh:
        if _type(other) == _type(field) and _same_words(field, other):
            yield Change("renamed", field.path, other.path)
            return
    yield Change("gone", field.path)


def _same_words(field: Field, other: Field) -> bool:
    if field.calculated:
        return other.calculated and field.calculate == other.calculate
    return any(text and other.labels.get(lang) == text for lang, text in field.labels.items())


def _saved(form: Form) -> dict[str, str]:
    """The properties of entities that a form saves: the question's path by name."""
    tree = etree.fromstring(form.xform.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    binds = ((bind.get(_SAVE_TO), bind.get("nodeset") or "") for bind in tree.iter(_BIND))
    return {name: path for name, path in binds if name}


def rules_using(form: Form) -> dict[str, tuple[str, ...]]:
    """The risk indicators that ask a question, themselves or over calculations, by the question's path."""
    schema = Schema.from_xform(form.xform)
    calculates = {f.path: f.calculate for f in schema.questions() if f.calculate}
    users: dict[str, list[str]] = {}
    for indicator in form.indicators:
        waiting = [(indicator.rule, f"/{schema.root}/{indicator.node}")]
        seen: set[str] = set()
        while waiting:
            text, context = waiting.pop()
            try:
                asked = set(questions(parse(text), context)) - seen
            except XPathError:
                continue  # the phone's word is all there is of such a rule
            seen |= asked
            waiting += [(calculates[path], path) for path in asked if path in calculates]
        for path in seen:
            users.setdefault(path, []).append(indicator.code)
    return {path: tuple(codes) for path, codes in users.items()}


def change_findings(
    found: tuple[Change, ...],
    stored: Stored,
    old: Form,
    book: Workbook,
    places: Places,
    exports: Sequence[str] = (),
) -> list[Finding]:
    """What to say of the changes, each at the cell that has to be looked at.

    Another type for answers that are stored is an error: a column cannot hold both. What vanishes is a warning
    that wants confirming where it touches stored answers. ``exports`` are the names of exports of this form that are
    made again and again: their columns are its questions.
    """
    users = rules_using(old)
    return [_finding(change, stored, users, exports, _place(change, old, book, places)) for change in found]


def _finding(
    change: Change,
    stored: Stored,
    users: Mapping[str, tuple[str, ...]],
    exports: Sequence[str],
    place: tuple[str, int | None, str | None],
) -> Finding:
    count = stored.get((change.path, change.code if change.kind == "choice" else ""), 0)
    codes = users.get(change.path, ())
    message, pesan = _words(change)
    message += f" {count} stored submissions have an answer."
    pesan += f" {count} kiriman tersimpan punya jawaban."
    if codes:
        message += f" Rules of the published version that ask it: {', '.join(codes)}."
        pesan += f" Aturan versi terbit yang memakainya: {', '.join(codes)}."
    if exports and change.kind != "property":
        message += f" Saved exports that have it: {', '.join(exports)}."
        pesan += f" Unduhan tersimpan yang memuatnya: {', '.join(exports)}."
    if change.kind == "type" and count:
        return Finding(*place, message, pesan, "error")
    confirm = count > 0 and change.kind != "type"
    return Finding(*place, message, pesan, "warning", confirm)


def _words(change: Change) -> tuple[str, str]:
    name = change.name
    to = (change.now or "").rsplit("/", 1)[-1]
    if change.kind == "type":
        return (
            f"{name} was of type {change.was} and becomes {change.becomes}. Give the new question a new name.",
            f"{name} tadinya berjenis {change.was}, kini {change.becomes}. Beri pertanyaan baru nama baru.",
        )
    if change.kind == "gone":
        return (
            f"the question {name} of the published version is gone.",
            f"pertanyaan {name} dari versi terbit sudah tidak ada.",
        )
    if change.kind == "renamed":
        return (
            f"the question {name} of the published version is now called {to}: its answers stay under the old name.",
            f"pertanyaan {name} dari versi terbit kini bernama {to}: jawaban lama tetap di nama lama.",
        )
    if change.kind == "moved":
        return (
            f"the question {name} now lies in another group: former answers stay where they were.",
            f"pertanyaan {name} pindah grup: jawaban lama tetap di tempat lama.",
        )
    if change.kind == "choice":
        return (
            f"the choice {change.code} of the question {name} is gone.",
            f"pilihan {change.code} dari pertanyaan {name} sudah tidak ada.",
        )
    return (
        f"{name} no longer saves the entity property {change.code}.",
        f"{name} tidak lagi menyimpan sifat entitas {change.code}.",
    )


def _place(change: Change, old: Form, book: Workbook, places: Places) -> tuple[str, int | None, str | None]:
    survey = {path: (number, cells) for number, path, cells in book.survey()}
    if change.kind == "choice" and change.now in survey:
        kind = book.column("survey", "type") or "type"
        words = str(survey[change.now][1].get(kind) or "").split()
        return "choices", _last_choice(book, words[1] if len(words) > 1 else ""), "name"
    column = {"type": "type", "property": "save_to"}.get(change.kind, "name")
    if change.kind == "property":
        change = Change("moved", change.path, change.path)
    if change.now in survey:
        return "survey", survey[change.now][0], book.column("survey", column) or column
    row = None
    for field in Schema.from_xform(old.xform).walk():
        if field.path == change.path:
            break
        if field.path in survey:
            row = survey[field.path][0]
    return "survey", row, column  # the row after which it stood


def _last_choice(book: Workbook, list_name: str) -> int | None:
    rows = book.definition.choices or ()
    column = next((h for h in book.header("choices") if h.strip().lower() in ("list_name", "list name")), "")
    numbers = [number for number, cells in enumerate(rows, start=2) if cells.get(column) == list_name]
    return numbers[-1] if numbers else None
