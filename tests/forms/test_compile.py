"""A workbook becomes a form: indicators turn into calculates and warnings, and the bytes never vary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forms.compile import FormErrors, compile_workbook
from forms.form import Form
from forms.schema import Schema
from tests.forms import workbooks
from tests.forms.workbooks import put, write


def test_an_indicator_becomes_a_hidden_calculate_under_the_root(tmp_path: Path) -> None:
    form = compile_workbook(write(tmp_path), validate=False).form

    node = Schema.from_xform(form.xform).find("/coba/ri_x01")

    assert node is not None
    assert node.calculated
    assert node.calculate == "if( /coba/g/age  < 18, 1, 0)"
    assert node.type == "int"


def test_the_indicator_keeps_the_very_rule_that_the_phone_evaluates(tmp_path: Path) -> None:
    form = compile_workbook(write(tmp_path), validate=False).form

    (indicator,) = form.indicators
    node = Schema.from_xform(form.xform).find("/coba/ri_x01")

    assert node is not None
    assert f"if({indicator.rule}, 1, 0)" == node.calculate
    assert indicator.severity == "high"
    assert (indicator.recipients, indicator.restricted, indicator.digest) == (("ppa",), True, False)
    assert indicator.label == {"id": "Anak", "en": "Child"}
    assert indicator.sms == {"id": "{ref} {kec} anak"}
    assert indicator.advice == {"id": "Jaga.", "en": "Care."}


def test_the_officer_reads_the_advice_only_where_the_rule_holds(tmp_path: Path) -> None:
    form = compile_workbook(write(tmp_path), validate=False).form

    group = Schema.from_xform(form.xform).find("/coba/advice")
    assert group is not None
    (note,) = group.children

    assert group.labels == {"id": "Peringatan", "en": "Warning"}
    assert group.relevant.split() == ["/coba/ri_x01", "=", "1"]
    assert note.note
    assert note.relevant.split() == ["/coba/ri_x01", "=", "1"]
    assert note.labels == {"id": "**TINGGI X01 Anak**\n\nJaga.", "en": "**HIGH X01 Child**\n\nCare."}


@pytest.mark.parametrize(
    ("written", "recipients", "digest", "restricted"),
    [
        ("disnaker", ("disnaker",), False, False),
        ("disnaker+p4mi", ("disnaker", "p4mi"), False, False),
        ("ppa + dinsos (digest)", ("ppa", "dinsos"), True, False),
        ("ppa only", ("ppa",), False, True),
    ],
)
def test_recipients_are_read_with_their_mark(
    tmp_path: Path, written: str, recipients: tuple[str, ...], digest: bool, restricted: bool
) -> None:
    book = write(tmp_path, indicators=put(workbooks.INDICATORS, 2, "recipients", written))

    (indicator,) = compile_workbook(book, validate=False).form.indicators

    assert (indicator.recipients, indicator.digest, indicator.restricted) == (recipients, digest, restricted)


def test_a_form_without_indicators_has_neither_calculates_nor_warnings(tmp_path: Path) -> None:
    form = compile_workbook(write(tmp_path, indicators=""), validate=False).form

    assert form.indicators == ()
    assert {f.name for f in Schema.from_xform(form.xform).walk()}.isdisjoint({"ri_x01", "advice"})


def test_the_same_workbook_always_gives_the_same_bytes(tmp_path: Path) -> None:
    book = write(tmp_path)

    assert (
        compile_workbook(book, validate=False).form.hash == compile_workbook(book, validate=False).form.hash
    )


def test_a_form_survives_being_stored_as_xform_and_json(tmp_path: Path) -> None:
    form = compile_workbook(write(tmp_path), validate=False).form

    assert Form.load(form.xform, json.loads(json.dumps(form.definition()))) == form


def test_secrets_are_named_by_path_and_do_not_reach_the_phone(tmp_path: Path) -> None:
    survey = put(workbooks.SURVEY, 3, "sensitive", "health")

    form = compile_workbook(write(tmp_path, survey=survey), validate=False).form

    assert form.sensitive == {"/coba/g/age": "health"}
    assert "health" not in form.xform


def test_attached_lists_are_found_in_questions_and_in_expressions(tmp_path: Path) -> None:
    survey = """
| type                          | name  | label:id | label:en | calculation |
| csv-external                  | rates |          |          | |
| select_one_from_file land.csv | land  | Negara   | Country  | |
| calculate                     | rate  |          |          | instance('rates')/root/item[name=${land}]/v |
"""
    form = compile_workbook(write(tmp_path, survey=survey, indicators=""), validate=False).form

    assert form.media == ("land.csv", "rates.csv")


def test_a_column_that_does_nothing_and_a_missing_translation_are_doubted(tmp_path: Path) -> None:
    survey = put(workbooks.SURVEY.replace("| relevant ", "| relevent "), 3, "label:en", "")

    warnings = compile_workbook(write(tmp_path, survey=survey), validate=False).warnings

    assert [(w.sheet, w.row, w.column) for w in warnings] == [
        ("survey", 1, "relevent"),
        ("survey", 3, "label::English (en)"),
    ]


def test_a_choice_can_be_a_secret_by_itself(tmp_path: Path) -> None:
    choices = put(workbooks.CHOICES, 3, "sensitive", "health")
    form = compile_workbook(write(tmp_path, choices=choices), validate=False).form
    assert form.secret_choices == {"/coba/g/ok": {"no": "health"}}
    assert "health" not in form.xform
    assert form.secrets_told({"g": {"ok": "no"}}) == {"/coba/g/ok": "health"}
    assert form.secrets_told({"g": {"ok": "yes"}}) == {}
    assert Form.load(form.xform, form.definition()) == form
    with pytest.raises(FormErrors, match="row 3, column sensitive"):
        compile_workbook(
            write(tmp_path, choices=put(workbooks.CHOICES, 3, "sensitive", "rahasia")), validate=False
        )
