"""The report's counts on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from exports.report import write_report
from exports.report.build import build
from forms.form import Form
from server.store.database import Store
from tests.exports.province import Province
from tests.exports.report_sheets import RECAP, VILLAGE, Sheets, order


def test_counts_are_the_same_on_either_engine_and_edits_and_trials_count_once(
    published: Store, library: dict[str, Form], tmp_path: Path
) -> None:
    province = Province(published, library)
    with published.transaction():
        province.leaves(VILLAGE, date(2026, 11, 30), sex="f", indicators=["D01"])
        province.leaves(VILLAGE, date(2026, 11, 1), sex="m", indicators=[])
        province.leaves(VILLAGE, date(2026, 12, 1), sex="m", indicators=[])
        province.leaves(VILLAGE, date(2026, 11, 3), consent="no", indicators=[])
        for number in range(11):
            sex = "m" if number < 7 else "f" if number < 10 else "dk"
            province.leaves(VILLAGE, date(2026, 10, 5), sex=sex, indicators=[])
        province.comes_back(VILLAGE, date(2026, 11, 9), sex="f", return_reason="deport", indicators=["R05"])
    province.answer_cases()
    file = tmp_path / "laporan.xlsx"
    assert write_report(order(), file, published).people == 3
    sheets = Sheets(file)
    line = next(x for x in sheets.table(RECAP, "Kab/Kota") if x["Kab/Kota"] == "Kab. Kupang")
    assert [line[f"Berangkat {s}"] for s in ("L", "P", "Jml")] == [1, 1, 2]
    assert (line["Pulang P"], line["Deportasi"]) == (1, 1)
    assert sum(x["Jml"] for x in sheets.table("8 Indikator Risiko", "Kode")) == 1  # nobody learns of R05
    assert sheets.table("9 Tren 12 Bulan", "Bulan")[-2]["Berangkat"] == 11
    trend = next(s for s in build(order(public=True), published).sheets if s.name == "9 Tren 12 Bulan")
    told = list(trend.blocks[0].rows)[-2]
    assert told[1] == "*", "that month's own report tells the 7 men: with a sum it would tell the 3 women"
