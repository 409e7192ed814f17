"""Writing .xlsx as a stream: no row stays in memory, and no text can become a formula.

Text cells are inline strings by declaration, whatever they begin with. What XML cannot hold is written as
Excel writes it, ``_x0001_`` (ECMA-376 part 1, 22.9.2.19), and so is text that only looks like that.
"""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from math import ceil
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final
from xml.sax.saxutils import escape

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import to_excel

from exports.tables import Column, Table
from exports.text import MOST_TEXT, delicate, escaped, shortened, whole
from exports.values import Cell
from exports.words import Lang, word

MOST_ROWS: Final = 1_048_576
"""Rows of a sheet, the header among them (Excel's limit)."""
MOST_NAME: Final = 31
"""Characters of a sheet's name."""

_RETURN: Final = {"\r": "&#13;"}  # a bare one would be read as a line feed
_T: Final = '<t xml:space="preserve">'
_CHUNK: Final = 1 << 20
_NO_NAME: Final = re.compile(r"[\[\]:*?/\\\x00-\x1f]")

_HEADER_FILLS: Final = {"meta": "44546A", "question": "1F4E78", "indicator": "7B2D26"}
_FONT: Final[dict[str, Any]] = {"name": "Calibri", "size": 11}
_LINE: Final = 15.0  # points that a line of it takes
_MOST_LINES: Final = 27  # Excel ends a row at 409 points
_FORMATS: Final[dict[type, str]] = {date: "dd-mm-yyyy", datetime: "dd-mm-yyyy hh:mm", time: "hh:mm"}
_WIDTHS: Final = {"integer": 12, "decimal": 14, "date": 13, "datetime": 18, "time": 9}
_META_WIDTHS: Final = {"key": 42, "parent": 42, "row_key": 52, "zone": 8, "village": 15, "version": 13}
_A4: Final = 9  # ECMA-376 part 1, 18.3.1.63
_NARROW: Final = 180
"""A table of at most so many characters' width is printed on one page across; wider ones run on."""


def sheet_names(wanted: Sequence[str]) -> list[str]:
    """Names that Excel accepts for sheets: at most 31 characters, none of ``[]:*?/\\``, no two alike."""
    taken = {"history"}  # Excel keeps this one to itself
    names = []
    for text in wanted:
        base = whole(_NO_NAME.sub(" ", text)).strip(" '")[:MOST_NAME].rstrip(" '") or "Data"
        name, number = base, 2
        while name.casefold() in taken:
            suffix = f" ({number})"
            name, number = base[: MOST_NAME - len(suffix)] + suffix, number + 1
        taken.add(name.casefold())
        names.append(name)
    return names


@dataclass
class _Part:
    """A sheet's rows below its header, as XML in a file without a name; ``rows`` counts the header."""

    body: IO[bytes]
    rows: int = 1


