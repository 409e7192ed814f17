"""Writing .xlsx as a stream: no row stays in memory, and no text can become a formula.

Text cells are inline strings by declaration, whatever they begin with. What XML cannot hold is written as
Excel writes it, ``_x0001_`` (ECMA-376 part 1, 22.9.2.19), and so is text that only looks like that.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from math import ceil
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import to_excel

from exports.packing import Compressor, Package
from exports.packing import Part as Packed
from exports.proof import CACHED, EMPTY, NOTHING, Hashes, Made, Proof, SheetSeal, digits
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
_ROWS_TOGETHER: Final = 500
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


class _Cells(dict[Any, tuple[str, bytes, str]]):
    """What becomes of a value, made once for values that come again: the rest of its cell's XML, hash, letters."""

    def __init__(self, hashes: Hashes, moments: Mapping[type, int], cut: str) -> None:
        super().__init__({None: ("", NOTHING, EMPTY), "": ("", NOTHING, EMPTY)})
        self._hashes = hashes
        self._moments = moments
        self._cut = cut

    def __missing__(self, value: Any) -> tuple[str, bytes, str]:
        if len(self) >= CACHED:
            self.clear()
            self.update({None: ("", NOTHING, EMPTY), "": ("", NOTHING, EMPTY)})
        made = self[value] = self._make(value)
        return made

    def _make(self, value: Any) -> tuple[str, bytes, str]:
        if isinstance(value, str):
            if len(value) > MOST_TEXT // 2:
                value = shortened(value, self._cut)
            digest, letters = self._hashes.make(value)
            if delicate(value):
                value = escape(escaped(value), _RETURN)
            # said, not guessed: text that begins with "=" is text
            return f'" t="inlineStr"><is>{_T}{value}</t></is></c>', digest, letters
        if isinstance(value, int):
            return f'"><v>{value!r}</v></c>', *self._hashes.make(value)
        if isinstance(value, float):
            return f'"><v>{digits(value)}</v></c>', *self._hashes.make(value)
        serial = _serial(value)
        return f'" s="{self._moments[type(value)]}"><v>{digits(serial)}</v></c>', *self._hashes.make(serial)


@dataclass
class _Part:
    """A sheet's rows below its header, as XML that is compressed as it comes; ``rows`` counts the header."""

    body: Packed
    seal: SheetSeal
    rows: int = 1
    waiting: list[str] = field(default_factory=list)

    def flush(self) -> None:
        self.body.write("".join(self.waiting).encode())
        self.waiting.clear()


