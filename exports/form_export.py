"""Every submission of a form as a workbook, CSV, CSV files of all tables in a ZIP, or GeoJSON."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exports.about import Asked, about
from exports.access import Access
from exports.csv_files import Csv, CsvZip, central_names, table_names
from exports.dictionary import change_log, dictionary
from exports.geojson import GeoJson
from exports.labels import AreaNames
from exports.media import FileRights, Media
from exports.options import KINDS, Filters, Options
from exports.packing import Package
from exports.password import encrypt, require_good
from exports.proof import Made
from exports.rows import Row, Rows, needed_areas
from exports.tables import lay_out
from exports.values import Cell
from exports.visible import Version, Visible
from exports.words import word
from exports.xlsx import Xlsx
from forms.problems import Problem, Problems
from server.store import areas, cases, published, records
from server.store.database import Store
from server.store.files import Files

Progress = Callable[[int, int], None]
"""Told now and then how many submissions are written, and of how many. May raise to end the export."""
Write = Callable[[int, Row], None]


@dataclass(frozen=True)
class ExportResult:
    """What was written: ``rows`` is the number of submissions, ``tables`` the rows of each table by its name.

    ``withheld`` counts the columns that the reader has no right to, ``files`` the attached files.
    """

    rows: int
    tables: dict[str, int]
    withheld: int
    files: int = 0


def kind_of(target: Path) -> str:
    """The kind of file that a name's ending asks for. Raises :class:`Problem` (EXPORT_SUFFIX)."""
    kind = target.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        suffixes = " ".join(f".{kind}" for kind in KINDS)
        raise Problem(Problems.EXPORT_SUFFIX, file=target.name, suffixes=suffixes)
    return kind


def export_form(
    form_id: str,
    target: Path,
    store: Store,
    *,
    reader: Access,
    made_at: datetime,
    made_by: str,
    filters: Filters = Filters(),  # noqa: B008 - frozen
    options: Options | None = None,
    password: str | None = None,
    progress: Progress = lambda done, total: None,
) -> ExportResult:
    """Write the current submissions of a form that ``filters`` ask for, as ``reader`` may see them.

    The ending of ``target`` decides: ``.xlsx`` has a sheet for the form, one for each repeat, a data dictionary,
    what changed between versions, and a last sheet that says what it is and proves it; ``.csv`` the form's own
    table; ``.zip`` a CSV file a table, and the attached files where they are asked for; ``.geojson`` a feature a
    submission. ``password`` locks a workbook.
    The file appears whole or not at all, readable by its owner only. Memory does not grow with the number of
    submissions but by the letters of its seal. Runs in a reader's thread, never in the event loop. Raises
    :class:`Problem`: FORM_UNPUBLISHED, EXPORT_SUFFIX, AREA_UNKNOWN, FORBIDDEN (an area that is not the reader's, or
    files for a role that may open none), INDICATOR_UNKNOWN, PASSWORD_WEAK, PASSWORD_XLSX_ONLY.
    """
    kind = kind_of(target)
    if password is not None:
        if kind != "xlsx":
            raise Problem(Problems.PASSWORD_XLSX_ONLY)
        require_good(password)
    reader.require_area(filters.area)
    options = options or Options.for_kind(kind)
    if options.media and not FileRights.any(reader):
        raise Problem(Problems.FORBIDDEN)
    versions = [Version.read(form) for form in published.versions(form_id)]
    if not versions:
        raise Problem(Problems.FORM_UNPUBLISHED, form_id=form_id)
    visible = Visible.of(versions, reader)
    for code in filters.indicators:
        if code not in visible.indicators:
            raise Problem(Problems.INDICATOR_UNKNOWN, code=code, form_id=form_id)
    layout = lay_out(versions, visible, options)
    asked = Asked(
        form_id, versions, layout, areas.require(filters.area), filters, options, reader, made_at, made_by
    )
    names = AreaNames()
    rows = Rows(versions, layout, visible, names, options)
    wanted = records.Wanted(
        form_id, filters.area, filters.start, filters.end, filters.indicators, filters.after, filters.until
    )
    numbers = records.numbers(wanted)
    counts = [0] * len(layout.tables)
    total = len(numbers)
    media = Media(reader, Files(store.home, store.keys), options.lang) if options.media else None
    steps = total * 2 if media else total
    states = frozenset(filters.states)

    def fill(write: Write) -> None:
        done = 0
        for page in records.pages(form_id, numbers, store, names=options.central):
            names.fetch(code for record in page for code in needed_areas(record))
            known = cases.standing(form_id, [record.id for record in page], reader.role)
            for record in page:
                case = known.get(record.id)
                if states and (case[1] if case else "none") not in states:
                    continue
                for table, row in rows.of(record, case):
                    write(table, row)
                    counts[table] += 1
                if media is not None:
                    media.note(record, shares=rows.shares(record))
            done += len(page)
            progress(done, steps)

    def packed(package: Package) -> Iterator[Sequence[Cell]]:
        assert media is not None  # asked for
        return media.rows(package, lambda done, of: progress(total + total * done // max(of, 1), steps))

    progress(0, steps)
    with _patient_collector(), _beside(target) as draft:
        match kind:
            case "xlsx":
                with closing(Xlsx(layout.tables, draft.parent, options.lang, store.keys.proof)) as book:
                    fill(book.write)
                    book.add_dictionary(dictionary(layout, book.sheets, options.lang))
                    book.add_changes(change_log(versions, layout, visible, options.lang))
                    book.save(draft, about(asked, book.sheets, counts), Made(made_at, made_by, counts[0]))
            case "csv":
                with closing(Csv(layout.tables, draft, bom=options.bom)) as single:
                    fill(single.write)
            case "geojson":
                with closing(GeoJson(layout.tables, draft)) as features:
                    fill(features.write)
            case _:
                named = central_names if options.central else table_names
                sheets = named(layout.tables)
                with closing(CsvZip(layout.tables, sheets, draft.parent, bom=options.bom)) as files:
                    fill(files.write)
                    for name, lines in (
                        ("dictionary", dictionary(layout, sheets, options.lang)),
                        ("changes", change_log(versions, layout, visible, options.lang)),
                        ("about", about(asked, sheets, counts)),
                    ):
                        files.add(_beside_tables(name, options), lines)
                    files.save(draft, (_beside_tables("media", options), packed) if media else None)
        if password is not None:
            encrypt(draft, password)
    by_name = {table.name: count for table, count in zip(layout.tables, counts, strict=True)}
    return ExportResult(counts[0], by_name, layout.withheld, media.packed if media else 0)


def _beside_tables(name: str, options: Options) -> str:
    return f"posmigran/{word(name, options.lang).lower()}"


@contextmanager
def _patient_collector() -> Iterator[None]:
    """Rows hold no rings of references: looking for some every 700 objects takes an eighth of the time."""
    former = gc.get_threshold()
    gc.set_threshold(50_000, *former[1:])
    try:
        yield
    finally:
        gc.set_threshold(*former)


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
