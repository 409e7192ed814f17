"""What may be asked of an export: versions side by side, choices, filters, ODK Central's layout, places."""

from __future__ import annotations

import csv
import io
import json
import random
import zipfile
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from exports.access import Access
from exports.form_export import kind_of
from exports.options import Filters, Options, filters_of, options_of, to_json
from exports.verifying import verify
from forms.form import Form
from forms.problems import Problem, Problems
from server.store import published
from server.store.database import Store
from tests.exports.exporting import export_form
from tests.exports.filled import NOON, invented, keep, made_up_form, publish_library_form
from tests.exports.reading import header, rows

OPERATOR = Access.operator()


def relabelled(form: Form, was: str, becomes: str) -> Form:
    return Form.load(form.xform.replace(was, becomes), form.definition())


def test_a_form_in_three_versions_is_one_table_with_columns_that_stay_put(
    store: Store, tmp_path: Path
) -> None:
    first = made_up_form({"name": "string", "hp": "string", "shoe": "select1: s m", "old": "int"})
    second = made_up_form(
        {"city": "string", "name": "string", "phone": "string", "shoe": "select1: s m l"}, version="2"
    )
    second = relabelled(second, "Label phone", "Label hp")  # renamed: the same words under another name
    third = made_up_form({"name": "string", "phone": "string", "shoe": "select1: m l"}, version="3")
    third = relabelled(relabelled(third, "Pilihan l", "Besar"), "Label phone", "Label hp")
    file = tmp_path / "uji.xlsx"
    headers = []
    for number, form in enumerate((first, second, third)):
        published.publish(form, b"", {}, NOON + timedelta(days=number))
        answers = {
            "name": f"Wening {number}",
            "hp": "1",
            "phone": "2",
            "shoe": "m",
            "old": 7,
            "city": "Kupang",
        }
        known = {name: value for name, value in answers.items() if f"<{name}/>" in form.xform}
        keep(store, form, known, f"uuid:{number}")
        export_form("uji", file, store, reader=OPERATOR)
        headers.append(header(file))
    for before, after in pairwise(headers):
        assert after[: len(before)] == before, "what stood in a column still stands there"
    titles = headers[2][headers[2].index("Label name") :]
    assert titles == ["Label name", "Label hp", "Label shoe", "Label old", "Label city", "Label hp [phone]"]
    assert [[row[t] for t in titles] for row in rows(file)] == [
        ["Wening 0", "1", "Pilihan m", 7.0, "", ""],
        ["Wening 1", "", "Pilihan m", "", "Kupang", "2"],
        ["Wening 2", "", "Pilihan m", "", "", "2"],
    ]
    told = [
        (row["Dari versi"], row["Pertanyaan"], row["Perubahan"], row["Sebelum"], row["Sesudah"])
        for row in rows(file, "Perubahan")
    ]
    assert told == [
        ("1", "hp", "pertanyaan diganti namanya", "hp", "phone"),
        ("1", "shoe", "pilihan baru", "", "l = Pilihan l"),
        ("1", "old", "pertanyaan dihapus", "old", ""),
        ("1", "city", "pertanyaan baru", "", "Label city"),
        ("2", "city", "pertanyaan dihapus", "city", ""),
        ("2", "shoe", "pilihan dihapus", "s = Pilihan s", ""),
        ("2", "shoe", "bunyi pilihan diganti", "l = Pilihan l", "l = Besar"),
    ]
    kept = next(row for row in rows(file, "Perubahan") if row["Pertanyaan"] == "hp")
    assert kept["Catatan"] == "jawaban lama tetap di kolom Label hp"
    assert verify(file, store.keys.proof).ok


def test_choices_come_as_labels_codes_or_both_and_several_as_columns_of_ones_and_noughts(
    store: Store, tmp_path: Path
) -> None:
    form = made_up_form({"one": "select1: a b", "many": "select: a b c"})
    published.publish(form, b"", {}, NOON)
    keep(store, form, {"one": "b", "many": ["a", "c"]}, "uuid:1")
    keep(store, form, {"one": "a"}, "uuid:2")
    file = tmp_path / "uji.xlsx"
    export_form("uji", file, store, reader=OPERATOR, choices="both", multiple="split")
    first, second = rows(file)
    assert (first["Label one"], first["Label one [kode]"]) == ("Pilihan b", "b")
    assert (first["Label many"], first["Label many [kode]"]) == ("Pilihan a; Pilihan c", "a; c")
    assert [first[f"Label many: Pilihan {c}"] for c in "abc"] == [1, 0, 1]
    assert [second[f"Label many: Pilihan {c}"] for c in "abc"] == ["", "", ""], "not asked is not a no"


