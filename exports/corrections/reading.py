"""Reading a correction workbook back: what each cell says, and what that changes.

The file comes from somebody's computer, so nothing in it is trusted: its size is bounded before it is opened, it is
read row by row, columns are found by the paths in row 2, and rows by their keys, whatever was sorted or filtered.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from exports.corrections.faults import Fault, Wrong
from exports.corrections.questions import NotAnAnswer, Question
from exports.corrections.workbook import FIRST_ROW, HIDDEN, KEY, MARK, ROW
from exports.text import escaped
from forms.problems import Problem, Problems

MOST_BYTES: Final = 20_000_000
_MOST_UNPACKED: Final = 100_000_000
_MOST_ROWS: Final = 1_048_576
"""Rows of a sheet, as Excel has them: a file may say of a row that it is the billionth."""
_MOST_CELLS: Final = 10_000_000
"""Cells of a sheet, empty ones between others counted: fifty times what a workbook of ours holds."""
_MOST_TEXT: Final = 10_000
"""Characters of an answer; nobody types more on a phone."""

_LINE_END: Final = re.compile("(?:\r|_x000D_)\n?")


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


def read_book(file: Path | BinaryIO) -> Book:
    """Read it. Raises :class:`Problem` (CORRECTION_FILE) for what is no correction workbook."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return _read_book(opened, file.name)
    return _read_book(file, "Excel")


def _read_book(file: BinaryIO, name: str) -> Book:
    try:
        if file.seek(0, 2) > MOST_BYTES:
            raise _strange(name)
        with zipfile.ZipFile(file) as package:
            if sum(part.file_size for part in package.infolist()) > _MOST_UNPACKED:
                raise _strange(name)
        book = load_workbook(file, read_only=True, keep_links=False, rich_text=False)
        try:
            return _read(book, name)
        finally:
            book.close()
    except Problem:
        raise
    except Exception as error:  # openpyxl raises whatever its parts raise for a broken package
        raise _strange(name) from error


def _read(book: Any, name: str) -> Book:
    if HIDDEN not in book.sheetnames:
        raise _strange(name)
    book[HIDDEN].reset_dimensions()
    first: tuple[Any, ...] = next(book[HIDDEN].iter_rows(values_only=True), ())
    mark, form_id = (*first, None, None)[:2]
    if mark != MARK:
        raise _strange(name)
    given: dict[str, list[Given]] = {}
    rows: dict[str, tuple[str, int]] = {}
    faults: list[Fault] = []
    for sheet in book.worksheets:
        sheet.reset_dimensions()  # what a file says of its size need not be so
        for one in _cells(sheet, name, rows, faults):
            given.setdefault(one.instance_id, []).append(one)
    return Book(str(form_id or ""), given, rows, tuple(faults))


def _strange(name: str) -> Problem:
    return Problem(Problems.CORRECTION_FILE, file=name)


def _cells(sheet: Any, name: str, rows: dict[str, tuple[str, int]], faults: list[Fault]) -> Iterator[Given]:
    paths: dict[int, str] = {}
    at_row: int | None = None
    seen: set[tuple[str, int | None]] = set()
    cells = 0
    for number, row in enumerate(sheet.iter_rows(max_row=_MOST_ROWS), start=1):
        cells += len(row) + 1
        if cells > _MOST_CELLS:
            raise _strange(name)
        if number < FIRST_ROW - 1:
            continue
        if number == FIRST_ROW - 1:
            marks = [cell.value for cell in row]
            if marks[:1] != [KEY]:
                return  # the guide, or what somebody added for themselves
            at_row = marks.index(ROW) if ROW in marks[:3] else None
            paths = {at: str(mark) for at, mark in enumerate(marks) if mark and mark not in (KEY, ROW)}
            continue
        key = str(row[0].value or "").strip() if row else ""
        if not key:
            continue  # below the table, or a row that was emptied: nothing is said of anybody
        repeat = None if at_row is None else _number(row[at_row].value if at_row < len(row) else None)
        if (key, repeat) in seen:
            faults.append(Fault(sheet.title, str(number), Wrong.TWICE))
            continue
        seen.add((key, repeat))
        rows.setdefault(key, (sheet.title, number))
        for at, path in paths.items():
            # Excel writes no cell that is empty and plain: one beyond the last that it wrote is empty all the same
            cell = row[at] if at < len(row) else None
            place = f"{get_column_letter(at + 1)}{number}"
            if cell is not None and cell.data_type == "f":
                faults.append(Fault(sheet.title, place, Wrong.FORMULA))
            else:
                yield Given(sheet.title, place, key, repeat, path, cell.value if cell is not None else None)


def _number(value: Any) -> int:
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
    if isinstance(value, str):
        value = _lines(value)
    if isinstance(shown, str):
        if value in (_lines(shown), _lines(escaped(shown))):
            return None
    elif value == shown:
        return None
    try:
        text = question.written(value)
    except NotAnAnswer as why:
        raise FaultyCell(Fault(given.sheet, given.cell, why.wrong, why.facts)) from None
    if len(text) > _MOST_TEXT:
        raise FaultyCell(Fault(given.sheet, given.cell, Wrong.LONG))
    if text == _lines(stored) or _same(question, text, stored):
        return None
    return Change(given, question, stored, text)


def _lines(text: str) -> str:
    """Text with the line ends that cells have: programs drop what else a phone wrote, or keep it as an escape."""
    return _LINE_END.sub("\n", text)


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
