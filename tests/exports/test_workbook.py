"""What a workbook holds: rows, columns, types, versions, links between sheets; the same as CSV."""

from __future__ import annotations

import csv
import io
import random
import re
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from python_calamine import CalamineWorkbook

from exports.access import Access
from exports.verifying import verify
from forms.problems import Problem
from server.store import published, submissions
from server.store.database import Store
from tests.exports.exporting import export_form
from tests.exports.filled import NOON, invented, keep, made_up_form, publish_library_form
from tests.exports.reading import column, header, rows

OPERATOR = Access.operator()


def test_a_library_form_has_a_row_for_each_submission_and_one_for_each_fee(
    store: Store, tmp_path: Path
) -> None:
    form = publish_library_form("berangkat")
    chance = random.Random(1)
    people = [invented(form, chance) for _ in range(12)]
    for number, answers in enumerate(people):
        keep(store, form, answers, f"uuid:{number}", indicators=("D01", "D10"))
    file = tmp_path / "berangkat.xlsx"
    result = export_form("berangkat", file, store, reader=OPERATOR)

    book = CalamineWorkbook.from_path(file)
    assert book.sheet_names == ["berangkat", "Rincian biaya", "Kamus", "Perubahan", "Keterangan"]
    main, fees = rows(file), rows(file, "Rincian biaya")
    assert len(main) == result.rows == len(submissions.listing("berangkat")) == 12
    assert len(fees) == result.tables["fees"] == sum(len(a["costg"]["fees"]) for a in people)
    parents = {row["Kode kiriman"] for row in main}
    assert {row["Kode induk"] for row in fees} <= parents
    assert len({row["Kode baris"] for row in fees}) == len(fees)
    assert fees[0]["Jenis biaya"] == "Uang sponsor/calo"
    assert main[0]["Negara tujuan"] == "Malaysia"
    assert main[0]["Desa/kelurahan"] == main[0]["Nama desa"] == "Tulungrejo"
    assert (main[0]["Kecamatan"], main[0]["Kab/Kota"]) == ("Donomulyo", "Kabupaten Malang")
    assert (main[0]["Indikator"], main[0]["Tingkat"]) == ("D01, D10", "kritis")
    marks = {title: value for title, value in main[0].items() if title[:1] == "D" and title[1:3].isdigit()}
    assert len(marks) == 25
    assert sum(marks.values()) == 2


def test_cells_have_the_types_that_excel_can_calculate_with(store: Store, tmp_path: Path) -> None:
    form = made_up_form(
        {
            "nik": "string", "phone": "string", "children": "int", "wage": "decimal", "born": "date",
            "began": "dateTime", "wakes": "time", "choice": "select1: a b", "choices": "select: a b c",
            "total": "calculate: 1 + 1", "code": "calculate: '007'", "many": "int", "odd": "date",
        },
    )  # fmt: skip
    published.publish(form, b"", {}, NOON)
    answers = {
        "nik": "3507014501980001", "phone": "+6281200000001", "children": 2, "wage": 1500.5,
        "born": "1998-01-05", "began": "2026-11-20T23:30:00.000+07:00", "wakes": "05:30:00.000+07:00",
        "choice": "b", "choices": ["a", "c"], "total": "1500000", "code": "007", "many": 10**17,
        "odd": "kapan-kapan",
    }  # fmt: skip
    keep(store, form, answers, "uuid:1", village="53.01.06.2001")
    file = tmp_path / "uji.xlsx"
    export_form("uji", file, store, reader=OPERATOR)

    def cell(title: str) -> Any:
        return column(file, title)[0]

    assert (cell("Label nik").value, cell("Label nik").data_type) == ("3507014501980001", "s")
    assert (cell("Label phone").value, cell("Label phone").data_type) == ("+6281200000001", "s")
    assert (cell("Label children").value, cell("Label children").data_type) == (2, "n")
    assert cell("Label wage").value == 1500.5
    assert cell("Label born").value.isoformat() == "1998-01-05T00:00:00"
    assert cell("Label born").number_format == "dd-mm-yyyy"
    assert cell("Label began").value.isoformat() == "2026-11-21T00:30:00", (
        "in WITA, an hour later than in WIB"
    )
    assert cell("Diterima").value.isoformat() == "2026-11-20T13:00:00"
    assert cell("Zona waktu").value == "WITA"
    assert cell("Label wakes").value == time(5, 30)
    assert cell("Label choice").value == "Pilihan b"
    assert cell("Label choices").value == "Pilihan a; Pilihan c"
    assert (cell("Total").value, cell("Code").value) == (1_500_000, "007")
    assert cell("Label many").value == "1" + "0" * 17, "a number would lose its last digits"
    assert cell("Label odd").value == "kapan-kapan", "what is no date stays what was sent"
    row = rows(file)[0]
    assert row["Label born"] == date(1998, 1, 5)
    assert row["Kode desa"] == "53.01.06.2001"


