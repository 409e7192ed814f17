"""Where in a workbook pyxform's messages and an XForm's expressions belong: sheet, row and column."""

from __future__ import annotations

import re
from typing import Literal

from forms.form import Finding
from forms.indicators import GeneratedRow, IndicatorRow
from forms.pyxform_words import in_indonesian
from forms.validate import KINDS, Place
from forms.workbook import INDICATORS, Workbook

_ROW = re.compile(r"\[row : (\d+)\]")
_SHEET = re.compile(r"(?:On the|for sheet:|sheet named) '(\w+)'")
_COLUMN = re.compile(r"the '([^']+)' value")
_PLACE_IN_WORDS = re.compile(
    r"On the '\w+' sheet, the '[^']+' value (?:'[^']*' )?is (?:invalid|problematic)\."
)
_UNKNOWN_TYPE = re.compile(r"Unknown question type '([^']*)'")
_QUOTED = re.compile(r"['\[]([\w .-]+)['\]]|named (\w+)")
_TYPE_FAULTS = ("List name not in", "Question with no type", "Unmatched")
_NAME_FAULTS = ("with no name", "Choice names with spaces")
_REFERENCE_FAULT = "Reference variables"


class Origins:
    """The generated rows at the survey's end, by the row number that pyxform sees, and their origins."""

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}

    def append(self, book: Workbook, made: list[GeneratedRow]) -> None:
        """Add rows to the survey that pyxform will work on."""
        survey = list(book.definition.survey or ())
        header = dict(book.definition.survey_header[0]) if book.definition.survey_header else {}
        for cells, (row, column) in made:
            # a plain column may have another of its names here: calculate for calculation
            here = {key if "::" in key else book.column("survey", key) or key: v for key, v in cells.items()}
            header.update(dict.fromkeys(here))
            survey.append(here)
            self._places[len(survey) + 1] = (INDICATORS, row, column)
        book.definition.survey = survey
        book.definition.survey_header = [header]

    def get(self, row: int | None) -> Place | None:
        """The place that a generated survey row comes from; None for a row of the author's own."""
        return self._places.get(row) if row is not None else None


def findings_of(
    book: Workbook, origins: Origins, message: str, severity: Literal["error", "warning"] = "error"
) -> list[Finding]:
    """Say where in the workbook a message of pyxform belongs; a few name several rows, one a line."""
    lines = [line for line in message.split("\n") if _ROW.match(line)]
    return [_finding(book, origins, line, severity) for line in lines or [message]]


def _finding(
    book: Workbook, origins: Origins, message: str, severity: Literal["error", "warning"]
) -> Finding:
    row, sheet, column = _ROW.search(message), _SHEET.search(message), _COLUMN.search(message)
    number = int(row[1]) if row else None
    name = sheet[1].lower() if sheet else "survey"
    if not sheet and ("Choice names" in message or (number is None and "choices sheet" in message)):
        name = "choices"
    header = (book.column(name, column[1]) or column[1]) if column else None
    if number is None and (unknown := _UNKNOWN_TYPE.search(message)):
        number, header = _row_with(book, name, "type", unknown[1]), "type"
    elif number is None and not sheet:
        for quoted in _QUOTED.finditer(message):
            number = number or _row_with(book, name, "name", quoted[1] or quoted[2])
    elif number is None and "headers" in message:
        number = 1
    if header is None:
        header = next((h for h, faults in _BY_COLUMN.items() if any(f in message for f in faults)), None)
    origin = origins.get(number) if name == "survey" else None
    where = origin or (name, number, header)
    if name == "settings":
        where = (name, 2, header)  # pyxform counts the one row of settings as the first
    said = " ".join(_PLACE_IN_WORDS.sub("", _ROW.sub("", message)).split())
    return Finding(*where, said, in_indonesian(said), severity)


_BY_COLUMN = {"type": _TYPE_FAULTS, "name": _NAME_FAULTS, "calculation": ("Missing calculation",)}


def _row_with(book: Workbook, sheet: str, meaning: str, value: str) -> int | None:
    """The first row of a sheet whose cell says exactly that, generated rows left out."""
    column = book.column(sheet, meaning)
    rows = getattr(book.definition, sheet, None) or ()
    last = book.survey_rows if sheet == "survey" else len(rows)
    for number, cells in enumerate(rows[:last], start=2):
        if column and cells.get(column) == value:
            return number
    return None


def empty_cell(book: Workbook, message: str) -> bool:
    """Empty the cell whose ``${...}`` a message of pyxform complains of, so that a next run may go further.

    False where the message is of another kind, or names no cell.
    """
    row, sheet, column = _ROW.search(message), _SHEET.search(message), _COLUMN.search(message)
    if _REFERENCE_FAULT not in message or not (row and sheet and column):
        return False
    rows = getattr(book.definition, sheet[1], None) or ()
    index = int(row[1]) - 2
    if not 0 <= index < len(rows) or column[1] not in rows[index]:
        return False
    rows[index][column[1]] = "''"  # not nothing: a calculate without calculation would be the next error
    return True


def bind_places(book: Workbook, rows: list[IndicatorRow]) -> dict[tuple[str, str], Place]:
    """Where each expression of the XForm was written, by path and kind of bind (``constraint`` …).

    Kind ``""`` stands for the whole row.
    """
    places: dict[tuple[str, str], Place] = {}
    for number, path, cells in book.survey():
        places[path, ""] = ("survey", number, None)
        for kind in KINDS:
            column = book.column("survey", kind)
            if column and cells.get(column):
                places[path, kind] = ("survey", number, column)
    for row in rows:
        places[f"/{book.root}/{row.node}", ""] = (INDICATORS, row.row, "rule")
    return places
