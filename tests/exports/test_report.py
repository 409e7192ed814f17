"""The monthly report: its counts against plain SQL, who sees what, what it looks like to other programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from python_calamine import CalamineWorkbook

from exports.access import Access
from exports.report import Order, write_report
from exports.verifying import verify
from forms.form import Form
from server.store.database import Store
from server.store.sealing import Keys
from tests.conftest import make_home, publish_library
from tests.exports.province import MONTH, NOW, PROVINCE, Province

SQLITE = pytest.mark.parametrize("home", ["sqlite"], indirect=True)
VILLAGE = "53.01.04.2001"
OUT, BACK, RECAP = "1 Register Keberangkatan", "2 Register Kepulangan", "3 Rekap Bulanan Kab-Kota"


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
            group = (
                str(above)
                if above
                else group
                if header in ("L", "P", "Jml", "Selesai", "Terbuka > 30 hari")
                else ""
            )
            titles.append(f"{group} {header}" if grouped and group else str(header))
        found = []
        for row in cells[head + 1 :]:
            if row[0] == "":
                break
            found.append(dict(zip(titles, row, strict=True)))
        return found


def number_of_texts(row: list[Any]) -> int:
    return sum(1 for cell in row if cell)


@pytest.fixture(scope="module")
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, library: dict[str, Form]
) -> Iterator[Store]:
    """A year of the province, on SQLite; tests only read it."""
    home = make_home(request, "sqlite", tmp_path_factory.mktemp("province"))
    store = Store(home.url, home.path, Keys.open(home.path))
    publish_library(store, library)
    province = Province(store, library)
    province.fill(250, months=3)
    with store.transaction():
        province.leaves(VILLAGE, MONTH, consent="no")
    province.answer_cases()
    province.open_desks()
    yield store
    store.release()


@pytest.fixture(scope="module")
def report(filled: Store, tmp_path_factory: pytest.TempPathFactory) -> Sheets:
    """The province's own report, written once."""
    file = tmp_path_factory.mktemp("report") / "laporan.xlsx"
    write_report(order(), file, filled)
    return Sheets(file)


def sql(store: Store, text: str) -> list[tuple[Any, ...]]:
    return list(store.db.execute_sql(text).fetchall())


def test_the_registers_hold_everybody_who_agreed_and_the_recaps_add_up_to_them(
    filled: Store, report: Sheets
) -> None:
    for form_id, name, column in (("berangkat", OUT, "Berangkat"), ("pulang", BACK, "Pulang")):
        in_sql = dict(
            sql(
                filled,
                "select regency || ' ' || sex, count(*) from register where form_id = "
                f"'{form_id}' and consent and event_date between '2026-11-01' and '2026-11-30' group by 1",
            )
        )
        lines = report.table(name, "No")
        assert len(lines) == sum(in_sql.values()) > 50
        assert (
            Counter(f"{line['Kode desa'][:5]} {'m' if line['L/P'] == 'L' else 'f'}" for line in lines)
            == in_sql
        )
        recap = report.table(RECAP, "Kab/Kota")
        codes = sorted({key[:5] for (key,) in sql(filled, "select code from area where parent = '53'")})
        for code, line in zip(codes, recap, strict=False):
            assert line[f"{column} L"] == in_sql.get(f"{code} m", 0)
            assert line[f"{column} P"] == in_sql.get(f"{code} f", 0)
        assert recap[-1]["Kab/Kota"] == "Jumlah"
        assert recap[-1][f"{column} Jml"] == sum(in_sql.values())


def test_a_file_that_was_not_changed_proves_itself_and_a_changed_cell_is_named(
    filled: Store, report: Sheets, tmp_path: Path
) -> None:
    assert verify(report.file, filled.keys.proof).ok
    book = openpyxl.load_workbook(report.file)
    book[RECAP]["D8"] = 99_999
    changed = tmp_path / "changed.xlsx"
    book.save(changed)
    found = verify(changed, filled.keys.proof)
    assert not found.ok
    assert (found.differences[0].sheet, found.differences[0].row) == (RECAP, 8)
