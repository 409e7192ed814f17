"""Answers are corrected in Excel: what was changed is shown cell by cell, checked, and taken in as edits."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils import get_column_letter

from exports.access import Access
from exports.corrections.faults import Wrong
from forms.form import Form
from forms.problems import Problem, Problems
from server.corrections import Corrections, Review
from server.intake.intake import Intake
from server.intake.upload import Upload
from server.store import cases, desks, events, officers, submissions
from server.store.database import Store
from server.store.officers import Person
from server.store.records import Wanted
from tests.phone.interviews import interviews
from tests.phone.javarosa import OpenForm

MALANG, BLITAR = "35.07.01.2001", "35.05.01.2001"
CAME = datetime.now(UTC)
EVERY = interviews(date.today())  # noqa: DTZ011 the JVM's own clock is local too
REASON = "Salah ketik menurut petugas desa"


class Desk:
    """A village desk whose departures have come in, and an officer who corrects them."""

    def __init__(self, store: Store, opened: dict[str, OpenForm], folder: Path) -> None:
        self.store = store
        self._opened = opened
        self._folder = folder
        self.intake = Intake(store, lambda: CAME)
        self.corrections = Corrections(store, self.intake, lambda: CAME)
        with store.transaction():
            self.desk, _ = desks.add(MALANG, None, store.keys, CAME)

    def officer(self, role: str = "disnaker", area: str = "35.07") -> Person:
        with self.store.transaction():
            person, _ = officers.add(f"Petugas {role} {area}", role, area, CAME)
        return person

    def sends(self, name: str = EVERY[0].name) -> str:
        interview = next(i for i in EVERY if i.name == name)
        xml = self._opened[interview.form_id].fill(interview.answers).xml
        with self.store.transaction():
            receipt = self.intake.receive(Upload(xml, self.desk, "collect:uji"))
        assert receipt.state == "new"
        return receipt.instance_id

    def sends_texts(self, texts: Sequence[str]) -> list[str]:
        """Departures whose jobs are described in just these words; returns their instanceIDs."""
        xml = self._opened["berangkat"].fill(EVERY[0].answers).xml.decode()
        found = []
        for number, text in enumerate(texts):
            said = "".join(f"&#{ord(c)};" for c in text)
            own = re.sub("<job_title>.*?<", f"<job_title>{said}<", xml)
            own = re.sub("uuid:[0-9a-f-]{36}<", f"uuid:00000000-0000-4000-8000-{number:012d}<", own)
            with self.store.transaction():
                found.append(self.intake.receive(Upload(own.encode(), self.desk, "collect:uji")).instance_id)
        return found

    def workbook(self, person: Person) -> Path:
        target = self._folder / "koreksi.xlsx"
        self.corrections.make(target, Wanted("berangkat", person.area), Access.of(person), person.name)
        return target

    def review(self, file: Path, person: Person) -> Review:
        return self.corrections.review(file, Access.of(person))

    def apply(self, file: Path, person: Person) -> list[str]:
        review = self.review(file, person)
        with self.store.transaction():
            return self.corrections.apply(review, person, REASON)


@pytest.fixture
def desk(published: Store, opened: dict[str, OpenForm], tmp_path: Path) -> Desk:
    return Desk(published, opened, tmp_path)


def change(file: Path, path: str, value: Any, key: str | None = None, sheet: int = 1) -> str:
    """Change one answer as somebody does in Excel; returns the cell's name."""
    book = openpyxl.load_workbook(file)
    page = book.worksheets[sheet]
    column = next(c.column for c in page[2] if c.value == path)
    row = next(r for r in range(3, page.max_row + 1) if key in (None, page.cell(r, 1).value))
    page.cell(row, column).value = value
    book.save(file)
    return f"{get_column_letter(column)}{row}"


