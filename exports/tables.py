"""From the versions of a form to the tables of an export: one for the form and one for each repeat.

Rows of all versions share a table: its columns are the newest version's in their order, then those that only
older versions have. Every table has one header row, with headers that are unique in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from exports.labels import said
from exports.values import CellType, cell_type
from exports.visible import Version, Visible, relative
from exports.words import Lang, word
from forms.schema import Field, Texts

MAIN: Final = ""
"""Path of the table of the form itself; a repeat's table has the repeat's relative path."""

Source = Literal["meta", "question", "indicator"]


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
        """Where each column stands."""
        return {(c.source, c.key): number for number, c in enumerate(self.columns)}


@dataclass(frozen=True)
class Layout:
    """The tables of an export, the form's own first; how many columns the reader has no right to, and why."""

    tables: tuple[Table, ...]
    withheld: int
    withheld_kinds: tuple[str, ...] = field(default=())


_MAIN_META: Final[tuple[tuple[str, CellType], ...]] = (
    ("key", "text"), ("received", "datetime"), ("zone", "text"), ("village", "text"),
    ("village_name", "text"), ("district", "text"), ("regency", "text"), ("version", "text"),
    ("desk", "text"), ("case", "text"), ("case_state", "text"), ("indicators", "text"), ("severity", "text"),
    ("state", "text"),
)  # fmt: skip
_REPEAT_META: Final[tuple[tuple[str, CellType], ...]] = (
    ("key", "text"), ("parent", "text"), ("row_key", "text"), ("number", "integer"),
)  # fmt: skip
_NAMED: Final = ("start", "end", "today", "deviceid")
"""Questions of ODK that have no label."""


@dataclass
class _Draft:
    """A table in the making."""

    path: str
    name: str
    title: str
    columns: dict[str, Column] = field(default_factory=dict)
    withheld: int = 0


def lay_out(versions: Sequence[Version], visible: Visible, lang: Lang) -> Layout:
    """The tables for a reader; ``versions`` oldest first, at least one."""
    newest = versions[-1]
    main = _Draft(MAIN, newest.form.form_id, newest.form.title)
    drafts: dict[str, _Draft] = {MAIN: main}
    held: set[str] = set()
    for version, later in _newest_first(versions):
        for repeat in version.schema.repeats():
            path = relative(repeat.path)
            drafts.setdefault(path, _Draft(path, repeat.name, said(repeat.labels, lang) or repeat.name))
        indicators = {i.node for i in version.form.indicators}
        for question, table in _questions(version.schema.fields, MAIN):
            path = relative(question.path)
            if table == MAIN and path in indicators:
                continue  # the server's verdict takes its place
            if not visible.shows(path):
                held.add(path)
                drafts[table].withheld += 1
            elif path not in drafts[table].columns:
                drafts[table].columns[path] = _column(question, version, later, visible, lang)
    kept = [d for d in drafts.values() if d is main or d.columns or not d.withheld]
    tables = [_finished(draft, visible, lang) for draft in kept]
    kinds = {kind for path in held for kind in visible.of_path(path) - visible.reader.kinds}
    words = [word(kind, lang) for kind in sorted(kinds)]
    if visible.restricted:
        words.append(word("restricted", lang))
    return Layout(tuple(tables), len(held) + visible.hidden, tuple(words))


def _newest_first(versions: Sequence[Version]) -> Iterator[tuple[Version, Version | None]]:
    """Each version with the one that followed it."""
    for number in range(len(versions) - 1, -1, -1):
        yield versions[number], versions[number + 1] if number + 1 < len(versions) else None


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


def _column(question: Field, version: Version, later: Version | None, visible: Visible, lang: Lang) -> Column:
    path = relative(question.path)
    numeric = question.calculated and question.type == "string" and not visible.of_path(path) & {"identity"}
    remarks = []
    if later is not None:
        remarks.append(word("removed", lang, version=later.form.version))
    if visible.reader.masks_nik and question.name == "nik":
        remarks.append(word("masked", lang))
    kind = cell_type(question)
    if kind == "datetime":
        remarks.append(word("local_time", lang))
    return Column(
        key=path,
        header=said(question.labels, lang) or (word(path, lang) if path in _NAMED else question.name),
        source="question",
        type=kind,
        field=question,
        numeric=numeric,
        remark="; ".join(remarks),
    )


def _finished(draft: _Draft, visible: Visible, lang: Lang) -> Table:
    columns: list[Column]
    if draft.path == MAIN:
        columns = [Column(key, word(key, lang), "meta", kind) for key, kind in _MAIN_META]
        if not visible.reader.sees_unshared:
            columns.append(Column("hidden", word("hidden", lang), "meta"))
        columns += draft.columns.values()
        columns += [
            Column(
                code,
                f"{code} {said(i.label, lang)}".strip(),
                "indicator",
                "integer",
                remark=word("server_verdict", lang),
            )
            for code, i in visible.indicators.items()
        ]
        if visible.reader.everything:
            columns.append(Column("extra", word("extra", lang), "meta"))
    else:
        columns = [Column(key, word(key, lang), "meta", kind) for key, kind in _REPEAT_META]
        columns += draft.columns.values()
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


def dictionary(layout: Layout, sheets: Sequence[str], lang: Lang) -> Iterator[list[str | None]]:
    """The data dictionary: a header, then one row a column; ``sheets`` names the tables' sheets."""
    keys = ("d_sheet", "d_column", "d_name", "d_type", "d_label_id", "d_label_en", "d_choices", "d_remark")
    yield [word(key, lang) for key in keys]
    for table, sheet in zip(layout.tables, sheets, strict=True):
        for column in table.columns:
            question = column.field
            remark = column.remark
            if column.source == "meta" and column.key == "received":
                remark = word("local_time", lang)
            elif column.source == "meta" and column.key == "parent":
                up = _above(layout, table)
                header = word("key" if up.path == MAIN else "row_key", lang)
                remark = word("links_to", lang, header=header, sheet=sheets[layout.tables.index(up)])
            yield [
                sheet,
                column.header,
                column.key if column.source != "meta" else None,
                _type_word(column, lang),
                _text(question.labels, "id") if question else None,
                _text(question.labels, "en") if question else None,
                _choices(question, lang) if question else None,
                remark or None,
            ]


def _above(layout: Layout, table: Table) -> Table:
    """The table that a repeat's rows belong to."""
    around = [
        t for t in layout.tables if t is not table and (t.path == MAIN or table.path.startswith(f"{t.path}/"))
    ]
    return max(around, key=lambda t: len(t.path))


def _text(texts: Texts, lang: Lang) -> str | None:
    return " ".join(texts.get(lang, "").split()) or None


def _type_word(column: Column, lang: Lang) -> str:
    question = column.field
    if question is None:
        return word(column.type, lang)
    if question.select is not None:
        return word(question.select, lang)
    if question.binary:
        return word("file", lang)
    return word("calculated" if question.calculated else column.type, lang)


def _choices(question: Field, lang: Lang) -> str | None:
    if question.list_name is not None:
        return word("list_file", lang, file=f"{question.list_name}.csv")
    return "; ".join(f"{code} = {said(texts, lang) or code}" for code, texts in question.choices) or None
