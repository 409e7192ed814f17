"""Whatever is wrong in a workbook is said with the sheet, row and column where its author has to look."""

from __future__ import annotations

from pathlib import Path

import pytest

from forms.compile import FormErrors, compile_workbook
from forms.form import Finding
from forms.indicators import sms_faults
from forms.validate import validate_xform
from tests.forms import workbooks
from tests.forms.workbooks import put, write

Places = list[tuple[str, int | None, str | None]]


def refused(path: Path, *, validate: bool = False) -> tuple[Finding, ...]:
    with pytest.raises(FormErrors) as wrong:
        compile_workbook(path, validate=validate)
    return wrong.value.findings


def places(findings: tuple[Finding, ...]) -> Places:
    return [(f.sheet, f.row, f.column) for f in findings]


def test_every_wrong_reference_is_named_at_once(tmp_path: Path) -> None:
    survey = put(put(workbooks.SURVEY, 4, "relevant", "${umur} > 3"), 6, "calculation", "${agee} * 2")
    indicators = put(workbooks.INDICATORS, 2, "rule", "${usia} < 18")

    findings = refused(write(tmp_path, survey=survey, indicators=indicators))

    assert places(findings) == [
        ("survey", 4, "relevant"),
        ("survey", 6, "calculation"),
        ("indicators", 2, "rule"),
    ]
    assert [name in f.message for name, f in zip(["umur", "agee", "usia"], findings, strict=True)] == [
        True
    ] * 3


def test_empty_rows_do_not_shift_the_row_that_is_named(tmp_path: Path) -> None:
    survey = put(workbooks.SURVEY, 4, "relevant", "${umur} > 3").replace(
        "| select_one", "| |\n| |\n| select_one"
    )

    assert places(refused(write(tmp_path, survey=survey))) == [("survey", 6, "relevant")]


@pytest.mark.parametrize(
    ("row", "column", "text", "named"),
    [
        (4, "type", "select_one ya", (4, "type")),
        (3, "type", "intager", (3, "type")),
        (3, "name", "a ge", (3, "name")),
        (3, "name", "", (3, "name")),
        (6, "name", "g", (6, "name")),
        (5, "type", "note", (2, "type")),
        (6, "calculation", "", (6, "calculation")),
    ],
)
def test_what_pyxform_refuses_is_named_by_row_and_column(
    tmp_path: Path, row: int, column: str, text: str, named: tuple[int, str]
) -> None:
    survey = put(workbooks.SURVEY, row, column, text)

    assert ("survey", *named) in places(refused(write(tmp_path, survey=survey, indicators="")))


def test_a_choice_without_name_is_named_in_the_choices_sheet(tmp_path: Path) -> None:
    choices = put(workbooks.CHOICES, 3, "name", "")

    assert places(refused(write(tmp_path, choices=choices))) == [("choices", 3, "name")]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("code", "x-1"),
        ("severity", "gawat"),
        ("recipients", "kades"),
        ("recipients", "ppa+ppa"),
        ("recipients", "ppa, p4mi"),
        ("rule", ""),
        ("rule", "(${age} < 18"),
        ("label:id", ""),
        ("advice:en", ""),
        ("sms:id", ""),
        ("sms:id", "{ref} anak"),
        ("sms:id", "{kec} anak"),
        ("sms:id", "{ref} {kec} {nama}"),
        ("sms:id", "{ref} {kec} \u201canak\u201d"),
        ("sms:id", "{ref} {kec} " + "a" * 128),
    ],
)
def test_a_faulty_indicator_is_named_by_row_and_column(tmp_path: Path, column: str, text: str) -> None:
    second = workbooks.INDICATORS + workbooks.INDICATORS.strip().split("\n")[1].replace("X01", "X02")

    findings = refused(write(tmp_path, indicators=put(second, 3, column, text)))

    assert places(findings) == [
        ("indicators", 3, column.replace(":id", "::Indonesia (id)").replace(":en", "::English (en)"))
    ]


def test_what_pyxform_finds_in_a_generated_row_is_named_where_it_was_written(tmp_path: Path) -> None:
    indicators = workbooks.INDICATORS + workbooks.INDICATORS.strip().split("\n")[1].replace("X01", "X02")

    findings = refused(write(tmp_path, indicators=put(indicators, 3, "advice:id", "Hubungi ${siapa}.")))

    assert places(findings) == [("indicators", 3, "advice::Indonesia (id)")]
    assert "siapa" in findings[0].message


def test_a_code_used_twice_is_refused(tmp_path: Path) -> None:
    indicators = workbooks.INDICATORS + workbooks.INDICATORS.strip().split("\n")[1]

    assert places(refused(write(tmp_path, indicators=indicators))) == [("indicators", 3, "code")]


def test_unknown_and_missing_columns_of_the_indicators_sheet_are_named(tmp_path: Path) -> None:
    indicators = workbooks.INDICATORS.replace("| advice:en ", "| advice ")

    findings = refused(write(tmp_path, indicators=indicators))

    assert ("indicators", 1, "advice") in places(findings)
    assert ("indicators", 1, "advice::English (en)") in places(findings)