def test_a_workbook_that_nobody_changed_changes_nothing(desk: Desk) -> None:
    for interview in [i for i in EVERY if i.form_id == "berangkat"][:6]:
        desk.sends(interview.name)
    person = desk.officer("ppa")
    review = desk.review(desk.workbook(person), person)
    assert (review.differences, review.faults, review.edits) == ((), (), ())


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_no_text_of_a_phone_is_taken_for_a_change_whatever_program_saved_it(desk: Desk) -> None:
    """One that no cell can hold must not keep all others from being corrected."""
    texts = ["dua\r\nbaris", "_x0041_ _x000D_", "=1+1", " tepi ", "   ", "p" * 40_000, "_x0041" * 6_000]
    keys = desk.sends_texts(texts)
    person = desk.officer("ppa")
    file = desk.workbook(person)
    for saved_by_a_program in ("dua\nbaris", "dua_x000D_\nbaris"):
        change(file, "jobg/job_title", saved_by_a_program, keys[0])
        review = desk.review(file, person)
        assert (review.differences, review.faults, review.edits) == ((), (), ())
    change(file, "jobg/job_title", "dua_x000D_\nbaris lagi", keys[0])
    (edit,) = desk.apply(file, person)
    assert submissions.show(edit, desk.store)["answers"]["jobg"]["job_title"] == "dua\nbaris lagi"


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_two_sheets_that_answer_differently_are_not_taken(desk: Desk) -> None:
    desk.sends()
    person = desk.officer()
    file = desk.workbook(person)
    change(file, "docg/visa", "visit")
    book = openpyxl.load_workbook(file)
    book.copy_worksheet(book.worksheets[1]).title = "Salinan"
    book.save(file)
    assert desk.review(file, person).faults == (), "a copy that says the same is no matter"
    cell = change(file, "docg/visa", "umrah", sheet=-1)
    (fault,) = desk.review(file, person).faults
    assert (fault.sheet, fault.cell, fault.wrong) == ("Salinan", cell, Wrong.OTHERWISE)


def test_a_right_change_becomes_an_edit_that_is_judged_again(desk: Desk, library: dict[str, Form]) -> None:
    instance_id = desk.sends()
    person = desk.officer()
    file = desk.workbook(person)
    cell = change(file, "docg/visa", "visit")
    review = desk.review(file, person)

    assert review.faults == ()
    (difference,) = review.differences
    assert (difference.cell, difference.instance_id) == (cell, instance_id)
    assert (difference.before.partition(" ")[0], difference.after.partition(" ")[0]) == ("work", "visit")

    (edit,) = desk.apply(file, person)
    shown = submissions.show(edit, desk.store)
    assert shown["current"]
    assert not submissions.show(instance_id, desk.store)["current"]
    assert shown["answers"]["docg"]["visa"] == "visit"
    assert shown["indicators"], "a departure on a visit visa is a risk"
    assert shown["differences"] == [], "what a phone would have said stands in the XML too"
    assert cases.listing("35.07", None), "and opens a case"
    (noted,) = [e for e in events.of(edit) if e["verb"] == "submission.corrected"]
    assert noted["actor"] == person.slug
    assert REASON not in str(noted), "people write what they know: the reason is sealed"
    assert shown["correction"]["reason"] == REASON
    assert shown["correction"]["by"] == person.name
    assert submissions.show(instance_id, desk.store)["correction"] is None
    assert noted["detail"]["questions"] == ["/berangkat/docg/visa"]


def test_applying_the_same_workbook_again_changes_nothing(desk: Desk) -> None:
    desk.sends()
    person = desk.officer()
    file = desk.workbook(person)
    change(file, "docg/visa", "visit")
    assert len(desk.apply(file, person)) == 1
    review = desk.review(file, person)
    assert (review.applied, review.edits, review.faults) == (1, (), ())
    assert desk.apply(file, person) == []


