"""Who reads what: sensitive answers, restricted indicators, people who did not agree to sharing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exports.access import Access
from forms.form import ROLES, Form, Indicator
from forms.problems import Problem
from server.store import published
from server.store.database import Store
from server.store.officers import Person
from tests.exports.exporting import export_form
from tests.exports.filled import NOON, keep, made_up_form, publish_library_form
from tests.exports.reading import everything, header, rows

NIK = "3507014501980001"
CHILD: dict[str, Any] = {
    "loc": {"village": "35.07.01.2001", "consent": "yes", "consent_share": "yes"},
    "idg": {"full_name": "Sulastri Ningsih", "nik": NIK, "phone": "+6281200000001", "sex": "f"},
    "workg": {"violence": ["sexual", "phys"], "wage_state": "never", "threat": ["police"]},
    "stateg": {"health": ["mental"], "debt_left": 7_654_321, "recruiter_threat": "yes"},
    "fl_pen": "1",
    "ri_r05": 1,
}


@pytest.fixture
def pulang(store: Store) -> Form:
    """The form of returns, with one who agreed to sharing and one who did not."""
    form = publish_library_form("pulang")
    keep(store, form, CHILD, "uuid:agreed", indicators=("R03", "R04", "R05", "R12"))
    refused = {
        **CHILD,
        "loc": {**CHILD["loc"], "consent_share": "no"},
        "idg": {**CHILD["idg"], "full_name": "Marlina Utami", "nik": "3507014501980002"},
    }
    keep(store, form, refused, "uuid:refused", indicators=("R05",))
    return form


def _export(store: Store, folder: Path, role: str | None) -> Path:
    file = folder / f"{role}.xlsx"
    export_form("pulang", file, store, reader=Access(role))
    return file


@pytest.mark.parametrize("role", [role for role in ROLES if role != "ppa"])
def test_violence_and_r05_exist_for_ppa_and_operator_alone(
    store: Store, pulang: Form, tmp_path: Path, role: str
) -> None:
    file = _export(store, tmp_path, role)
    text = everything(file)
    for secret in (
        "R05",
        "r05",
        "ekerasan seksual",
        "Seksual",
        "violence",
        "Pernah mengalami kekerasan apa?",
        "fl_pen",
        "ancaman hukuman",
    ):
        assert secret not in text, secret
    assert "R05" not in "".join(row["Indikator"] for row in rows(file))
    assert len(rows(file)) == 2


@pytest.mark.parametrize("role", [None, "ppa"])
def test_ppa_and_the_operator_see_all_of_it(
    store: Store, pulang: Form, tmp_path: Path, role: str | None
) -> None:
    file = _export(store, tmp_path, role)
    agreed, refused = rows(file)
    assert agreed["Indikator"] == "R03, R04, R05, R12"
    assert agreed["Tingkat"] == "kritis"
    assert "Pernah mengalami kekerasan apa?" in agreed
    assert "Tanda kerja paksa: ancaman hukuman" in agreed
    assert (agreed["NIK (16 angka)"], refused["NIK (16 angka)"]) == (NIK, "3507014501980002")
    assert "Identitas ditutup" not in agreed


@pytest.mark.parametrize(
    ("role", "identity", "health", "money"),
    [
        ("disnaker", True, True, True),
        ("p4mi", True, True, True),
        ("bp3mi", True, True, True),
        ("ppa", True, True, True),
        ("dinsos", True, True, False),
        ("province", True, False, True),
        ("admin", False, False, False),
        ("tukang", False, False, False),
    ],
)
def test_each_role_has_its_kinds_of_secrets_and_the_other_columns_do_not_exist(
    store: Store, pulang: Form, tmp_path: Path, role: str, identity: bool, health: bool, money: bool
) -> None:
    file = _export(store, tmp_path, role)
    titles = header(file)
    assert ("Nama lengkap" in titles) == identity
    assert ("Kesehatan" in titles) == health
    assert ("Sisa utang migrasi (Rp)" in titles) == money
    assert ("7654321" in everything(file)) == money
    assert ("Sulastri" in everything(file)) == identity
    assert "Jawaban di luar formulir" not in titles
    about = {row["Hal"]: row["Isi"] for row in rows(file, "Keterangan")}
    if role != "ppa":
        assert "kolom tidak disertakan" in about["Kolom yang tidak disertakan"]
        assert "kekerasan" in about["Kolom yang tidak disertakan"]


@pytest.mark.parametrize("role", ["disnaker", "p4mi", "bp3mi", "dinsos", "province"])
def test_who_did_not_agree_to_sharing_is_counted_but_not_named(
    store: Store, pulang: Form, tmp_path: Path, role: str
) -> None:
    file = _export(store, tmp_path, role)
    agreed, refused = rows(file)
    assert agreed["Nama lengkap"] == "Sulastri Ningsih"
    assert agreed["Identitas ditutup"] == ""
    assert refused["Identitas ditutup"] == "ya"
    assert (
        refused["Nama lengkap"] == refused["NIK (16 angka)"] == refused["Nomor HP yang aman dihubungi"] == ""
    )
    assert refused["Jenis kelamin"] == "Perempuan"
    assert "Marlina" not in everything(file)


def test_an_answer_about_sharing_that_is_missing_counts_as_no(
    store: Store, pulang: Form, tmp_path: Path
) -> None:
    keep(store, pulang, {"idg": {"full_name": "Rukmini Safitri"}}, "uuid:silent")
    assert "Rukmini" not in everything(_export(store, tmp_path, "disnaker"))


def test_the_province_gets_the_nik_without_its_middle(store: Store, pulang: Form, tmp_path: Path) -> None:
    file = _export(store, tmp_path, "province")
    assert rows(file)[0]["NIK (16 angka)"] == "350701******0001"
    assert NIK not in everything(file)


def test_what_copies_a_nik_is_masked_too_and_what_judges_one_is_not(store: Store, tmp_path: Path) -> None:
    """Directly, through another calculation, in pieces, and in a later version alone."""
    questions = {"nik": "string", "copied": "calculate: concat('NIK ', /uji/nik)"}
    published.publish(made_up_form(questions), b"", {}, NOON)
    later = {
        **questions,
        "again": "calculate: if(/uji/copied != '', /uji/copied, 'tidak ada')",
        "middle": "calculate: number(substr(/uji/nik, 6, 12)) + 0",
        "good": "calculate: if(string-length(/uji/nik) = 16, 1, 0)",
    }
    form = made_up_form(later, version="2")
    published.publish(form, b"", {}, NOON)
    told = {"nik": NIK, "copied": f"NIK {NIK}", "again": f"NIK {NIK}", "middle": NIK[6:12], "good": "1"}
    keep(store, form, told, "uuid:1")
    for role in ("province", "disnaker"):
        file = tmp_path / f"{role}.xlsx"
        export_form("uji", file, store, reader=Access(role))
        whole = everything(file)
        assert (NIK in whole) == (role == "disnaker")
        assert (NIK[6:12] in whole) == (role == "disnaker")
        assert rows(file)[0]["Good"] == 1
    assert header(tmp_path / "province.xlsx") == header(tmp_path / "disnaker.xlsx")


def test_an_indicator_that_tells_of_withheld_answers_shows_only_to_its_recipients(
    store: Store, pulang: Form, tmp_path: Path
) -> None:
    agreed = {role: rows(_export(store, tmp_path, role))[0]["Indikator"] for role in ROLES}
    assert agreed["disnaker"] == "R03, R04, R12"
    assert agreed["bp3mi"] == "R03, R12", "R04 is not meant for BP3MI and tells of violence"
    assert agreed["dinsos"] == "", "nor do money or violence concern the social office"
    assert agreed["province"] == "R03, R04, R12"


def test_a_mark_of_any_version_holds_for_all(store: Store, tmp_path: Path) -> None:
    first = made_up_form({"what": "string", "also": "calculate: ../what"}, version="1")
    second = made_up_form(
        {"what": "string", "also": "calculate: ../what", "third": "calculate: concat(../also, 'x')"},
        version="2",
        sensitive={"what": "violence"},
    )
    for form in (second, first):
        published.publish(form, b"", {}, NOON)
    keep(store, first, {"what": "dipukul", "also": "dipukul"}, "uuid:1")
    keep(store, second, {"what": "dipukul", "also": "dipukul", "third": "dipukulx"}, "uuid:2")
    file = tmp_path / "uji.xlsx"
    result = export_form("uji", file, store, reader=Access("disnaker"))
    assert "dipukul" not in everything(file)
    assert (result.rows, result.withheld) == (2, 3)


def test_a_question_that_becomes_a_secret_under_another_name_was_one_before(
    store: Store, tmp_path: Path
) -> None:
    first = made_up_form({"note": "string", "copy": "calculate: /uji/note"})
    second = made_up_form({"abuse": "string"}, version="2", sensitive={"abuse": "violence"})
    second = replace(second, xform=second.xform.replace("Label abuse", "Label note"))
    for form, answers in ((first, {"note": "dipukul", "copy": "dipukul"}), (second, {"abuse": "dipukul"})):
        published.publish(form, b"", {}, NOON)
        keep(store, form, answers, f"uuid:{form.version}")
    file = tmp_path / "uji.xlsx"
    result = export_form("uji", file, store, reader=Access("disnaker"))
    assert [word for word in ("dipukul", "abuse") if word in everything(file)] == []
    assert (result.rows, result.withheld) == (2, 3)


def test_a_restricted_indicator_stays_so_when_a_later_version_forgets_it(
    store: Store, tmp_path: Path
) -> None:
    def indicator(restricted: bool) -> Indicator:
        texts = {"id": "Sangat rahasia"}
        return Indicator("R99", "critical", "/uji/a = 1", ("ppa",), False, restricted, texts, texts, texts)

    for version, restricted in (("1", True), ("2", False)):
        form = made_up_form(
            {"a": "int", "ri_r99": "int"}, version=version, indicators=[indicator(restricted)]
        )
        published.publish(form, b"", {}, NOON)
        keep(store, form, {"a": 1, "ri_r99": 1}, f"uuid:{version}", indicators=("R99",))
    file = tmp_path / "uji.xlsx"
    export_form("uji", file, store, reader=Access("disnaker"))
    assert [word for word in ("R99", "r99", "Sangat rahasia") if word in everything(file)] == []
    export_form("uji", file, store, reader=Access("ppa"))
    assert [row["R99 Sangat rahasia"] for row in rows(file)] == [1, 1]


def test_nobody_exports_beyond_their_area(store: Store, tmp_path: Path) -> None:
    form = made_up_form({"name": "string"})
    published.publish(form, b"", {}, NOON)
    officer = Access.of(Person(1, "sri", "Sri", "disnaker", "35.07", None, None))
    for area in ("ID", "35", "35.08", "35.0"):
        with pytest.raises(Problem) as said:
            export_form("uji", tmp_path / "uji.xlsx", store, area=area, reader=officer)
        assert said.value.kind.code == "auth.forbidden"
    assert export_form("uji", tmp_path / "uji.xlsx", store, area="35.07.01", reader=officer).rows == 0


@pytest.mark.parametrize(
    ("role", "told"),
    [
        (None, "Penganiayaan/kekerasan"),
        ("ppa", "Penganiayaan/kekerasan"),
        ("province", "Sebab lain yang merugikan PMI"),
        ("disnaker", "Sebab lain yang merugikan PMI"),
    ],
)
def test_of_a_choice_that_tells_of_violence_others_learn_the_wider_one_for_a_blank_would_tell_it_too(
    role: str | None, told: str, store: Store, tmp_path: Path
) -> None:
    form = publish_library_form("pulang")
    for reason, instance in (("abuse", "uuid:hurt"), ("end", "uuid:well")):
        answers = {**CHILD, "tripg": {"return_reason": reason}}
        keep(store, form, answers, instance)
    shown = [row["Alasan pulang"] or None for row in rows(_export(store, tmp_path, role))]
    assert shown == [told, "Perjanjian kerja berakhir"]


def test_a_question_that_must_be_answered_is_as_secret_as_a_choice_that_nothing_stands_in_for(
    store: Store, tmp_path: Path
) -> None:
    made = made_up_form({"must": "select1: hit other", "may": "select: hit other"})
    form = replace(
        made,
        xform=made.xform.replace('"/uji/must" type', '"/uji/must" required="true()" type'),
        secret_choices={"/uji/must": {"hit": "violence"}, "/uji/may": {"hit": "violence"}},
    )
    published.publish(form, b"", {}, NOON)
    for answer in ("hit", "other"):
        keep(store, form, {"must": answer, "may": ["hit", "other"]}, f"uuid:{answer}")
    file = tmp_path / "uji.xlsx"
    export_form("uji", file, store, reader=Access("disnaker"), multiple="split")
    assert {"Label must", "Label may: Pilihan hit"}.isdisjoint(header(file))
    assert [(row["Label may"], row["Label may: Pilihan other"]) for row in rows(file)] == [
        ("Pilihan other", 1)
    ] * 2
    export_form("uji", file, store, reader=Access("ppa"), multiple="split")
    told = [(row["Label must"], row["Label may"], row["Label may: Pilihan hit"]) for row in rows(file)]
    assert told == [
        ("Pilihan hit", "Pilihan hit; Pilihan other", 1),
        ("Pilihan other", "Pilihan hit; Pilihan other", 1),
    ]
