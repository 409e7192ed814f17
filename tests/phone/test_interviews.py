"""The proof that the library's forms work: every story told to JavaRosa raises just what it must."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from lxml import etree

from forms.form import Form
from forms.schema import Schema
from tests.phone.departures import DEPARTURES
from tests.phone.interviews import (
    ASKED_BEFORE_CONSENT,
    DAYS_HOME,
    VILLAGE,
    Interview,
    demo_people,
    departure,
    homecoming,
    interviews,
)
from tests.phone.javarosa import AnswerRefusedError, Engine, FilledForm, Note, OpenForm
from tests.phone.lists import desa_csv
from tests.phone.people import Person
from tests.phone.returns import RETURNS

EVERY = interviews(date.today())  # noqa: DTZ011 the JVM's own clock is local too
by_name = pytest.mark.parametrize("interview", EVERY, ids=lambda i: f"{i.form_id}-{i.name}")


def raised(filled: FilledForm) -> frozenset[str]:
    """The phone's verdict: codes whose hidden calculate directly under the root is 1."""
    root = etree.fromstring(filled.xml)
    verdicts = {
        str(node.tag): node.text for node in root.iterchildren("*") if re.match(r"ri_", str(node.tag))
    }
    assert set(verdicts.values()) <= {"0", "1"}
    return frozenset(tag.removeprefix("ri_").upper() for tag, value in verdicts.items() if value == "1")


def advice(filled: FilledForm) -> list[Note]:
    """The warnings among the notes that the officer was shown."""
    return [note for note in filled.notes if note.name.startswith("advice_")]


@by_name
def test_an_interview_raises_exactly_its_indicators_and_shows_their_advice(
    interview: Interview, opened: dict[str, OpenForm], library: dict[str, Form]
) -> None:
    filled = opened[interview.form_id].fill(interview.answers)

    assert raised(filled) == interview.expected
    form = library[interview.form_id]
    due = {i.code: i.advice["id"] for i in form.indicators if i.code in interview.expected}
    shown = {note.name.removeprefix("advice_").upper(): note.text for note in advice(filled)}
    assert set(shown) == set(due), "the officer is warned of what fired, and of nothing else"
    assert all(due[code] in text for code, text in shown.items())


@pytest.mark.parametrize("form_id", ["berangkat", "pulang"])
def test_every_indicator_of_the_library_fires_in_some_interview(
    form_id: str, library: dict[str, Form]
) -> None:
    told = set().union(*(i.expected for i in EVERY if i.form_id == form_id))

    assert told == {indicator.code for indicator in library[form_id].indicators}


def test_nearly_every_indicator_fires_alone_in_some_interview() -> None:
    alone = {code for i in EVERY if len(i.expected) == 1 for code in i.expected}

    # R13 speaks of signs that each raise an indicator of their own
    assert set().union(*(i.expected for i in EVERY)) - alone == {"R13"}


@pytest.mark.parametrize("after", [-1, 0, 1])
def test_birthdays_count_right_around_a_leap_day(
    after: int, engine: Engine, opened: dict[str, OpenForm]
) -> None:
    today = engine.today()
    coming = next(year for year in range(today.year + 1, today.year + 9) if calendar.isleap(year))
    past = next(year for year in range(today.year - 2, today.year - 10, -1) if calendar.isleap(year))
    leaving, left = (date(year, 2, 29) + timedelta(days=after) for year in (coming, past))
    assert (leaving - today).days < 5 * 365, "the form takes no departure that far ahead"
    person = Person("Sulastri Contoh", "f", date(1990, 1, 1), VILLAGE)
    told = [
        departure(person, today, replace(story, depart_in=(leaving - today).days))
        for story in DEPARTURES
        if story.name.startswith("18 ")
    ] + [
        homecoming(person, today, replace(story, abroad=(today - left).days - DAYS_HOME))
        for story in RETURNS
        if story.name in ("worked at 17", "left on the 18th birthday")
    ]
    assert len(told) == 5
    for interview in told:
        assert raised(opened[interview.form_id].fill(interview.answers)) == interview.expected, interview.name


