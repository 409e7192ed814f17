"""How the report looks: fonts, colours, number formats, sizes on paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import ceil
from typing import Any, Final

from openpyxl.utils.datetime import to_excel

from exports.proof import digits
from exports.report.sheets import HIDDEN, Column, Sheet
from exports.text import shortened, whole
from exports.values import Cell
from exports.words import word

FONT: Final = "Arial"
NAVY, PALE, LINE, GREY = "#1F3864", "#EAF0F8", "#B8C4D6", "#5F6B7A"
RED_TEXT, RED_FILL = "#9C0006", "#FBE3E1"
STRIPE: Final = "#F5F8FC"
COUNT: Final = '[$-421]#,##0_ ;[$-421]-#,##0_ ;"–"_ '
"""Whole numbers the Indonesian way, 1.234, and a dash for none."""
FORMATS: Final[dict[str, dict[str, Any]]] = {
    "text": {"align": "left"},
    "code": {"align": "left", "num_format": "@"},
    "count": {"align": "right", "num_format": COUNT},
    "small": {"align": "center", "num_format": "0"},
    "money": {"align": "right", "num_format": '[$-421]"Rp "#,##0_ '},
    "number": {"align": "right", "num_format": "[$-421]#,##0.0_ "},
    "share": {"align": "right", "num_format": "[$-421]0.0%_ "},
    "date": {"align": "center", "num_format": "dd-mm-yyyy"},
    "moment": {"align": "center", "num_format": "dd-mm-yyyy hh:mm"},
    "papers": {"align": "center", "num_format": '0"/8"'},
}
A4: Final = 9
ROW: Final = 14.0
"""Points of an ordinary row."""
PAPER_WIDTH, PAPER_HEIGHT = 10.85 * 72, 6.85 * 72
"""Points of A4 landscape between its margins."""
_DIGIT = 7  # pixels of a digit of Excel's standard font, by which widths are counted
_PADDING: Final = 11  # pixels of a cell that are not for its text
_BOLD: Final = 1.08  # how much wider bold letters are
_CUT: Final = word("cut", "id")
_WIDTHS: Final = {
    character: width
    for width, characters in (
        (191, "'"), (222, "ijl"), (260, "|"), (278, " !,./:;I[]\\\\ft"), (333, "()-`r"), (355, '"'), (389, "*"),
        (500, "Jcksvxyz"), (584, "+<=>~"), (611, "FTZ"), (667, "&ABEKPSVXY"), (722, "CDHNRUw"), (778, "GOQ"),
        (833, "Mm"), (889, "%"), (944, "W"), (1015, "@"),
    )
    for character in characters
}  # fmt: skip
"""Thousandths of an em that a letter of Arial is wide, as of Helvetica's metrics; all else is 556."""


