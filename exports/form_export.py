"""Every submission of a form as a workbook (.xlsx), a CSV file (.csv) or CSV files of all tables (.zip)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from exports.access import Access
from exports.csv_files import Csv, CsvZip
from exports.labels import AreaNames
from exports.rows import Row, Rows, needed_areas
from exports.tables import Layout, dictionary, lay_out
from exports.values import Cell
from exports.visible import Version, Visible
from exports.words import Lang, word
from exports.xlsx import Xlsx
from forms.problems import Problem, Problems
from server.store import areas, cases, published, submissions
from server.store.database import Store

_BATCH = 500  # submissions whose area names and cases are fetched together
SUFFIXES = (".xlsx", ".csv", ".zip")


@dataclass(frozen=True)
class ExportResult:
    """What was written: ``rows`` is the number of submissions, ``tables`` the rows of each table by its name.

    ``withheld`` counts the columns that the reader has no right to.
    """

    rows: int
    tables: dict[str, int]
    withheld: int


@dataclass(frozen=True)
class _Order:
    """What is asked for."""

    form_id: str
    versions: list[Version]
    layout: Layout
    area: str
    area_name: str
    start: datetime | None
    end: datetime | None
    lang: Lang
    reader: Access
    made_at: datetime | None


def export_form(
    form_id: str,
    target: Path,
    store: Store,
    *,
    area: str = areas.NATION,
    start: datetime | None = None,
    end: datetime | None = None,
    lang: str = "id",
    reader: Access,
    codes: bool = False,
    bom: bool = True,
    made_at: datetime | None = None,
) -> ExportResult:
    """Write every current submission of a form that was received in ``[start, end)`` within ``area``.

    The ending of ``target`` decides: ``.xlsx`` has a sheet for the form, one for each repeat, a data
    dictionary and a sheet that says what it is; ``.csv`` the form's own table; ``.zip`` a CSV file a table.
    ``lang`` is ``en`` for English, else Indonesian.
    ``codes`` shows the codes of choices instead of their labels, ``bom`` is for CSV. Moments are aware;
    ``made_at`` is stated in the workbook. The file appears whole or not at all, readable by its owner only.
    Memory does not grow with the number of submissions. Runs in a reader's thread, never in the event loop.
    Raises :class:`Problem`: FORM_UNPUBLISHED, EXPORT_SUFFIX, AREA_UNKNOWN, FORBIDDEN (an area that is not the
    reader's).
    """
    if target.suffix.lower() not in SUFFIXES:
        raise Problem(Problems.EXPORT_SUFFIX, file=target.name, suffixes=" ".join(SUFFIXES))
    reader.require_area(area)
    versions = [Version.read(form) for form in published.versions(form_id)]
    if not versions:
        raise Problem(Problems.FORM_UNPUBLISHED, form_id=form_id)
    visible = Visible.of(versions, reader)
    spoken: Lang = "en" if lang == "en" else "id"
    layout = lay_out(versions, visible, spoken)
    names = AreaNames()
    rows = Rows(versions, layout, visible, names, spoken, codes=codes)
    order = _Order(form_id, versions, layout, area, areas.require(area), start, end, spoken, reader, made_at)
    records = submissions.read(form_id, store, area=area, start=start, end=end)
    counts = [0] * len(layout.tables)

    def fill(write: Callable[[int, Row], None]) -> None:
        while batch := list(islice(records, _BATCH)):
            names.fetch(code for record in batch for code in needed_areas(record))
            known = cases.standing(form_id, [record.id for record in batch], reader.role)
            for record in batch:
                for table, row in rows.of(record, known.get(record.id)):
                    write(table, row)
                    counts[table] += 1

    with _beside(target) as draft:
        match target.suffix.lower():
            case ".xlsx":
                _write_xlsx(draft, order, fill, counts)
            case ".csv":
                with closing(Csv(layout.tables, draft, bom=bom)) as single:
                    fill(single.write)
            case _:
                _write_zip(draft, order, fill, counts, bom=bom)
    by_name = {table.name: count for table, count in zip(layout.tables, counts, strict=True)}
    return ExportResult(counts[0], by_name, layout.withheld)


def _write_xlsx(
    draft: Path, order: _Order, fill: Callable[[Callable[[int, Row], None]], None], counts: list[int]
) -> None:
    with closing(Xlsx(order.layout.tables, draft.parent, order.lang)) as book:
        fill(book.write)
        book.add_dictionary(dictionary(order.layout, book.sheets, order.lang))
        book.add_about(_about(order, book.sheets, counts))
        book.save(draft)


def _write_zip(
    draft: Path,
    order: _Order,
    fill: Callable[[Callable[[int, Row], None]], None],
    counts: list[int],
    *,
    bom: bool,
) -> None:
    with closing(CsvZip(order.layout.tables, draft.parent, bom=bom)) as files:
        names = files.names
        fill(files.write)
        files.add(word("dictionary", order.lang).lower(), dictionary(order.layout, names, order.lang))
        files.add(word("about", order.lang).lower(), _about(order, names, counts))
        files.save(draft)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A file beside ``target`` for its owner's eyes only, which takes its place when all went well."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _about(order: _Order, sheets: list[str], counts: list[int]) -> Iterator[list[Cell]]:
    """What the export is, for people: a header, then an item a row."""
    lang, layout = order.lang, order.layout

    def say(key: str, value: Cell) -> list[Cell]:
        return [word(key, lang), value]

    newest = order.versions[-1].form
    yield say("a_what", word("a_value", lang))
    yield say("a_form", f"{newest.title} ({order.form_id})")
    yield say("a_versions", ", ".join(v.form.version for v in order.versions))
    yield say("a_area", f"{order.area_name} ({order.area})")
    yield say("a_period", _period(order))
    if order.made_at is not None:
        yield say("a_made", _clock(order.made_at, order.area))
    yield say("a_reader", order.reader.role or word("a_operator", lang))
    for sheet, count in zip(sheets, counts, strict=True):
        yield [word("a_rows", lang, sheet=sheet), count]
    if layout.withheld:
        kinds = ", ".join(layout.withheld_kinds)
        withheld = word("a_withheld_some", lang, count=layout.withheld, kinds=kinds)
    else:
        withheld = word("a_withheld_none", lang)
    yield say("a_withheld", withheld)
    if not order.reader.sees_unshared:
        yield say("a_unshared", word("a_unshared_text", lang))
    if len(sheets) > 1:
        yield say("a_link", word("a_link_text", lang))
    yield say("a_secret", word("a_secret_text", lang))


def _period(order: _Order) -> str:
    parts = []
    if order.start is not None:
        parts.append(word("a_from", order.lang, start=_clock(order.start, order.area)))
    if order.end is not None:
        parts.append(word("a_until", order.lang, end=_clock(order.end, order.area)))
    return ", ".join(parts) or word("a_any", order.lang)


def _clock(moment: datetime, area: str) -> str:
    """A moment as clocks of an area show it."""
    return f"{moment.astimezone(areas.zone(area)):%d-%m-%Y %H:%M %Z}"
