"""A province's own workbook: what has a name is filled, everything else stays byte for byte."""

from __future__ import annotations

import csv
import io
import subprocess
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from openpyxl.worksheet.table import Table

from exports.report.sheets import Block, Column, Sheet
from exports.report.template import fill_template
from exports.values import Cell
from forms.problems import Problem, Problems

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082"
)
FACTS: dict[str, Cell] = {
    "pmi_wilayah": "Provinsi Contoh",
    "pmi_bulan": date(2026, 11, 1),
    "pmi_berangkat_jml": 7,
}
ROWS: list[list[Cell]] = [
    ["Kab. Satu", 3, date(2026, 11, 5)],
    ['=HYPERLINK("http://contoh.example")', 4, date(2026, 11, 6)],
    ["Kab. Tiga", 0, None],
]


def sheets(rows: list[list[Cell]]) -> list[Sheet]:
    columns = [
        Column("unit", "Kab/Kota", "text"),
        Column("all", "Jml", group="Berangkat"),
        Column("day", "Tgl", "date"),
    ]
    beside = Block("pmi_rekap_negara", "", [Column("area", "Wilayah", "text")], [])
    return [Sheet("x", "x", [Block("pmi_rekap_bulanan", "", columns, iter(rows)), beside])]


def own_workbook(file: Path) -> None:
    """A letterhead with a logo, a named cell, a table with a formula column of its own, a chart, a sum above."""
    with xlsxwriter.Workbook(file) as book:
        page = book.add_worksheet("Surat Dinas")
        day = book.add_format({"num_format": "dd-mm-yyyy", "bg_color": "#FFFFCC"})
        page.insert_image("H1", "logo.png", {"image_data": io.BytesIO(PNG)})
        page.write("A1", "PEMERINTAH PROVINSI CONTOH")
        page.write_blank("B2", None, book.add_format({"bold": True}))
        page.write_blank("C2", None, day)
        book.define_name("PMI_Wilayah", "='Surat Dinas'!$B$2")
        book.define_name("pmi_bulan", "='Surat Dinas'!$C$2")
        book.define_name("lain", "='Surat Dinas'!$A$1")
        page.write_formula("B3", "=SUM(pmi_rekap_bulanan[Berangkat Jml])", None, 99)
        page.add_table(
            "A5:E6",
            {
                "name": "pmi_rekap_bulanan",
                "columns": [
                    {"header": "Kab/Kota"},
                    {"header": "Berangkat Jml"},
                    {"header": "Catatan kami"},
                    {"header": "Dua kali", "formula": "=pmi_rekap_bulanan[[#This Row],[Berangkat Jml]]*2"},
                    {"header": "Tgl", "format": day},
                ],
            },
        )
        page.write_blank("E6", None, day)
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": "='Surat Dinas'!$B$6:$B$9"})
        page.insert_chart("H8", chart)
        other = book.add_worksheet("Lain")
        other.write("A1", "tetap")


