"""From the versions of a form to the tables of an export: one for the form and one for each repeat.

Rows of all versions share a table, and its columns stay put: those of the first version come first, then what
each later version added. A question that was renamed or removed keeps its column; the sheets of
:mod:`exports.dictionary` explain. Every table has one header row, with headers that are unique in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from exports.calculated import calculated_header
from exports.labels import said
from exports.options import Options
from exports.values import CellType, cell_type
from exports.visible import Version, Visible, relative
from exports.words import word
from forms.form import Indicator
from forms.schema import Field

MAIN: Final = ""
"""Path of the table of the form itself; a repeat's table has the repeat's relative path."""

Source = Literal["meta", "question", "indicator"]
Part = str
"""What a column shows of an answer: ``""`` its value, ``#code`` the choice's code, ``=c`` whether ``c`` is chosen,
``@0`` to ``@3`` a number of a place (latitude, longitude, altitude, accuracy)."""
PLACE: Final = ("Latitude", "Longitude", "Altitude", "Accuracy")


@dataclass(frozen=True)
class Column:
    """A column.

    ``key`` is the question's path relative to the form's root, the indicator's code, or the name of a fact
    about the submission (``key`` …). ``field`` is the question in the newest version that has it,
    ``numeric`` a calculation, whose text becomes a number where it is one.
    """

    key: str
    header: str
    source: Source
    type: CellType = "text"
    field: Field | None = None
    numeric: bool = False
    remark: str = ""
    part: Part = ""


@dataclass(frozen=True)
class Table:
    """A table of one form.

    ``path`` is :data:`MAIN` or a repeat's, ``name`` is short (the form's id, the repeat's name), ``title`` is
    what people read.
    """

    path: str
    name: str
    title: str
    columns: tuple[Column, ...]

    def slots(self) -> dict[tuple[Source, str], int]:
        """Where each column stands; of a question's several columns the first."""
        found: dict[tuple[Source, str], int] = {}
        for number, column in enumerate(self.columns):
            found.setdefault((column.source, column.key), number)
        return found


@dataclass(frozen=True)
class Layout:
    """The tables of an export, the form's own first; how many columns the reader has no right to, and why."""

    tables: tuple[Table, ...]
    withheld: int
    withheld_kinds: tuple[str, ...] = field(default=())


_MAIN_META: Final[tuple[tuple[str, CellType], ...]] = (
    ("received", "datetime"), ("zone", "text"), ("village", "text"), ("village_name", "text"),
    ("district", "text"), ("regency", "text"), ("version", "text"), ("desk", "text"), ("case", "text"),
    ("case_state", "text"), ("indicators", "text"), ("severity", "text"), ("state", "text"), ("key", "text"),
)  # fmt: skip
_REPEAT_META: Final[tuple[tuple[str, CellType], ...]] = (
    ("number", "integer"), ("parent", "text"), ("row_key", "text"), ("key", "text"),
)  # fmt: skip
_CENTRAL_BEFORE: Final = ("SubmissionDate",)
META_NAMES: Final = ("meta/entity/label", "meta/instanceID", "meta/instanceName")
"""What of the form's own group ``meta`` has a column in ODK Central's layout."""
_CENTRAL_AFTER: Final = (
    "KEY", "SubmitterID", "SubmitterName", "AttachmentsPresent", "AttachmentsExpected",
    "Status", "ReviewState", "DeviceID", "Edits", "FormVersion",
)  # fmt: skip
_CENTRAL_REPEAT: Final = ("PARENT_KEY", "KEY")
_NAMED: Final = ("start", "end", "today", "deviceid")
"""Questions of ODK that have no label."""


@dataclass
class _Draft:
    """A table in the making. ``columns`` are the questions' and indicators', by source, key and part."""

    path: str
    name: str
    title: str
    columns: dict[tuple[Source, str, Part], Column] = field(default_factory=dict)
    withheld: int = 0
    questions: int = 0


