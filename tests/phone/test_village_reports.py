"""The village's monthly report: few questions in a quiet month, and sums that cannot contradict each other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

from tests.phone.javarosa import AnswerRefusedError, FilledForm, OpenForm
from tests.phone.lists import village_label
from tests.phone.village_reports import (
    COMPLAINTS,
    DEPARTURES,
    LAST_MONTH,
    QUIET,
    RECRUITERS,
    REPORTS,
    RETURNS,
    SESSIONS,
    TODAY,
)


@pytest.fixture(scope="module")
def form(opened: dict[str, OpenForm]) -> OpenForm:
    return opened["laporan_bulanan"]


def texts(filled: FilledForm) -> dict[str, str]:
    """Every answer and calculation by name."""
    nodes = etree.fromstring(filled.xml).iter("*")
    return {str(node.tag).rpartition("}")[2]: node.text or "" for node in nodes}


@pytest.mark.parametrize("answers", REPORTS.values(), ids=REPORTS.keys())
def test_every_kind_of_report_can_be_filled_to_its_end(
    answers: dict[str, Any], form: OpenForm, lists: dict[str, bytes]
) -> None:
    village = village_label(lists["desa.csv"], answers["village"])
    for language in ("id", "en"):
        found = texts(form.fill(answers, language=language))
        assert found["period"] == f"{LAST_MONTH:%Y-%m}"
        assert found["instanceName"] == f"Laporan bulanan {LAST_MONTH:%Y-%m} {village}"


def test_a_quiet_month_asks_for_nothing_that_did_not_happen(form: OpenForm) -> None:
    asked = {path.rsplit("/", 1)[1] for path in form.fill(QUIET).asked}

    assert asked == {*QUIET}


def test_what_is_left_of_the_departures_counts_as_not_known(form: OpenForm) -> None:
    filled = form.fill(DEPARTURES)

    assert (texts(filled)["dep_n"], texts(filled)["dep_dk"]) == ("7", "1")
    [note] = [note for note in filled.notes if note.name == "n_dep"]
    assert "**7** orang" in note.text
    assert "**1** tidak diketahui" in note.text


def test_returns_without_a_reason_are_pointed_out_but_not_blocked(form: OpenForm) -> None:
    complete, short = form.fill(RETURNS), form.fill(RETURNS | {"ret_end": 1})

    assert "n_ret" not in {note.name for note in complete.notes}
    assert (texts(complete)["ret_dk"], texts(short)["ret_dk"]) == ("0", "1")
    assert "n_ret" in {note.name for note in short.notes}


@pytest.mark.parametrize(
    ("question", "report", "changes"),
    [
        ("month", QUIET, {"month": TODAY + timedelta(days=1)}),
        ("open_days", QUIET, {"open_days": 32}),
        ("staff_f", QUIET, {"staff_f": -1}),
        ("dep_proc", DEPARTURES, {"dep_proc": 8}),
        ("dep_nonproc", DEPARTURES, {"dep_nonproc": 3}),
        ("ret_why", RETURNS, {"ret_f": 1, "ret_m": 0}),
        ("ret_end", RETURNS, {"ret_end": 4}),
        ("ret_deport", RETURNS, {"ret_deport": 2}),
        ("ret_deport", RETURNS, {"ret_deport": 0}),
        ("comp_ref", COMPLAINTS, {"comp_ref": 3}),
        ("child_school", COMPLAINTS, {"child_school": 10}),
        ("recr_phones", RECRUITERS, {"recr_phones": "Pak Contoh 0814"}),
        ("with_whom", SESSIONS, {"with_whom": ["none", "pkk"]}),
        ("obstacles", QUIET, {"obstacles": ["none", "staff"]}),
        ("topics", SESSIONS, {"topics": []}),
    ],
)
def test_counts_that_contradict_each_other_are_refused_on_the_phone(
    question: str, report: dict[str, Any], changes: dict[str, Any], form: OpenForm
) -> None:
    with pytest.raises(AnswerRefusedError) as refusal:
        form.fill(report | changes)
    assert refusal.value.question == question
