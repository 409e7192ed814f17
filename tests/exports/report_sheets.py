"""Reading a written report by its headers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

from exports.access import Access
from exports.report import Order
from tests.exports.province import MONTH, NOW, PROVINCE

VILLAGE = "53.01.04.2004"
OUT, BACK, RECAP = "1 Register Keberangkatan", "2 Register Kepulangan", "3 Rekap Bulanan Kab-Kota"
MEMBERS = ("L", "P", "Jml", "Selesai", "Terbuka > 30 hari", "Register", "Selisih")
"""Headers that may stand under a group's that began further left."""


def order(**other: Any) -> Order:
    """The report of the invented province as the province may read it."""
    wanted = Order(PROVINCE, MONTH, Access("province", PROVINCE), NOW, "Sari Contoh")
    return replace(wanted, **other)


class Sheets:
    """A written report, read by header: the rows of a table from its header to the first gap."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._book = CalamineWorkbook.from_path(file)
        self.names = self._book.sheet_names

    def cells(self, name: str) -> list[list[Any]]:
        return self._book.get_sheet_by_name(name).to_python(skip_empty_area=False)

    def table(self, name: str, first: str, number: int = 0) -> list[dict[str, Any]]:
        """The rows under the ``number``-th header row that has ``first`` in its first cell."""
        cells = self.cells(name)
        head = [n for n, row in enumerate(cells) if row[0] == first][number]
        groups = cells[head - 1] if head else [""] * len(cells[head])
        titles, group = [], ""
        grouped = number_of_texts(groups) > 0 and not str(groups[0])
        for above, header in zip(groups, cells[head], strict=True):
            group = str(above) if above else group if header in MEMBERS else ""
            titles.append(f"{group} {header}" if grouped and group else str(header))
        found = []
        for row in cells[head + 1 :]:
            if row[0] == "":
                break
            found.append(dict(zip(titles, row, strict=True)))
        return found


def number_of_texts(row: list[Any]) -> int:
    return sum(1 for cell in row if cell)