def lay_out(versions: Sequence[Version], visible: Visible, options: Options) -> Layout:
    """The tables for a reader; ``versions`` oldest first, at least one."""
    newest = versions[-1]
    main = _Draft(MAIN, newest.form.form_id, newest.form.title)
    drafts: dict[str, _Draft] = {MAIN: main}
    held: set[str] = set()
    last_in = _last_versions(versions)
    for version in versions:
        groups = {f.path: said(f.labels, options.lang) or f.name for f in version.schema.walk()}
        for repeat in version.schema.repeats():
            path = relative(repeat.path)
            title = said(repeat.labels, options.lang) or repeat.name
            drafts.setdefault(path, _Draft(path, repeat.name, title)).title = title
        indicators = {i.node for i in version.form.indicators}
        for question, table in _questions(version.schema.fields, MAIN):
            path = relative(question.path)
            if table == MAIN and path in indicators:
                continue  # the server's verdict takes its place
            draft = drafts[table]
            if not visible.shows(path):
                held.add(path)
                draft.withheld += 1
                continue
            draft.questions += 1
            since = last_in[path]
            later = versions[since + 1] if since + 1 < len(versions) else None
            for column in _columns(question, later, visible, options, groups, table):
                draft.columns[column.source, column.key, column.part] = column
        for indicator in version.form.indicators:
            shown = visible.indicators.get(indicator.code)
            if shown is not None:
                main.columns["indicator", indicator.code, ""] = _indicator(shown, options)
    kept = [d for d in drafts.values() if d is main or d.questions or not d.withheld]
    named, secret = _meta_names(versions, visible) if options.central else ((), frozenset[str]())
    held |= secret
    tables = [_finished(draft, visible, options, named) for draft in kept]
    kinds = {kind for path in held for kind in visible.of_path(path) - visible.reader.kinds}
    words = [word(kind, options.lang) for kind in sorted(kinds)]
    if visible.restricted:
        words.append(word("restricted", options.lang))
    return Layout(tuple(tables), len(held) + visible.hidden, tuple(words))


def _last_versions(versions: Sequence[Version]) -> dict[str, int]:
    """The number of the newest version that has a path."""
    found = {}
    for number, version in enumerate(versions):
        for f in version.schema.walk():
            found[relative(f.path)] = number
    return found


def _questions(fields: Sequence[Field], table: str) -> Iterator[tuple[Field, str]]:
    """Each question that has answers, with the path of its table."""
    for found in fields:
        if found.kind == "question":
            if not found.note:
                yield found, table
        elif not is_meta(found):
            yield from _questions(found.children, relative(found.path) if found.kind == "repeat" else table)


def is_meta(found: Field) -> bool:
    """The form's own ``meta`` group, whose values are no answers."""
    return found.kind == "group" and relative(found.path) == "meta"


def _columns(
    question: Field,
    later: Version | None,
    visible: Visible,
    options: Options,
    groups: dict[str, str],
    table: str,
) -> Iterator[Column]:
    """The columns of a question: one, or several where its choices or places are taken apart."""
    path, lang = relative(question.path), options.lang
    numeric = question.calculated and question.type == "string" and not visible.of_path(path) & {"identity"}
    remarks = []
    if later is not None:
        remarks.append(word("removed", lang, version=later.form.version))
    if visible.masks(path):
        remarks.append(word("masked", lang))
    kind = cell_type(question)
    if kind == "datetime":
        remarks.append(word("local_time", lang))
    header = _name(path, table, options) if options.central else _label(question, options, groups, table)
    column = Column(path, header, "question", kind, question, numeric, "; ".join(remarks))
    if options.central:
        column = replace(column, type="text", numeric=False)
        if question.type == "geopoint":
            for number, part in enumerate(PLACE):
                yield replace(column, header=f"{header}-{part}", part=f"@{number}")
            return
    yield column
    if question.select is None:
        return
    if options.choices == "both":
        yield replace(column, header=word("code_of", lang, header=header), part="#code")
    if question.select == "many" and options.multiple == "split" and question.list_name is None:
        held = visible.held(path)
        for code, texts in question.choices:
            if code in held:
                continue  # a column of zeros would be untrue
            shown = code if options.choices == "code" or options.central else said(texts, lang) or code
            yield replace(
                column,
                header=f"{header}/{code}" if options.central else f"{header}: {shown}",
                type="integer",
                part=f"={code}",
            )