def test_only_what_is_asked_for_is_exported(store: Store, tmp_path: Path) -> None:
    form = publish_library_form("berangkat")
    keep(store, form, {}, "uuid:1", indicators=("D01",))
    keep(store, form, {}, "uuid:2", indicators=("D10", "D01"))
    keep(store, form, {}, "uuid:3")
    file = tmp_path / "berangkat.csv"

    def exported(**said: object) -> int:
        return export_form("berangkat", file, store, reader=OPERATOR, **said).rows

    assert exported(indicators=("D10",)) == 1
    assert exported(indicators=("D10", "D01")) == 2
    assert exported(states=("none",)) == 3
    assert exported(states=("open",)) == 0
    with pytest.raises(Problem) as said:
        exported(indicators=("D99",))
    assert said.value.problem is Problems.INDICATOR_UNKNOWN


def test_a_zip_is_laid_out_as_odk_central_lays_out_its_own(store: Store, tmp_path: Path) -> None:
    form = publish_library_form("berangkat")
    answers = invented(form, random.Random(1))
    keep(store, form, answers, "uuid:1")
    calls_itself = (
        "<entity><label>Wening &amp; Sari</label></entity><instanceName>Berangkat <!-- a -->1</instanceName>"
    )
    changed = {**answers, "idg": {"full_name": "=1+1"}}
    keep(store, form, changed, "uuid:2", deprecated_id="uuid:1", names=calls_itself)
    file = tmp_path / "berangkat.zip"
    export_form("berangkat", file, store, reader=OPERATOR)
    with zipfile.ZipFile(file) as files:
        assert files.namelist()[:2] == ["berangkat.csv", "berangkat-fees.csv"]
        [main] = read_csv(files.read("berangkat.csv"))
        fees = read_csv(files.read("berangkat-fees.csv"))
    assert next(iter(main)) == "SubmissionDate"
    assert list(main)[-13:] == [
        "meta-entity-label", "meta-instanceID", "meta-instanceName",
        "KEY", "SubmitterID", "SubmitterName", "AttachmentsPresent", "AttachmentsExpected",
        "Status", "ReviewState", "DeviceID", "Edits", "FormVersion",
    ]  # fmt: skip
    assert (main["SubmissionDate"], main["KEY"], main["loc-village"]) == (
        "2026-11-20T05:00:00.000Z",
        "uuid:2",
        "35.07.01.2001",
    )
    assert (main["meta-entity-label"], main["meta-instanceName"]) == ("Wening & Sari", "Berangkat 1")
    assert (main["ReviewState"], main["Edits"], main["ri_d01"]) == ("edited", "1", "0")
    assert main["idg-full_name"] == "'=1+1", "a spreadsheet must not calculate it"
    assert main["docg-docs"] == " ".join(answers["docg"]["docs"])
    assert list(fees[0])[-2:] == ["PARENT_KEY", "KEY"]
    assert (fees[0]["PARENT_KEY"], fees[0]["KEY"]) == ("uuid:2", "uuid:2/costg/fees[1]")
    assert fees[0]["fee_kind" if "fee_kind" in fees[0] else "fee_type"]


def read_csv(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_geojson_has_a_feature_for_each_submission_with_its_place_where_it_has_one(
    store: Store, tmp_path: Path
) -> None:
    form = made_up_form({"name": "string", "spot": "geopoint"})
    published.publish(form, b"", {}, NOON)
    keep(store, form, {"name": "Wening", "spot": "-8.25 112.5 410.0 4.5"}, "uuid:1")
    keep(store, form, {"name": "Bagus", "spot": "di sana"}, "uuid:2")
    file = tmp_path / "uji.geojson"
    export_form("uji", file, store, reader=OPERATOR)
    read = json.loads(file.read_text("utf-8"))
    assert read["type"] == "FeatureCollection"
    first, second = read["features"]
    assert first["geometry"] == {"type": "Point", "coordinates": [112.5, -8.25, 410.0]}
    assert first["properties"]["Label name"] == "Wening"
    assert second["geometry"] is None
    assert second["properties"]["Label spot"] == "di sana"


def test_a_locked_workbook_opens_with_its_password_alone(store: Store, tmp_path: Path) -> None:
    form = made_up_form({"name": "string"})
    published.publish(form, b"", {}, NOON)
    keep(store, form, {"name": "Wening"}, "uuid:1")
    file = tmp_path / "uji.xlsx"
    export_form("uji", file, store, reader=OPERATOR, password="Rahasia Contoh 12")
    assert file.read_bytes().startswith(bytes.fromhex("d0cf11e0"))
    assert file.stat().st_mode & 0o077 == 0
    for password in ("pendek", "aaaaaaaaaaaa"):
        with pytest.raises(Problem) as said:
            export_form("uji", file, store, reader=OPERATOR, password=password)
        assert said.value.problem is Problems.PASSWORD_WEAK


def test_what_was_asked_for_can_be_kept_and_brought_back() -> None:
    filters = Filters("35.07", NOON, None, ("D01",), ("open", "none"), 3, 9)
    assert filters_of(json.loads(json.dumps(to_json(filters)))) == filters
    options = Options.for_kind("zip", lang="en", multiple="split")
    assert options_of({**to_json(options), "later": 1}) == options
    with pytest.raises(Problem):
        Options.for_kind("xlsx", choices="semua")
    with pytest.raises(Problem):
        kind_of(Path("a.pdf"))
