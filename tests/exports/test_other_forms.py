"""Follow-ups, visits to providers and monthly reports, filled on a phone, come out of the export as they went in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from exports.access import Access
from forms.instance import read_instance, typed_answers
from forms.schema import Schema
from server.store.database import Store
from tests.exports.exporting import export_form
from tests.exports.filled import keep, publish_library_form
from tests.exports.reading import everything, rows
from tests.phone.followups import VISIT
from tests.phone.javarosa import Engine
from tests.phone.lists import library_lists
from tests.phone.provider_visits import VISITS
from tests.phone.village_reports import REPORTS
from tests.phone.workers import CASES, SULASTRI, WORKERS

Book = dict[str, Any]


def exported(
    form_id: str,
    answers: dict[str, Any],
    store: Store,
    file: Path,
    reader: Access,
    codes: tuple[str, ...] = (),
) -> Book:
    """The main row of one interview held by JavaRosa, kept and exported."""
    with store.transaction():
        form = publish_library_form(form_id)
    lists = library_lists() | {"pmi.csv": WORKERS, "kasus.csv": CASES}
    given = {name: value for name, value in answers.items() if value is not None}
    filled = Engine().open(form.xform, lists).fill(given)
    typed = typed_answers(read_instance(filled.xml), Schema.from_xform(form.xform))
    keep(store, form, typed, filled.instance_id, indicators=codes)
    result = export_form(form_id, file, store, reader=reader)
    assert result.rows == 1
    [row] = rows(file)
    return row


def _principle(row: Book, letter: str) -> Any:
    return next(cell for header, cell in row.items() if header.startswith(f"IRIS {letter.upper()}:"))


def test_a_follow_up_is_exported_without_the_name_of_the_worker(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "tindak_lanjut.xlsx"
    row = exported("tindak_lanjut", VISIT, store, file, Access.operator())

    assert (row["Kasus"], row["PMI"]) == ("R-350701-0001", SULASTRI)
    assert row["Peringatan pada kasus ini benar?"] == "Terbukti"
    assert row["Uang yang kembali (Rp)"] == 1500000
    assert row["Tanggal diterima"] == datetime.now(UTC).astimezone().date()
    assert "Sulastri" not in everything(file)


def test_the_province_does_not_see_what_was_found_and_done_for_the_person(
    store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "tindak_lanjut.xlsx"
    row = exported("tindak_lanjut", VISIT, store, file, Access("province"))

    assert row["Peringatan pada kasus ini benar?"] == "Terbukti"
    assert row.keys().isdisjoint({"Keadaan orangnya", "Tindakan yang sudah dilakukan", "Catatan"})
    assert VISIT["notes"] not in everything(file)


def test_a_visit_to_a_provider_is_exported_with_its_colour_and_its_fees(store: Store, tmp_path: Path) -> None:
    answers, colour, breaches = VISITS["fees"]
    file = tmp_path / "pantau_penyedia.xlsx"
    row = exported("pantau_penyedia", answers, store, file, Access.operator())

    assert (row["Nama P3MI"], row["Hasil (warna)"]) == ("PT Contoh Aktif", colour)
    assert {p: int(_principle(row, p)) for p in breaches} == breaches
    fees = rows(file, "Rincian biaya")
    assert [(fee["Jenis biaya"], fee["Jumlah (Rp)"]) for fee in fees] == [
        ("Tiket keberangkatan", 3000000),
        ("Visa kerja", 1000000),
    ]


def test_a_red_visit_is_exported_with_its_indicator(store: Store, tmp_path: Path) -> None:
    answers, _, _ = VISITS["locked in"]
    row = exported(
        "pantau_penyedia", answers, store, tmp_path / "merah.xlsx", Access.operator(), codes=("X02",)
    )

    assert (row["Indikator"], row["Tingkat"]) == ("X02", "tinggi")


@pytest.mark.parametrize("name", ["quiet month", "everything"])
def test_a_monthly_report_is_exported_with_every_count(name: str, store: Store, tmp_path: Path) -> None:
    answers = REPORTS[name]
    row = exported("laporan_bulanan", answers, store, tmp_path / "laporan.xlsx", Access.operator())

    assert row["Perempuan yang berangkat"] == answers["dep_f"]
    assert row["Bulan yang dilaporkan"] == date(
        answers["month"].year, answers["month"].month, answers["month"].day
    )
    told = answers.get("dep_proc", 0) + answers.get("dep_nonproc", 0)
    assert row["Berangkat, status tidak diketahui"] == answers["dep_f"] + answers["dep_m"] - told