def test_after_a_refusal_the_submission_holds_nothing_about_the_person(opened: dict[str, OpenForm]) -> None:
    for name in ("departure refused", "return refused"):
        interview = next(i for i in EVERY if i.name == name)
        filled = opened[interview.form_id].fill(interview.answers)
        assert {path.rsplit("/", 1)[-1] for path in filled.asked} <= set(ASKED_BEFORE_CONSENT)
        assert b"<idg>" not in filled.xml
        assert advice(filled) == []


def test_a_warning_is_shown_in_the_language_of_the_interview(
    opened: dict[str, OpenForm], library: dict[str, Form]
) -> None:
    interview = next(i for i in EVERY if i.name == "to Cambodia")
    [note] = advice(opened["berangkat"].fill(interview.answers, language="en"))

    [indicator] = [i for i in library["berangkat"].indicators if i.code == "D05"]
    assert indicator.advice["en"] in note.text
    [again] = advice(opened["berangkat"].fill(interview.answers))
    assert indicator.advice["id"] in again.text


def test_the_demo_has_twenty_departures_and_ten_returns_that_hold(
    engine: Engine, opened: dict[str, OpenForm]
) -> None:
    villages = ["35.07.01.2001", "35.07.02.2001"]
    people = demo_people(7, villages, engine.today())

    assert Counter(i.form_id for i in people) == {"berangkat": 20, "pulang": 10}
    for interview in people:
        assert raised(opened[interview.form_id].fill(interview.answers)) == interview.expected, interview.name
    assert {i.answers["village"] for i in people} == set(villages)
    assert 8 <= sum(not i.expected for i in people) <= 15, "some are clean, most are not"
    niks = [i.answers["nik"] for i in people if "nik" in i.answers]
    assert len(set(niks)) == len(niks)
    assert people == demo_people(7, villages, engine.today())


def test_a_womans_nik_has_forty_added_to_the_day() -> None:
    woman = Person("Sulastri Contoh", "f", date(1996, 8, 5), "35.07.01.2001", 12)

    assert woman.nik == "3507014508969012"
    assert woman.other_sex.nik == "3507010508969012"
    assert re.fullmatch(r"\+628120000\d{4}", woman.phone)


def test_the_village_list_of_a_regency_tells_namesakes_apart() -> None:
    lines = desa_csv("53.01").decode().splitlines()

    assert lines[0] == "name,label,kec,kec_label,jenis"
    assert all(line.startswith("53.01.") for line in lines[1:])
    oesao = sorted(line.split(",")[1] for line in lines if line.split(",")[1].startswith("Oesao"))
    assert oesao == ["Oesao (desa)", "Oesao (kelurahan)"]


@pytest.mark.parametrize("private", ["yes", "no"])
def test_violence_is_offered_as_a_reason_of_return_only_in_private(
    private: str, opened: dict[str, OpenForm]
) -> None:
    told = next(
        i for i in EVERY if i.name == ("clean return" if private == "yes" else "return, not in private")
    )
    answers = told.answers | {"return_reason": "abuse"}
    if private == "yes":
        assert raised(opened["pulang"].fill(answers)) == {"R04"}
        return
    with pytest.raises(AnswerRefusedError) as refused:
        opened["pulang"].fill(answers)
    assert refused.value.question == "return_reason"


def test_nobody_has_to_answer_what_hurts(library: dict[str, Form]) -> None:
    asked = 0
    for form_id in ("berangkat", "pulang"):
        form = library[form_id]
        for field in Schema.from_xform(form.xform).questions():
            # what the officer saw is no question to the person
            if form.sensitive.get(field.path) == "violence" and field.required and field.name != "observe":
                assert "refuse" in [code for code, _ in field.choices], field.path
                asked += 1
    assert asked >= 10
