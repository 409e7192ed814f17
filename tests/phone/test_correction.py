"""A correction made in an office comes out as the phone itself would have filled the form."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from forms.correction import Corrector
from forms.form import Form
from forms.instance import Instance, read_instance
from forms.judge import Judge
from forms.lists import ListTable
from forms.schema import Schema
from tests.phone.interviews import Interview, interviews
from tests.phone.javarosa import OpenForm

EVERY = interviews(date.today())  # noqa: DTZ011 the JVM's own clock is local too
OF_THE_PHONE = re.compile(r"/[a-z_]+/(start|end|deviceid|meta/.*)")
"""What no change of an answer changes."""


def leaves(instance: Instance) -> dict[str, str]:
    """The texts of an instance by place, but for what is the phone's own."""
    found = {}
    for path, nodes in instance.index.items():
        for number, node in enumerate(nodes, start=1):
            if not node.children and not OF_THE_PHONE.fullmatch(path):
                found[f"{path}#{number}"] = node.text
    return found


@pytest.fixture(scope="module")
def tables(lists: dict[str, bytes]) -> dict[str, ListTable]:
    return {name: ListTable.from_csv(name, content) for name, content in lists.items()}


def pairs() -> list[tuple[Interview, Interview]]:
    """Interviews two by two: the first is to be corrected into the second."""
    found: list[tuple[Interview, Interview]] = []
    for form_id in ("berangkat", "pulang"):
        ours = [i for i in EVERY if i.form_id == form_id]
        found += zip(ours[::2], ours[1::2], strict=False)
    return found


@pytest.mark.parametrize(("first", "second"), pairs(), ids=lambda i: f"{i.form_id}-{i.name}")
def test_one_interview_is_corrected_into_another(
    first: Interview,
    second: Interview,
    opened: dict[str, OpenForm],
    library: dict[str, Form],
    tables: dict[str, ListTable],
) -> None:
    form = library[first.form_id]
    before, wanted = (opened[first.form_id].fill(i.answers).xml for i in (first, second))
    schema = Schema.from_xform(form.xform)
    asked = {q.path for q in schema.questions() if not q.calculated and not q.note}
    was, shall = leaves(read_instance(before)), leaves(read_instance(wanted))
    in_repeats = tuple(f"{repeat.path}/" for repeat in schema.repeats())
    changes = {
        place.partition("#")[0]: text
        for place, text in shall.items()
        if place.partition("#")[0] in asked
        and was.get(place, "") != text
        and not place.startswith(in_repeats)
    }
    came = datetime.now(UTC)
    corrector = Corrector(schema, Judge(form))
    corrected = corrector.correct(before, changes, "uuid:baru", tables, came)
    made = read_instance(corrected.xml)

    assert (made.instance_id, made.deprecated_id) == ("uuid:baru", read_instance(before).instance_id)
    assert corrected.unasked == ()
    rows = {place: text for place, text in shall.items() if place.startswith(in_repeats)}
    if rows and rows != {place: text for place, text in was.items() if place.startswith(in_repeats)}:
        # A correction makes no rows of repeats, so what is counted over them cannot be the other interview's.
        def answered(found: dict[str, str]) -> dict[str, str]:
            return {
                p: t
                for p, t in found.items()
                if p.partition("#")[0] in asked and not p.startswith(in_repeats)
            }

        assert answered(leaves(made)) == answered(shall)
        return
    assert leaves(made) == shall
    assert Judge(form).judge(made, tables, came).differences == ()


def test_what_is_no_longer_asked_falls_away_and_is_named(
    opened: dict[str, OpenForm], library: dict[str, Form], tables: dict[str, ListTable]
) -> None:
    interview = next(i for i in EVERY if i.form_id == "berangkat" and i.answers.get("p3mi"))
    before = opened["berangkat"].fill(interview.answers).xml
    form = library["berangkat"]
    corrector = Corrector(Schema.from_xform(form.xform), Judge(form))
    consent = next(p for p in read_instance(before).index if p.endswith("/consent"))
    corrected = corrector.correct(before, {consent: "no"}, "uuid:baru", tables, datetime.now(UTC))

    left = read_instance(corrected.xml)
    assert not [path for path in left.index if path.endswith("/nik")]
    assert any(place.endswith("/nik") for place in corrected.fallen)


def test_an_answer_to_a_question_that_is_not_asked_is_named(
    opened: dict[str, OpenForm], library: dict[str, Form], tables: dict[str, ListTable]
) -> None:
    form = library["berangkat"]
    schema = Schema.from_xform(form.xform)
    before = opened["berangkat"].fill(EVERY[0].answers).xml
    there = read_instance(before).index
    absent = next(
        q.path for q in schema.questions() if q.relevant and not q.calculated and q.path not in there
    )
    corrected = Corrector(schema, Judge(form)).correct(
        before, {absent: "yes"}, "uuid:baru", tables, datetime.now(UTC)
    )
    assert corrected.unasked == (absent,)
    assert absent not in read_instance(corrected.xml).index
