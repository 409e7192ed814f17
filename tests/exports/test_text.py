"""Any text that a phone can send comes back as the same text, and nothing is ever a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from exports.csv_files import guarded, plain
from exports.proof import Made
from exports.tables import MAIN, Column, Table
from exports.text import MOST_TEXT, escaped
from exports.verifying import verify
from exports.xlsx import MOST_NAME, MOST_ROWS, Xlsx, sheet_names
from tests.exports.reading import text_of

FILE_SYSTEM_OK = [HealthCheck.function_scoped_fixture]
XML_TEXT = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_characters="\ufffe\uffff").filter(
            lambda c: c >= " " or c in "\t\n\r"
        ),
        st.sampled_from("=+-@'\t\r\n_x05FAf#\"<&;, "),
    ),
    min_size=1,
    max_size=40,
)
"""Whatever XML 1.0 can carry, the characters that mean something to spreadsheets more often than others."""


def _table(columns: int, title: str = "uji") -> Table:
    return Table(MAIN, title, title, tuple(Column(str(n), f"Kolom {n}", "question") for n in range(columns)))


KEY = b"k" * 32
ABOUT = [["Hal", "Isi"]]
MADE = Made(datetime(2026, 11, 20, tzinfo=UTC), "petugas", 1)


def _write(file: Path, table: Table, rows: Sequence[Sequence[str]], most_rows: int = MOST_ROWS) -> None:
    book = Xlsx([table], file.parent, "id", KEY, most_rows=most_rows)
    for row in rows:
        book.write(0, list(row))
    book.save(file, ABOUT, MADE)
    book.close()


@settings(max_examples=150, deadline=None, suppress_health_check=FILE_SYSTEM_OK)
@given(texts=st.lists(XML_TEXT, min_size=1, max_size=12))
@example(
    texts=["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=", "#N/A", "#REF!", "'=1", '=HYPERLINK("x")']
)
@example(
    texts=["_x0041_", "_x005F_x0041_", "_x000D_", "__x0041__", "_x0041_x0042_", " a ", "\n", "a\r\nb", "😀"]
)
@example(texts=["1", "007", "3507014501980001", "+6281200000001", "TRUE", "2026-11-20", "1e5", "10%"])
def test_any_text_comes_back_as_it_was(tmp_path: Path, texts: list[str]) -> None:
    file = tmp_path / "teks.xlsx"
    table = replace(_table(0), columns=tuple(Column(text, text, "question") for text in texts))
    _write(file, table, [texts])
    headers, cells = openpyxl.load_workbook(file).worksheets[0].iter_rows()
    for read in (headers, cells):
        assert [text_of(cell) for cell in read] == texts
        assert {cell.data_type for cell in read} == {"s"}
    sheet = CalamineWorkbook.from_path(file).get_sheet_by_index(0).to_python(skip_empty_area=False)
    assert sheet == [texts, texts]
    assert verify(file, KEY).ok


@given(text=st.text(st.characters(exclude_categories=()), max_size=30))
def test_what_xml_cannot_hold_is_escaped_so_that_it_comes_back(text: str) -> None:
    from lxml import etree
    from openpyxl.utils.escape import unescape

    stored = escaped(text)
    element = etree.Element("t")
    element.text = stored  # raises where XML cannot hold it
    wanted = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    assert unescape(stored) == wanted


def test_text_that_is_too_long_ends_in_a_visible_mark(tmp_path: Path) -> None:
    file = tmp_path / "panjang.xlsx"
    fits, long, wide = "a" * MOST_TEXT, "b" * (MOST_TEXT + 1), "😀" * MOST_TEXT
    _write(file, _table(3), [[fits, long, wide]])
    first, second, third = CalamineWorkbook.from_path(file).get_sheet_by_index(0).to_python()[1]
    assert first == fits
    for cut in (second, third):
        assert str(cut).endswith("… [terpotong]")
        assert MOST_TEXT - 1 <= len(str(cut).encode("utf-16-le")) // 2 <= MOST_TEXT


def test_a_full_sheet_goes_on_in_a_further_one(tmp_path: Path) -> None:
    file = tmp_path / "penuh.xlsx"
    book = Xlsx([_table(1), _table(1, "Rincian")], tmp_path, "id", KEY, most_rows=3)
    for number in range(5):
        book.write(0, [f"baris {number}"])
    book.save(file, ABOUT, MADE)
    book.close()
    assert verify(file, KEY).ok
    read = CalamineWorkbook.from_path(file)
    assert read.sheet_names == ["uji", "uji (2)", "uji (3)", "Rincian", "Keterangan"]
    data = [row for name in read.sheet_names[:3] for row in read.get_sheet_by_name(name).to_python()[1:]]
    assert data == [[f"baris {number}"] for number in range(5)]


@given(wanted=st.lists(st.text(max_size=60), min_size=1, max_size=8))
@example(wanted=["History", "a/b:c*?[d]\\", "x" * 60, "X" * 60, "'a'", "", "uji", "UJI"])
def test_sheet_names_are_such_as_excel_takes(wanted: list[str]) -> None:
    names = sheet_names(wanted)
    assert len({name.casefold() for name in names}) == len(wanted)
    for name in names:
        assert 1 <= len(name) <= MOST_NAME
        assert not set(name) & set("[]:*?/\\")
        assert name.casefold() != "history"
        assert name.strip("'") == name


@given(text=XML_TEXT)
@example(text="=1+1")
@example(text="+6281200000001")
@example(text="-3.5")
@example(text="-3+cmd|' /C calc'!A0")
def test_csv_text_is_guarded_where_it_would_calculate_and_nowhere_else(text: str) -> None:
    kept = plain(text)
    line = next(csv.reader(io.StringIO(_csv(kept), newline="")))
    assert line == [kept]
    assert re.sub(r"(^|[;\t\r\n])'(?='*(?:[^\S\t\r\n]|\")*[=+\-@])", r"\1", kept) == text, (
        "it can be had back"
    )
    for piece in re.split(r"[;\t\r\n]", kept):  # as programs read it that part cells by semicolons
        if piece.strip(' "')[:1] in tuple("=+-@"):
            float(piece.replace(",", "."))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        *(
            (text, f"'{text}")
            for text in ("=1", "@x", "+x", "-x", "=", "-", "+62 812", " =1", "'=1", "\uff1d1")
        ),
        ("aman;=1+1", "aman;'=1+1"),
        ("aman\n=1+1", "aman\n'=1+1"),
        ("\t=1", "\t'=1"),
        ('aman;"=1+1"', 'aman;\'"=1+1"'),
        ("=1;-2;\n\n@x", "'=1;-2;\n\n'@x"),
        ("a=1; 2-3; +62812", "a=1; 2-3;' +62812"),
    ],
)
def test_a_formula_in_csv_begins_with_an_apostrophe_wherever_a_cell_may_begin(
    text: str, written: str
) -> None:
    assert guarded(text) == written


def _csv(cell: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerow([cell])
    return out.getvalue()
