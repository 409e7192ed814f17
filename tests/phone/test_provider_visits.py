"""Monitoring a provider: IRIS breaches are counted, and green, yellow or red stands on the officer's phone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from lxml import etree

from forms.form import Form
from forms.instance import read_instance
from forms.judge import Judge
from forms.lists import ListTable
from tests.phone.javarosa import AnswerRefusedError, Engine, FilledForm, OpenForm
from tests.phone.lists import village_label
from tests.phone.provider_visits import AGENCY, CLINIC, PRINCIPLES, SPONSOR, TODAY, TRAINING, VISITS, given


@pytest.fixture(scope="module")
def form(opened: dict[str, OpenForm]) -> OpenForm:
    return opened["pantau_penyedia"]


@pytest.fixture(scope="module")
def judge(library: dict[str, Form]) -> Judge:
    return Judge(library["pantau_penyedia"])


@pytest.fixture(scope="module")
def tables(lists: dict[str, bytes]) -> dict[str, ListTable]:
    return {name: ListTable.from_csv(name, content) for name, content in lists.items()}


def texts(filled: FilledForm) -> dict[str, str]:
    """The calculations directly under the root, by name."""
    return {str(node.tag).rpartition("}")[2]: node.text or "" for node in etree.fromstring(filled.xml)}


@pytest.mark.parametrize(("answers", "colour", "breaches"), VISITS.values(), ids=VISITS.keys())
def test_the_officer_sees_the_right_colour_and_the_breaches_of_each_principle(
    answers: dict[str, Any], colour: str, breaches: dict[str, int], form: OpenForm
) -> None:
    filled = form.fill(given(answers))
    found = texts(filled)

    assert found["result"] == colour
    assert {p: int(found[f"iris_{p}"]) for p in PRINCIPLES} == dict.fromkeys(PRINCIPLES, 0) | breaches
    assert int(found["iris_n"]) == len(breaches)
    notes = {note.name: note.text for note in filled.notes}
    assert {name for name in notes if name in ("n_red", "n_yellow", "n_green")} == {f"n_{colour}"}
    assert f"{len(breaches)} dari 7" in notes["n_iris"]
    assert ("advice_x02" in notes) == (colour == "red")


@pytest.mark.parametrize(("answers", "colour", "breaches"), VISITS.values(), ids=VISITS.keys())
def test_the_server_agrees_with_the_phone(
    answers: dict[str, Any],
    colour: str,
    breaches: dict[str, int],
    form: OpenForm,
    judge: Judge,
    tables: dict[str, ListTable],
) -> None:
    verdict = judge.judge(read_instance(form.fill(given(answers)).xml), tables, datetime.now(UTC))

    assert verdict.indicators == (("X02",) if colour == "red" else ())
    assert verdict.differences == ()
    assert verdict.calculated == {}
    assert verdict.errors == ()


def test_nothing_is_asked_about_candidates_within_the_providers_hearing(form: OpenForm) -> None:
    filled = form.fill(given(VISITS["nobody could be heard alone"][0]))

    asked = {path.split("/")[0] for path in filled.asked}
    assert asked.isdisjoint({"heardg", "freeg", "shelterg"})
    assert "n_not_private" in {note.name for note in filled.notes}


def test_each_kind_of_provider_is_asked_only_what_fits(form: OpenForm) -> None:
    groups = {
        kind: {path.split("/")[0] for path in form.fill(given(answers)).asked}
        for kind, answers in {"agency": AGENCY, "training": TRAINING, "clinic": CLINIC}.items()
    }
    assert "healthg" in groups["clinic"]
    assert groups["clinic"].isdisjoint({"conductg", "traing", "shelterg"})
    assert groups["training"] >= {"traing", "conductg", "shelterg"}
    assert groups["agency"].isdisjoint({"traing", "healthg", "shelterg"})
    assert "licg/coord" not in form.fill(given(SPONSOR)).asked, "a sponsor's office is a home"


@pytest.mark.parametrize(
    ("question", "changes"),
    [
        ("visited_on", {"visited_on": TODAY + timedelta(days=1)}),
        ("visited_with", {"visited_with": ["alone", "cso"]}),
        ("provider_name", {"provider": "notlisted"}),
        ("licence_until", {"licence_until": date(1999, 12, 31)}),
        ("advert", {"advert": ["none", "job"]}),
        ("complain_n", {"complain_n": 6}),
        ("originals", {"originals": -1}),
        ("deduct_months", {"deduct_months": 61}),
    ],
)
def test_an_impossible_answer_is_refused_on_the_phone(
    question: str, changes: dict[str, Any], form: OpenForm
) -> None:
    with pytest.raises(AnswerRefusedError) as refusal:
        form.fill(AGENCY | changes)
    assert refusal.value.question == question


def test_the_name_of_a_visit_names_no_provider(form: OpenForm, lists: dict[str, bytes]) -> None:
    village = village_label(lists["desa.csv"], SPONSOR["village"])
    filled = form.fill(given(SPONSOR))
    [name] = etree.fromstring(filled.xml).iter("{*}instanceName")

    assert name.text == f"Pemantauan penyedia {TODAY} {village}"


def test_without_the_list_of_agencies_the_form_does_not_open(
    engine: Engine, library: dict[str, Form], lists: dict[str, bytes]
) -> None:
    with pytest.raises(Exception, match=r"p3mi\.csv"):
        engine.open(library["pantau_penyedia"].xform, {k: v for k, v in lists.items() if k != "p3mi.csv"})
