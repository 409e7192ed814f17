"""What a new version would do to stored answers is said before it is published, with how many it touches."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from forms.changes import changes
from forms.compile import FormErrors, compile_workbook, inspect_workbook
from forms.form import Finding, Form
from forms.problems import Problem
from server.intake.intake import Intake
from server.publishing import against_published, entity_faults, publish
from server.store import published as forms_of
from server.store import saved_exports
from server.store.database import Store
from tests.conftest import Clock
from tests.forms import workbooks
from tests.forms.workbooks import put
from tests.gate import small

NEXT = "2026112102"


@dataclass(frozen=True)
class Altered:
    place: tuple[str, int | None, str | None]
    word: str
    severity: str
    confirm: bool
    survey: str = small.SURVEY
    choices: str = workbooks.CHOICES


LINES = small.SURVEY.strip("\n").split("\n")
ALTERED = {
    "another type": Altered(
        ("survey", 4, "type"), "int", "error", False, survey=put(small.SURVEY, 4, "type", "text")
    ),
    "another kind of choosing": Altered(
        ("survey", 5, "type"), "select one", "error", False,
        survey=put(small.SURVEY, 5, "type", "select_multiple yn"),
    ),
    "a question gone": Altered(
        ("survey", 5, "name"), "note of the published version is gone", "warning", True,
        survey="\n".join([*LINES[:5], *LINES[6:]]) + "\n",
    ),
    "a question renamed": Altered(
        ("survey", 6, "name"), "now called remark", "warning", True,
        survey=put(small.SURVEY, 6, "name", "remark"),
    ),
    "a question moved to another group": Altered(
        ("survey", 7, "name"), "another group", "warning", True,
        survey="\n".join([*LINES[:5], LINES[6], LINES[5], *LINES[7:]]) + "\n",
    ),
    "a choice in use gone": Altered(
        ("choices", 3, "name"), "the choice no of the question ok", "warning", True,
        choices=put(workbooks.CHOICES, 3, "name", "never"),
    ),
}  # fmt: skip


@pytest.fixture
def stored(store: Store, clock: Clock, tmp_path: Path) -> Store:
    """The small form with two submissions and a trial."""
    small.published(store, tmp_path / "first", clock())
    intake, sender = Intake(store, clock), small.desk(store, clock())
    small.send(store, intake, sender, small.xml({"age": "30", "ok": "no", "note": "sakit"}))
    small.send(store, intake, sender, small.xml({"age": "31", "ok": "no", "note": "sehat"}))
    small.send(store, intake, small.desk(store, clock(), draft=True), small.xml({"age": "1", "ok": "no"}))
    return store


def breaking(workbook: Path, store: Store) -> list[Finding]:
    """What the gate says of stored answers; ODK Validate is left out."""
    found = inspect_workbook(workbook, validate=False)
    assert found.form is not None
    assert found.errors == ()
    return against_published(found, found.form, store)


@pytest.mark.parametrize("what", ALTERED)
def test_a_change_that_touches_stored_answers_is_named_by_cell_with_their_number(
    stored: Store, tmp_path: Path, what: str
) -> None:
    altered = ALTERED[what]
    workbook = small.book(tmp_path / "next", version=NEXT, survey=altered.survey, choices=altered.choices)
    (finding,) = breaking(workbook, stored)
    assert (finding.sheet, finding.row, finding.column) == altered.place
    assert altered.word in finding.message
    assert "2 stored submissions" in finding.message
    assert "2 kiriman tersimpan" in finding.pesan
    assert (finding.severity, finding.confirm) == (altered.severity, altered.confirm)


def test_the_rules_that_ask_a_question_are_named_over_calculations_too(stored: Store, tmp_path: Path) -> None:
    survey = put(small.SURVEY, 4, "type", "text")
    (finding,) = breaking(small.book(tmp_path / "next", version=NEXT, survey=survey), stored)
    assert "X01" in finding.message
    survey = put(small.SURVEY, 8, "type", "text")
    (finding,) = breaking(small.book(tmp_path / "other", version=NEXT, survey=survey), stored)
    assert "fee was of type select one" in finding.message
    assert "X02" in finding.message


def test_the_saved_exports_that_a_change_touches_are_named(
    stored: Store, tmp_path: Path, clock: Clock
) -> None:
    zone = ZoneInfo("Asia/Jakarta")
    with stored.transaction():
        for owner, name, form_id in (
            ("sari", "bulanan", "coba"),
            ("budi", "bulanan", "coba"),
            ("sari", "lain", "pulang"),
        ):
            saved_exports.schedule(owner, name, form_id, {}, zone, clock(), stored)
    survey = put(small.SURVEY, 6, "name", "remark")
    (finding,) = breaking(small.book(tmp_path / "next", version=NEXT, survey=survey), stored)
    assert "Saved exports that have it: bulanan." in finding.message
    assert "Unduhan tersimpan yang memuatnya: bulanan." in finding.pesan


def test_the_same_change_is_only_a_warning_where_nothing_is_stored(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    small.published(store, tmp_path / "first", clock())
    survey = put(small.SURVEY, 4, "type", "text")
    (finding,) = breaking(small.book(tmp_path / "next", version=NEXT, survey=survey), store)
    assert (finding.severity, finding.confirm) == ("warning", False)
    assert "0 stored" in finding.message


def test_what_loses_stored_answers_is_published_only_when_it_is_meant(
    stored: Store, clock: Clock, tmp_path: Path
) -> None:
    altered = ALTERED["a question gone"]
    workbook = small.book(tmp_path / "next", version=NEXT, survey=altered.survey)
    with pytest.raises(Problem, match=r"survey row 5, column name: .*note.*--force"):
        publish(stored, workbook, None, clock())
    assert [f.version for f in forms_of.current_forms()] == [small.VERSION]
    publish(stored, workbook, None, clock(), force=True)
    assert [f.version for f in forms_of.current_forms()] == [NEXT]


def test_a_used_version_is_never_overwritten(stored: Store, clock: Clock, tmp_path: Path) -> None:
    survey = put(small.SURVEY, 4, "label:id", "Usia")
    with pytest.raises(FormErrors, match="settings row 2, column version"):
        publish(stored, small.book(tmp_path / "again", survey=survey), None, clock(), force=True)


def test_a_wider_type_and_new_questions_are_no_loss(stored: Store, tmp_path: Path) -> None:
    survey = put(small.SURVEY, 4, "type", "decimal") + "| text | extra | Lain | Other | | | | |\n"
    assert breaking(small.book(tmp_path / "next", version=NEXT, survey=survey), stored) == []


def test_a_property_of_workers_that_is_no_longer_saved_is_named(library: dict[str, Form]) -> None:
    old = library["berangkat"]
    attribute = re.search(r' entities:saveto="(\w+)"', old.xform)
    assert attribute is not None
    new = replace(old, xform=old.xform.replace(attribute[0], "", 1))
    assert [(change.kind, change.code) for change in changes(old, new)] == [("property", attribute[1])]


WORKER_SURVEY = """
| type    | name | label:id | label:en | save_to |
| begin_group | g | Bagian  | Part     | |
| integer | old  | Umur     | Age      | Age     |
| text    | who  | Nama     | Name     | nama    |
| end_group   |   |         |          | |
"""
WORKERS = """
| list_name | label  |
| orang     | ${who} |
"""


@pytest.mark.parametrize("draft", [False, True])
def test_a_property_that_another_form_writes_with_other_capitals_is_named_with_both_forms(
    store: Store, tmp_path: Path, clock: Clock, *, draft: bool
) -> None:
    def book(form_id: str, survey: str, entities: str = WORKERS) -> Path:
        settings = put(workbooks.SETTINGS, 2, "form_id", form_id)
        (tmp_path / form_id).mkdir(exist_ok=True)
        return workbooks.write(
            tmp_path / form_id, survey=survey, settings=settings, choices="", indicators="", entities=entities
        )

    first = compile_workbook(book("pertama", WORKER_SURVEY), validate=False).form
    with store.transaction():
        forms_of.publish(first, b"", {}, clock(), draft=draft)
        if not draft:
            forms_of.set_closed("pertama", closed=True)  # it may be opened again

    def said(survey: str, entities: str = WORKERS, form_id: str = "kedua") -> list[Finding]:
        found = inspect_workbook(book(form_id, survey, entities), validate=False)
        assert found.form is not None
        return entity_faults(found, found.form)

    other = put(WORKER_SURVEY, 3, "save_to", "age")
    [finding] = said(other)
    assert (finding.sheet, finding.row, finding.severity) == ("survey", 3, "error")
    for text in (finding.message, finding.pesan):
        assert all(word in text for word in ("'age'", "'Age'", "/coba/g/old", "pertama", "orang"))
    assert said(WORKER_SURVEY) == []
    assert said(other, put(WORKERS, 2, "list_name", "hewan")) == [], "another list has properties of its own"
    assert said(other, form_id="pertama") == [], "it takes the place of what is published"
    [finding] = said(WORKER_SURVEY, put(WORKERS, 2, "list_name", "Orang"))
    assert (finding.sheet, finding.row) == ("entities", 2)
    assert "'Orang' and 'orang' of form pertama" in finding.message
    with pytest.raises(FormErrors, match="one property of orang"):
        publish(store, book("kedua", other), None, clock())