def test_three_versions_share_one_table(store: Store, tmp_path: Path) -> None:
    first = made_up_form({"name": "string", "shoe": "select1: s m"}, version="1")
    second = made_up_form({"age": "string", "name": "string", "shoe": "select1: s m l"}, version="2")
    third = made_up_form({"name": "string", "city": "string", "age": "int"}, version="3")
    for number, form in enumerate((first, second, third)):
        published.publish(form, b"", {}, NOON + timedelta(days=number))
    keep(store, first, {"name": "Wening", "shoe": "s"}, "uuid:1")
    keep(store, second, {"name": "Bagus", "age": "dua puluh", "shoe": "l"}, "uuid:2")
    keep(store, third, {"name": "Markus", "age": 30, "city": "Kupang"}, "uuid:3")
    file = tmp_path / "uji.xlsx"
    export_form("uji", file, store, reader=OPERATOR)

    titles = [title for title in header(file) if title.startswith("Label ")]
    assert titles == ["Label name", "Label shoe", "Label age", "Label city"]
    read = [[row[t] for t in ("Versi formulir", *titles)] for row in rows(file)]
    assert read == [
        ["1", "Wening", "Pilihan s", "", ""],
        ["2", "Bagus", "Pilihan l", "dua puluh", ""],
        ["3", "Markus", "", 30.0, "Kupang"],
    ]
    shoe = next(row for row in rows(file, "Kamus") if row["Nama pertanyaan"] == "shoe")
    assert shoe["Catatan"] == "tidak ditanyakan lagi sejak versi 3"
    assert shoe["Pilihan"] == "s = Pilihan s; m = Pilihan m; l = Pilihan l"


def test_two_questions_with_one_label_keep_headers_of_their_own(store: Store, tmp_path: Path) -> None:
    form = made_up_form({"a": "string", "b": "string"})
    same = form.xform.replace("Label b", "Label a")
    published.publish(type(form).load(same, form.definition()), b"", {}, NOON)
    keep(store, form, {"a": "satu", "b": "dua"}, "uuid:1")
    file = tmp_path / "uji.xlsx"
    export_form("uji", file, store, reader=OPERATOR)
    assert rows(file)[0]["Label a"] == "satu"
    assert rows(file)[0]["Label a [b]"] == "dua"


def test_a_choice_that_left_the_list_keeps_its_label(store: Store, tmp_path: Path) -> None:
    form = publish_library_form("berangkat")
    keep(store, form, {"recg": {"p3mi": "p002"}, "jobg": {"country": "XX"}}, "uuid:1")
    published.put_list(
        "p3mi.csv", b"name,label,status,berlaku_sd\np001,PT Contoh Aktif,active,2027-12-31\n", NOON
    )
    file = tmp_path / "berangkat.xlsx"
    export_form("berangkat", file, store, reader=OPERATOR)
    assert rows(file)[0]["Nama P3MI"] == "PT Contoh Habis"
    assert rows(file)[0]["Negara tujuan"] == "XX", "a code without label is shown as it is"


def test_english_and_codes_can_be_asked_for(store: Store, tmp_path: Path) -> None:
    form = publish_library_form("berangkat")
    keep(store, form, {"idg": {"sex": "f"}, "jobg": {"country": "SG"}}, "uuid:1")
    file = tmp_path / "berangkat.xlsx"
    export_form("berangkat", file, store, reader=OPERATOR, lang="en")
    assert (rows(file)[0]["Sex"], rows(file)[0]["Destination country"]) == ("Female", "Singapore")
    export_form("berangkat", file, store, reader=OPERATOR, choices="code")
    assert (rows(file)[0]["Jenis kelamin"], rows(file)[0]["Negara tujuan"]) == ("f", "SG")


def test_only_the_newest_edit_within_area_and_period_is_a_row(store: Store, tmp_path: Path) -> None:
    form = made_up_form({"name": "string"})
    published.publish(form, b"", {}, NOON)
    keep(store, form, {"name": "lama"}, "uuid:1")
    keep(store, form, {"name": "baru"}, "uuid:2", deprecated_id="uuid:1", expected_files=("foto.jpg",))
    keep(store, form, {"name": "lain"}, "uuid:3", village="35.08.10.2001")
    keep(store, form, {"name": "nanti"}, "uuid:4", received_at=NOON + timedelta(days=1))
    file = tmp_path / "uji.xlsx"
    end = datetime(2026, 11, 21, tzinfo=UTC)
    assert export_form("uji", file, store, area="35.07", start=NOON, end=end, reader=OPERATOR).rows == 1
    assert [r["Label name"] for r in rows(file)] == ["baru"]
    assert rows(file)[0]["Keadaan"] == "lampiran kurang (0 dari 1), disunting"


