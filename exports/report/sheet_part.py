"""Writing values into a sheet of somebody else's: everything that is not asked for stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import IO, Final
from xml.sax.saxutils import escape

from lxml import etree
from openpyxl.utils import column_index_from_string
from openpyxl.utils.datetime import to_excel

from exports.report.package import MAIN, cell_name
from exports.text import escaped, shortened
from exports.values import Cell
from exports.words import word

NewRow = Mapping[int, str]
"""Cells of a row as XML, by the number of their column."""
_CUT: Final = word("cut", "id")


def cell_xml(row: int, column: int, value: Cell, style: str | None) -> str:
    """A cell as XML. Text is text by declaration, whatever it begins with; ``style`` is the cell's, if it has one."""
    opening = f'<c r="{cell_name(row, column)}"' + (f' s="{style}"' if style else "")
    if value is None or value == "":
        return f"{opening}/>"
    if isinstance(value, str):
        text = escape(escaped(shortened(value, _CUT)), {"\r": "&#13;"})
        return f'{opening} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
    if isinstance(value, date | datetime):
        return f"{opening}><v>{float(to_excel(value)):.15g}</v></c>"  # type: ignore[no-untyped-call]
    return f"{opening}><v>{value!r}</v></c>"


def formula_xml(row: int, column: int, formula: str, style: str | None) -> str:
    """A cell with a formula of the template's own; its value is computed when the file is opened."""
    opening = f'<c r="{cell_name(row, column)}"' + (f' s="{style}"' if style else "")
    return f"{opening}><f>{escape(formula)}</f></c>"


class SheetPart:
    """One sheet's XML. Values are set cell by cell, or row by row as they come (:meth:`write`)."""

    def __init__(self, root: etree._Element) -> None:
        self.root = root
        data = root.find(f"{MAIN}sheetData")
        if data is None:
            raise ValueError("a sheet without sheetData")
        self._data = data
        self._rows = {int(row.get("r") or 0): row for row in data.iterfind(f"{MAIN}row")}

    def cell(self, row: int, column: int) -> etree._Element | None:
        """The cell, where the template has one."""
        wanted = cell_name(row, column)
        found = self._rows.get(row)
        if found is None:
            return None
        return next((cell for cell in found.iterfind(f"{MAIN}c") if cell.get("r") == wanted), None)

    def style(self, row: int, column: int) -> str | None:
        """The number of a cell's style, else of its column's."""
        cell = self.cell(row, column)
        if cell is not None:
            return cell.get("s")
        for columns in self.root.iterfind(f"{MAIN}cols/{MAIN}col"):
            if int(columns.get("min") or 0) <= column <= int(columns.get("max") or 0):
                return columns.get("style")
        return None

    def formula(self, row: int, column: int) -> str | None:
        """The formula of a cell, without its equals sign; empty where it is part of a shared one."""
        cell = self.cell(row, column)
        found = cell.find(f"{MAIN}f") if cell is not None else None
        return (found.text or "") if found is not None else None

    def forget_results(self) -> None:
        """Drop the kept results of formulas: they are of other data, and not every program computes them anew."""
        for cell in self._data.iter(f"{MAIN}c"):
            if cell.find(f"{MAIN}f") is not None:
                for result in cell.findall(f"{MAIN}v"):
                    cell.remove(result)
                etree.strip_attributes(cell, "t")

    def is_empty(self, row: int, column: int) -> bool:
        """Whether nothing stands in a cell; a style alone is nothing."""
        cell = self.cell(row, column)
        return cell is None or len(cell) == 0

    def put(self, row: int, cells: NewRow) -> None:
        """Set cells of a row that the template has or gets."""
        element = self._rows.get(row)
        if element is None:
            element = etree.Element(f"{MAIN}row", r=str(row))
            following = min((number for number in self._rows if number > row), default=None)
            if following is None:
                self._data.append(element)
            else:
                self._rows[following].addprevious(element)
            self._rows[row] = element
        etree.strip_attributes(element, "spans")
        by_column = {
            column_index_from_string("".join(c for c in cell.get("r") or "" if c.isalpha())): cell
            for cell in element.iterfind(f"{MAIN}c")
        }
        for column, text in cells.items():
            fresh = etree.fromstring(f'<x xmlns="{MAIN[1:-1]}">{text}</x>')[0]
            old = by_column.get(column)
            if old is not None:
                element.replace(old, fresh)
            else:
                after = min((number for number in by_column if number > column), default=None)
                if after is None:
                    element.append(fresh)
                else:
                    by_column[after].addprevious(fresh)
            by_column[column] = fresh

    def push_down(self, row: int, count: int) -> None:
        """Move every row from ``row`` on down by ``count``; what points there is for others to change."""
        moved = {}
        for number, element in self._rows.items():
            if number >= row:
                number += count
                element.set("r", str(number))
                for cell in element.iterfind(f"{MAIN}c"):
                    letters = "".join(c for c in cell.get("r") or "" if c.isalpha())
                    cell.set("r", f"{letters}{number}")
            moved[number] = element
        self._rows = moved

    def last_row(self, columns: Iterable[int]) -> int:
        """The last row in which something stands in one of these columns; 0 where nothing does."""
        wanted = list(columns)
        return max((r for r in self._rows if any(not self.is_empty(r, c) for c in wanted)), default=0)

    def has_row(self, row: int) -> bool:
        """Whether the template has anything in a row, be it a height."""
        return row in self._rows

    def write(self, stream: IO[bytes], generated: Callable[[], Iterator[tuple[int, NewRow]]]) -> int:
        """Write the part, with rows that come as a stream in the order of their numbers; returns the last one.

        Cells of a row that the template has are put among its own.
        """
        before, after = self._frame()
        stream.write(before)
        kept = sorted(self._rows)
        last = 0
        for number, cells in generated():
            while kept and kept[0] < number:
                stream.write(etree.tostring(self._rows[kept.pop(0)], with_tail=False))
            if kept and kept[0] == number:
                self.put(number, cells)
                stream.write(etree.tostring(self._rows[kept.pop(0)], with_tail=False))
            else:
                body = "".join(cells[column] for column in sorted(cells))
                stream.write(f'<row r="{number}">{body}</row>'.encode())
            last = number
        for number in kept:
            stream.write(etree.tostring(self._rows[number], with_tail=False))
        stream.write(after)
        return last

    def _frame(self) -> tuple[bytes, bytes]:
        """What stands before and after the rows. The sheet's extent is left out: programs find it themselves."""
        for dimension in self.root.findall(f"{MAIN}dimension"):
            self.root.remove(dimension)
        mark = etree.Comment("rows")
        children = list(self._data)
        for child in children:
            self._data.remove(child)
        self._data.append(mark)
        whole = etree.tostring(self.root, xml_declaration=True, encoding="UTF-8", standalone=True)
        self._data.remove(mark)
        for child in children:
            self._data.append(child)
        before, _, after = whole.partition(b"<!--rows-->")
        return before, after