class Xlsx:
    """A workbook in the making: the tables' sheets, filled row by row, then small ones, then its proof.

    openpyxl makes the workbook and all that frames the rows. The rows themselves, plain text and numbers, are
    written as XML beside it and put in their places at the end: several times as fast as cell objects.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        folder: Path,
        lang: Lang,
        key: bytes,
        *,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self._lang: Lang = lang
        self._folder = folder
        self._compressor = Compressor()
        self._tables = tables
        self._most_rows = most_rows
        titles = [t.name if t is tables[0] else t.title for t in tables]
        self._names = sheet_names(
            [*titles, *(word(kind, lang) for kind in ("dictionary", "changes", "about"))]
        )
        self._book = Workbook(write_only=True)
        self._cut = word("cut", lang)
        self._moments: dict[type, int] = {}
        self._add_styles()
        self._proof = Proof(key)
        self._cells = _Cells(self._proof.hashes, self._moments, self._cut)
        self._parts = [[self._begin(table)] for table in tables]
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
            part = self._begin(self._tables[table])
            self._parts[table].append(part)
        part.rows = number = part.rows + 1
        cells = self._cells
        made = [cells[value] for value in row]
        xml = "".join(
            [
                f"{start}{number}{cell[0]}"
                for start, cell in zip(self._openings[table], made, strict=True)
                if cell[0]
            ]
        )
        part.seal.add_hashed([cell[1] for cell in made], [cell[2] for cell in made])
        part.waiting.append(f'<row r="{number}">{xml}</row>')
        if len(part.waiting) >= _ROWS_TOGETHER:
            part.flush()

    def add_dictionary(self, rows: Iterable[Sequence[Cell]]) -> None:
        """The data dictionary's sheet; the first row is its header."""
        self._small.append((self._names[-3], list(rows), (18, 34, 26, 16, 34, 34, 56, 34)))

    def add_changes(self, rows: Iterable[Sequence[Cell]]) -> None:
        """The sheet of what changed between versions; the first row is its header."""
        self._small.append((self._names[-2], list(rows), (12, 12, 26, 28, 40, 40, 40)))

    def save(self, target: Path, about: Iterable[Sequence[Cell]], made: Made) -> None:
        """Make the sheets, the last one of what the workbook is and its proof, and write the file."""
        taken = self._names
        framed = []
        for table, name, parts in zip(self._tables, self._names, self._parts, strict=False):
            for number, part in enumerate(parts, start=1):
                if number > 1:
                    suffix = f" ({number})"
                    taken = sheet_names([*taken, f"{name[: MOST_NAME - len(suffix)]}{suffix}"])
                part.seal.name = name if number == 1 else taken[-1]
                part.flush()
                framed.append((self._frame(table, part.seal.name, part.rows), part))
        seals = [part.seal for _, part in framed]
        for name, rows, widths in self._small:
            seal = self._proof.sheet(name)
            self._add_small(name, rows, widths, seal)
            seals.append(seal)
        self._proof.arrange(seals)
        self._add_about(self._proof.rows(about, made))
        frame = io.BytesIO()
        self._book.save(frame)
        bodies = {sheet.path.lstrip("/"): part.body for sheet, part in framed}
        with zipfile.ZipFile(frame) as source, Package(target) as package:
            for entry in source.infolist():
                content, body = source.read(entry), bodies.get(entry.filename)
                if body is None:
                    package.add(entry.filename, content)
                else:  # its rows belong after those that the frame has
                    before, end, after = content.rpartition(b"</sheetData>")
                    package.add_part(entry.filename, body, before, end + after)

    def close(self) -> None:
        """Let go of the rows."""
        self._compressor.close()
        for parts in self._parts:
            for part in parts:
                part.body.close()

    def _begin(self, table: Table) -> _Part:
        seal = self._proof.sheet("")
        seal.add([shortened(column.header, self._cut) for column in table.columns])
        return _Part(self._compressor.part(self._folder), seal)

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
        self._book.add_named_style(
            NamedStyle("posmigran seal", font=Font(name="Calibri", size=6, color="A6A6A6"))
        )

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

    def _add_small(
        self, name: str, rows: Sequence[Sequence[Cell]], widths: Sequence[float], seal: SheetSeal
    ) -> None:
        sheet = self._sheet(name, widths, fit=True)
        for number, row in enumerate(rows, start=1):
            self._append(sheet, number, row, widths)
            seal.add([shortened(c, self._cut) if isinstance(c, str) else c for c in row])

    def _add_about(self, rows: Iterable[Sequence[Cell]]) -> None:
        widths = (34, 90)
        sheet = self._sheet(self._names[-1], widths, fit=True)
        readable = 0
        for number, row in enumerate(rows, start=1):
            if len(row) <= len(widths):
                readable = number
                self._append(sheet, number, row, widths)
            else:
                sheet.row_dimensions[number].height = _LINE / 2
                sheet.append([None if c is None else self._styled(sheet, c, "posmigran seal") for c in row])
        sheet.print_area = f"A1:B{readable}"

    def _append(self, sheet: Any, number: int, row: Sequence[Cell], widths: Sequence[float]) -> None:
        style = "posmigran meta" if number == 1 else "posmigran wrapped"
        lines = max(ceil(len(str(c)) / width) for c, width in zip(row, widths, strict=True))
        sheet.row_dimensions[number].height = _LINE * min(lines, _MOST_LINES)
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


def _serial(value: date | time) -> float:
    """A moment as Excel counts: days since 1899-12-30."""
    return float(to_excel(value))  # type: ignore[no-untyped-call]


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