def test_answers_that_the_form_does_not_know_are_not_lost(store: Store, tmp_path: Path) -> None:
    form = made_up_form({"name": "string"})
    published.publish(form, b"", {}, NOON)
    keep(store, form, {"name": "Wening", "_unknown": {"lama": ["x"]}}, "uuid:1")
    file = tmp_path / "uji.xlsx"
    export_form("uji", file, store, reader=OPERATOR)
    assert rows(file)[0]["Jawaban di luar formulir"] == '{"/": {"lama": ["x"]}}'


def test_sheets_are_frozen_filtered_and_set_up_for_paper(store: Store, tmp_path: Path) -> None:
    form = made_up_form({"name": "string"})
    published.publish(form, b"", {}, NOON)
    keep(store, form, {"name": "Wening"}, "uuid:1")
    file = tmp_path / "uji.xlsx"
    export_form("uji", file, store, reader=OPERATOR)
    sheet = openpyxl.load_workbook(file).worksheets[0]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == sheet.dimensions
    assert sheet.print_title_rows == "$1:$1"
    assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
    assert sheet["A1"].font.bold


def test_csv_and_zip_hold_the_same_tables(store: Store, tmp_path: Path) -> None:
    form = publish_library_form("berangkat")
    for number in range(3):
        keep(store, form, invented(form, random.Random(number)), f"uuid:{number}")
    book, single, packed = (tmp_path / f"berangkat.{suffix}" for suffix in ("xlsx", "csv", "zip"))
    for target in (book, single):
        export_form("berangkat", target, store, reader=OPERATOR)
    export_form("berangkat", packed, store, reader=OPERATOR, headers="label")
    raw = single.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert lines[0] == header(book)
    assert len(lines) == 4
    with zipfile.ZipFile(packed) as files:
        assert files.namelist() == [
            "berangkat.csv",
            "fees.csv",
            "posmigran/kamus.csv",
            "posmigran/perubahan.csv",
            "posmigran/keterangan.csv",
        ]
        assert files.read("berangkat.csv") == raw
        fees = files.read("fees.csv").decode("utf-8-sig").splitlines()
        assert len(fees) == 1 + len(rows(book, "Rincian biaya"))
    export_form("berangkat", single, store, reader=OPERATOR, bom=False)
    assert single.read_bytes() == raw[3:]


def test_an_export_that_fails_leaves_the_former_file_and_nothing_else(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(aside))
    form = made_up_form({"name": "string"})
    published.publish(form, b"", {}, NOON)
    keep(store, form, {"name": "Wening"}, "uuid:1")
    for suffix in ("xlsx", "csv", "zip"):
        target = tmp_path / f"uji.{suffix}"
        target.write_bytes(b"former")
        store.db.execute_sql("update submission set sealed = xml")  # sealed with another key, so to say
        with pytest.raises(ValueError, match=r".*"):
            export_form("uji", target, store, reader=OPERATOR)
        assert target.read_bytes() == b"former"
        assert [f.name for f in tmp_path.iterdir() if f.name.endswith(".part")] == []
        assert list(aside.iterdir()) == []


def test_a_finished_file_is_for_its_owner_only(store: Store, tmp_path: Path) -> None:
    published.publish(made_up_form({"name": "string"}), b"", {}, NOON)
    file = tmp_path / "uji.xlsx"
    assert export_form("uji", file, store, reader=OPERATOR).rows == 0
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("form_id", "name", "area", "code"),
    [
        ("nirwana", "a.xlsx", "ID", "form.unpublished"),
        ("uji", "a.pdf", "ID", "export.suffix"),
        ("uji", "a.xlsx", "99", "area.unknown"),
    ],
)
def test_what_cannot_be_exported_is_said(
    store: Store, tmp_path: Path, form_id: str, name: str, area: str, code: str
) -> None:
    published.publish(made_up_form({"name": "string"}), b"", {}, NOON)
    with pytest.raises(Problem) as said:
        export_form(form_id, tmp_path / name, store, area=area, reader=OPERATOR)
    assert said.value.kind.code == code
    assert list(tmp_path.glob("a.*")) == []


def test_no_number_has_more_digits_than_programs_keep_when_they_save_a_file_anew(
    store: Store, tmp_path: Path
) -> None:
    """LibreOffice rounds the decimals that it reads; of moments in full every thirtieth became another one."""
    form = made_up_form({"wage": "decimal"})
    published.publish(form, b"", {}, NOON)
    for number in range(60):
        moment = NOON + timedelta(seconds=7919 * number)
        keep(store, form, {"wage": number / 7}, f"uuid:{number}", received_at=moment)
    file = tmp_path / "uji.xlsx"
    export_form("uji", file, store, reader=OPERATOR)
    with zipfile.ZipFile(file) as packed:
        numbers = re.findall(rb"<v>([^<]+)</v>", packed.read("xl/worksheets/sheet1.xml"))
    assert max(len(n.replace(b".", b"").lstrip(b"0")) for n in numbers) == 15
    assert verify(file, store.keys.proof).ok
