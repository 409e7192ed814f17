"""Writing .xlsx as a stream: nothing of a row stays in memory, and no text can become a formula.

Text cells are inline strings by declaration, whatever they begin with. What XML cannot hold is written as
Excel writes it, ``_x0001_`` (ECMA-376 part 1, 22.9.2.19), and so is text that only looks like that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from math import ceil
from pathlib import Path
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.utils import get_column_letter

from exports.tables import Column, Table
from exports.values import Cell
from exports.words import Lang, word

MOST_ROWS: Final = 1_048_576
"""Rows of a sheet, the header among them (Excel's limit)."""
MOST_TEXT: Final = 32_767
"""Characters of a cell, counted as Excel does, in UTF-16 units."""
MOST_NAME: Final = 31
"""Characters of a sheet's name."""

_LOOKS_ESCAPED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_DELICATE: Final = re.compile(f"^[=#]|_x[0-9A-Fa-f]{{4}}_|{_NO_XML.pattern}|{_SURROGATE.pattern}").search
"""Text that openpyxl would take for a formula or an error, or that must be escaped."""
_NO_NAME: Final = re.compile(r"[\[\]:*?/\\\x00-\x1f]")

_HEADER_FILLS: Final = {"meta": "44546A", "question": "1F4E78", "indicator": "7B2D26"}
_FONT: Final[dict[str, Any]] = {"name": "Calibri", "size": 11}
_LINE: Final = 15.0  # points that a line of it takes
_MOST_LINES: Final = 27  # Excel ends a row at 409 points
_FORMATS: Final = {"date": "dd-mm-yyyy", "datetime": "dd-mm-yyyy hh:mm", "time": "hh:mm"}
_WIDTHS: Final = {"integer": 12, "decimal": 14, "date": 13, "datetime": 18, "time": 9}
_META_WIDTHS: Final = {"key": 42, "parent": 42, "row_key": 52, "zone": 8, "village": 15, "version": 13}
_A4: Final = 9  # ECMA-376 part 1, 18.3.1.63
_NARROW: Final = 180
"""A table of at most so many characters' width is printed on one page across; wider ones run on."""


def escaped(text: str) -> str:
    """Text as it stands in a sheet's XML: what XML cannot hold as ``_xHHHH_``, half characters as U+FFFD."""
    text = _LOOKS_ESCAPED.sub("_x005F_", text)
    text = _NO_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    return _SURROGATE.sub("\ufffd", text)


def shortened(text: str, mark: str) -> str:
    """Text that fits a cell; longer text ends in ``mark``."""
    if len(text) <= MOST_TEXT // 2 or _units(text) <= MOST_TEXT:
        return text
    kept = text[: MOST_TEXT - len(mark)]
    while _units(kept) + len(mark) > MOST_TEXT:
        kept = kept[: -max(1, (_units(kept) + len(mark) - MOST_TEXT) // 2)]
    return kept + mark


def _units(text: str) -> int:
    return len(text) + sum(1 for character in text if character > "\uffff")


def sheet_names(wanted: Sequence[str]) -> list[str]:
    """Names that Excel accepts for sheets: at most 31 characters, none of ``[]:*?/\\``, no two alike."""
    taken = {"history"}  # Excel keeps this one to itself
    names = []
    for text in wanted:
        base = _SURROGATE.sub("", _NO_NAME.sub(" ", text)).strip(" '")[:MOST_NAME].rstrip(" '") or "Data"
        name, number = base, 2
        while name.casefold() in taken:
            suffix = f" ({number})"
            name, number = base[: MOST_NAME - len(suffix)] + suffix, number + 1
        taken.add(name.casefold())
        names.append(name)
    return names


@dataclass
class _Open:
    """The sheet that a table is being written to, and how many rows it has."""

    sheet: Any
    rows: int
    part: int = 1
    styled: dict[tuple[int, str], Any] = field(default_factory=dict)
    """Cells with a style, by column and style: a row is on disk before the next one needs them."""


class Xlsx:
    """A workbook in the making: the tables' sheets, filled row by row, then any further small sheets."""

    def __init__(self, tables: Sequence[Table], lang: Lang, *, most_rows: int = MOST_ROWS) -> None:
        self._lang: Lang = lang
        self._tables = tables
        self._most_rows = most_rows
        self._book = Workbook(write_only=True)
        self._add_styles()
        titles = [t.name if t is tables[0] else t.title for t in tables]
        self._names = sheet_names([*titles, word("dictionary", lang), word("about", lang)])
        self._open = [_Open(self._begin(t, n), 1) for t, n in zip(tables, self.sheets, strict=True)]

    @property
    def sheets(self) -> list[str]:
        """The names of the tables' sheets."""
        return self._names[: len(self._tables)]

    def write(self, table: int, row: Sequence[Cell]) -> None:
        """Add a row to a table; where its sheet is full, to a further sheet with the same header."""
        current = self._open[table]
        if current.rows >= self._most_rows:
            self._end(self._tables[table], current)
            part = current.part + 1
            suffix = f" ({part})"
            wanted = f"{self._names[table][: MOST_NAME - len(suffix)]}{suffix}"
            name = sheet_names([*self._book.sheetnames, *self._names[-2:], wanted])[-1]
            place = self._book.sheetnames.index(current.sheet.title) + 1
            current = _Open(self._begin(self._tables[table], name, place), 1, part)
            self._open[table] = current
        current.sheet.append(self._cells(current, row))
        current.rows += 1

    def add_dictionary(self, rows: Iterator[Sequence[Cell]]) -> None:
        """The data dictionary's sheet; the first row is its header."""
        self._small(self._names[-2], rows, (18, 34, 26, 16, 34, 34, 56, 34))

    def add_about(self, rows: Iterator[Sequence[Cell]]) -> None:
        """The sheet that says what the workbook is; the first row is its header."""
        self._small(self._names[-1], rows, (34, 90))

    def save(self, target: Path) -> None:
        """Finish the sheets and write the file."""
        for table, current in zip(self._tables, self._open, strict=True):
            self._end(table, current)
        self._book.save(target)

    def discard(self) -> None:
        """Give up: remove what openpyxl has put aside on disk, which is as secret as the workbook itself."""
        sheets: list[Any] = list(self._book.worksheets)
        for sheet in sheets:
            writer = sheet._writer
            if writer is not None and Path(writer.out).exists():
                if not sheet.closed:
                    sheet.close()
                writer.cleanup()

    def _add_styles(self) -> None:
        thin = Side(style="thin", color="BFBFBF")
        for source, color in _HEADER_FILLS.items():
            header = NamedStyle(f"posmigran {source}")
            header.font = Font(**_FONT, bold=True, color="FFFFFF")
            header.fill = PatternFill("solid", fgColor=color)
            header.alignment = Alignment(wrap_text=True, vertical="center")
            header.border = Border(left=thin, right=thin)
            self._book.add_named_style(header)
        for kind, number_format in _FORMATS.items():
            moment = NamedStyle(f"posmigran {kind}", number_format=number_format, font=Font(**_FONT))
            moment.alignment = Alignment(horizontal="center")
            self._book.add_named_style(moment)
        wrapped = NamedStyle("posmigran wrapped", font=Font(**_FONT))
        wrapped.alignment = Alignment(wrap_text=True, vertical="top", horizontal="left")
        self._book.add_named_style(wrapped)

    def _begin(self, table: Table, name: str, place: int | None = None) -> Any:
        widths = [_width(column) for column in table.columns]
        sheet = self._sheet(name, widths, place)
        sheet.row_dimensions[1].height = 48
        sheet.append([self._styled(sheet, c.header, f"posmigran {c.source}") for c in table.columns])
        return sheet

    def _sheet(
        self, name: str, widths: Sequence[float], place: int | None = None, *, fit: bool = False
    ) -> Any:
        sheet: Any = self._book.create_sheet(name, place)
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

    def _end(self, table: Table, current: _Open) -> None:
        current.sheet.auto_filter.ref = f"A1:{get_column_letter(len(table.columns))}{current.rows}"

    def _small(self, name: str, rows: Iterator[Sequence[Cell]], widths: Sequence[float]) -> None:
        sheet = self._sheet(name, widths, fit=True)
        for number, row in enumerate(rows):
            style = "posmigran meta" if number == 0 else "posmigran wrapped"
            lines = max(ceil(len(str(c)) * 1.1 / width) for c, width in zip(row, widths, strict=True))
            sheet.row_dimensions[number + 1].height = _LINE * min(lines, _MOST_LINES)
            sheet.append([None if c is None else self._styled(sheet, c, style) for c in row])

    def _styled(self, sheet: Any, value: Cell, style: str) -> Any:
        cell: Any = self._text(sheet, value) if isinstance(value, str) else WriteOnlyCell(sheet)
        cell.style = style
        if not isinstance(value, str):
            cell.value = value  # after the style, whose number format a date then keeps
        return cell

    def _text(self, sheet: Any, text: str) -> Any:
        cell: Any = WriteOnlyCell(sheet)
        cell._value = escaped(shortened(text, word("cut", self._lang)))
        cell.data_type = "s"  # said, not guessed: text that begins with "=" is text
        return cell

    def _moment(self, current: _Open, number: int, value: date | time, style: str) -> Any:
        cell: Any = current.styled.get((number, style))
        if cell is None:
            cell = current.styled[number, style] = WriteOnlyCell(current.sheet)
            cell.style = style
            cell.data_type = "d"
        cell._value = value
        return cell

    def _cells(self, current: _Open, row: Sequence[Cell]) -> list[Any]:
        cells: list[Any] = []
        for number, value in enumerate(row):
            if isinstance(value, str):
                if not value:
                    cells.append(None)
                elif _DELICATE(value) or len(value) > MOST_TEXT // 2:
                    cells.append(self._text(current.sheet, value))
                else:
                    cells.append(value)
            elif isinstance(value, datetime):
                cells.append(self._moment(current, number, value, "posmigran datetime"))
            elif isinstance(value, date):
                cells.append(self._moment(current, number, value, "posmigran date"))
            elif isinstance(value, time):
                cells.append(self._moment(current, number, value, "posmigran time"))
            else:
                cells.append(value)
        return cells


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
