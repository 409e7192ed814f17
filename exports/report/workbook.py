"""Writing the report as .xlsx: what a head of office signs. Rows are written as they come, none stays in memory."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from math import ceil
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from exports.report import charts, cover, look
from exports.report.build import Report
from exports.report.cover_page import sign_here, write_cover
from exports.report.look import ROW, Paper, Styles, put
from exports.report.sheets import Block, Column, Sheet
from exports.words import word

_SIGNATURE: Final = 9  # rows
_GAP: Final = 2.0  # width of the empty column between a table and the chart beside it
_BESIDE: Final = 620  # pixels: a table up to this width has its charts beside it
_LEAST_SCALE: Final = 0.4
_EASY: Final = 0.7
"""The scale down to which a sheet is made smaller so that it takes fewer pages: letters of 6 points."""
_SHORT: Final = 200
_ALONG: Final = 4
"""Rows of a table, its total among them, that go to the next page with a signature."""


def write_workbook(report: Report, target: Path) -> dict[str, int]:
    """Write the report; returns how many rows each sheet has. Memory does not grow with the registers."""
    # named after the file, so that whoever sweeps knows whose it was when its worker has died
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as spool:
        options = {
            "constant_memory": True,
            "tmpdir": spool,
            # the width of columns is counted in digits of this font, in Excel as in LibreOffice
            "default_format_properties": {"font_name": look.FONT, "font_size": 9},
        }
        with closing(xlsxwriter.Workbook(target, options)) as book:
            return _Writer(book, report).write()


class _Writer:
    """The workbook in the making."""

    def __init__(self, book: Any, report: Report) -> None:
        self._book = book
        self._report = report
        self._style = Styles(book)
        order = report.order
        secret = "Untuk umum" if order.public else word("footer", "id")
        self._footer = (
            f"&L&8{secret}{' - TERBATAS' if order.restricted else ''}&C&8&A&R&8{word('page', 'id')}"
        )
        self._where = f"{report.cover.area}  ·  {order.period}"

    def write(self) -> dict[str, int]:
        order = self._report.order
        self._book.set_properties(
            {
                "title": f"{cover.title_of(order)}, {self._report.cover.area}, {order.period}",
                "created": order.made_at.replace(tzinfo=None),
            }
        )
        write_cover(self._page("Sampul"), self._report.cover, self._style, public=order.public)
        rows = {sheet.name: self._sheet(sheet) for sheet in self._report.sheets}
        self._sheet(cover.dictionary_sheet(self._report.sheets))
        return rows

    def _page(self, name: str) -> Any:
        page = self._book.add_worksheet(name)
        page.set_landscape()
        page.set_paper(look.A4)
        page.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.7)
        page.set_footer(self._footer, {"margin": 0.3, "scale_with_doc": False})
        page.hide_gridlines(2)
        return page

    def _sheet(self, sheet: Sheet) -> int:
        placed = _Layout(sheet)
        if sheet.signed and all(isinstance(b.rows, Sequence) and len(b.rows) <= _SHORT for b in sheet.blocks):
            placed.scale = self._fewest_pages(sheet, placed.scale)
        return self._laid_out(sheet, placed)[0]

    def _fewest_pages(self, sheet: Sheet, widest: float) -> float:
        """The largest scale, down to what is still easy to read, at which the sheet takes fewest pages; of two such
        scales the one at which the signature stands below what it signs.
        """
        best, fewest = widest, (0, False)
        scale = widest
        while scale == widest or scale >= _EASY:
            trial = _Writer(xlsxwriter.Workbook(io.BytesIO(), {"in_memory": True}), self._report)
            placed = _Layout(sheet)
            placed.scale = scale
            pages = trial._laid_out(sheet, placed)[1]
            if not fewest[0] or pages < fewest:
                best, fewest = scale, pages
            if pages[0] == 1:
                break
            scale = round(scale - 0.03, 2)
        return best

    def _laid_out(self, sheet: Sheet, placed: _Layout) -> tuple[int, tuple[int, bool]]:
        """Write a sheet; returns how many rows its tables have, how many pages it takes, and whether the last of them
        has nothing but the signature.
        """
        page = self._page(sheet.name)
        for number, width in enumerate(placed.widths):
            page.set_column(number, number, width)
        paper = Paper(page, placed.scale)
        top = self._title(page, paper, sheet)
        if sheet.pages_wide > 1:
            page.fit_to_pages(sheet.pages_wide, 0)
        else:
            page.set_print_scale(int(placed.scale * 100))
        row, written = top, 0
        for number, block in enumerate(sheet.blocks):
            begun = row
            row, count, headers, goes_on = self._block(
                page, paper, sheet, block, row, placed, first=number == 0
            )
            written += count
        note = self._style(font_size=8, font_color=look.GREY, italic=True)
        tall = ROW * (len(sheet.notes) + 1 + (_SIGNATURE if sheet.signed else 0))
        single, drawn = len(sheet.blocks) == 1, bool(sheet.blocks[-1].charts)
        along = paper.keep_together(row, tall, with_rows=0 if drawn else _ALONG if single else row - begun)
        if single and (goes_on or sheet.pages_wide > 1 or along):
            page.repeat_rows(*headers)  # only where the table goes on: else they stand over nothing
        for text in sheet.notes:
            paper.row(row, 12)
            put(page, row, sheet.repeat, text, note)  # what stands in repeated columns is cut at their edge
            row += 1
        if sheet.signed:
            row = sign_here(page, row + 1, placed.column_at(0.72), self._style)
        if sheet.repeat:
            page.repeat_columns(0, sheet.repeat - 1)
        page.print_area(top if sheet.pages_wide > 1 else 0, 0, row, placed.last)
        paper.close()
        return written, (paper.pages, along == 0)

    def _title(self, page: Any, paper: Paper, sheet: Sheet) -> int:
        """The title; returns the row after it. On paper a table of several pages across has it on each of them."""
        paper.row(0, 22)
        put(page, 0, 0, sheet.title, self._style(bold=True, font_size=14, font_color=look.NAVY))
        paper.row(1)
        put(page, 1, 0, self._where, self._style(font_size=10, font_color=look.GREY))
        paper.row(2, 6)
        if sheet.pages_wide > 1:
            title, where = (text.replace("&", "&&") for text in (sheet.title, self._where))
            font = f'&"{look.FONT},Bold"&14&K{look.NAVY[1:]}'
            where = f'&"{look.FONT},Regular"&10&K{look.GREY[1:]}{where}'
            page.set_header(f"&L{font}{title}\n{where}", {"margin": 0.35, "scale_with_doc": False})
            page.set_margins(left=0.4, right=0.4, top=0.95, bottom=0.7)
        return 3

    def _block(
        self, page: Any, paper: Paper, sheet: Sheet, block: Block, row: int, placed: _Layout, *, first: bool
    ) -> tuple[int, int, tuple[int, int], bool]:
        """Write a table with its charts; returns the row after them, how many rows the table has, the first and last
        row of its header, and whether it goes on on a further page.
        """
        known = len(block.rows) if isinstance(block.rows, Sequence) else 0
        tall = max(known * ROW + 100, placed.beside_height(block, known) * 0.75)
        if not first:
            paper.keep_together(row, tall)
        begin = row
        if block.title:
            paper.row(row, 18)
            put(page, row, 0, block.title, self._style(bold=True, font_size=11, font_color=look.NAVY))
            row += 1
        head = row
        row = self._headers(page, paper, block, row, placed.widths)
        if first:
            page.freeze_panes(row, sheet.frozen)
        top, pages = row, paper.pages
        row = self._rows(page, paper, block, top, placed.widths)
        bottom = row - 1
        goes_on = paper.pages > pages
        if bottom < top:
            paper.row(row)
            put(page, row, 0, block.empty, self._style(italic=True, font_color=look.GREY))
            row += 1
        if first and block.filtered:
            page.autofilter(top - 1, 0, max(bottom, top), len(block.columns) - 1)
        if block.total is not None:
            paper.row(row, 15)
            for number, (column, value) in enumerate(zip(block.columns, block.total, strict=True)):
                put(page, row, number, value, self._style.total(column, value))
            row += 1
        if block.charts and bottom >= top and _worth_drawing(block):
            row = self._charts(page, paper, sheet.name, block, (begin, top, bottom, row), placed)
        paper.row(row, 10)
        return row + 1, max(0, bottom - top + 1), (head, top - 1), goes_on

    def _rows(self, page: Any, paper: Paper, block: Block, row: int, widths: Sequence[float]) -> int:
        """Write the rows as they come; returns the row after them."""
        top = row
        for cells in block.rows:
            marked = block.marked is not None and block.marked(cells)
            paper.row(row, ROW + 11.5 * (look.lines(block.columns, cells, widths) - 1))
            for number, (column, value) in enumerate(zip(block.columns, cells, strict=True)):
                put(page, row, number, value, self._style.cell(column, value, row - top, marked=marked))
            row += 1
        return row

    def _headers(self, page: Any, paper: Paper, block: Block, row: int, widths: Sequence[float]) -> int:
        plain = self._style.header()
        if any(column.group for column in block.columns):
            groups = list(_groups(block.columns))
            wanted = ((group, sum(widths[start : end + 1])) for start, end, group in groups)
            paper.row(row, 4 + 12 * look.header_lines(wanted))
            for start, end, group in groups:
                if end > start:
                    page.merge_range(row, start, row, end, "", plain)
                put(page, row, start, group or None, plain)
            row += 1
        upright = any(column.upright for column in block.columns)
        headers = ((c.header, w) for c, w in zip(block.columns, widths, strict=False) if not c.upright)
        paper.row(row, 88 if upright else 6 + 12 * look.header_lines(headers))
        for number, column in enumerate(block.columns):
            style = self._style.header(upright=True) if column.upright else plain
            put(page, row, number, column.header, style)
        return row + 1

    def _charts(
        self,
        page: Any,
        paper: Paper,
        name: str,
        block: Block,
        place: tuple[int, int, int, int],
        placed: _Layout,
    ) -> int:
        """Beside a narrow table, one below the other; below a wide one."""
        begin, top, bottom, row = place
        beside = placed.has_beside(block)
        used = 0.0
        for chart in block.charts:
            high = charts.height(chart, bottom - top + 1)
            wide = charts.WIDTH if beside else min(placed.pixels, 1100)
            made = charts.drawn(self._book, chart, block, name, top, bottom, (wide, high))
            if beside:
                where = {"x_offset": 0, "y_offset": used, "object_position": 3}
                page.insert_chart(begin, len(block.columns) + 1, made, where)
                used += high + 12
            else:
                rows = ceil(high / (ROW / 0.75)) + 1
                paper.keep_together(row, rows * ROW)
                page.insert_chart(row, 0, made, {"x_offset": 2, "y_offset": 8, "object_position": 3})
                for _ in range(rows):
                    paper.row(row)
                    row += 1
        below = begin + ceil(used / (ROW / 0.75))
        while row < below:
            paper.row(row)
            row += 1
        return row


class _Layout:
    """The columns of a sheet on paper: those of its tables, then those below the charts that stand beside them."""

    def __init__(self, sheet: Sheet) -> None:
        self.widths = look.widths(sheet)
        self._tables = len(self.widths)
        edge = max((self._edge(block) for block in sheet.blocks if self.has_beside(block)), default=0)
        while edge > self.pixels:
            self.widths.append(9.0)
        self.last = len(self.widths) - 1
        points = sum(look.points(width) for width in self.widths)
        self.scale = min(1.0, max(_LEAST_SCALE, int(98 * look.PAPER_WIDTH / points) / 100))

    @property
    def pixels(self) -> int:
        """How wide the sheet is."""
        return sum(look.pixels(width) for width in self.widths)

    def has_beside(self, block: Block) -> bool:
        """Whether the charts of a table stand beside it."""
        return bool(block.charts) and self._width(block) <= _BESIDE

    def beside_height(self, block: Block, rows: int) -> float:
        """Pixels that the charts beside a table take."""
        if not self.has_beside(block):
            return 0
        return sum(charts.height(chart, rows) + 12 for chart in block.charts)

    def column_at(self, part: float) -> int:
        """The column at a part of the sheet's width."""
        goal, so_far = self.pixels * part, 0
        for number, width in enumerate(self.widths):
            so_far += look.pixels(width)
            if so_far >= goal:
                return number
        return self.last

    def _width(self, block: Block) -> int:
        return sum(look.pixels(width) for width in self.widths[: len(block.columns)])

    def _edge(self, block: Block) -> int:
        following = self.widths[len(block.columns)] if len(block.columns) < self._tables else 9.0
        if len(block.columns) >= len(self.widths):
            self.widths.append(_GAP)
            following = _GAP
        return self._width(block) + look.pixels(following) + charts.WIDTH + 10


def _worth_drawing(block: Block) -> bool:
    """Whether anything but zeros would be seen."""
    keys = [column.key for column in block.columns]
    drawn = {keys.index(key) for chart in block.charts for key in chart.series}
    rows = block.rows if isinstance(block.rows, Sequence) else ()
    return any(row[number] not in (0, None) for row in rows for number in drawn)


def _groups(columns: Sequence[Column]) -> Iterator[tuple[int, int, str]]:
    """(first, last, group) of neighbours under one header; a column without group stands alone."""
    start = 0
    while start < len(columns):
        end, group = start, columns[start].group
        while end + 1 < len(columns) and group and columns[end + 1].group == group:
            end += 1
        yield start, end, group
        start = end + 1