def parts(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def test_named_cells_and_a_table_are_filled_and_every_other_part_stays_byte_for_byte(tmp_path: Path) -> None:
    own, target = tmp_path / "own.xlsx", tmp_path / "filled.xlsx"
    own_workbook(own)
    filled = fill_template(own, target, FACTS, sheets(ROWS))
    assert filled.rows == {"pmi_rekap_bulanan": 3}
    assert filled.untouched == ["Surat Dinas!C5 Catatan kami"]
    before, after = parts(own), parts(target)
    assert list(before) == sorted(after, key=list(before).index)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/tables/table1.xml"}
    page = openpyxl.load_workbook(target)["Surat Dinas"]
    assert page["B2"].value == "Provinsi Contoh"
    assert page["B2"].font.bold
    assert page["C2"].value.date() == date(2026, 11, 1)
    assert page["B3"].value == "=SUM(pmi_rekap_bulanan[Berangkat Jml])"
    assert page["A1"].value == "PEMERINTAH PROVINSI CONTOH"
    assert [[page.cell(r, c).value for c in (1, 2)] for r in (6, 7, 8)] == [[row[0], row[1]] for row in ROWS]
    assert page["A7"].data_type in ("s", "inlineStr")  # no formula, whatever it begins with
    assert page["E7"].value.date() == date(2026, 11, 6)
    assert page["E7"].number_format == "dd-mm-yyyy"
    assert page["D8"].value.startswith("=")
    assert page.tables["pmi_rekap_bulanan"].ref == "A5:E8"


def test_formulas_are_computed_anew_when_the_file_is_opened(tmp_path: Path) -> None:
    """By Excel because the file says so, by LibreOffice because no old result is left in it."""
    own, target = tmp_path / "own.xlsx", tmp_path / "filled.xlsx"
    own_workbook(own)
    fill_template(own, target, FACTS, sheets(ROWS))
    assert b'fullCalcOnLoad="1"' in parts(target)["xl/workbook.xml"]
    command = [
        "soffice",
        f"-env:UserInstallation=file://{tmp_path}/office",
        "--headless",
        "--convert-to",
        "csv",
    ]
    subprocess.run([*command, "--outdir", str(tmp_path), str(target)], check=True, capture_output=True)
    lines = list(csv.reader((tmp_path / "filled.csv").read_text("utf-8").splitlines()))
    assert lines[2][1] == "7"
    assert [line[3] for line in lines[5:8]] == ["6", "8", "0"]


def test_a_named_range_with_headers_grows_with_its_rows(tmp_path: Path) -> None:
    own, target = tmp_path / "own.xlsx", tmp_path / "filled.xlsx"
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "Rekap"
    page.append(["", "Kab/Kota", "berangkat  jml"])
    page.append(["", "lama", 1])
    page["C2"].number_format = "#,##0"
    page["E2"] = "=C2+1"
    book.defined_names["pmi_rekap_bulanan"] = openpyxl.workbook.defined_name.DefinedName(
        "pmi_rekap_bulanan", attr_text="Rekap!$B$1:$C$2"
    )
    book.save(own)
    fill_template(own, target, FACTS, sheets(ROWS))
    read = openpyxl.load_workbook(target)
    assert [[c.value for c in row[1:3]] for row in read["Rekap"]["A1:C4"]][1:] == [[r[0], r[1]] for r in ROWS]
    assert read["Rekap"]["C4"].number_format == "#,##0"
    assert read["Rekap"]["E2"].value == "=C2+1"
    assert read.defined_names["pmi_rekap_bulanan"].attr_text == "'Rekap'!$B$1:$C$4"


def test_a_month_with_no_rows_leaves_no_old_value_behind(tmp_path: Path) -> None:
    own, target = tmp_path / "own.xlsx", tmp_path / "filled.xlsx"
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.append(["Kab/Kota", "Berangkat Jml"])
    page.append(["lama", 1])
    page.append(["lama", 2])
    page.add_table(Table(displayName="pmi_rekap_bulanan", ref="A1:B3"))
    book.save(own)
    fill_template(own, target, FACTS, sheets([]))
    read = openpyxl.load_workbook(target).worksheets[0]
    assert [[c.value for c in row] for row in read["A2:B3"]] == [[None, None], [None, None]]
    assert read.tables["pmi_rekap_bulanan"].ref == "A1:B2"


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PACKAGED = "http://schemas.openxmlformats.org/package/2006/relationships"


def add_pivot(file: Path) -> None:
    """A pivot table on the sheet ``Lain`` over the province's own table, with its cache, as Excel packs them."""

    def relations(*kinds: tuple[str, str]) -> str:
        lines = "".join(
            f'<Relationship Id="rId{number}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
            for number, (kind, target) in enumerate(kinds, start=1)
        )
        return f'<Relationships xmlns="{_PACKAGED}">{lines}</Relationships>'

    names = ("Kab/Kota", "Berangkat Jml", "Catatan kami", "Dua kali", "Tgl")
    fields = "".join(f'<cacheField name="{name}" numFmtId="0"><sharedItems/></cacheField>' for name in names)
    added = {
        "xl/pivotCache/pivotCacheDefinition1.xml": f'<pivotCacheDefinition xmlns="{_MAIN}" xmlns:r="{_RELATIONS}" '
        'r:id="rId1" refreshOnLoad="1" refreshedBy="Bagian Data" recordCount="0"><cacheSource type="worksheet">'
        f'<worksheetSource name="pmi_rekap_bulanan"/></cacheSource><cacheFields count="5">{fields}</cacheFields>'
        "</pivotCacheDefinition>",
        "xl/pivotCache/pivotCacheRecords1.xml": f'<pivotCacheRecords xmlns="{_MAIN}" count="0"/>',
        "xl/pivotCache/_rels/pivotCacheDefinition1.xml.rels": relations(
            ("pivotCacheRecords", "pivotCacheRecords1.xml")
        ),
        "xl/pivotTables/pivotTable1.xml": f'<pivotTableDefinition xmlns="{_MAIN}" name="Pivot kami" cacheId="7" '
        'dataCaption="Nilai"><location ref="A3:B5" firstHeaderRow="1" firstDataRow="1" firstDataCol="1"/>'
        '<pivotFields count="5"><pivotField axis="axisRow" showAll="0"><items count="1"><item t="default"/></items>'
        '</pivotField><pivotField dataField="1" showAll="0"/><pivotField showAll="0"/><pivotField showAll="0"/>'
        '<pivotField showAll="0"/></pivotFields><rowFields count="1"><field x="0"/></rowFields>'
        '<rowItems count="1"><i t="grand"><x/></i></rowItems><colItems count="1"><i/></colItems>'
        '<dataFields count="1"><dataField name="Jumlah" fld="1" baseField="0" baseItem="0"/></dataFields>'
        "</pivotTableDefinition>",
        "xl/pivotTables/_rels/pivotTable1.xml.rels": relations(
            ("pivotCacheDefinition", "../pivotCache/pivotCacheDefinition1.xml")
        ),
        "xl/worksheets/_rels/sheet2.xml.rels": relations(("pivotTable", "../pivotTables/pivotTable1.xml")),
    }
    known = parts(file)
    types = "".join(
        f'<Override PartName="/xl/{part}" ContentType="{_TYPES}.{kind}+xml"/>'
        for part, kind in (
            ("pivotCache/pivotCacheDefinition1.xml", "pivotCacheDefinition"),
            ("pivotCache/pivotCacheRecords1.xml", "pivotCacheRecords"),
            ("pivotTables/pivotTable1.xml", "pivotTable"),
        )
    )
    cache = (
        f'<Relationship Id="rId77" Type="{_RELATIONS}/pivotCacheDefinition" '
        'Target="pivotCache/pivotCacheDefinition1.xml"/>'
    )
    for name, end, more in (
        ("[Content_Types].xml", b"</Types>", types),
        ("xl/_rels/workbook.xml.rels", b"</Relationships>", cache),
        (
            "xl/workbook.xml",
            b"</workbook>",
            '<pivotCaches><pivotCache cacheId="7" r:id="rId77"/></pivotCaches>',
        ),
    ):
        known[name] = known[name].replace(end, more.encode() + end)
    with zipfile.ZipFile(file, "w") as packed:
        for name, content in {**known, **{name: text.encode() for name, text in added.items()}}.items():
            packed.writestr(name, content)


def test_a_pivot_table_and_its_cache_stay_byte_for_byte(tmp_path: Path) -> None:
    own, target = tmp_path / "own.xlsx", tmp_path / "filled.xlsx"
    own_workbook(own)
    add_pivot(own)
    fill_template(own, target, FACTS, sheets(ROWS))
    before, after = parts(own), parts(target)
    assert {name for name in before if before[name] != after.get(name)} == {
        "xl/workbook.xml",
        "xl/worksheets/sheet1.xml",
        "xl/tables/table1.xml",
    }
    assert b'<pivotCache cacheId="7" r:id="rId77"/>' in after["xl/workbook.xml"]
    book = openpyxl.load_workbook(target)
    [pivot] = book["Lain"]._pivots  # type: ignore[attr-defined]
    assert pivot.cache.cacheSource.worksheetSource.name == "pmi_rekap_bulanan"
    assert book["Surat Dinas"].tables["pmi_rekap_bulanan"].ref == "A5:E8", (
        "which is what the pivot refreshes from"
    )


def with_totals(file: Path) -> None:
    """A table with a totals row, a sum and a signature below, a chart, and a sheet that points at all of it."""
    with xlsxwriter.Workbook(file) as book:
        page, other = book.add_worksheet("Rekap"), book.add_worksheet("Ringkas")
        page.add_table(
            "A3:C5",
            {
                "name": "pmi_rekap_bulanan",
                "total_row": True,
                "columns": [
                    {"header": "Kab/Kota", "total_string": "Jumlah"},
                    {"header": "Berangkat Jml", "total_function": "sum"},
                    {
                        "header": "Dua kali",
                        "formula": "=pmi_rekap_bulanan[[#This Row],[Berangkat Jml]]*2",
                        "total_function": "sum",
                    },
                ],
            },
        )
        for cell, column in (("B5", "Berangkat Jml"), ("C5", "Dua kali")):  # as Excel writes it
            page.write_formula(cell, f"=SUBTOTAL(109,pmi_rekap_bulanan[{column}])", None, 99)
        page.write_formula("B7", "=B5+SUM(B4:B4)", None, 99)
        page.merge_range("A9:B9", "Mengetahui, Kepala Dinas")
        page.conditional_format(
            "B4:B4", {"type": "cell", "criteria": ">", "value": 3, "format": book.add_format()}
        )
        page.data_validation("C9", {"validate": "list", "source": "=$A$4:$A$4"})
        page.print_area("A1:C12")
        page.write_comment("A9", "catatan")
        page.write("C12", "sampai")
        book.define_name("pmi_wilayah", "=Rekap!$B$11")
        page.write_blank("B11", None, book.add_format({"bold": True}))
        other.write_formula("A1", "=Rekap!B5", None, 99)
        other.write_formula("A2", "=SUM(Rekap!$B$4:$B$4)+LOG10(10)", None, 99)
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": "=Rekap!$B$4:$B$4"})
        page.insert_chart("E9", chart)


def test_a_totals_row_moves_down_with_what_stands_below_and_adds_up(tmp_path: Path) -> None:
    own, target = tmp_path / "own.xlsx", tmp_path / "filled.xlsx"
    with_totals(own)
    fill_template(own, target, FACTS, sheets(ROWS))
    book = openpyxl.load_workbook(target)
    page, other = book["Rekap"], book["Ringkas"]
    assert [page.cell(row, 1).value for row in (4, 5, 6, 7)] == [*(row[0] for row in ROWS), "Jumlah"]
    table = page.tables["pmi_rekap_bulanan"]
    assert (table.ref, table.totalsRowCount, table.autoFilter and table.autoFilter.ref) == (
        "A3:C7",
        1,
        "A3:C6",
    )
    assert page["B9"].value == "=B7+SUM(B4:B6)"
    assert (other["A1"].value, other["A2"].value) == ("=Rekap!B7", "=SUM(Rekap!$B$4:$B$6)+LOG10(10)")
    assert [str(merged) for merged in page.merged_cells.ranges] == ["A11:B11"]
    assert page["A11"].comment is not None
    assert [str(said.sqref) for said in page.conditional_formatting] == ["B4:B6"]
    [choice] = page.data_validations.dataValidation
    assert (str(choice.sqref), choice.formula1) == ("C11", "$A$4:$A$6")
    assert page.print_area == "'Rekap'!$A$1:$C$14"
    assert (page["B13"].value, page["B13"].font.bold) == ("Provinsi Contoh", True)
    [chart] = page._charts  # type: ignore[attr-defined]
    assert chart.series[0].val.numRef.f == "Rekap!$B$4:$B$6"
    assert chart.anchor._from.row == 10
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/office", "--headless", "--convert-to"]
    csv_of_all = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
    subprocess.run(
        [*command, csv_of_all, "--outdir", str(tmp_path), str(target)], check=True, capture_output=True
    )
    lines = list(csv.reader((tmp_path / "filled-Rekap.csv").read_text("utf-8").splitlines()))
    assert lines[6] == ["Jumlah", "7", "14"]
    assert lines[8][1] == "14"
    assert (tmp_path / "filled-Ringkas.csv").read_text("utf-8").split() == ["7", "8"]


def test_fewer_rows_than_the_template_has_leave_its_totals_where_they_are(tmp_path: Path) -> None:
    own, target = tmp_path / "own.xlsx", tmp_path / "filled.xlsx"
    with_totals(own)
    fill_template(own, target, FACTS, sheets([]))
    page = openpyxl.load_workbook(target)["Rekap"]
    assert page.tables["pmi_rekap_bulanan"].ref == "A3:C5"
    assert (page["A4"].value, page["A5"].value, page["B7"].value) == (None, "Jumlah", "=B5+SUM(B4:B4)")


def test_a_named_range_pushes_down_the_sum_and_the_signature_below_it(tmp_path: Path) -> None:
    own, target = tmp_path / "own.xlsx", tmp_path / "filled.xlsx"
    book = openpyxl.Workbook()
    with_cells({**HEADERS, "A3": "Jumlah", "B3": "=SUM(B2:B2)", "A5": "Mengetahui"}, RANGE)(book)
    book.save(own)
    fill_template(own, target, FACTS, sheets(ROWS))
    read = openpyxl.load_workbook(target)
    page = read.worksheets[0]
    assert [page.cell(row, 2).value for row in range(2, 6)] == [3, 4, 0, "=SUM(B2:B4)"]
    assert page["A7"].value == "Mengetahui"
    assert read.defined_names["pmi_rekap_bulanan"].attr_text == "'Sheet'!$A$1:$B$4"


Change = Callable[[openpyxl.Workbook], None]


def named(name: str, place: str) -> Change:
    def change(book: openpyxl.Workbook) -> None:
        book.defined_names[name] = openpyxl.workbook.defined_name.DefinedName(name, attr_text=place)

    return change


def with_cells(cells: dict[str, str], *changes: Change) -> Change:
    def change(book: openpyxl.Workbook) -> None:
        for place, value in cells.items():
            book.worksheets[0][place].value = value
        for further in changes:
            further(book)

    return change


RANGE = named("pmi_rekap_bulanan", "Sheet!$A$1:$B$2")
HEADERS: dict[str, str] = {"A1": "Kab/Kota", "B1": "Berangkat Jml"}


@pytest.mark.parametrize(
    ("change", "problem", "said"),
    [
        (with_cells({}), Problems.TEMPLATE_NOTHING, "own.xlsx"),
        (named("pmi_berangkt_jml", "Sheet!$A$1"), Problems.TEMPLATE_UNKNOWN, "pmi_berangkat_jml"),
        (named("pmi_wilayah", "#REF!"), Problems.TEMPLATE_NAME, "pmi_wilayah"),
        (with_cells({"A1": "Nama"}, RANGE), Problems.TEMPLATE_HEADER, "A1:B1"),
        (
            with_cells(
                {**HEADERS, "A4": "Mengetahui", "D1": "Wilayah"},
                RANGE,
                named("pmi_rekap_negara", "Sheet!$D$1:$D$5"),
            ),
            Problems.TEMPLATE_ROOM,
            "cell A3",
        ),
        (with_cells({**HEADERS, "B2": "=1+1"}, RANGE), Problems.TEMPLATE_FORMULA, "cell B2"),
        (with_cells({"A1": "=1"}, named("pmi_wilayah", "Sheet!$A$1")), Problems.TEMPLATE_FORMULA, "cell A1"),
        (named("pmi_bulan", "Sheet!$C$3"), Problems.TEMPLATE_DATE, "cell C3"),
        (
            with_cells(HEADERS, RANGE, named("PMI_rekap_bulanan", "Sheet!$A$1:$B$2")),
            Problems.TEMPLATE_TWICE,
            "pmi_rekap_bulanan",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Problems) else "",
)
def test_what_cannot_be_filled_is_said_with_its_place(
    change: Change, problem: Problems, said: str, tmp_path: Path
) -> None:
    own = tmp_path / "own.xlsx"
    book = openpyxl.Workbook()
    change(book)
    book.save(own)
    with pytest.raises(Problem) as refused:
        fill_template(own, tmp_path / "filled.xlsx", FACTS, sheets(ROWS))
    assert refused.value.problem is problem
    assert said in refused.value.text("en")


def test_macros_are_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.xlsx"
    own_workbook(own)
    with zipfile.ZipFile(own, "a") as packed:
        packed.writestr("xl/vbaProject.bin", b"macro")
    with pytest.raises(Problem) as refused:
        fill_template(own, tmp_path / "filled.xlsx", FACTS, sheets(ROWS))
    assert refused.value.problem is Problems.TEMPLATE_MACROS


@pytest.mark.parametrize("content", [b"no workbook", bytes.fromhex("d0cf11e0a1b11ae1") + b"locked"])
def test_what_is_no_workbook_is_refused(content: bytes, tmp_path: Path) -> None:
    own = tmp_path / "own.xlsx"
    own.write_bytes(content)
    with pytest.raises(Problem) as refused:
        fill_template(own, tmp_path / "filled.xlsx", FACTS, sheets(ROWS))
    assert refused.value.problem is Problems.TEMPLATE_UNREADABLE
