"""Phone and server judge alike: the engine of ODK Collect and our own evaluator, over every interview."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from forms.form import Form
from forms.instance import read_instance
from forms.judge import Judge
from forms.lists import ListTable
from tests.phone.interviews import Interview, interviews
from tests.phone.javarosa import Engine, OpenForm

EVERY = interviews(date.today())  # noqa: DTZ011 the JVM's own clock is local too


@pytest.fixture(scope="module")
def judges(library: dict[str, Form]) -> dict[str, Judge]:
    return {form_id: Judge(form) for form_id, form in library.items()}


@pytest.fixture(scope="module")
def tables(lists: dict[str, bytes]) -> dict[str, ListTable]:
    return {name: ListTable.from_csv(name, content) for name, content in lists.items()}


@pytest.mark.parametrize("interview", EVERY, ids=lambda i: f"{i.form_id}-{i.name}")
def test_the_server_finds_what_the_phone_found(
    interview: Interview,
    opened: dict[str, OpenForm],
    judges: dict[str, Judge],
    tables: dict[str, ListTable],
) -> None:
    xml = opened[interview.form_id].fill(interview.answers).xml
    verdict = judges[interview.form_id].judge(read_instance(xml), tables, datetime.now(UTC))

    assert frozenset(verdict.indicators) == interview.expected
    assert {code for code, held in verdict.phone.items() if held} == interview.expected
    assert verdict.differences == ()
    assert verdict.calculated == {}, "every calculation, not only the verdicts"
    assert verdict.errors == ()


def test_a_phone_with_an_old_country_list_misses_what_the_server_finds(
    engine: Engine,
    library: dict[str, Form],
    lists: dict[str, bytes],
    judges: dict[str, Judge],
    tables: dict[str, ListTable],
) -> None:
    old = lists["negara.csv"].replace(b"KH,Kamboja,Cambodia,0,", b"KH,Kamboja,Cambodia,9,")
    assert old != lists["negara.csv"]
    outdated = engine.open(library["berangkat"].xform, lists | {"negara.csv": old})
    interview = next(i for i in EVERY if i.name == "to Cambodia")
    filled = outdated.fill(interview.answers)
    verdict = judges["berangkat"].judge(read_instance(filled.xml), tables, datetime.now(UTC))

    assert not [note for note in filled.notes if note.name == "advice_d05"], "the phone did not warn"
    assert (verdict.indicators, verdict.differences) == (("D05",), ("D05",))
    assert verdict.phone["D05"] is False
