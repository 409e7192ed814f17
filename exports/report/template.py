"""Filling a province's own workbook: named cells and tables get their values, everything else stays as it is.

A name ``pmi_…`` of the workbook, or an Excel table of that name, says what goes where (docs/report.md lists them). A
single cell gets a single value. A table, or a named range whose first row holds headers, gets a report's table: its
columns are found by their headers, columns with other headers are the province's own. Formulas lose the results that
were kept with them, for these are of other data. Parts of the package that hold none of this are copied byte for byte:
logos, charts, pivots, styles.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from lxml import etree
from openpyxl.formula.translate import Translator

from exports.report.inserting import Inserter, Insertion
from exports.report.package import MAIN, Package, Place, TablePart, cell_name, date_styles
from exports.report.sheet_part import NewRow, SheetPart, cell_xml, formula_xml
from exports.report.sheets import Block, Sheet
from exports.values import Cell
from forms.problems import Problem, Problems

PREFIX: Final = "pmi_"
_CHUNK: Final = 1 << 20


@dataclass
class Target:
    """A table of the report in the template: where its header is, which column goes where, how far it reached.

    ``own`` are columns of the province with a formula that goes on downwards, by column.
    """

    name: str
    block: Block
    place: Place
    columns: dict[int, int]
    table: TablePart | None = None
    element: etree._Element | None = None
    own: dict[int, str] = field(default_factory=dict)
    last: int = 0

    @property
    def totals(self) -> int:
        """How many rows of totals the table has."""
        return self.table.totals if self.table is not None else 0


@dataclass(frozen=True)
class Filled:
    """What was filled: rows by name, and headers of the template that the report does not know."""

    rows: dict[str, int]
    untouched: list[str]


def fill_template(template: Path, target: Path, facts: Mapping[str, Cell], sheets: Sequence[Sheet]) -> Filled:
    """Fill ``template`` and write it to ``target``.

    Raises :class:`Problem`: TEMPLATE_UNREADABLE, TEMPLATE_MACROS, TEMPLATE_NAME, TEMPLATE_UNKNOWN, TEMPLATE_NOTHING,
    TEMPLATE_HEADER, TEMPLATE_ROOM; each names the sheet, the cell or the name.
    """
    package = Package(template)
    try:
        return _Filling(package, facts, sheets).write(target)
    finally:
        package.close()


class _Filling:
    """One template being filled."""

    def __init__(self, package: Package, facts: Mapping[str, Cell], sheets: Sequence[Sheet]) -> None:
        self._package = package
        self._facts = facts
        self._blocks = {block.name: block for sheet in sheets for block in sheet.blocks if block.name}
        self._parts: dict[str, SheetPart] = {}
        self._singles: list[tuple[Place, str]] = []
        self._targets: list[Target] = []
        self._untouched: list[str] = []
        self._dates: set[int] = date_styles(package)
        self._inserter = Inserter(package)
        self._find()

    def write(self, target: Path) -> Filled:
        for wanted in sorted(self._targets, key=lambda t: t.place.top):
            self._make_room(wanted)
        for place, name in self._singles:
            part = self._part(place.sheet)
            self._require_no_formula(part, place.sheet, place.top, place.left)
            text = self._cell(part, place.top, place.left, self._facts[name], (place.top, place.left))
            part.put(place.top, {place.left: text})
        for wanted in self._targets:
            self._prepare(wanted)
        for sheet, name in self._package.sheets.items():
            if name.startswith("xl/worksheets/") and b"<f" in self._package.read(name):
                self._part(sheet).forget_results()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            late: list[zipfile.ZipInfo] = []
            by_part = {self._package.sheets[name]: name for name in self._parts}
            for entry in self._package.entries():
                if entry.filename in self._inserter.gone:
                    continue
                if entry.filename in by_part:
                    self._write_sheet(packed, entry, by_part[entry.filename])
                elif entry.filename == "xl/workbook.xml" or any(
                    w.table and w.table.part == entry.filename for w in self._targets
                ):
                    late.append(entry)  # they say how far the tables reach
                elif entry.filename in self._inserter.parts:
                    packed.writestr(_like(entry), _written(self._inserter.parts[entry.filename]))
                elif entry.filename in self._inserter.bytes:
                    packed.writestr(_like(entry), self._inserter.bytes[entry.filename])
                else:
                    with self._package.open(entry) as old, packed.open(_like(entry), "w") as new:
                        shutil.copyfileobj(old, new, _CHUNK)
            for entry in late:
                packed.writestr(_like(entry), self._adjusted(entry.filename))
        return Filled({w.name: max(0, w.last - w.place.top) for w in self._targets}, self._untouched)

    # what is to be filled

    def _find(self) -> None:
        for name, element in self._package.names():
            key = name.casefold()
            if not key.startswith(PREFIX):
                continue
            place = self._package.place_of(name, element)
            if key in self._facts:
                self._singles.append((place, key))
            elif key in self._blocks:
                self._targets.append(self._target(key, place, None, element))
            else:
                raise self._unknown(name)
        for table in self._package.tables:
            key = table.name.casefold()
            if key in self._blocks:
                self._targets.append(self._target(key, table.place, table, None))
            elif key.startswith(PREFIX):
                raise self._unknown(table.name)
        if not self._singles and not self._targets:
            raise Problem(Problems.TEMPLATE_NOTHING, file=self._package.file.name)
        names = [target.name for target in self._targets]
        for name in names:
            if names.count(name) > 1:  # a register is read once
                raise Problem(Problems.TEMPLATE_TWICE, name=name)

    def _unknown(self, name: str) -> Problem:
        known = [*self._facts, *self._blocks]
        near = get_close_matches(name.casefold(), known, 3, 0.4) or known[:3]
        return Problem(Problems.TEMPLATE_UNKNOWN, name=name, near=" ".join(near))

    def _target(
        self, name: str, place: Place, table: TablePart | None, element: etree._Element | None
    ) -> Target:
        part = self._part(place.sheet)
        block = self._blocks[name]
        known = {_plain(column.title): number for number, column in enumerate(block.columns)}
        columns: dict[int, int] = {}
        others = []
        for column, header in self._headers(part, place):
            found = known.get(_plain(header))
            if found is not None:
                columns[column] = found
            elif header:
                others.append((column, header))
        if not columns:
            raise Problem(
                Problems.TEMPLATE_HEADER,
                sheet=place.sheet,
                cell=str(Place(place.sheet, place.top, place.left, place.top, place.right)),
                name=name,
                headers=", ".join(column.title for column in list(block.columns)[:6]),
            )
        wanted = Target(name, block, place, columns, table, element)
        for column, header in others:
            formula = part.formula(place.top + 1, column)
            if formula:
                wanted.own[column] = formula
            else:
                self._untouched.append(f"{place.sheet}!{cell_name(place.top, column)} {header}")
        return wanted

    def _headers(self, part: SheetPart, place: Place) -> Iterator[tuple[int, str]]:
        for column in range(place.left, place.right + 1):
            yield column, self._text(part, place.top, column)

    def _text(self, part: SheetPart, row: int, column: int) -> str:
        cell = part.cell(row, column)
        if cell is None:
            return ""
        if cell.get("t") == "s":
            number = cell.findtext(f"{MAIN}v") or ""
            strings = self._strings()
            return strings[int(number)] if number.isdigit() and int(number) < len(strings) else ""
        return "".join(str(text) for text in cell.itertext())

    def _strings(self) -> list[str]:
        if not hasattr(self, "_shared"):
            self._shared: list[str] = []
            if any(entry.filename == "xl/sharedStrings.xml" for entry in self._package.entries()):
                for item in self._package.tree("xl/sharedStrings.xml").iterfind(f"{MAIN}si"):
                    self._shared.append("".join(text.text or "" for text in item.iter(f"{MAIN}t")))
        return self._shared

    def _part(self, sheet: str) -> SheetPart:
        if sheet not in self._parts:
            try:
                self._parts[sheet] = SheetPart(self._package.tree(self._package.sheets[sheet]))
            except ValueError:
                raise self._package.unreadable(
                    f"lembar {sheet} bukan lembar kerja", f"sheet {sheet} is no worksheet"
                ) from None
        return self._parts[sheet]

    # how it is filled

    def _make_room(self, wanted: Target) -> None:
        """Push down what stands below the table, where its rows would not find room."""
        part, place, block = self._part(wanted.place.sheet), wanted.place, wanted.block
        columns = [*wanted.columns, *wanted.own]
        if part.last_row(columns) <= place.bottom and not wanted.totals:
            return  # nothing below: it grows as it likes
        if not isinstance(block.rows, Sequence):
            block.rows = list(block.rows)  # how many there are is asked before the first is written
        needed = place.top + max(1, len(block.rows))
        below = range(place.bottom + 1, needed + 1)
        if needed <= place.bottom or (
            not wanted.totals and all(part.is_empty(row, column) for row in below for column in columns)
        ):
            return
        insertion = Insertion(place.sheet, place.bottom + 1, needed - place.bottom, place.top + 1)
        for other in self._targets:
            through = other.place.top < insertion.row <= other.place.bottom + other.totals
            if other is not wanted and other.place.sheet == place.sheet and through:
                raise self._no_room(place, insertion.row, place.left)  # rows would come into one beside it
        self._inserter.workbook(insertion)
        for sheet, name in self._package.sheets.items():
            if sheet == place.sheet or (
                name.startswith("xl/worksheets/") and b"<f" in self._package.read(name)
            ):
                self._inserter.formulas(self._part(sheet).root, sheet, insertion)
        self._inserter.below(part.root, insertion)
        part.push_down(insertion.row, insertion.count)
        self._singles = [(self._moved(single, insertion), name) for single, name in self._singles]
        for other in self._targets:
            if other is not wanted:
                other.place = self._moved(other.place, insertion)

    @staticmethod
    def _moved(place: Place, insertion: Insertion) -> Place:
        if place.sheet != insertion.sheet or place.top < insertion.row:
            return place
        return replace(place, top=place.top + insertion.count, bottom=place.bottom + insertion.count)

    def _prepare(self, wanted: Target) -> None:
        """Check the cells that the table has and those below, and empty what stood in it."""
        part, place = self._part(wanted.place.sheet), wanted.place
        for column in wanted.columns:
            self._require_no_formula(part, place.sheet, place.top + 1, column)
        for row in range(place.top + 1, place.bottom + 1):
            if part.has_row(row):
                part.put(row, {c: cell_xml(row, c, None, part.style(row, c)) for c in wanted.columns})

    def _require_no_formula(self, part: SheetPart, sheet: str, row: int, column: int) -> None:
        if part.formula(row, column) is not None:
            raise Problem(Problems.TEMPLATE_FORMULA, sheet=sheet, cell=cell_name(row, column))

    def _no_room(self, place: Place, row: int, column: int) -> Problem:
        return Problem(Problems.TEMPLATE_ROOM, sheet=place.sheet, cell=cell_name(row, column))

    def _write_sheet(self, packed: zipfile.ZipFile, entry: zipfile.ZipInfo, sheet: str) -> None:
        part = self._parts[sheet]
        targets = [target for target in self._targets if target.place.sheet == sheet]
        targets.sort(key=lambda target: target.place.top)
        with packed.open(_like(entry), "w", force_zip64=True) as stream:
            part.write(stream, lambda: self._rows(part, targets))

    def _rows(self, part: SheetPart, targets: Sequence[Target]) -> Iterator[tuple[int, NewRow]]:
        """The rows of a sheet's tables; two tables one beside the other share theirs."""
        streams = [(target, iter(target.block.rows)) for target in targets]
        row = min((target.place.top for target in targets), default=0) + 1
        for target in targets:
            target.last = target.place.top
        while streams:
            cells: dict[int, str] = {}
            for target, rows in list(streams):
                if row <= target.place.top:
                    continue
                values = next(rows, None)
                if values is None:
                    streams.remove((target, rows))
                    continue
                self._fill_row(part, target, row, values, cells)
            if cells:
                yield row, cells
            row += 1

    def _fill_row(
        self, part: SheetPart, target: Target, row: int, values: Sequence[Cell], cells: dict[int, str]
    ) -> None:
        first = target.place.top + 1
        for column, number in target.columns.items():
            if row > target.place.bottom and not part.is_empty(row, column):
                raise self._no_room(target.place, row, column)
            cells[column] = self._cell(part, row, column, values[number], (first, column))
        if row > target.place.bottom:
            for column, formula in target.own.items():
                if not part.is_empty(row, column):
                    raise self._no_room(target.place, row, column)
                moved = Translator(f"={formula}", cell_name(first, column)).translate_formula(
                    cell_name(row, column)
                )
                cells[column] = formula_xml(row, column, moved[1:], part.style(first, column))
        target.last = row

    def _cell(self, part: SheetPart, row: int, column: int, value: Cell, like: tuple[int, int]) -> str:
        """A cell in the style of the table's first row. A day needs a style that shows days."""
        style = part.style(row, column) or part.style(*like)
        if isinstance(value, date | datetime) and int(style or 0) not in self._dates:
            raise Problem(Problems.TEMPLATE_DATE, sheet=self._sheet_of(part), cell=cell_name(*like))
        return cell_xml(row, column, value, style)

    def _sheet_of(self, part: SheetPart) -> str:
        return next(name for name, known in self._parts.items() if known is part)

    # parts that say how far tables reach

    def _adjusted(self, part: str) -> bytes:
        if part == "xl/workbook.xml":
            for target in self._targets:
                if target.element is not None:
                    target.element.text = _grown(target).reference()
            self._recalculate()
            return _written(self._package.workbook)
        target = next(t for t in self._targets if t.table is not None and t.table.part == part)
        table = self._inserter.tree(part)
        grown = _grown(target)
        table.set("ref", str(replace(grown, bottom=grown.bottom + target.totals)))
        for buttons in table.iterfind(f"{MAIN}autoFilter"):
            buttons.set("ref", str(grown))
        return _written(table)

    def _recalculate(self) -> None:
        """Formulas are computed anew when the file is opened: their kept results are of other data."""
        book = self._package.workbook
        found = book.find(f"{MAIN}calcPr")
        if found is None:
            found = etree.Element(f"{MAIN}calcPr")
            before = [
                f"{MAIN}{name}" for name in ("definedNames", "externalReferences", "functionGroups", "sheets")
            ]
            next(e for name in before if (e := book.find(name)) is not None).addnext(found)
        found.set("fullCalcOnLoad", "1")


def _grown(target: Target) -> Place:
    """The table with its header and at least one row, without its totals: above those no row is taken away."""
    place = target.place
    last = max(target.last, place.top + 1, place.bottom if target.totals else 0)
    return replace(place, bottom=last)


def _plain(header: str) -> str:
    return " ".join(header.split()).casefold()


def _like(entry: zipfile.ZipInfo) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(entry.filename, entry.date_time)
    made.compress_type = zipfile.ZIP_DEFLATED
    made.external_attr = entry.external_attr
    return made


def _written(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
