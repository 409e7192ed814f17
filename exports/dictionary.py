"""The sheets that explain an export's columns: the data dictionary, and what changed between a form's versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from exports.labels import said
from exports.tables import MAIN, Column, Layout, above, is_meta
from exports.visible import Version, Visible, relative
from exports.words import Lang, word
from forms.changes import Change, changes
from forms.form import Form
from forms.schema import Field, Texts

Line = list[str | None]
_TYPES: Final = {
    "int": "integer",
    "decimal": "decimal",
    "date": "date",
    "dateTime": "datetime",
    "time": "time",
}


def dictionary(layout: Layout, sheets: Sequence[str], lang: Lang) -> Iterator[Line]:
    """The data dictionary: a header, then one row a column; ``sheets`` names the tables' sheets."""
    keys = ("d_sheet", "d_column", "d_name", "d_type", "d_label_id", "d_label_en", "d_choices", "d_remark")
    yield [word(key, lang) for key in keys]
    for table, sheet in zip(layout.tables, sheets, strict=True):
        for column in table.columns:
            question = column.field if not column.part.startswith("=") else None
            remark = column.remark
            if column.source == "meta" and column.key in ("received", "SubmissionDate"):
                remark = word("local_time" if column.key == "received" else "universal_time", lang)
            elif column.source == "meta" and column.key in ("parent", "PARENT_KEY"):
                up = above(layout, table)
                header = word("key" if up.path == MAIN else "row_key", lang)
                if column.key == "PARENT_KEY":
                    header = "KEY"
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


def change_log(versions: Sequence[Version], layout: Layout, visible: Visible, lang: Lang) -> Iterator[Line]:
    """What changed from each version to the next, as far as the reader may see: a header, then a row a change."""
    yield [
        word(key, lang) for key in ("c_from", "c_to", "c_name", "c_what", "c_before", "c_after", "c_remark")
    ]
    headers = {c.key: c.header for t in layout.tables for c in t.columns if c.source == "question"}
    any_change = False
    for former, later in pairwise(versions):
        for line in _between(former, later, visible, headers, lang):
            any_change = True
            yield [former.form.version, later.form.version, *line]
    if not any_change:
        yield [None, None, None, word("c_none", lang), None, None, None]


def _between(
    former: Version, later: Version, visible: Visible, headers: Mapping[str, str], lang: Lang
) -> Iterator[Line]:
    before, after = _shown(former, visible), _shown(later, visible)
    lost = {relative(c.path): c for c in changes(former.form, later.form) if c.kind != "property"}
    taken: set[str] = set()
    for path, question in before.items():
        now = after.get(path)
        if now is None:
            change = lost.get(path)
            yield _gone(path, change, headers, lang)
            if change is not None and change.now is not None:
                taken.add(relative(change.now))
        else:
            yield from _altered(path, question, now, lang)
    for path, question in after.items():
        if path not in before and path not in taken:
            yield [path, word("c_added", lang), None, said(question.labels, lang) or None, None]
    yield from _indicators(former.form, later.form, visible, lang)


def _shown(version: Version, visible: Visible) -> dict[str, Field]:
    indicators = {i.node for i in version.form.indicators}
    return {
        relative(f.path): f
        for f in _questions(version.schema.fields)
        if not f.note and relative(f.path) not in indicators and visible.shows(relative(f.path))
    }


def _questions(fields: Sequence[Field]) -> Iterator[Field]:
    for found in fields:
        if found.kind == "question":
            yield found
        elif not is_meta(found):
            yield from _questions(found.children)


def _gone(path: str, change: Change | None, headers: Mapping[str, str], lang: Lang) -> Line:
    kept = word("c_kept", lang, header=headers.get(path, path))
    if change is not None and change.kind in ("renamed", "moved") and change.now is not None:
        return [path, word(f"c_{change.kind}", lang), path, relative(change.now), kept]
    return [path, word("c_removed", lang), path, None, kept]


def _altered(path: str, was: Field, now: Field, lang: Lang) -> Iterator[Line]:
    former, later = _kind(was, lang), _kind(now, lang)
    if former != later:
        yield [path, word("c_type", lang), former, later, None]
    if said(was.labels, lang) != said(now.labels, lang):
        yield [path, word("c_label", lang), said(was.labels, lang), said(now.labels, lang), None]
    if was.calculated and was.calculate != now.calculate:
        yield [path, word("c_calculation", lang), was.calculate, now.calculate, None]
    if not (was.choices or now.choices):
        return
    old, new = dict(was.choices), dict(now.choices)
    for code, texts in old.items():
        label = f"{code} = {said(texts, lang) or code}"
        if code not in new:
            yield [path, word("c_choice_removed", lang), label, None, word("c_choice_kept", lang)]
        elif said(texts, lang) != said(new[code], lang):
            yield [path, word("c_choice_label", lang), label, f"{code} = {said(new[code], lang)}", None]
    for code, texts in new.items():
        if code not in old:
            yield [path, word("c_choice_added", lang), None, f"{code} = {said(texts, lang) or code}", None]


def _indicators(former: Form, later: Form, visible: Visible, lang: Lang) -> Iterator[Line]:
    old = {i.code: i for i in former.indicators if i.code in visible.indicators}
    new = {i.code: i for i in later.indicators if i.code in visible.indicators}
    for code in old:
        if code not in new:
            yield [code, word("c_indicator_removed", lang), code, None, None]
        elif old[code].rule != new[code].rule:
            yield [code, word("c_rule", lang), old[code].rule, new[code].rule, None]
    for code, indicator in new.items():
        if code not in old:
            yield [code, word("c_indicator_added", lang), None, said(indicator.label, lang) or code, None]


def _text(texts: Texts, lang: Lang) -> str | None:
    return " ".join(texts.get(lang, "").split()) or None


def _kind(question: Field, lang: Lang) -> str:
    if question.select is not None:
        return word(question.select, lang)
    if question.binary:
        return word("file", lang)
    if question.calculated:
        return word("calculated", lang)
    return word(_TYPES.get(question.type, "text"), lang)


def _type_word(column: Column, lang: Lang) -> str:
    if column.field is None or column.part:
        return word(column.type, lang)
    return _kind(column.field, lang)


def _choices(question: Field, lang: Lang) -> str | None:
    if question.list_name is not None:
        return word("list_file", lang, file=f"{question.list_name}.csv")
    return "; ".join(f"{code} = {said(texts, lang) or code}" for code, texts in question.choices) or None
