"""The monthly report: its counts against plain SQL, who sees what, what it looks like to other programs."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from exports.access import Access
from exports.report import write_report
from exports.report.build import build
from exports.verifying import verify
from forms.form import Form
from forms.problems import Problem, Problems
from forms.schema import Schema
from server.store.database import Store
from server.store.sealing import Keys
from tests.conftest import make_home, publish_library
from tests.exports.province import MONTH, PROVINCE, Province
from tests.exports.reading import everything, text_of
from tests.exports.report_sheets import BACK, OUT, RECAP, VILLAGE, Sheets, order

SQLITE = pytest.mark.parametrize("home", ["sqlite"], indirect=True)


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
    with store.transaction():
        province.comes_back(VILLAGE, date(2027, 3, 9), return_reason="abuse", indicators=[])
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


def test_recaps_by_country_sector_age_and_scheme_each_add_up_to_the_same_people(report: Sheets) -> None:
    people = report.table(RECAP, "Kab/Kota")[-1]
    for name, number in (("4 Rekap Negara", 0), ("5 Rekap Sektor", 0), ("5 Rekap Sektor", 1),
                         ("6 Rekap Skema dan P3MI", 0), ("7 Kelompok Umur", 0)):  # fmt: skip
        lines = report.table(name, "Kab/Kota", number)
        for line in lines:
            inner = {
                key: value for key, value in line.items() if key != "Kab/Kota" and not key.startswith("Semua")
            }
            for sex in ("L", "P"):
                assert sum(v for key, v in inner.items() if key.endswith(f" {sex}")) == line[f"Semua {sex}"]
        assert lines[-1]["Semua Jml"] == people["Berangkat Jml"]
        for column in ("Semua L", "Semua P"):
            assert sum(line[column] for line in lines[:-1]) == lines[-1][column]


def test_indicators_are_counted_as_in_the_registers(filled: Store, report: Sheets) -> None:
    counted: Counter[str] = Counter()
    for name in (OUT, BACK):
        for line in report.table(name, "No"):
            counted.update(line["Kode indikator"].split(", ") if line["Kode indikator"] else ())
    lines = report.table("8 Indikator Risiko", "Kode")
    assert {line["Kode"]: line["Jml"] for line in lines if line["Jml"]} == counted
    verified = sql(
        filled,
        "select count(*) from alert a join risk_case c on a.case_id = c.id join register r on r.submission_id = "
        "c.submission_id where a.result = 'verified' and not a.restricted and r.consent "
        "and r.event_date between '2026-11-01' and '2026-11-30'",
    )
    assert sum(line["Terverifikasi"] for line in lines) == verified[0][0] > 0


def test_cases_and_months_are_counted_by_the_areas_own_clock(filled: Store, report: Sheets) -> None:
    begins, ends = (int(datetime(2026, m, 1, tzinfo=UTC).timestamp() - 8 * 3600) * 10**6 for m in (11, 12))
    new = sql(
        filled,
        f"select count(distinct c.id) from risk_case c join alert a on a.case_id = c.id where not a.restricted "
        f"and c.opened_at >= {begins} and c.opened_at < {ends}",
    )
    assert report.table(RECAP, "Kab/Kota")[-1]["Kasus Baru"] == new[0][0] > 20
    trend = report.table("9 Tren 12 Bulan", "Bulan")
    assert len(trend) == 12
    assert trend[-1]["Bulan"] == "Nov 2026"
    assert trend[-1]["Berangkat"] == report.table(RECAP, "Kab/Kota")[-1]["Berangkat Jml"]
    before = sql(
        filled,
        "select count(*) from register where form_id = 'pulang' and consent and event_date like '2026-10-%'",
    )
    assert trend[-2]["Pulang"] == before[0][0]


def test_a_message_counts_once_and_villages_are_compared_with_the_register(
    filled: Store, report: Sheets
) -> None:
    total = report.table("10 Kinerja Alert", "Kab/Kota")[-1]
    failed = sql(filled, "select count(*) from message m where state = 'failed'")[0][0]
    assert 0 < total["Gagal"] <= failed
    assert total["Sampai"] <= total["Pesan terkirim"]
    lines = report.table("11 Laporan Desa", "Kode desa")
    assert len(lines) == 80
    registered = Counter(line["Kode desa"] for line in report.table(OUT, "No"))
    for line in lines:
        assert line["Berangkat Register"] == registered[line["Kode desa"]]
        if line["Laporan masuk"] == "ya":
            assert line["Berangkat Selisih"] == line["Berangkat Laporan"] - line["Berangkat Register"]


def test_three_programs_read_the_same_values(filled: Store, report: Sheets, tmp_path: Path) -> None:
    """LibreOffice saves it anew; python-calamine reads that, openpyxl reads ours."""
    subprocess.run(
        ["soffice", f"-env:UserInstallation=file://{tmp_path}/office", "--headless",
         "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(tmp_path), str(report.file)],
        check=True, capture_output=True,
    )  # fmt: skip
    office = Sheets(tmp_path / report.file.name)
    assert office.names == report.names
    assert verify(office.file, filled.keys.proof).ok
    ours = openpyxl.load_workbook(report.file)
    for name in (OUT, RECAP, "9 Tren 12 Bulan"):
        expected = [[cell for cell in row if cell not in ("", None)] for row in report.cells(name)]
        read = [[c for c in row if c not in ("", None)] for row in office.cells(name)]
        assert [row for row in read if row] == [row for row in expected if row]
        by_openpyxl = [
            [
                cell.value.date() if isinstance(cell.value, datetime) else cell.value
                for cell in row
                if cell.value is not None
            ]
            for row in ours[name].iter_rows()
        ]
        assert [row for row in by_openpyxl if row] == [row for row in expected if row]


def test_sheets_are_made_to_be_printed_filtered_and_scrolled(report: Sheets) -> None:
    book = openpyxl.load_workbook(report.file)
    assert book.sheetnames[0] == "Sampul"
    assert [name.split()[0] for name in book.sheetnames[1:12]] == [str(n) for n in range(1, 12)]
    assert book.sheetnames[12:] == ["Kamus Data", "Bukti Keaslian"]
    for page in book.worksheets[:-1]:
        assert (page.page_setup.orientation, page.page_setup.paperSize) == ("landscape", 9)
        assert page.oddFooter is not None
        assert "UU 27/2022" in str(page.oddFooter.left.text)
    for name in (OUT, BACK, RECAP, "10 Kinerja Alert", "11 Laporan Desa"):
        page = book[name]
        assert page.freeze_panes
        assert page.auto_filter.ref
    for name in (OUT, BACK):  # several pages across and down: each says what it is, and has the headers
        assert book[name].print_title_rows == "$4:$4"
        header = book[name].oddHeader
        assert header is not None
        assert str(header.left.text).startswith("Register Ke")
        assert book[name].print_area.startswith(f"'{name}'!$A$4:")
    assert book["Bukti Keaslian"].print_area.startswith("'Bukti Keaslian'!$A$1:$B$"), (
        "the seal is for programs"
    )
    for name in book.sheetnames[3:12]:
        text = [cell for row in report.cells(name) for cell in row if isinstance(cell, str)]
        assert "Mengetahui," in text
        assert any(part.startswith("NIP") for part in text)
    first = next(row for row in book[OUT].iter_rows() if row[0].value == 1)
    by_header = dict(zip([c.value for c in book[OUT][4]], first, strict=True))
    assert isinstance(by_header["Tgl berangkat"].value, datetime)
    assert by_header["Tgl berangkat"].number_format == "dd-mm-yyyy"
    assert by_header["Kode desa"].data_type in ("s", "inlineStr")
    assert "421" in by_header["Total biaya (Rp)"].number_format


def test_no_whole_nik_and_nothing_about_violence_is_in_an_ordinary_report(
    filled: Store, report: Sheets, library: dict[str, Form], tmp_path: Path
) -> None:
    asked = Schema.from_xform(library["pulang"].xform).named("violence")[0].labels["id"]
    text = everything(report.file)
    assert "R05" not in text
    assert asked not in text
    assert "******" in text
    for line in report.table(OUT, "No"):
        assert not str(line["NIK (tersamar)"]).replace("*", "").isdigit() or "*" in str(
            line["NIK (tersamar)"]
        )
    march = order(reader=Access.operator(), month=date(2027, 3, 1))
    register = next(s for s in build(march, filled).sheets if s.name == BACK).blocks[0]
    reason = [column.key for column in register.columns].index("return_reason")
    assert [row[reason] for row in register.rows] == ["Sebab lain yang merugikan PMI"]
    restricted = tmp_path / "terbatas.xlsx"
    write_report(order(restricted=True, reader=Access.operator()), restricted, filled)
    text = everything(restricted)
    assert "R05" in text
    assert "TERBATAS" in text
    assert asked in text


@pytest.mark.parametrize("role", ["province", "disnaker", "p4mi", "bp3mi", "dinsos", "admin"])
def test_only_who_may_see_violence_gets_a_restricted_report(role: str, filled: Store, tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        write_report(order(restricted=True, reader=Access(role, PROVINCE)), tmp_path / "x.xlsx", filled)
    assert refused.value.problem is Problems.FORBIDDEN


def test_who_may_not_see_names_or_money_gets_no_such_columns(filled: Store, tmp_path: Path) -> None:
    seen = {}
    for role in ("admin", "dinsos", "disnaker"):
        file = tmp_path / f"{role}.xlsx"
        write_report(order(reader=Access(role, PROVINCE)), file, filled)
        seen[role] = set(Sheets(file).table(OUT, "No")[0])
    assert not seen["admin"] & {"Nama", "NIK (tersamar)", "Tgl lahir", "Total biaya (Rp)"}
    assert "Nama" in seen["dinsos"]
    assert "Total biaya (Rp)" not in seen["dinsos"]
    assert {"Nama", "Total biaya (Rp)"} <= seen["disnaker"]


def test_who_did_not_agree_to_sharing_stays_nameless(report: Sheets, filled: Store) -> None:
    nameless = [line for line in report.table(OUT, "No") if not line["Nama"]]
    assert nameless
    assert all(not line["NIK (tersamar)"] and not line["Tgl lahir"] and line["L/P"] for line in nameless)


def test_an_area_that_is_not_ones_own_is_refused(filled: Store, tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        write_report(order(area="35"), tmp_path / "x.xlsx", filled)
    assert refused.value.problem is Problems.FORBIDDEN
    assert list(tmp_path.iterdir()) == []


def test_a_public_report_has_no_register_no_person_and_no_small_count(filled: Store, tmp_path: Path) -> None:
    file = tmp_path / "umum.xlsx"
    write_report(order(public=True), file, filled)
    public = Sheets(file)
    assert OUT not in public.names
    assert BACK not in public.names
    text = everything(file)
    for secret in ("R-53", "******", "Ningsih"):
        assert secret not in text
    book = openpyxl.load_workbook(file)
    for name in public.names[1:-2]:
        if name.startswith("11"):
            continue  # how often a village held a session counts no people
        counts = [c for row in book[name].iter_rows() for c in row if "#,##0_ ;" in c.number_format]
        assert counts
        assert [(name, c.coordinate) for c in counts if isinstance(c.value, int) and 0 < c.value < 5] == []


def test_a_month_without_anybody_is_a_whole_report_of_zeros(filled: Store, tmp_path: Path) -> None:
    file = tmp_path / "kosong.xlsx"
    result = write_report(order(month=date(2019, 1, 1)), file, filled)
    assert result.people == 0
    empty = Sheets(file)
    assert len(empty.names) == 14
    assert all(value == 0 for value in list(empty.table(RECAP, "Kab/Kota")[-1].values())[1:])
    assert "Tidak ada data pada bulan ini." in [row[0] for row in empty.cells(OUT)]
    assert verify(file, filled.keys.proof).ok


@pytest.mark.parametrize(
    ("area", "unit"), [("ID", "Provinsi"), ("53.01", "Kecamatan"), ("53.01.04", "Desa/Kelurahan")]
)
def test_recaps_are_parted_by_the_areas_one_level_below(
    area: str, unit: str, filled: Store, tmp_path: Path
) -> None:
    file = tmp_path / "laporan.xlsx"
    result = write_report(order(area=area, reader=Access("province", area)), file, filled)
    sheets = Sheets(file)
    lines = sheets.table(next(n for n in sheets.names if n.startswith("3 ")), unit)
    assert lines[-1]["Berangkat Jml"] + lines[-1]["Pulang Jml"] == result.people > 0
    assert sum(line["Berangkat Jml"] for line in lines[:-1]) == lines[-1]["Berangkat Jml"]


def test_no_cell_is_a_formula_and_any_text_comes_back_as_it_was(
    filled: Store, library: dict[str, Form], tmp_path: Path
) -> None:
    names = [
        '=cmd|"/c calc"!A1',
        "+62",
        "-1",
        "@x",
        "\t=1",
        "_x0041_",
        "Sri & <Ayu>\x01",
        "ナースリー 🙂",
        "0012",
    ]
    file = tmp_path / "laporan.xlsx"
    with filled.db.atomic() as undo:
        province = Province(filled, library, seed=3)
        for name in names:
            province.leaves(VILLAGE, date(2018, 3, 5), full_name=name, indicators=[])
        write_report(order(month=date(2018, 3, 1), reader=Access("ppa", PROVINCE)), file, filled)
        undo.rollback()
    page = openpyxl.load_workbook(file)[OUT]
    assert "<f>" not in everything(file)
    column = next(c.column for c in page[4] if c.value == "Nama")
    read = [page.cell(row, column) for row in range(5, 5 + len(names))]
    assert sorted(text_of(cell) for cell in read) == sorted(names)
    assert {cell.data_type for cell in read} <= {"s", "inlineStr"}


def test_a_village_that_no_list_knows_is_counted_under_its_code(
    filled: Store, library: dict[str, Form], tmp_path: Path
) -> None:
    file = tmp_path / "laporan.xlsx"
    stray = order(area="53.01.04", reader=Access("province", "53"))
    with filled.db.atomic() as undo:
        Province(filled, library, seed=2).leaves("53.01.04.2099", MONTH, indicators=["D01"])
        write_report(stray, file, filled)
        undo.rollback()
    lines = Sheets(file).table("3 Rekap Bulanan Desa-Kelurahan", "Desa/Kelurahan")
    assert next(line for line in lines if line["Desa/Kelurahan"] == "53.01.04.2099")["Berangkat Jml"] == 1


def test_the_names_for_templates_are_in_the_documents_and_no_others(filled: Store) -> None:
    made = build(order(), filled)
    names = {*made.facts, *(block.name for sheet in made.sheets for block in sheet.blocks if block.name)}
    text = (Path(__file__).parents[2] / "docs" / "report.md").read_text("utf-8")
    assert set(re.findall(r"`(pmi_[a-z0-9_]+)`", text)) == names
