"""Spoiled workbooks and lists: whatever is wrong is found in one pass, each at its cell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from forms.compile import inspect_workbook
from forms.form import Finding
from tests.forms import workbooks
from tests.forms.workbooks import put, write

SURVEY = """
| type           | name  | label:id | label:en | sensitive | relevant   | constraint | choice_filter | calculation |
| integer        | age   | Umur     | Age      |           |            | . >= 0     |          | |
| select_one yn  | ok    | Baik?    | Well?    |           | ${age} > 3 |            |          | |
| select_one_from_file land.csv | land | Negara | Country |           |            |            |          | |
| text           | ph_no | Telepon  | Phone    | identity  |            |            |          | |
| calculate      | rate  | | | | | | | instance('kurs')/root/item[name=${land}]/idr |
| csv-external   | kurs  |          |          |           |            |            |          | |
"""
LISTS = {
    "land.csv": b"name,label,open\nMY,Malaysia,1\nKH,Kamboja,0\n",
    "kurs.csv": b"name,label,idr\nMY,MYR,3700\n",
}


@dataclass(frozen=True)
class Spoiled:
    """What is changed in the sound workbook, and what must be said of it, where."""

    place: tuple[str, int | None, str | None]
    word: str
    kata: str
    survey: str = SURVEY
    choices: str = workbooks.CHOICES
    indicators: str = workbooks.INDICATORS
    lists: tuple[tuple[str, bytes | None], ...] = ()
    severity: str = "error"


def rule(text: str) -> str:
    return put(workbooks.INDICATORS, 2, "rule", text)


def sms(text: str) -> str:
    return put(workbooks.INDICATORS, 2, "sms:id", text)


CAPITALS = """
| type    | name | label:id | label:en | sensitive | save_to |
| integer | age  | Umur     | Age      |           | Umur    |
| integer | old  | Tua      | Old      |           | umur    |
"""
RULE, SMS = ("indicators", 2, "rule"), ("indicators", 2, "sms::Indonesia (id)")
SPOILED = {
    "a choice list that is not there": Spoiled(
        ("survey", 3, "type"), "ya", "daftar pilihan 'ya'", survey=put(SURVEY, 3, "type", "select_one ya")
    ),
    "a rule with an unknown question": Spoiled(RULE, "usia", "usia", indicators=rule("${usia} < 18")),
    "a rule that does not parse": Spoiled(
        RULE, "cannot be read", "tidak terbaca", indicators=rule("${age} < < 18")
    ),
    "a rule with a function that phones lack": Spoiled(
        RULE, "floor", "floor", indicators=rule("floor(${age}) < 18")
    ),
    "a rule with a function that only phones have": Spoiled(
        RULE, "phone only", "hanya jalan di HP", indicators=rule("property('deviceid') = 'x'")
    ),
    "a rule that is decided by chance": Spoiled(
        RULE, "each time", "selalu lain", indicators=rule("random() > 0.5")
    ),
    "a rule that compares with no choice": Spoiled(
        RULE, "'maybe' is no choice of the question ok", "bukan pilihan", indicators=rule("${ok} = 'maybe'")
    ),
    "a rule that asks whether no choice is selected": Spoiled(
        RULE, "'y' is no choice", "bukan pilihan", indicators=rule("selected(${ok}, 'y') or ${age} < 18")
    ),
    "a rule that is false whatever is answered": Spoiled(
        RULE, "never hold", "tidak mungkin", indicators=rule("${age} < 18 and 1 = 2")
    ),
    "a rule between two numbers that leave no room": Spoiled(
        RULE, "never hold", "tidak mungkin", indicators=rule("${age} > 17 and 18 > ${age}")
    ),
    "a rule against the question's own constraint": Spoiled(
        RULE, "never hold", "tidak mungkin", indicators=rule("${age} < -1")
    ),
    "a rule that wants two answers at once": Spoiled(
        RULE, "never hold", "tidak mungkin", indicators=rule("${ok} = 'yes' and ${ok} = 'no'")
    ),
    "a constraint that nothing meets": Spoiled(
        ("survey", 2, "constraint"),
        "no answer",
        "tidak ada jawaban",
        survey=put(SURVEY, 2, "constraint", ". > 9 and . < 3"),
    ),
    "a condition that never holds": Spoiled(
        ("survey", 3, "relevant"),
        "never holds",
        "tidak pernah",
        survey=put(SURVEY, 3, "relevant", "${age} < 0"),
        severity="warning",
    ),
    "a translation that is missing": Spoiled(
        ("survey", 2, "label::English (en)"),
        "Translate",
        "Terjemahkan",
        survey=put(SURVEY, 2, "label:en", ""),
        severity="warning",
    ),
    "a choice whose translation is missing": Spoiled(
        ("choices", 3, "label::English (en)"),
        "Translate",
        "Terjemahkan",
        choices=put(workbooks.CHOICES, 3, "label:en", ""),
        severity="warning",
    ),
    "an SMS that is too long": Spoiled(
        SMS, "too many", "terlalu banyak", indicators=sms("{ref} {kec} " + "a" * 128)
    ),
    "an SMS that is not GSM-7": Spoiled(
        SMS, "SMS alphabet", "abjad SMS", indicators=sms("{ref} {kec} \u201canak\u201d")
    ),
    "an SMS that fills in a sensitive question": Spoiled(
        SMS, "marked sensitive", "bertanda sensitive", indicators=sms("{ref} {kec} ${ph_no}")
    ),
    "an SMS that names a sensitive question": Spoiled(
        SMS, "ph_no", "ph_no", indicators=sms("{ref} {kec} lihat ph_no")
    ),
    "an attached list that is nowhere": Spoiled(
        ("survey", 4, "type"), "land.csv is nowhere", "land.csv tidak ada", lists=(("land.csv", None),)
    ),
    "a list without the column that a calculation reads": Spoiled(
        ("survey", 6, "calculation"),
        "no column idr",
        "tidak punya kolom idr",
        lists=(("kurs.csv", b"name,label,rate\nMY,MYR,3700\n"),),
    ),
    "a list without the label that is shown": Spoiled(
        ("survey", 4, "type"),
        "no column label",
        "tidak punya kolom label",
        lists=(("land.csv", b"name,open\nMY,1\n"),),
    ),
    "a list without the column that filters choices": Spoiled(
        ("survey", 4, "choice_filter"),
        "no column closed",
        "tidak punya kolom closed",
        survey=put(SURVEY, 4, "choice_filter", "closed = ${age}"),
    ),
    "a list with a key twice": Spoiled(
        ("kurs.csv", 3, "name"),
        "'MY' stands already in row 2",
        "sudah ada di baris 2",
        lists=(("kurs.csv", b"name,label,idr\nMY,MYR,3700\nMY,MYR,3800\n"),),
    ),
    "a list that is not UTF-8": Spoiled(
        ("kurs.csv", 3, None),
        "UTF-8",
        "UTF-8",
        lists=(("kurs.csv", "name,label,idr\nMY,MYR,1\nXX,Réal,2\n".encode("latin-1")),),
    ),
}


def inspected(spoiled: Spoiled, folder: Path) -> tuple[Finding, ...]:
    lists = LISTS | dict(spoiled.lists)
    book = write(folder, survey=spoiled.survey, choices=spoiled.choices, indicators=spoiled.indicators)
    return inspect_workbook(book, validate=False, attached=lists.get).findings


def test_the_sound_workbook_has_no_findings(tmp_path: Path) -> None:
    book = write(tmp_path, survey=SURVEY)
    assert inspect_workbook(book, attached=LISTS.get).findings == ()


@pytest.mark.parametrize("what", SPOILED)
def test_what_is_spoiled_is_said_at_its_cell_in_both_languages(tmp_path: Path, what: str) -> None:
    spoiled = SPOILED[what]
    (finding,) = inspected(spoiled, tmp_path)
    assert (finding.sheet, finding.row, finding.column) == spoiled.place
    assert finding.severity == spoiled.severity
    assert spoiled.word in finding.text("en")
    assert spoiled.kata in finding.text("id")
    assert finding.text("id") != finding.text("en")


def test_everything_is_found_in_one_pass(tmp_path: Path) -> None:
    spoiled = Spoiled(
        ("", None, None),
        "",
        "",
        survey=put(put(SURVEY, 2, "constraint", "floor(.) > 1"), 3, "relevant", "${umur} > 3"),
        indicators=put(rule("${ok} = 'maybe'"), 2, "sms:id", "{ref}"),
        lists=(("kurs.csv", b"name,label\nMY,MYR\n"), ("land.csv", None)),
    )
    found = [(f.sheet, f.row, f.column) for f in inspected(spoiled, tmp_path)]
    assert found == [
        ("survey", 2, "constraint"),
        ("survey", 3, "relevant"),
        ("survey", 4, "type"),
        ("survey", 6, "calculation"),
        SMS,
    ], "the rule is not looked at: its row has another fault"


@pytest.mark.parametrize(
    "text",
    [
        "${age} < 18",
        "${age} > 17 and ${age} < 19",
        "${age} >= 18 and ${age} <= 18",
        "${ok} = ''",
        "${ok} != 'yes' or ${age} = 0",
        "not(${ok} = 'yes')",
        "${land} = 'XX'",
        "today() > date('2020-01-01')",
        "instance('kurs')/root/item[name=${land}]/idr > 1 and ${age} >= 0",
    ],
)
def test_a_rule_that_may_hold_is_let_through(tmp_path: Path, text: str) -> None:
    spoiled = Spoiled(("", None, None), "", "", indicators=rule(text))
    assert inspected(spoiled, tmp_path) == ()


def test_properties_of_entities_that_are_one_to_a_phone_are_named(tmp_path: Path) -> None:
    book = write(tmp_path, survey=CAPITALS, choices="", indicators="")
    said = [f for f in inspect_workbook(book).findings if f.column == "save_to"]
    assert ("survey", 3, "save_to") in [(f.sheet, f.row, f.column) for f in said]
    assert any("'umur' and 'Umur'" in f.message and "sama saja di HP" in f.pesan for f in said)