def test_what_is_too_much_for_one_time_waits_for_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.corrections.MOST_EDITS", 2)
    desk.sends_texts(["Buruh", "Sopir", "Juru masak"])
    person = desk.officer()
    file = desk.workbook(person)
    book = openpyxl.load_workbook(file)
    page = book.worksheets[1]
    column = next(c.column for c in page[2] if c.value == "jobg/job_title")
    for row in (3, 4, 5):
        page.cell(row, column).value = "Perawat"
    book.save(file)
    told = []
    for _ in range(3):
        review = desk.review(file, person)
        told.append((len(review.differences), review.left, review.applied))
        desk.apply(file, person)
    assert told == [(2, 1, 0), (1, 0, 2), (0, 0, 3)]


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)
def test_of_two_who_correct_the_same_at_once_the_second_is_told(desk: Desk) -> None:
    desk.sends()
    one, other = desk.officer(), desk.officer("ppa")
    file = desk.workbook(one)
    change(file, "docg/visa", "visit")
    mine = desk.review(file, one)
    change(file, "docg/visa", "none")
    theirs = desk.review(file, other)
    told: list[Problem] = []

    def at_once() -> None:
        try:
            with desk.store.transaction():
                desk.corrections.apply(theirs, other, REASON)
        except Problem as problem:
            told.append(problem)
        finally:
            desk.store.release()

    second = threading.Thread(target=at_once)
    waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted"
    with desk.store.transaction():
        (edit,) = desk.corrections.apply(mine, one, REASON)
        second.start()
        while second.is_alive() and not desk.store.db.execute_sql(waiting).fetchone():
            pass  # until it stands before the same lock
        assert second.is_alive()
    second.join()
    assert [problem.problem for problem in told] == [Problems.CORRECTION_FAULTY]
    assert submissions.show(edit, desk.store)["current"]


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("docg/visa", "liburan", "pilihan ini tidak ada"),
        ("idg/birth_date", "kemarin", "tulis tanggal"),
        ("idg/nik", "12", "tidak memenuhi syarat"),
        ("docg/visa", None, "wajib diisi"),
        ("docg/visa", "=1+1", "ada rumus"),
    ],
)
def test_a_wrong_cell_is_refused_by_its_name(desk: Desk, path: str, value: Any, says: str) -> None:
    instance_id = desk.sends()
    person = desk.officer()
    file = desk.workbook(person)
    cell = change(file, path, value)
    with pytest.raises(Problem) as refused:
        desk.apply(file, person)
    assert refused.value.problem is Problems.CORRECTION_FAULTY
    text = refused.value.text("id")
    assert f"sel {cell}:" in text
    assert says in text
    assert submissions.show(instance_id, desk.store)["current"], "nothing was changed"


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(desk: Desk) -> None:
    desk.sends()
    person = desk.officer()
    file = desk.workbook(person)
    change(file, "docg/visa", "visit")
    desk.apply(file, person)
    change(file, "docg/visa", "none")
    with pytest.raises(Problem) as refused:
        desk.apply(file, person)
    assert "baris 3: data ini sudah diubah" in refused.value.text("id")


def test_nobody_corrects_what_is_not_theirs(desk: Desk) -> None:
    desk.sends()
    here = desk.officer()
    elsewhere = desk.officer("disnaker", "35.05")
    file = desk.workbook(here)
    change(file, "docg/visa", "visit")
    (fault,) = desk.review(file, elsewhere).faults
    assert "tidak ada di wilayah Anda" in fault.text("id")
    with pytest.raises(Problem) as refused:
        desk.review(file, desk.officer("admin", "35"))
    assert refused.value.problem is Problems.FORBIDDEN


def test_an_answer_that_is_hidden_from_a_role_is_neither_shown_nor_taken(desk: Desk) -> None:
    desk.sends()
    ppa, province = desk.officer("ppa"), desk.officer("province", "35")
    file = desk.workbook(ppa)
    paths = {c.value for c in openpyxl.load_workbook(file).worksheets[1][2]}
    file = desk.workbook(province)
    theirs = {c.value for c in openpyxl.load_workbook(file).worksheets[1][2]}
    assert "idg/nik" in paths
    assert "idg/nik" not in theirs, "a masked NIK could not be written back"
    assert theirs < paths
    cell = change(desk.workbook(ppa), "idg/nik", "3507010101900099")
    faults = desk.review(file, province).faults
    assert cell in {f.cell for f in faults if "tidak boleh Anda ubah" in f.text("id")}


def test_rows_of_a_repeat_are_corrected_on_their_own_sheet(desk: Desk) -> None:
    instance_id = desk.sends("many fees")
    person = desk.officer()
    file = desk.workbook(person)
    change(file, "costg/fees/fee_amt", 123456, instance_id, sheet=2)
    (edit,) = desk.apply(file, person)
    former = submissions.show(instance_id, desk.store)["answers"]["costg"]["fees"]
    now = submissions.show(edit, desk.store)["answers"]["costg"]["fees"]
    assert now[0]["fee_amt"] == 123456
    assert now[1:] == former[1:]


def test_a_file_of_another_kind_is_refused(desk: Desk, tmp_path: Path) -> None:
    person = desk.officer()
    strange: list[Callable[[Path], object]] = [
        lambda p: p.write_bytes(b"PK\x03\x04 no workbook"),
        lambda p: openpyxl.Workbook().save(p),
    ]
    for number, make in enumerate(strange):
        file = tmp_path / f"lain-{number}.xlsx"
        make(file)
        with pytest.raises(Problem) as refused:
            desk.review(file, person)
        assert refused.value.problem is Problems.CORRECTION_FILE
