"""Reading a correction workbook back: what each cell says, and what that changes.

The file comes from somebody's computer, so nothing in it is trusted: its size is bounded before it is opened, columns
are found by the paths in row 2, and rows by their keys, whatever was sorted, filtered or moved.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openpyxl import load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from exports.corrections.faults import Fault, Wrong
from exports.corrections.questions import NotAnAnswer, Question
from exports.corrections.workbook import FIRST_ROW, HIDDEN, KEY, MARK, ROW
from exports.text import escaped
from forms.problems import Problem, Problems

MOST_BYTES: Final = 20_000_000
_MOST_UNPACKED: Final = 200_000_000
_MOST_TEXT: Final = 10_000
"""Characters of an answer; nobody types more on a phone."""


@dataclass(frozen=True)
class Given:
    """What a cell says. ``number`` is the row of a repeat, from 1; None on the form's own sheet."""

    sheet: str
    cell: str
    instance_id: str
    number: int | None
    path: str
    value: Any


@dataclass(frozen=True)
class Book:
    """A workbook as it came back: the cells of each submission by its instanceID, and what is wrong already.

    ``rows`` says in which sheet and row a submission stands.
    """

    form_id: str
    given: Mapping[str, list[Given]]
    rows: Mapping[str, tuple[str, int]]
    faults: tuple[Fault, ...]


def read_book(file: Path) -> Book:
    """Read it. Raises :class:`Problem` (CORRECTION_FILE) for what is no correction workbook."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise _strange(file)
        with zipfile.ZipFile(file) as package:
            if sum(part.file_size for part in package.infolist()) > _MOST_UNPACKED:
                raise _strange(file)
        book = load_workbook(file, keep_links=False, rich_text=False)
    except Problem:
        raise
    except Exception as error:  # openpyxl raises whatever its parts raise for a broken package
        raise _strange(file) from error
    if HIDDEN not in book.sheetnames or book[HIDDEN]["A1"].value != MARK:
        raise _strange(file)
    form_id = str(book[HIDDEN]["B1"].value or "")
    given: dict[str, list[Given]] = {}
    rows: dict[str, tuple[str, int]] = {}
    faults: list[Fault] = []
    for sheet in book.worksheets:
        if isinstance(sheet, Worksheet) and sheet["A2"].value == KEY:
            for one in _cells(sheet, rows, faults):
                given.setdefault(one.instance_id, []).append(one)
    return Book(form_id, given, rows, tuple(faults))


def _strange(file: Path) -> Problem:
    return Problem(Problems.CORRECTION_FILE, file=file.name)


def _cells(sheet: Worksheet, rows: dict[str, tuple[str, int]], faults: list[Fault]) -> Iterator[Given]:
    marks = [cell.value for cell in sheet[2]]
    is_repeat = ROW in marks[:3]
    paths = {at: str(mark) for at, mark in enumerate(marks) if mark and mark not in (KEY, ROW)}
    seen: set[tuple[str, int | None]] = set()
    for row in sheet.iter_rows(min_row=FIRST_ROW):
        key = str(row[0].value or "").strip()
        if not key:
            continue  # below the table, or a row that was emptied: nothing is said of anybody
        number = _number(row[marks.index(ROW)]) if is_repeat else None
        if (key, number) in seen:
            faults.append(Fault(sheet.title, str(row[0].row), Wrong.TWICE))
            continue
        seen.add((key, number))
        rows.setdefault(key, (sheet.title, int(row[0].row or 0)))
        for at, path in paths.items():
            if at >= len(row):
                continue
            cell = row[at]
            place = f"{get_column_letter(at + 1)}{row[0].row}"
            if cell.data_type == "f":
                faults.append(Fault(sheet.title, place, Wrong.FORMULA))
            else:
                yield Given(sheet.title, place, key, number, path, cell.value)


def _number(cell: Cell | Any) -> int:
    value = cell.value
    return int(value) if isinstance(value, int | float) else 0


@dataclass(frozen=True)
class Change:
    """A cell that says something else than what is stored: ``text`` is what a phone would write."""

    given: Given
    question: Question
    before: str
    text: str


def changed(given: Given, question: Question, stored: str) -> Change | None:
    """What a cell changes; ``stored`` is the text in the submission, empty where there is none.

    Raises :class:`Fault` wrapped in :class:`FaultyCell` for what the question cannot take.
    """
    shown = question.shown(stored)
    value = given.value
    if value == shown or (isinstance(shown, str) and value == escaped(shown)):
        return None
    try:
        text = question.written(value)
    except NotAnAnswer as why:
        raise FaultyCell(Fault(given.sheet, given.cell, why.wrong, why.facts)) from None
    if len(text) > _MOST_TEXT:
        raise FaultyCell(Fault(given.sheet, given.cell, Wrong.LONG))
    if text == stored or _same(question, text, stored):
        return None
    return Change(given, question, stored, text)


def _same(question: Question, text: str, stored: str) -> bool:
    """Written otherwise, and yet the same: ``5.0`` and ``5``."""
    if question.kind not in ("decimal", "integer") or not text or not stored:
        return False
    try:
        return float(text) == float(stored)
    except ValueError:
        return False


class FaultyCell(Exception):  # noqa: N818 - says what is the matter
    """A cell that cannot be taken."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.wrong.name)
