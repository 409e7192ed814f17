"""Rosters as a workbook: what is written is read back, and each fault names its sheet, row and column."""

from __future__ import annotations

import contextlib
import io
import threading
from datetime import datetime
from typing import Any

import openpyxl
import peewee
import pytest

from exports import roster_book
from forms.problems import Problem, Problems
from server.store import officers, roster_entries
from server.store.database import Store
from server.store.officers import Person
from tests.conftest import Clock


def person(name: str, role: str, area: str, clock: Clock) -> Person:
    return officers.add(name, role, area, clock())[0]


def at(text: str, *, end: bool = False) -> datetime:
    return roster_entries.moment(text, "35.07", end=end)


def book(**sheets: list[tuple[Any, ...]]) -> io.BytesIO:
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for title, rows in sheets.items():
        sheet = made.create_sheet(title)
        for row in [roster_book.SHEETS[title], *rows]:
            sheet.append(row)
    target = io.BytesIO()
    made.save(target)
    target.seek(0)
    return target


def read(store: Store, *what: Any) -> roster_book.Read:
    with store.transaction():
        return roster_book.read(*what)


def places(done: roster_book.Read) -> list[str]:
    return [finding.place for finding in done.findings]


def test_a_workbook_that_was_written_and_read_leaves_everything_as_it_was(store: Store, clock: Clock) -> None:
    sari, budi = person("Sari", "disnaker", "35.07", clock), person("=Budi", "disnaker", "35.07", clock)
    head, now = person("Kepala", "disnaker", "35", clock), clock()
    roster_entries.add_duty("sari", at("2026-11-23"), at("2026-11-29", end=True), now, "x", deputy="budi")
    roster_entries.add_duty(
        "budi", at("2026-11-25 18:00"), at("2026-11-26 06:00"), now, "x", instead_of="sari"
    )
    roster_entries.add_leave("budi", at("2026-12-24"), at("2027-01-03", end=True), now, "x", deputy="sari")
    roster_entries.set_supervisor(sari.slug, head.slug)
    roster_entries.set_office_supervisor("disnaker", "35.07", head.slug)
    roster_entries.add_day_off("35.07", at("2026-12-28").date(), "Cuti bersama")

    def written() -> Any:
        lines = [
            (e.kind, e.officer, e.starts_at, e.ends_at, e.deputy, e.instead_of)
            for e in roster_entries.entries()
        ]
        days = [(d["area"], d["day"], d["name"]) for d in roster_entries.days_off()]
        return lines, roster_entries.supervisors(), days

    before = written()
    target = io.BytesIO()
    assert roster_book.write("35", target, now) == 6
    target.seek(0)
    assert budi.name in [row[1] for row in openpyxl.load_workbook(target)["Petugas"].values]
    target.seek(0)
    done = read(store, target, "35", now, "x")
    assert (done.stored, done.over, done.findings) == (6, 0, ())
    assert written() == before


def test_each_fault_is_named_by_sheet_row_and_column_and_nothing_is_stored(
    store: Store, clock: Clock
) -> None:
    person("Sari", "disnaker", "35.07", clock)
    person("Wulan", "ppa", "35.07", clock)
    person("Jauh", "disnaker", "12", clock)
    roster_entries.add_duty("sari", at("2026-11-23"), at("2026-11-29", end=True), clock(), "x")
    spoiled = book(
        Jaga=[
            ("sari", "2026-11-30", "2026-12-06", None, None),
            ("sri", "2026-11-30", "2026-12-06", None, None),
            ("sari", "30/11/2026", "2026-12-06", None, None),
            ("sari", "2026-12-06", "2026-11-30", None, None),
            ("sari", "2026-11-30", "2026-12-06", "wulan", None),
            ("jauh", "2026-11-30", "2026-12-06", None, None),
            ("sari", "2026-11-30", None, None, None),
            ("sari", "2026-12-01", "2026-12-02", None, None),
            ("sari", "0226-11-30", "9999-12-31", None, None),
        ],
        Atasan=[(None, "bupati", "35.07", "sari"), ("sari", None, None, "wulan")],
        Libur=[("35.07", "besok", "x"), ("12", "2026-12-28", "x")],
    )
    with store.db.atomic() as undo:
        done = read(store, spoiled, "35.07", clock(), "x")
        undo.rollback()
    assert places(done) == [
        "Jaga row 3, column Petugas",
        "Jaga row 4, column Dari",
        "Jaga row 5, column Sampai",
        "Jaga row 6, column Wakil",
        "Jaga row 7, column Petugas",
        "Jaga row 8, column Sampai",
        "Jaga row 9, column Dari",
        "Jaga row 10, column Dari",
        "Atasan row 2, column Peran",
        "Libur row 2, column Tanggal",
        "Libur row 3, column Wilayah",
    ]
    said = roster_book.refused("jaga.xlsx", done.findings).text("en")
    assert said.startswith("jaga.xlsx: Jaga row 3, column Petugas: ")
    assert "11 faults" in said
    assert [e.officer for e in roster_entries.entries()] == ["sari"]


def test_what_is_no_workbook_or_lacks_a_column_is_said_so(store: Store, clock: Clock) -> None:
    assert "no Excel workbook" in read(store, io.BytesIO(b"a,b"), "ID", clock(), "x").findings[0].message
    lacking = openpyxl.Workbook()
    lacking.worksheets[0].title = "Cuti"
    lacking.worksheets[0].append(("Petugas", "Dari"))
    target = io.BytesIO()
    lacking.save(target)
    target.seek(0)
    done = read(store, target, "ID", clock(), "x")
    assert places(done) == ["Cuti row 1, column Sampai", "Cuti row 1, column Wakil"]