def test_what_settings_lack_is_named(tmp_path: Path) -> None:
    settings = """
| form_id | default_language |
| coba    | Jawa (jv) |
"""
    assert places(refused(write(tmp_path, settings=settings))) == [
        ("settings", 2, "version"),
        ("settings", 2, "form_title"),
        ("settings", 2, "default_language"),
    ]


def test_an_unknown_kind_of_secret_is_named(tmp_path: Path) -> None:
    survey = put(workbooks.SURVEY, 3, "sensitive", "rahasia")

    assert places(refused(write(tmp_path, survey=survey))) == [("survey", 3, "sensitive")]


def test_missing_sheets_are_all_named(tmp_path: Path) -> None:
    findings = refused(write(tmp_path, survey="", settings=""))

    assert places(findings) == [("survey", None, None), ("settings", None, None)]


def test_a_missing_file_and_a_file_of_another_kind_are_refused_in_plain_words(tmp_path: Path) -> None:
    text = tmp_path / "coba.xlsx"
    text.write_text("type,name\n")

    (missing,) = refused(tmp_path / "tidak_ada.xlsx")
    (other,) = refused(text)

    assert "no such file" in missing.message
    assert "not an Excel workbook" in other.message


def test_the_error_says_file_sheet_row_and_column_in_one_line_each(tmp_path: Path) -> None:
    survey = put(put(workbooks.SURVEY, 4, "relevant", "${umur} > 3"), 6, "calculation", "${agee} * 2")

    with pytest.raises(FormErrors) as wrong:
        compile_workbook(write(tmp_path, survey=survey), validate=False)

    first, second = str(wrong.value).split("\n")
    assert first.startswith("coba.xlsx: survey row 4, column relevant: ")
    assert second.startswith("coba.xlsx: survey row 6, column calculation: ")


def test_every_expression_that_cannot_be_read_is_named_at_once(tmp_path: Path) -> None:
    survey = put(put(workbooks.SURVEY, 3, "constraint", "digits(.) = 2"), 4, "relevant", "selected(${age})")
    indicators = put(workbooks.INDICATORS, 2, "rule", "${age} < 18 or older(${age}, 18)")

    findings = refused(write(tmp_path, survey=survey, indicators=indicators))

    assert places(findings) == [
        ("survey", 3, "constraint"),
        ("survey", 4, "relevant"),
        ("indicators", 2, "rule"),
    ]
    assert "older" in findings[2].message


def test_what_only_the_phones_engine_notices_is_named_by_cell_too(tmp_path: Path) -> None:
    survey = put(workbooks.SURVEY, 4, "relevant", "date('kemarin') < today()")
    indicators = put(workbooks.INDICATORS, 2, "rule", "date('besok') > today()")

    findings = refused(write(tmp_path, survey=survey, indicators=indicators), validate=True)

    assert places(findings) == [("survey", 4, "relevant"), ("indicators", 2, "rule")]
    assert "kemarin" in findings[0].message
    assert "besok" in findings[1].message
    assert not any("org.javarosa" in f.message for f in findings)


def test_the_engines_words_are_made_plain(tmp_path: Path) -> None:
    form = compile_workbook(write(tmp_path), validate=False).form
    broken = form.xform.replace('"if( /coba/g/age  &lt; 18, 1, 0)"', '"if( /coba/g/age  &lt; &lt; 18, 1, 0)"')
    broken = broken.replace('". &gt;= 0"', '". &gt;= ( /coba/g/ok "')
    written = {("/coba/g/age", "constraint"): ("survey", 3, "constraint")}

    errors, warnings = validate_xform(broken, written)

    assert broken != form.xform
    assert warnings == []
    assert ("survey", 3, "constraint") in places(tuple(errors))
    assert [e.column for e in errors] == ["constraint", "calculate"]
    for error in errors:
        assert "javarosa" not in error.message
        assert "@" not in error.message
        assert "/coba/" not in error.message


@pytest.mark.parametrize("column", ["type", "name"])
def test_a_misspelt_main_column_is_named_and_nothing_else(tmp_path: Path, column: str) -> None:
    survey = workbooks.SURVEY.replace(f"| {column} ", f"| {column}x ", 1)

    assert places(refused(write(tmp_path, survey=survey))) == [("survey", 1, column)]


def test_expressions_that_wait_for_each_other_are_named(tmp_path: Path) -> None:
    survey = put(workbooks.SURVEY, 6, "calculation", "${thrice} + 1")
    survey += "| calculate | thrice |  |  |  |  | ${twice} + ${age} |"

    findings = refused(write(tmp_path, survey=survey, indicators=""), validate=True)

    assert places(findings) == [("survey", 6, "calculation"), ("survey", 7, "calculation")]
    assert "${twice} → ${thrice} → ${twice}" in findings[0].message


def test_an_sms_is_measured_as_the_network_does() -> None:
    longest = "{ref}{kec}" + "a" * (160 - 13 - 18)

    assert sms_faults(longest) == []
    assert "1 too many" in sms_faults(longest + "a")[0][0]
    assert "1 too many" in sms_faults(longest[:-1] + "\u20ac")[0][0]  # the euro sign takes two places
