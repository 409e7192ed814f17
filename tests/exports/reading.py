"""Reading what was written, with two libraries that know nothing of each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.escape import unescape
from python_calamine import CalamineWorkbook

from exports.proof import SEAL


def rows(file: Path, sheet: int | str = 0) -> list[dict[str, Any]]:
    """The rows of a sheet by header, as python-calamine reads them."""
    book = CalamineWorkbook.from_path(file)
    found = book.get_sheet_by_name(sheet) if isinstance(sheet, str) else book.get_sheet_by_index(sheet)
    first, *data = found.to_python(skip_empty_area=False)
    header = [str(title) for title in first if title != ""]  # what seals the last sheet has no title
    assert len(set(header)) == len(header), "two columns with one header"
    return [dict(zip(header, row[: len(header)], strict=True)) for row in data]


def header(file: Path, sheet: int = 0) -> list[str]:
    """The header row of a sheet."""
    return [str(cell) for cell in CalamineWorkbook.from_path(file).get_sheet_by_index(sheet).to_python()[0]]


def column(file: Path, title: str) -> list[Any]:
    """The openpyxl cells of a column of the first sheet, the header left out."""
    sheet = openpyxl.load_workbook(file).worksheets[0]
    number = next(c.column for c in sheet[1] if c.value == title)
    return [sheet.cell(row, number) for row in range(2, sheet.max_row + 1)]


def text_of(cell: Any) -> str:
    """The text of an openpyxl cell; openpyxl itself leaves ``_x0001_`` undone in inline strings."""
    return unescape(cell.value) if cell.value is not None else ""


def everything(file: Path) -> str:
    """All text of a workbook's parts, unpacked: what somebody could find in it by any means."""
    import zipfile

    with zipfile.ZipFile(file) as parts:
        texts = [parts.read(name).decode("utf-8", "replace") for name in parts.namelist()]
    return "\n".join(text.partition(SEAL)[0] for text in texts)  # the letters of a seal spell anything