def test_a_line_that_is_not_read_is_a_fault_for_it_would_be_taken_out(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    person("Sari", "disnaker", "35.07", clock)
    days = [("sari", f"2026-12-0{n}", f"2026-12-0{n}", None, None) for n in range(1, 4)]
    monkeypatch.setattr("exports.roster_book.MOST_ROWS", 3)
    assert places(read(store, book(Jaga=days), "35.07", clock(), "x")) == ["Jaga row 4"]
    assert places(read(store, book(Jaga=days[:2]), "35.07", clock(), "x")) == []
    monkeypatch.setattr("exports.roster_book._MOST_UNPACKED", 1_000)
    said = read(store, book(Jaga=days[:2]), "35.07", clock(), "x").findings[0].message
    assert "too big" in said, "nobody fills the server's memory with a small file"


def test_nobody_is_on_record_under_the_name_of_the_program(store: Store, clock: Clock) -> None:
    assert [person(name, "disnaker", "35.07", clock).slug for name in ("Operator", "System")] == [
        "operator-2",
        "system-2",
    ]


def test_an_office_changes_its_own_roster_and_nobody_elses(store: Store, clock: Clock) -> None:
    for name, role in (("Sari", "disnaker"), ("Wulan", "ppa")):
        person(name, role, "35.07", clock)
        roster_entries.add_duty(name.lower(), at("2026-11-23"), at("2026-11-29"), clock(), "x")
    foreign = book(Jaga=[("wulan", "2026-11-30", "2026-12-06", None, None)])
    assert places(read(store, foreign, "35.07", clock(), "sari", "disnaker")) == [
        "Jaga row 2, column Petugas"
    ]
    made = io.BytesIO()
    roster_book.write("35.07", made, clock())
    done = read(store, made, "35.07", clock(), "sari", "disnaker")
    assert "other offices" in done.findings[0].message, "a workbook of all roles would take out hers"
    assert [e.officer for e in roster_entries.entries()] == ["sari", "wulan"]


def filled(source: io.BytesIO, *duties: tuple[Any, ...]) -> io.BytesIO:
    """The workbook with these duties instead of its own."""
    source.seek(0)
    made = openpyxl.load_workbook(source)
    made["Jaga"].delete_rows(2, 100)
    for duty in duties:
        made["Jaga"].append(duty)
    target = io.BytesIO()
    made.save(target)
    target.seek(0)
    return target


def test_a_workbook_made_before_a_colleagues_change_does_not_undo_it(store: Store, clock: Clock) -> None:
    for name in ("Sari", "Budi"):
        person(name, "disnaker", "35.07", clock)
    one, two = ("sari", "2026-11-23", "2026-11-29"), ("budi", "2026-11-30", "2026-12-06")
    first = roster_entries.add_duty("sari", at(one[1]), at(one[2], end=True), clock(), "x")
    made = io.BytesIO()
    roster_book.write("35.07", made, clock())

    def said(*duties: tuple[Any, ...]) -> str:
        with pytest.raises(Problem) as refused:
            read(store, filled(made, *duties), "35.07", clock(), "x")
        assert refused.value.problem is Problems.ROSTER_STALE
        return refused.value.text("en")

    second = roster_entries.add_duty("budi", at(two[1]), at(two[2], end=True), clock(), "x")
    assert "(1): Jaga budi 2026-11-30 2026-12-06 (added)" in said(one), "it would take out what was added"
    roster_entries.remove(second)
    roster_entries.remove(first)
    assert "(1): Jaga sari 2026-11-23 2026-11-29 (removed)" in said(one, two), "it would bring back what went"
    assert "(removed)" in said((*one[:2], "2026-11-30")), "not even changed"
    for _ in range(
        2
    ):  # what was taken out and is left out in the workbook is no quarrel, nor is the same again
        assert read(store, filled(made, two), "35.07", clock(), "x").stored == 1
    assert [e.officer for e in roster_entries.entries()] == ["budi"]


def test_a_table_of_somebodys_own_adds_its_lines_once_and_takes_nothing_out(
    store: Store, clock: Clock
) -> None:
    for name in ("Sari", "Budi"):
        person(name, "disnaker", "35.07", clock)
    roster_entries.add_duty("sari", at("2026-11-23"), at("2026-11-29", end=True), clock(), "x")
    own = book(Jaga=[("sari", "2026-11-23", "2026-11-29"), ("budi", "2026-11-30", "2026-12-06")])
    for stored in (1, 0):
        done = read(store, own, "35.07", clock(), "x")
        assert (done.stored, done.replaced) == (stored, False)
    assert [e.officer for e in roster_entries.entries()] == ["sari", "budi"]


def test_nobody_changes_a_roster_while_a_workbook_takes_its_place(store: Store, clock: Clock) -> None:
    if store.sqlite:
        return  # a writing transaction is alone there, whoever it is
    person("Sari", "disnaker", "35.07", clock)
    made = io.BytesIO()
    roster_book.write("35.07", made, clock())
    tried: list[str] = []

    def colleague() -> None:
        with store.db.atomic():
            store.db.execute_sql("set local lock_timeout = '50ms'")
            try:
                roster_entries.add_duty("sari", at("2026-11-23"), at("2026-11-29"), clock(), "x")
            except peewee.OperationalError as error:
                tried.append(type(error).__name__)
                raise peewee.DatabaseError from error

    def run() -> None:
        with contextlib.suppress(peewee.DatabaseError):
            colleague()
        store.release()

    with store.transaction():
        read(store, filled(made), "35.07", clock(), "x")
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert tried == ["OperationalError"]
    colleague()