class Xlsx:
    """A workbook in the making: the tables' sheets, filled row by row, then two small ones.

    openpyxl makes the workbook and all that frames the rows. The rows themselves, plain text and numbers, are
    written as XML beside it and put in their places at the end: three times as fast as cell objects.
    """

    def __init__(
        self, tables: Sequence[Table], folder: Path, lang: Lang, *, most_rows: int = MOST_ROWS
    ) -> None:
        self._lang: Lang = lang
        self._folder = folder
        self._tables = tables
        self._most_rows = most_rows
        titles = [t.name if t is tables[0] else t.title for t in tables]
        self._names = sheet_names([*titles, word("dictionary", lang), word("about", lang)])
        self._book = Workbook(write_only=True)
        self._cut = word("cut", lang)
        self._moments: dict[type, int] = {}
        self._add_styles()
        self._parts = [[self._begin()] for _ in tables]
        self._openings = [
            [f'<c r="{get_column_letter(n + 1)}' for n in range(len(t.columns))] for t in tables
        ]
        self._small: list[tuple[str, list[Sequence[Cell]], Sequence[float]]] = []

    @property
    def sheets(self) -> list[str]:
        """The names of the tables' sheets."""
        return self._names[: len(self._tables)]

    def write(self, table: int, row: Sequence[Cell]) -> None:
        """Add a row to a table; where its sheet is full, to a further sheet with the same header."""
        part = self._parts[table][-1]
        if part.rows >= self._most_rows:
            part = self._begin()
            self._parts[table].append(part)
        part.rows += 1
        part.body.write(self._row(part.rows, self._openings[table], row).encode())

    def add_dictionary(self, rows: Iterator[Sequence[Cell]]) -> None:
        """The data dictionary's sheet; the first row is its header."""
        self._small.append((self._names[-2], list(rows), (18, 34, 26, 16, 34, 34, 56, 34)))

    def add_about(self, rows: Iterator[Sequence[Cell]]) -> None:
        """The sheet that says what the workbook is; the first row is its header."""
        self._small.append((self._names[-1], list(rows), (34, 90)))

    def save(self, target: Path) -> None:
        """Make the sheets and write the file."""
        taken = self._names
        framed = []
        for table, name, parts in zip(self._tables, self._names, self._parts, strict=False):
            framed.append((self._frame(table, name, parts[0].rows), parts[0]))
            for number, part in enumerate(parts[1:], start=2):
                suffix = f" ({number})"
                taken = sheet_names([*taken, f"{name[: MOST_NAME - len(suffix)]}{suffix}"])
                framed.append((self._frame(table, taken[-1], part.rows), part))
        for small in self._small:
            self._add_small(*small)
        frame = io.BytesIO()
        self._book.save(frame)
        bodies = {sheet.path.lstrip("/"): part.body for sheet, part in framed}
        with zipfile.ZipFile(frame) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            for entry in source.infolist():
                _copy(source.read(entry), bodies.get(entry.filename), packed, entry.filename)

    def close(self) -> None:
        """Let go of the rows."""
        for parts in self._parts:
            for part in parts:
                part.body.close()

    def _begin(self) -> _Part:
        return _Part(TemporaryFile(dir=self._folder))

    def _add_styles(self) -> None:
        thin = Side(style="thin", color="BFBFBF")
        for source, color in _HEADER_FILLS.items():
            header = NamedStyle(f"posmigran {source}")
            header.font = Font(**_FONT, bold=True, color="FFFFFF")
            header.fill = PatternFill("solid", fgColor=color)
            header.alignment = Alignment(wrap_text=True, vertical="center")
            header.border = Border(left=thin, right=thin)
            self._book.add_named_style(header)
        sheet = self._book.create_sheet()  # for a moment: styles get their numbers from a cell of a sheet
        for kind, number_format in _FORMATS.items():
            moment = NamedStyle(f"posmigran {kind.__name__}", number_format=number_format, font=Font(**_FONT))
            moment.alignment = Alignment(horizontal="center")
            self._book.add_named_style(moment)
            self._moments[kind] = self._styled(sheet, None, moment.name).style_id
        self._book.remove(sheet)
        wrapped = NamedStyle("posmigran wrapped", font=Font(**_FONT))
        wrapped.alignment = Alignment(wrap_text=True, vertical="top", horizontal="left")
        self._book.add_named_style(wrapped)

    def _frame(self, table: Table, name: str, rows: int) -> Any:
        sheet = self._sheet(name, [_width(column) for column in table.columns])
        sheet.row_dimensions[1].height = 3.2 * _LINE
        sheet.append([self._styled(sheet, c.header, f"posmigran {c.source}") for c in table.columns])
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(table.columns))}{rows}"
        return sheet

    def _sheet(self, name: str, widths: Sequence[float], *, fit: bool = False) -> Any:
        sheet: Any = self._book.create_sheet(name)
        sheet.freeze_panes = "A2"
        sheet.print_title_rows = "1:1"
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.paperSize = _A4
        sheet.page_setup.pageOrder = "overThenDown"
        sheet.page_margins.left = sheet.page_margins.right = 0.4
        sheet.page_margins.top, sheet.page_margins.bottom, sheet.page_margins.footer = 0.5, 0.75, 0.35
        if fit or sum(widths) <= _NARROW:
            sheet.sheet_properties.pageSetUpPr.fitToPage = True
            sheet.page_setup.fitToHeight = 0
        else:
            sheet.page_setup.scale = 70
        sheet.oddFooter.left.text = word("footer", self._lang)
        sheet.oddFooter.center.text = "&A"
        sheet.oddFooter.right.text = word("page", self._lang)
        for number, width in enumerate(widths, start=1):
            sheet.column_dimensions[get_column_letter(number)].width = width
        return sheet

    def _add_small(self, name: str, rows: Sequence[Sequence[Cell]], widths: Sequence[float]) -> None:
        sheet = self._sheet(name, widths, fit=True)
        for number, row in enumerate(rows):
            style = "posmigran meta" if number == 0 else "posmigran wrapped"
            lines = max(ceil(len(str(c)) / width) for c, width in zip(row, widths, strict=True))
            sheet.row_dimensions[number + 1].height = _LINE * min(lines, _MOST_LINES)
            sheet.append([None if c is None else self._styled(sheet, c, style) for c in row])

    def _styled(self, sheet: Any, value: Cell, style: str) -> Any:
        cell: Any = WriteOnlyCell(sheet)
        cell.style = style
        if isinstance(value, str):
            cell._value = escaped(shortened(value, self._cut))
            cell.data_type = "s"  # said, not guessed: text that begins with "=" is text
        else:
            cell.value = value
        return cell

    def _row(self, number: int, openings: Sequence[str], row: Sequence[Cell]) -> str:
        parts = [f'<row r="{number}">']
        for opening, value in zip(openings, row, strict=True):
            if value is None or value == "":
                continue
            if isinstance(value, str):
                if len(value) > MOST_TEXT // 2:
                    value = shortened(value, self._cut)
                if delicate(value):
                    value = escape(escaped(value), _RETURN)
                # said, not guessed: text that begins with "=" is text
                parts.append(f'{opening}{number}" t="inlineStr"><is>{_T}{value}</t></is></c>')
            elif isinstance(value, int | float):
                parts.append(f'{opening}{number}"><v>{value!r}</v></c>')
            else:
                style = self._moments[type(value)]
                parts.append(f'{opening}{number}" s="{style}"><v>{_serial(value)!r}</v></c>')
        parts.append("</row>")
        return "".join(parts)


def _serial(value: date | time) -> float:
    """A moment as Excel counts: days since 1899-12-30."""
    return float(to_excel(value))  # type: ignore[no-untyped-call]


def _copy(content: bytes, body: IO[bytes] | None, packed: zipfile.ZipFile, name: str) -> None:
    """Pack a part of the workbook; ``body`` holds the rows that belong after those it has."""
    if body is None:
        packed.writestr(name, content)
        return
    before, end, after = content.rpartition(b"</sheetData>")
    body.seek(0)
    with packed.open(name, "w", force_zip64=True) as part:
        part.write(before)
        shutil.copyfileobj(body, part, _CHUNK)
        part.write(end + after)


def _width(column: Column) -> float:
    if column.source == "meta" and column.key in _META_WIDTHS:
        return _META_WIDTHS[column.key]
    if column.source == "indicator":
        return 16
    least = _WIDTHS.get(column.type)
    if least is None:
        choices = column.field.choices if column.field is not None else ()
        longest = max((len(text) for _, texts in choices for text in texts.values()), default=20)
        least = min(max(longest + 2, 12), 40)
    # a header wraps over three lines
    return max(least, min(len(column.header) / 2.5 + 2, 30))