def _name(path: str, table: str, options: Options) -> str:
    inside = path[len(table) + 1 :] if table else path
    return inside.replace("/", "-") if options.groups else inside.rpartition("/")[2]


def _label(question: Field, options: Options, groups: dict[str, str], table: str) -> str:
    path, lang = relative(question.path), options.lang
    own = said(question.labels, lang)
    if not own:
        named = path in _NAMED
        own = word(path, lang) if named else calculated_header(question.name, lang)
    if not options.groups:
        return own
    parts = question.path.split("/")
    depth = 2 + (table.count("/") + 1 if table else 0)
    around = ["/".join(parts[:end]) for end in range(depth + 1, len(parts))]
    return " - ".join([*(groups[group] for group in around), own])


def _indicator(indicator: Indicator, options: Options) -> Column:
    header = (
        indicator.node
        if options.central
        else f"{indicator.code} {said(indicator.label, options.lang)}".strip()
    )
    remark = word("server_verdict", options.lang)
    return Column(indicator.code, header, "indicator", "integer", remark=remark)


def _meta_names(versions: Sequence[Version], visible: Visible) -> tuple[tuple[str, ...], frozenset[str]]:
    """Which of :data:`META_NAMES` the form has, and which of those the reader may not see: they are made of answers."""
    asked = {
        relative(f.path): f
        for version in versions
        for f in version.schema.questions()
        if relative(f.path) in META_NAMES
    }
    secret = frozenset(path for path in asked if visible.masks(path) or not visible.shows(path))
    shown = tuple(p for p in META_NAMES if p == "meta/instanceID" or (p in asked and p not in secret))
    return shown, secret


def _finished(draft: _Draft, visible: Visible, options: Options, named: Sequence[str]) -> Table:
    lang = options.lang
    columns = list(draft.columns.values())
    if options.central:
        before = _CENTRAL_BEFORE if draft.path == MAIN else ()
        after = _CENTRAL_AFTER if draft.path == MAIN else _CENTRAL_REPEAT
        columns = [
            *(Column(key, key, "meta") for key in before),
            *columns,
            *(Column(key, _name(key, MAIN, options), "meta") for key in named if draft.path == MAIN),
            *(Column(key, key, "meta") for key in after),
        ]
    elif draft.path == MAIN:
        meta = [Column(key, word(key, lang), "meta", kind) for key, kind in _MAIN_META]
        if not visible.reader.sees_unshared:
            meta.append(Column("hidden", word("hidden", lang), "meta"))
        if visible.reader.everything:
            meta.append(Column("extra", word("extra", lang), "meta"))
        columns = [*meta, *columns]
    else:
        columns = [*(Column(key, word(key, lang), "meta", kind) for key, kind in _REPEAT_META), *columns]
    return Table(draft.path, draft.name, draft.title, tuple(_unique(columns)))


def _unique(columns: list[Column]) -> Iterator[Column]:
    """Headers that occur twice get the question's name, then its path: ``Nama [full_name]``."""
    seen: set[str] = set()
    for column in columns:
        name = column.key.rpartition("/")[2]
        candidates = [column.header, f"{column.header} [{name}]", f"{column.header} [{column.key}]"]
        header = next((c for c in candidates if c.casefold() not in seen), None)
        number = 2
        while header is None:
            numbered = f"{candidates[2]} ({number})"
            header = numbered if numbered.casefold() not in seen else None
            number += 1
        seen.add(header.casefold())
        yield replace(column, header=header)


def above(layout: Layout, table: Table) -> Table:
    """The table that a repeat's rows belong to."""
    around = [
        t for t in layout.tables if t is not table and (t.path == MAIN or table.path.startswith(f"{t.path}/"))
    ]
    return max(around, key=lambda t: len(t.path))