class Styles:
    """The formats of a workbook, each made once."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, Any], ...], Any] = {}
        self._cells: dict[tuple[object, ...], Any] = {}

    def __call__(self, **properties: Any) -> Any:
        """A format of the workbook."""
        key = tuple(sorted({"font_name": FONT, "font_size": 9, "valign": "vcenter", **properties}.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format(dict(key))
        return self._made[key]

    def cell(self, column: Column, value: Cell, number: int, *, marked: bool) -> Any:
        """The format of a cell of a table, in the row ``number`` of it."""
        key = column.kind, wraps(column), value == HIDDEN, marked, number % 2
        found = self._cells.get(key)
        if found is None:
            found = self._cells[key] = self._cell(column, value, number, marked=marked)
        return found

    def _cell(self, column: Column, value: Cell, number: int, *, marked: bool) -> Any:
        look = dict(FORMATS[column.kind]) | {"border": 1, "border_color": LINE}
        if value == HIDDEN:
            look |= {"align": "center", "font_color": GREY}
        if wraps(column):
            look["text_wrap"] = True
        if marked:
            look |= {"bg_color": RED_FILL, "font_color": RED_TEXT}
        elif number % 2:
            look["bg_color"] = STRIPE
        return self(**look)

    def total(self, column: Column, value: Cell) -> Any:
        """The format of a cell of the total row."""
        look = dict(FORMATS[column.kind]) | {"bold": True, "bg_color": PALE}
        look |= {"top": 2, "top_color": NAVY, "bottom": 1, "bottom_color": NAVY}
        return self(**(look | {"align": "center"} if value == HIDDEN else look))

    def header(self, *, upright: bool = False) -> Any:
        """The format of a header."""
        return self(
            bold=True,
            font_color="#FFFFFF",
            bg_color=NAVY,
            text_wrap=True,
            align="center",
            border=1,
            border_color="#8497B0",
            rotation=90 if upright else 0,
        )


def put(page: Any, row: int, column: int, value: Cell, style: Any) -> None:
    """Write a cell as what it is: text is text, whatever it begins with."""
    if value is None:
        page.write_blank(row, column, None, style)
    elif isinstance(value, str):
        page.write_string(row, column, shortened(whole(value), _CUT), style)
    else:
        number = value if isinstance(value, int | float) else float(to_excel(value))  # type: ignore[no-untyped-call]
        page.write_number(row, column, float(digits(number)), style)


def wraps(column: Column) -> bool:
    """Whether long text runs over several lines."""
    return column.kind in ("text", "code") and column.width >= 8


def lines(columns: Sequence[Column], cells: Sequence[Cell], widths: Sequence[float]) -> int:
    """How many lines the fullest text of a row takes."""
    most = 1
    for column, value, width in zip(columns, cells, widths, strict=False):
        if isinstance(value, str) and len(value) > 5 and wraps(column):
            most = max(most, text_lines(value, width))
    return min(most, 12)


def header_lines(headers: Iterable[tuple[str, float]]) -> int:
    """How many lines the fullest of these bold headers takes in its width."""
    return max((text_lines(header, width, bold=True) for header, width in headers), default=1)


@lru_cache(maxsize=20_000)
def text_lines(text: str, width: float, size: float = 9, *, bold: bool = False) -> int:
    """How many lines a text of ``size`` points takes in a column ``width`` characters wide.

    Lines break at blanks; a word that is wider than its column is broken anywhere.
    """
    em = size / 0.75 * (_BOLD if bold else 1)
    room = max(1.0, (pixels(width) - _PADDING) / em * 1000)
    taken = 0
    for paragraph in text.split("\n"):
        taken, left = taken + 1, room
        for word_ in paragraph.split():
            wide: float = sum(_WIDTHS.get(c, 556) for c in word_)
            if wide > left and left < room:
                taken, left = taken + 1, room
            if wide > room:
                more = ceil(wide / room) - 1
                taken, wide = taken + more, wide - more * room
            left -= wide + _WIDTHS[" "]
    return taken


def pixels(width: float) -> int:
    """A column's width in pixels of 1/96 inch."""
    return int(width * _DIGIT + 5)


def points(width: float) -> float:
    """A column's width in points."""
    return pixels(width) * 0.75


def widths(sheet: Sheet) -> list[float]:
    """The widths of a sheet's columns: what the widest of its tables asks for in each place."""
    most = max(len(block.columns) for block in sheet.blocks)
    found = [0.0] * most
    for block in sheet.blocks:
        for number, column in enumerate(block.columns):
            found[number] = max(found[number], column.width)
        if isinstance(block.rows, Sequence):  # not a stream
            if block.columns[0].kind == "text":
                longest = max((len(str(row[0])) for row in block.rows if row[0]), default=0)
                found[0] = max(found[0], min(longest * 0.98 + 1, 36))
            for row in (*block.rows, *([block.total] if block.total is not None else ())):
                for number, value in enumerate(row):
                    if isinstance(value, int) and block.columns[number].kind == "count":
                        found[number] = max(found[number], len(f"{value:,}") * 1.05 + 1.2)
    return found


class Paper:
    """Where on which page of paper a row comes to stand, so that tables and signatures are not cut in two.

    ``height`` is what a page holds at the scale of the sheet, in points; ``pages`` how many there are so far.
    """

    def __init__(self, page: Any, scale: float) -> None:
        self._page = page
        self._height = PAPER_HEIGHT / scale
        self._used = 0.0
        self._breaks: list[int] = []
        self._rows: list[tuple[int, float]] = []
        self.pages = 1

    def row(self, number: int, height: float = ROW) -> None:
        """A row of this height comes now."""
        self._page.set_row(number, height)
        if self._used + height > self._height:  # the page ends by itself
            self.pages += 1
            self._used, self._rows = 0.0, []
        self._used += height
        self._rows.append((number, height))

    def keep_together(self, number: int, height: float, *, with_rows: int = 0) -> int | None:
        """What begins in this row is so high: where it does not fit any more, it begins a page.

        ``with_rows``: so many rows before it come along if there is room, so that a signature stands below something.
        Returns how many came along; None where it fits.
        """
        if not self._used or self._used + height <= self._height:
            return None
        along = self._rows[-with_rows:] if 0 < with_rows < len(self._rows) else []
        if sum(high for _, high in along) + height > self._height:
            along = []
        self._breaks.append(along[0][0] if along else number)
        self.pages += 1
        self._rows = along
        self._used = sum(high for _, high in along)
        return len(along)

    def close(self) -> None:
        """Set the breaks."""
        self._page.set_h_pagebreaks(self._breaks)
