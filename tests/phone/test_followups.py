"""Following up a case on the phone: short, private, and it updates the worker who was chosen, nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from forms.entities import Block, blocks, declarations
from forms.form import Form
from forms.instance import read_instance
from tests.phone.followups import DAY, FOLLOWUPS, TODAY, VISIT, without
from tests.phone.javarosa import AnswerRefusedError, Engine, FilledForm, OpenForm
from tests.phone.workers import CASES, ELSEWHERE, FAR_AWAY, SULASTRI, WORKERS


@pytest.fixture(scope="module")
def form(engine: Engine, library: dict[str, Form], lists: dict[str, bytes]) -> OpenForm:
    return engine.open(library["tindak_lanjut"].xform, lists | {"pmi.csv": WORKERS, "kasus.csv": CASES})


def answer(filled: FilledForm, name: str) -> str | None:
    """The text of a question in the submission; None where it was never relevant."""
    node = next(etree.fromstring(filled.xml).iter(f"{{*}}{name}"), None)
    return None if node is None else node.text or ""


def changes_of(filled: FilledForm, library: dict[str, Form]) -> list[Block]:
    """What the submission asks to change in the list of workers."""
    return list(blocks(read_instance(filled.xml), declarations(library["tindak_lanjut"].xform)))


@pytest.mark.parametrize("answers", FOLLOWUPS.values(), ids=FOLLOWUPS.keys())
def test_every_kind_of_follow_up_can_be_filled_to_its_end(answers: dict[str, Any], form: OpenForm) -> None:
    given = {name: value for name, value in answers.items() if value is not None}
    for language in ("id", "en"):
        filled = form.fill(given, language=language)
        assert answer(filled, "severity_now") == given["severity_now"]


@pytest.mark.parametrize(
    ("name", "status", "last_contact"),
    [
        ("visit", "planned", TODAY.isoformat()),
        ("not reached, contact lost", "abroad", (TODAY - 40 * DAY).isoformat()),
        ("closed", None, TODAY.isoformat()),
        ("not private", None, None),
        ("not reached, nothing known", None, None),
    ],
)
def test_a_follow_up_updates_the_chosen_worker_with_what_it_learned(
    name: str, status: str | None, last_contact: str | None, form: OpenForm, library: dict[str, Form]
) -> None:
    filled = form.fill(FOLLOWUPS[name])

    assert (answer(filled, "pmi_status"), answer(filled, "pmi_last_contact")) == (status, last_contact)
    [change] = changes_of(filled, library)
    assert (change.list, change.uuid, change.base_version) == ("pmi", SULASTRI, 3)
    assert (change.update, change.create) == (True, False)
    known = {"status": status, "last_contact": last_contact}
    assert change.properties == {k: v for k, v in known.items() if v is not None}


@pytest.mark.parametrize("name", ["neither case nor person on the list", "no code yet", "provider"])
def test_a_follow_up_without_a_listed_worker_updates_nobody(
    name: str, form: OpenForm, library: dict[str, Form]
) -> None:
    given = {k: v for k, v in FOLLOWUPS[name].items() if v is not None}
    filled = form.fill(given)

    assert changes_of(filled, library) == []


def test_without_privacy_no_delicate_question_is_met(form: OpenForm, library: dict[str, Form]) -> None:
    delicate = {p.rsplit("/", 1)[1] for p, k in library["tindak_lanjut"].sensitive.items() if k != "identity"}
    filled = form.fill(FOLLOWUPS["not private"])

    assert delicate >= {"person_safe", "actions", "notes"}
    assert not {path.rsplit("/", 1)[-1] for path in filled.asked} & (delicate | {"consent_referral"})
    assert "n_not_private" in {note.name for note in filled.notes}


def test_no_referral_is_asked_without_consent(form: OpenForm) -> None:
    filled = form.fill(FOLLOWUPS["at risk, no referral wanted"])

    assert not [path for path in filled.asked if path.endswith(("referred_to", "referral_accepted"))]
    assert {"n_no_referral", "n_at_risk"} <= {note.name for note in filled.notes}


@pytest.mark.parametrize(
    ("question", "changes"),
    [
        ("update_date", {"update_date": TODAY + DAY}),
        ("case_ref", {"case_listed": "no", "case_id": None, "case_ref": "12"}),
        ("case_id", {"case_id": "R-350702-0001"}),
        ("worker", {"worker": FAR_AWAY}),
        ("worker", {"worker": None}),
        ("person_safe", {"contact_made": "failed", "private": None}),
        ("actions", {"actions": ["none", "medical"]}),
        ("amount_recovered", {"amount_recovered": -1}),
        ("accepted_date", {"accepted_date": TODAY + DAY}),
        ("referred_to", {"referred_to": ["none", "ppa"]}),
        ("next_date", {"next_date": TODAY}),
        ("close_reason", {"severity_now": "closed", "next_date": None}),
    ],
)
def test_an_impossible_answer_is_refused_on_the_phone(
    question: str, changes: dict[str, Any], form: OpenForm
) -> None:
    answers = {name: value for name, value in (VISIT | changes).items() if value is not None}
    with pytest.raises(AnswerRefusedError) as refusal:
        form.fill(answers)
    assert refusal.value.question == question


def test_a_district_officer_finds_the_cases_and_workers_of_the_village_chosen(form: OpenForm) -> None:
    filled = form.fill(without(village=ELSEWHERE, case_id="R-350702-0001", worker=FAR_AWAY))

    assert answer(filled, "case_code") == "R-350702-0001"
    assert (answer(filled, "instanceName") or "").startswith(f"Tindak lanjut {TODAY} R-350702-0001 ")
    assert b"Wening" not in filled.xml, "the name stays on the list"
