"""A workbook that proves itself: whole files pass, and the first difference of every other one is named."""

from __future__ import annotations

import re
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from exports.password import encrypt, opened
from exports.proof import Made
from exports.sealing_files import seal_file
from exports.verifying import Difference, Verdict, verify
from forms.problems import Problem, Problems

KEY = b"k" * 32
NOON = datetime(2026, 1, 1, 12, 34, 56)  # noqa: DTZ001 - as Excel keeps moments
MADE = Made(datetime(2026, 11, 20, 5, 0, tzinfo=UTC), "petugas-contoh", 6)
NASTY = (
    "=1+1",
    " tepi ",
    "dua\nbaris",
    "dua\r\nbaris",
    "tab\tx",
    "_x0041_",
    "😀",
    "+62 812 0000 0001",
    "0001",
    "1",
)


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A small workbook of two sheets, sealed."""
    file = tmp_path / "laporan.xlsx"
    book = openpyxl.Workbook()
    first = book.worksheets[0]
    first.title = "Register & rekap"
    first.append(["Nama", "Tanggal", "Upah", "Waktu"])
    for number, text in enumerate(NASTY):
        first.append([None, date(2026, 1, 1 + number), number * 1.1 / 3, NOON])
        cell = first.cell(number + 2, 1)
        cell.value, cell.data_type = text, "s"
    second = book.create_sheet("Rekap")
    for number in range(30):
        second.append([f"k{number}", number, None, "x" if number % 2 else None])
    second["G2"] = "=SUM(B1:B30)"
    book.save(file)
    seal_file(file, "Bukti", [["Hal", "Isi"], ["Wilayah", "Kab. Malang"], ["Baris", 6]], MADE, KEY)
    return file


def verdict_after(file: Path, change: Callable[[Workbook], None]) -> Verdict:
    book = openpyxl.load_workbook(file)
    change(book)
    book.save(file)
    return verify(file, KEY)


def test_a_whole_workbook_says_who_made_it_and_when(sealed: Path) -> None:
    assert verify(sealed, KEY) == Verdict(True, 6, MADE.at, "petugas-contoh")


def test_saved_again_by_another_program_it_is_still_whole(sealed: Path, tmp_path: Path) -> None:
    assert verdict_after(sealed, lambda book: None).ok
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    target = tmp_path / "again"
    subprocess.run(
        ["soffice", profile, "--headless", "--convert-to", "xlsx", "--outdir", target, sealed],
        check=True,
        capture_output=True,
    )
    assert verify(target / sealed.name, KEY) == Verdict(True, 6, MADE.at, "petugas-contoh")


def change_a_cell(book: Workbook) -> None:
    book["Rekap"]["B7"] = 99


def change_a_header(book: Workbook) -> None:
    book["Register & rekap"]["C1"] = "Gaji"


def make_a_number_of_text(book: Workbook) -> None:
    book["Register & rekap"]["A10"] = 1


def change_a_date(book: Workbook) -> None:
    book["Register & rekap"]["B4"] = date(2026, 1, 4)


def put_a_formula_in(book: Workbook) -> None:
    book["Rekap"]["B7"] = "=3+3"


def change_the_formula(book: Workbook) -> None:
    book["Rekap"]["G2"] = "=SUM(B1:B29)"


def fill_an_empty_cell(book: Workbook) -> None:
    book["Rekap"]["C12"] = "tambahan"


def remove_a_row(book: Workbook) -> None:
    book["Rekap"].delete_rows(5)


def remove_the_last_row(book: Workbook) -> None:
    book["Rekap"].delete_rows(30)


def add_a_row(book: Workbook) -> None:
    book["Rekap"].append(["k30", 30, None, None])


def put_a_row_between(book: Workbook) -> None:
    book["Rekap"].insert_rows(9)
    book["Rekap"]["A9"] = "sisipan"


def change_the_order_of_rows(book: Workbook) -> None:
    sheet = book["Rekap"]
    for column in "ABD":
        above, below = sheet[f"{column}11"], sheet[f"{column}21"]
        above.value, below.value = below.value, above.value


def rename_a_sheet(book: Workbook) -> None:
    book["Rekap"].title = "Rekap 2"


def swap_names(book: Workbook) -> None:
    one, two = book["Rekap"], book["Register & rekap"]
    one.title = "sementara"
    two.title = "Rekap"
    one.title = "Register & rekap"


def move_a_sheet(book: Workbook) -> None:
    book.move_sheet("Rekap", -1)


def remove_a_sheet(book: Workbook) -> None:
    del book["Rekap"]


def add_a_sheet(book: Workbook) -> None:
    book.create_sheet("Tambahan", 1).append(["x"])


def change_what_the_proof_tells(book: Workbook) -> None:
    book["Bukti"]["B2"] = "Kab. Blitar"


def change_who_made_it(book: Workbook) -> None:
    cell = book["Bukti"]["C4"]
    cell.value = str(cell.value).replace("petugas-contoh", "orang-lain")


def change_the_seal(book: Workbook) -> None:
    cell = book["Bukti"]["C6"]
    cell.value = str(cell.value).swapcase()


def cut_the_seal(book: Workbook) -> None:
    book["Bukti"].delete_rows(10)


def remove_the_proof(book: Workbook) -> None:
    del book["Bukti"]


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (change_a_cell, Difference("cell", "Rekap", 7, "B")),
        (change_a_header, Difference("cell", "Register & rekap", 1, "C")),
        (make_a_number_of_text, Difference("cell", "Register & rekap", 10, "A")),
        (change_a_date, Difference("cell", "Register & rekap", 4, "B")),
        (put_a_formula_in, Difference("cell", "Rekap", 7, "B")),
        (change_the_formula, Difference("cell", "Rekap", 2, "G")),
        (fill_an_empty_cell, Difference("cell", "Rekap", 12, "C")),
        (remove_a_row, Difference("row_removed", "Rekap", 5)),
        (remove_the_last_row, Difference("row_removed", "Rekap", 30)),
        (add_a_row, Difference("row_added", "Rekap", 31)),
        (put_a_row_between, Difference("row_added", "Rekap", 9)),
        (change_the_order_of_rows, Difference("row_moved", "Rekap", 11)),
        (rename_a_sheet, Difference("sheet_renamed", "Rekap 2", other="Rekap")),
        (swap_names, Difference("sheet_renamed", "Rekap", other="Register & rekap")),
        (move_a_sheet, Difference("sheet_order", "Rekap")),
        (remove_a_sheet, Difference("sheet_removed", "Rekap")),
        (add_a_sheet, Difference("sheet_added", "Tambahan")),
        (change_what_the_proof_tells, Difference("cell", "Bukti", 2, "B")),
        (change_who_made_it, Difference("proof", "Bukti", 4)),
        (change_the_seal, Difference("proof", "Bukti", 6)),
        (cut_the_seal, Difference("proof", "Bukti", 10)),
        (remove_the_proof, Difference("proof_missing")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_first_difference_is_named(
    sealed: Path, change: Callable[[Workbook], None], first: Difference
) -> None:
    verdict = verdict_after(sealed, change)
    assert not verdict.ok
    assert verdict.differences[0] == first
    assert all(d.text("id") and d.text("en") for d in verdict.differences)


Parts = dict[str, bytes]
_SHEET, _BOOK, _RELS = "xl/worksheets/sheet2.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_K6 = b'<c r="A7" t="inlineStr"><is><t>k6</t></is></c>'


def put(parts: Parts, part: str, old: bytes, new: bytes) -> None:
    assert parts[part].count(old) == 1, part
    parts[part] = parts[part].replace(old, new)


def hide_digits_behind_a_comment(parts: Parts) -> None:
    put(parts, _SHEET, b'<c r="B2" t="n"><v>1</v>', b'<c r="B2" t="n"><v>1<!-- -->000</v>')


def show_one_text_and_seal_another(parts: Parts) -> None:
    put(parts, _SHEET, _K6, b'<c r="A7" t="inlineStr"><is><t>palsu</t></is><v>k6</v></c>')


def keep_the_sealed_value_in_a_foreign_element(parts: Parts) -> None:
    value = b'<c r="B7" t="n"><v>99</v><x:v xmlns:x="urn:x">6</x:v></c>'
    put(parts, _SHEET, b'<c r="B7" t="n"><v>6</v></c>', value)


def call_a_cell_by_its_neighbours_name(parts: Parts) -> None:
    put(parts, _SHEET, b'<c r="B7" t="n">', b'<c r="A7" t="n">')


def call_a_cell_by_another_rows_name(parts: Parts) -> None:
    put(parts, _SHEET, b'<c r="B7" t="n">', b'<c r="B40" t="n">')


def number_two_rows_the_other_way_round(parts: Parts) -> None:
    for one, other in ((b'"7"', b'"x"'), (b'"8"', b'"7"'), (b'"x"', b'"8"')):
        put(parts, _SHEET, b"<row r=" + one, b"<row r=" + other)
    parts[_SHEET] = re.sub(rb' r="[A-Z]+[0-9]+"', b"", parts[_SHEET])


def put_the_last_row_where_no_program_looks(parts: Parts) -> None:
    start, end = parts[_SHEET].index(b'<row r="30"'), parts[_SHEET].index(b"</sheetData>")
    row = parts[_SHEET][start:end]
    gone = parts[_SHEET][:start] + parts[_SHEET][end:]
    gone = gone.replace(b"</worksheet>", b"<extLst><ext>" + row + b"</ext></extLst></worksheet>")
    parts[_SHEET] = gone


def let_programs_choose_a_row(parts: Parts) -> None:
    space = b'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    extra = b"<mc:AlternateContent " + space + b'><mc:Choice><row r="31"/></mc:Choice></mc:AlternateContent>'
    put(parts, _SHEET, b"</sheetData>", extra + b"</sheetData>")


def let_programs_choose_a_cell(parts: Parts) -> None:
    space = b'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    choice = (
        b"<mc:AlternateContent "
        + space
        + b'><mc:Choice><c r="C7"><v>9</v></c></mc:Choice></mc:AlternateContent>'
    )
    put(parts, _SHEET, b'<c r="B7" t="n"><v>6</v></c>', b'<c r="B7" t="n"><v>6</v></c>' + choice)


def put_two_values_into_a_cell(parts: Parts) -> None:
    put(parts, _SHEET, b'<c r="B7" t="n"><v>6</v></c>', b'<c r="B7" t="n"><v>99</v><v>6</v></c>')


def keep_what_is_shown_in_a_rich_value(parts: Parts) -> None:
    put(parts, _SHEET, b'<c r="B7" t="n">', b'<c r="B7" t="n" vm="1">')


def put_an_element_into_a_value(parts: Parts) -> None:
    put(parts, _SHEET, b'<c r="B7" t="n"><v>6</v></c>', b'<c r="B7" t="n"><v>6<x/>000</v></c>')


def put_strange_elements_beside_a_text(parts: Parts) -> None:
    put(parts, _SHEET, _K6, b'<c r="A7" t="inlineStr"><is><t>k6</t><x>palsu</x></is></c>')


def declare_a_document_type(parts: Parts) -> None:
    start = parts[_SHEET].index(b"<worksheet")
    parts[_SHEET] = parts[_SHEET][:start] + b"<!DOCTYPE worksheet [<!ENTITY e 'x'>]>" + parts[_SHEET][start:]


def put_all_rows_where_no_program_looks(parts: Parts) -> None:
    put(parts, _SHEET, b"<sheetData>", b"<extLst><sheetData>")
    put(parts, _SHEET, b"</sheetData>", b"</sheetData></extLst>")


def name_two_workbooks(parts: Parts) -> None:
    parts["xl/palsu.xml"] = parts[_BOOK].replace(b'name="Rekap"', b'name="Palsu"')
    parts["xl/_rels/palsu.xml.rels"] = parts[_RELS]
    found = re.search(rb'<Relationship [^>]*"xl/workbook.xml"[^>]*/>', parts["_rels/.rels"])
    assert found is not None
    other = re.sub(rb'Id="[^"]*"', b'Id="rId99"', found[0]).replace(b"workbook.xml", b"palsu.xml")
    put(parts, "_rels/.rels", found[0], found[0] + other)


def point_twice_with_one_id(parts: Parts) -> None:
    found = re.search(rb'<Relationship [^>]*Id="rId2"[^>]*/>', parts[_RELS])
    assert found is not None
    put(parts, _RELS, found[0], found[0].replace(b"sheet2", b"sheet1") + found[0])


def list_a_sheet_where_no_program_looks(parts: Parts) -> None:
    found = re.search(rb'<sheet [^>]*name="Rekap"[^>]*/>', parts[_BOOK])
    assert found is not None
    put(parts, _BOOK, found[0], b"")
    put(parts, _BOOK, b"</workbook>", b"<extLst><ext>" + found[0] + b"</ext></extLst></workbook>")


def give_two_sheets_one_name(parts: Parts) -> None:
    found = re.search(rb'<sheet [^>]*name="Rekap"[^>]*/>', parts[_BOOK])
    assert found is not None
    put(parts, _BOOK, found[0], found[0].replace(b"rId2", b"rId1") + found[0])


def open_another_workbook_first(parts: Parts) -> None:
    parts["xl/palsu.xml"] = parts[_BOOK].replace(b'name="Rekap"', b'name="Palsu"')
    parts["xl/_rels/palsu.xml.rels"] = parts[_RELS]
    put(parts, "_rels/.rels", b"xl/workbook.xml", b"xl/palsu.xml")


def leave_a_sheet_without_a_name(parts: Parts) -> None:
    put(parts, _BOOK, b'name="Rekap"', b'name=""')


def have_a_part_twice(parts: Parts) -> None:
    parts["XL/worksheets/sheet2.xml"] = parts[_SHEET]


def count_days_from_1904(parts: Parts) -> None:
    parts[_BOOK] = re.sub(rb"<workbookPr[^>]*/>", b'<workbookPr date1904="1"/>', parts[_BOOK])
    assert b"1904" in parts[_BOOK]


def show_truth_for_one(parts: Parts) -> None:
    put(parts, _SHEET, b'<c r="B2" t="n">', b'<c r="B2" t="b">')


def show_truth_for_the_text_of_one(parts: Parts) -> None:
    sheet = "xl/worksheets/sheet1.xml"
    found = re.search(rb'<c r="A11"[^>]*>.*?</c>', parts[sheet])
    assert found is not None
    put(parts, sheet, found[0], b'<c r="A11" t="b"><v>1</v></c>')


def point_beyond_the_last_shared_text(parts: Parts) -> None:
    kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    relation = b'<Relationship Id="rId77" Type="' + kind + b'" Target="teks.xml"/>'
    put(parts, _RELS, b"</Relationships>", relation + b"</Relationships>")
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts["xl/teks.xml"] = b'<sst xmlns="' + space + b'"><si><t>palsu</t></si><si><t>k6</t></si></sst>'
    put(parts, _SHEET, _K6, b'<c r="A7" t="s"><v>2</v></c>')


def number_a_row_in_other_digits(parts: Parts) -> None:
    put(parts, _SHEET, b'<row r="7"', '<row r="٧"'.encode())
    parts[_SHEET] = re.sub(rb' r="[A-Z]+7"', b"", parts[_SHEET])


def write_beside_the_seal(parts: Parts) -> None:
    sheet = "xl/worksheets/posmigran-proof.xml"
    put(parts, sheet, b'</row><row r="5">', b'<c r="E4"><v>1</v></c></row><row r="5">')


def hold_no_number_where_one_belongs(parts: Parts) -> None:
    put(parts, _SHEET, b'<row r="7"', b'<row r="tujuh"')


@pytest.mark.parametrize(
    ("trick", "first"),
    [
        (hide_digits_behind_a_comment, "cell"),
        (show_one_text_and_seal_another, "unreadable"),
        (keep_the_sealed_value_in_a_foreign_element, "unreadable"),
        (call_a_cell_by_its_neighbours_name, "unreadable"),
        (call_a_cell_by_another_rows_name, "unreadable"),
        (number_two_rows_the_other_way_round, "unreadable"),
        (put_the_last_row_where_no_program_looks, "unreadable"),
        (let_programs_choose_a_row, "unreadable"),
        (let_programs_choose_a_cell, "unreadable"),
        (put_two_values_into_a_cell, "unreadable"),
        (keep_what_is_shown_in_a_rich_value, "unreadable"),
        (put_an_element_into_a_value, "unreadable"),
        (put_strange_elements_beside_a_text, "unreadable"),
        (declare_a_document_type, "unreadable"),
        (put_all_rows_where_no_program_looks, "unreadable"),
        (name_two_workbooks, "unreadable"),
        (point_twice_with_one_id, "unreadable"),
        (list_a_sheet_where_no_program_looks, "unreadable"),
        (give_two_sheets_one_name, "unreadable"),
        (open_another_workbook_first, "sheet_renamed"),
        (leave_a_sheet_without_a_name, "sheet_renamed"),
        (have_a_part_twice, "unreadable"),
        (count_days_from_1904, "calendar"),
        (show_truth_for_one, "cell"),
        (show_truth_for_the_text_of_one, "cell"),
        (point_beyond_the_last_shared_text, "unreadable"),
        (number_a_row_in_other_digits, "unreadable"),
        (write_beside_the_seal, "proof"),
        (hold_no_number_where_one_belongs, "unreadable"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_programs_would_read_in_another_way_is_no_whole_workbook(
    sealed: Path, trick: Callable[[Parts], None], first: str
) -> None:
    """Values are changed in the package itself, so that what is shown is not what was sealed."""
    with zipfile.ZipFile(sealed) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    trick(parts)
    with zipfile.ZipFile(sealed, "w") as package:
        for name, content in parts.items():
            package.writestr(name, content)
    verdict = verify(sealed, KEY)
    assert not verdict.ok
    assert verdict.differences[0].kind == first


def test_nobody_without_the_key_can_seal(sealed: Path) -> None:
    assert verify(sealed, b"z" * 32).differences == (Difference("other_key"),)


def test_a_file_that_was_cut_off_is_told_from_a_whole_one(sealed: Path) -> None:
    sealed.write_bytes(sealed.read_bytes()[:-300])
    assert verify(sealed, KEY).differences[0].kind == "unreadable"


def test_a_password_hides_everything_and_the_right_one_opens_it(sealed: Path) -> None:
    encrypt(sealed, "Rahasia Contoh 12")
    assert b"Malang" not in sealed.read_bytes()
    with opened(sealed, "Rahasia Contoh 12") as book:
        assert verify(book, KEY).ok
    for password, problem in (("salah sekali", Problems.PASSWORD_WRONG), (None, Problems.PASSWORD_NEEDED)):
        with pytest.raises(Problem) as raised, opened(sealed, password):
            raise AssertionError("opened without the password")
        assert raised.value.problem is problem
    locked = sealed.read_bytes()
    for broken in (locked[:600], locked.replace(b"<encryption", b"<<ncryption"), locked[:8] + b"x" * 900):
        sealed.write_bytes(broken)
        with pytest.raises(Problem) as raised, opened(sealed, "Rahasia Contoh 12"):
            raise AssertionError("opened a broken file")
        assert raised.value.problem is Problems.PASSWORD_WRONG
