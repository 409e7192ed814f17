"""The phone's engine fills forms as Collect does, and takes no dishonest test data."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from lxml import etree
from pyxform.xls2xform import convert

from tests.phone.javarosa import (
    AnswerRefusedError,
    Engine,
    FormNotOpenedError,
    NotAskedError,
    Note,
    OpenForm,
    fill,
    needed_lists,
    seeded_instance_id,
)

FORM = """
| survey |
| | type | name | label::id | label::en | required | constraint | relevant | calculation |
| | begin_group | visit | Kunjungan | Visit | | | | |
| | date | day | Tanggal | Day | yes | . <= today() | | |
| | select_one yn | paid | Bayar? | Paid? | yes | | | |
| | begin_repeat | fees | Biaya | Fees | | | ${paid} = 'yes' | |
| | integer | amount | Jumlah | Amount | yes | . > 0 | | |
| | select_multiple yn | signs | Tanda | Signs | | | | |
| | end_repeat | | | | | | | |
| | calculate | total | | | | | | sum(${amount}) |
| | end_group | | | | | | | |
| | select_one_from_file desa.csv | village | Desa | Village | yes | | | |
| | decimal | wage | Upah | Wage | | | | |
| | note | warning | Awas ${total} | Beware ${total} | | | ${total} > 100 | |
| choices |
| | list_name | name | label::id | label::en |
| | yn | yes | Ya | Yes |
| | yn | no | Tidak | No |
| settings |
| | form_id | version | default_language |
| | small | 1 | Indonesia (id) |
"""
LISTS = {"desa.csv": "name,label\n35.07.01.2001,Sumberoto\n"}
XFORM: str = convert(
    FORM.replace("::id", "::Indonesia (id)").replace("::en", "::English (en)"), form_name="data"
).xform


@pytest.fixture(scope="module")
def small(engine: Engine) -> OpenForm:
    return engine.open(XFORM, LISTS)


def honest(**changes: Any) -> dict[str, Any]:
    return {"day": date(2026, 5, 1), "paid": "no", "village": "35.07.01.2001"} | changes


def values(xml: bytes) -> list[tuple[str, str]]:
    return [(str(e.tag), e.text or "") for e in etree.fromstring(xml).iter("*") if not len(e)]


def test_answers_may_be_nested_as_the_form_is(small: OpenForm) -> None:
    fees = [{"amount": 60, "signs": ["yes", "no"]}, {"amount": 70}]
    filled = small.fill(
        {
            "visit": {"day": date(2026, 5, 1), "paid": "yes", "fees": fees},
            "village": "35.07.01.2001",
            "wage": 12.5,
        },
        instance_id="uuid:00000000-0000-4000-8000-000000000001",
    )

    assert values(filled.xml) == [
        ("day", "2026-05-01"),
        ("paid", "yes"),
        ("amount", "60"),
        ("signs", "yes no"),
        ("amount", "70"),
        ("signs", ""),
        ("total", "130"),
        ("village", "35.07.01.2001"),
        ("wage", "12.5"),
        ("warning", ""),
        ("instanceID", "uuid:00000000-0000-4000-8000-000000000001"),
    ]


def test_what_is_not_relevant_is_neither_asked_nor_sent(small: OpenForm) -> None:
    filled = small.fill(honest())

    assert filled.asked == ("visit/day", "visit/paid", "village", "wage")
    assert "amount" not in dict(values(filled.xml))
    assert "warning" not in dict(values(filled.xml))


def test_a_repeat_without_answers_is_deleted_and_none_is_sent(small: OpenForm) -> None:
    filled = small.fill(honest(paid="yes"))

    assert "visit/fees/amount" not in filled.asked
    assert "amount" not in dict(values(filled.xml))
    assert dict(values(filled.xml))["total"] == "0"


def test_an_answer_that_was_never_asked_for_is_named(small: OpenForm) -> None:
    dishonest = honest(fees=[{"amount": 5}], unheard_of=1)

    with pytest.raises(NotAskedError) as fault:
        small.fill(dishonest)
    assert fault.value.questions == ("amount", "unheard_of")
    assert small.fill(dishonest, unasked_ok=True).asked


@pytest.mark.parametrize(
    ("change", "question", "reason"),
    [
        ({"day": date(2999, 1, 1)}, "day", "constraint"),
        ({"day": None}, "day", "required"),
        ({"village": "35.07.01.9999"}, "village", "no such choice"),
        ({"paid": "yes", "fees": [{"amount": "many"}]}, "amount", "type"),
        ({"paid": "yes", "fees": [{"amount": 1}, {"amount": 0}]}, "amount", "constraint"),
        ({"paid": "yes", "fees": [{"amount": 1, "signs": ["maybe"]}]}, "signs", "no such choice"),
        ({"paid": "yes", "fees": [{"amount": 1_234_567_890}]}, "amount", "9 characters"),
        ({"paid": "yes", "fees": [{"signs": ["yes"]}]}, "amount", "required"),
    ],
)
def test_an_answer_that_the_form_refuses_is_named(
    small: OpenForm, change: dict[str, Any], question: str, reason: str
) -> None:
    with pytest.raises(AnswerRefusedError, match=reason) as fault:
        small.fill(honest(**change))
    assert fault.value.question == question


def test_the_phones_clock_is_the_forms_today(engine: Engine, small: OpenForm) -> None:
    assert small.fill(honest(day=engine.today()))
    with pytest.raises(AnswerRefusedError):
        small.fill(honest(day=engine.today() + timedelta(days=1)))


def test_notes_are_reported_with_their_text_in_the_language_spoken(small: OpenForm) -> None:
    answers = honest(paid="yes", fees=[{"amount": 200}])

    assert small.languages == ("Indonesia (id)", "English (en)")
    assert small.fill(answers, language="en").notes == (Note("warning", "Beware 200"),)
    assert small.fill(answers).notes == (Note("warning", "Awas 200"),)
    with pytest.raises(ValueError, match="jv"):
        small.fill(answers, language="jv")


def test_each_interview_has_its_own_version_4_instance_id(small: OpenForm) -> None:
    first, second = small.fill(honest()), small.fill(honest())

    assert first.instance_id != second.instance_id
    assert f"<instanceID>{first.instance_id}</instanceID>".encode() in first.xml
    for identity in (first.instance_id, second.instance_id, seeded_instance_id("a seed")):
        assert uuid.UUID(identity.removeprefix("uuid:")).version == 4
    assert small.fill(honest(), instance_id=seeded_instance_id("a seed")).instance_id == seeded_instance_id(
        "a seed"
    )


def test_a_form_opened_twice_writes_what_a_form_reopened_writes(small: OpenForm) -> None:
    answers, identity = honest(paid="yes", fees=[{"amount": 5}]), seeded_instance_id("same")
    small.fill(honest(paid="yes", fees=[{"amount": 1}, {"amount": 2}, {"amount": 3}], wage=1))

    assert small.fill(answers, instance_id=identity).xml == fill(XFORM, LISTS, answers, instance_id=identity)


def test_a_form_whose_list_is_missing_does_not_open(engine: Engine) -> None:
    assert needed_lists(XFORM) == ("desa.csv",)
    with pytest.raises(FormNotOpenedError, match=r"desa\.csv"):
        engine.open(XFORM, {})


def test_a_form_that_javarosa_cannot_parse_does_not_open(engine: Engine) -> None:
    with pytest.raises(FormNotOpenedError):
        engine.open(XFORM.replace("</h:html>", ""), LISTS)
    with pytest.raises(FormNotOpenedError):
        engine.open(XFORM.replace(". &gt; 0", ". &gt; ((0"), LISTS)
