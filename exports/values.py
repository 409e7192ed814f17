"""From answers to cells: what a column holds, and how an answer becomes it.

A cell is text, a number, a date, a moment, a time of day, or None. What does not fit its column's type stays
the text that the phone sent, so that nothing is lost.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import date, datetime, time, tzinfo
from typing import Any, Final, Literal

from forms.schema import Field

Cell = str | int | float | date | datetime | time | None
CellType = Literal["text", "integer", "decimal", "date", "datetime", "time"]
Convert = Callable[[Any, tzinfo], Cell]
"""From an answer and the zone of its area to a cell."""
Label = Callable[[str], str]
"""From a choice's code to its label, or to the code itself where there is none."""

_MOST_KNOWN: Final = 10_000  # combinations of choices
MOST_DIGITS: Final = 15
"""Excel keeps 15 digits of a number; longer ones stay text."""
_FIRST_DAY: Final = date(1900, 3, 1)  # before it Excel's calendar is one day off (it has a 29 February 1900)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_PLAIN_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?").fullmatch


def cell_type(field: Field) -> CellType:
    """What the column of a question holds."""
    match field.type:
        case "int" | "decimal" | "date" | "time" if field.select is None:
            return {"int": "integer", "decimal": "decimal", "date": "date", "time": "time"}[field.type]  # type: ignore[return-value]
        case "dateTime":
            return "datetime"
        case _:
            return "text"


def converter(field: Field, label: Label | None, *, numeric: bool = False) -> Convert:
    """How the answers of a question become cells.

    ``label`` names choices (None: codes are wanted, or it is no select). ``numeric``: text that is a plain
    number becomes one (for calculations, which XForms give the type string).
    """
    if field.select == "many":
        return _Several(label)
    if field.select == "one":
        return (
            (lambda answer, zone: label(answer if isinstance(answer, str) else _text(answer)))
            if label
            else _as_text
        )
    match cell_type(field):
        case "integer" | "decimal":
            return _number
        case "date":
            return _day
        case "datetime":
            return _moment
        case "time":
            return _time
        case _:
            return _as_number_or_text if numeric else _as_text


def as_sent(answer: Any, zone: tzinfo) -> Cell:
    """An answer as it stood in the submission, several choices parted by blanks."""
    if isinstance(answer, str | int | float) and not isinstance(answer, bool):
        return answer
    if isinstance(answer, list) and all(isinstance(item, str) for item in answer):
        return " ".join(answer)
    return _text(answer)


def chosen(code: str, answer: Any, zone: tzinfo) -> Cell:
    """Whether a choice is among those of an answer: 1 or 0."""
    return 1 if code in (answer if isinstance(answer, list) else _text(answer).split()) else 0


def part_of_place(number: int, answer: Any, zone: tzinfo) -> Cell:
    """A number of a place: latitude, longitude, altitude, accuracy; None where it is not told."""
    parts = _text(answer).split()
    return parts[number] if number < len(parts) else None


def _number(answer: Any, zone: tzinfo) -> Cell:
    return number(answer)


def number(answer: Any) -> Cell:
    """A number where Excel can hold it exactly enough, else text."""
    if isinstance(answer, bool):
        return _text(answer)
    if isinstance(answer, int):
        return answer if len(str(abs(answer))) <= MOST_DIGITS else str(answer)
    if isinstance(answer, float):
        return answer if math.isfinite(answer) else str(answer)
    return _text(answer)


def mask_nik(nik: Any) -> str:
    """A NIK without its middle: ``350712******0001`` (DOMAIN 8). What is no NIK is masked whole."""
    text = _text(nik)
    if len(text) == 16 and text.isascii() and text.isdigit():
        return f"{text[:6]}******{text[-4:]}"
    return "*" * len(text)


def local(moment: datetime, zone: tzinfo) -> datetime:
    """An aware moment as the clock of a zone showed it, without zone, as Excel wants it."""
    return moment.astimezone(zone).replace(tzinfo=None)


def _text(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)


def _as_text(answer: Any, zone: tzinfo) -> Cell:
    return _text(answer)


def _as_number_or_text(answer: Any, zone: tzinfo) -> Cell:
    text = _text(answer)
    plain = _PLAIN_NUMBER(text)
    if plain is None or len(text) > MOST_DIGITS + 1:
        return text
    return float(text) if plain[2] else int(text)


class _Several:
    """Several choices in a cell. The same ones come again and again."""

    def __init__(self, label: Label | None) -> None:
        self._label = label
        self._known: dict[tuple[str, ...], str] = {}

    def __call__(self, answer: Any, zone: tzinfo) -> Cell:
        codes = answer if isinstance(answer, list) else _text(answer).split()
        names = tuple(code if isinstance(code, str) else _text(code) for code in codes)
        said = self._known.get(names)
        if said is None:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            said = "; ".join(map(self._label, names) if self._label else names)
            self._known[names] = said
        return said


def _day(answer: Any, zone: tzinfo) -> Cell:
    text = _text(answer)
    try:
        day = date.fromisoformat(text) if _DAY(text) else date.min
    except ValueError:
        return text
    return day if day >= _FIRST_DAY else text


def _moment(answer: Any, zone: tzinfo) -> Cell:
    text = _text(answer)
    try:
        moment = datetime.fromisoformat(text)
        shown = moment if moment.tzinfo is None else local(moment, zone)
    except (ValueError, OverflowError):
        return text
    return shown if shown.date() >= _FIRST_DAY else text


def _time(answer: Any, zone: tzinfo) -> Cell:
    text = _text(answer)
    try:
        return time.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return text
