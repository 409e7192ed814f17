"""Which answers may be corrected in a workbook, and how an answer becomes a cell and a cell an answer.

A cell shows what the phone wrote as people write it: numbers and days as such, a choice as ``code - label``. What
comes back is the text that a phone would write, or a reason why it cannot be one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Final

from exports.corrections.faults import Wrong
from exports.labels import said
from exports.text import MOST_TEXT, escaped, shortened
from exports.visible import Version, Visible, relative
from exports.words import Lang
from forms.lists import NAME, ListTable
from forms.schema import Field

PARTED: Final = " - "
"""Between a choice's code and its label."""
_FREE: Final = frozenset(("string", "int", "decimal", "date", "time", "dateTime"))
_OF_THE_PHONE: Final = frozenset(("start", "end", "deviceid", "today", "username", "phonenumber", "email"))
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,9}").fullmatch
_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,10})?").fullmatch
_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})").fullmatch
_DAY_ID: Final = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})").fullmatch
_CODE: Final = re.compile(r"[^\s]+").fullmatch
_CUT: Final = " …"
VILLAGES: Final = "desa"
MOST_CHOICES: Final = 400
"""A longer list has no drop-down: its codes are typed."""


class NotAnAnswer(Exception):  # noqa: N818 - says what is the matter
    """A cell holds what the question cannot take. ``wrong`` says why; ``facts`` go into its text."""

    def __init__(self, wrong: Wrong, **facts: str) -> None:
        self.wrong = wrong
        self.facts = facts
        super().__init__(wrong.name)


@dataclass(frozen=True)
class Question:
    """A question that may be corrected. ``path`` is relative to the root; ``choices`` are labels by code, or None
    where any text will do or the list is an attached one that is looked up when the answer is judged.
    """

    field: Field
    path: str
    label: str
    choices: Mapping[str, str] | None
    identity: bool

    @property
    def kind(self) -> str:
        """``text``, ``integer``, ``decimal``, ``date``, ``time``, ``moment``, ``one`` or ``many``."""
        if self.field.select is not None:
            return self.field.select
        kinds = {"int": "integer", "decimal": "decimal", "date": "date", "time": "time", "dateTime": "moment"}
        return kinds.get(self.field.type, "text")

    def shown(self, text: str) -> str | int | float | date | None:
        """What the cell of an answer holds, as the phone wrote it: empty is None."""
        if not text:
            return None
        match self.kind:
            case "one":
                label = (self.choices or {}).get(text)
                return f"{text}{PARTED}{label}" if label and label != text else text
            case "integer" if _INTEGER(text):
                return int(text)
            case "decimal" if _DECIMAL(text) and len(text) <= 15:
                return float(text)
            case "date" if _DAY(text):
                try:
                    day = date.fromisoformat(text)
                except ValueError:
                    return text
                return day if day.year >= 1901 else text
        return _fitting(text)

    def written(self, cell: Any) -> str:
        """The text that a phone writes for what a cell holds. Raises :class:`NotAnAnswer`."""
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            return ""
        match self.kind:
            case "integer":
                return self._integer(cell)
            case "decimal":
                return self._decimal(cell)
            case "date":
                return _day(cell)
            case "one":
                return self._code(_plain(cell).partition(PARTED)[0].strip())
            case "many":
                codes = re.split(r"[\s,;]+", _plain(cell).strip())
                return " ".join(dict.fromkeys(self._code(code) for code in codes if code))
            case "time" if isinstance(cell, time):
                return cell.isoformat()
            case "moment" if isinstance(cell, datetime):
                raise NotAnAnswer(Wrong.MOMENT)  # it would have lost its zone
        return _plain(cell)

    def _code(self, code: str) -> str:
        if self.choices is not None and code not in self.choices:
            known = " ".join(list(self.choices)[:8]) + (" …" if len(self.choices) > 8 else "")
            raise NotAnAnswer(Wrong.CHOICE, known=known)
        if _CODE(code) is None:
            raise NotAnAnswer(Wrong.CHOICE, known="")
        return code

    def _integer(self, cell: Any) -> str:
        if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e9:
            return str(int(cell))
        text = _plain(cell).strip()
        if isinstance(cell, bool) or _INTEGER(text) is None:
            raise NotAnAnswer(Wrong.INTEGER)
        return str(int(text))

    def _decimal(self, cell: Any) -> str:
        text = _plain(cell).strip().replace(",", ".")
        if isinstance(cell, bool) or _DECIMAL(text) is None:
            raise NotAnAnswer(Wrong.NUMBER)
        return text.removesuffix(".0")


def _fitting(text: str) -> str:
    """Text as a cell can hold it, with what must be escaped in it; a longer one ends in a mark."""
    if len(text) <= MOST_TEXT // 4:
        return text
    fits = shortened(text, _CUT)
    return fits if len(escaped(fits)) <= MOST_TEXT else text[: MOST_TEXT // 4] + _CUT


def _plain(cell: Any) -> str:
    """A cell as text: of a number typed where text belongs its digits."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)


def _day(cell: Any) -> str:
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    text = str(cell).strip()
    turned = _DAY_ID(text)
    if turned is not None:
        text = f"{turned[3]}-{int(turned[2]):02}-{int(turned[1]):02}"
    try:
        if _DAY(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise NotAnAnswer(Wrong.DATE)


@dataclass(frozen=True)
class Questions:
    """The questions of one form version that a reader may correct, by relative path; repeats' under the repeat's.

    ``repeats`` maps a repeat's relative path to its title.
    """

    of_form: Mapping[str, Question]
    of_repeat: Mapping[str, Mapping[str, Question]] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)

    def all(self) -> dict[str, Question]:
        """Every question, by relative path."""
        return {**self.of_form, **{p: q for of in self.of_repeat.values() for p, q in of.items()}}

    @classmethod
    def of(cls, version: Version, visible: Visible, lists: Mapping[str, ListTable], lang: Lang) -> Questions:
        """Work it out. ``lists`` are the attached lists by instance id that offer drop-downs.

        A repeat within a repeat is left out, for none of the library's forms has one, and its rows could not be
        told by one number.
        """
        repeats = {repeat.path: repeat for repeat in version.schema.repeats()}
        outer = {p: r for p, r in repeats.items() if not any(p.startswith(f"{o}/") for o in repeats)}
        of_form: dict[str, Question] = {}
        of_repeat: dict[str, dict[str, Question]] = {relative(path): {} for path in outer}
        for asked in version.schema.questions():
            path = relative(asked.path)
            if not _correctable(asked, path, visible) or not _listed(asked, lists):
                continue
            question = Question(
                asked,
                path,
                said(asked.labels, lang) or asked.name,
                _choices(asked, lists, lang),
                "identity" in visible.of_path(path),
            )
            inside = [r for r in repeats if asked.path.startswith(f"{r}/")]
            if not inside:
                of_form[path] = question
            elif len(inside) == 1 and inside[0] in outer:
                of_repeat[relative(inside[0])][path] = question
        titles = {relative(p): said(r.labels, lang) or r.name for p, r in outer.items()}
        return cls(of_form, of_repeat, titles)


def _correctable(asked: Field, path: str, visible: Visible) -> bool:
    """Answers that people gave in words or numbers, that the reader sees whole."""
    if asked.calculated or asked.note or asked.binary or path.startswith("meta/"):
        return False
    if asked.select is None and asked.type not in _FREE:
        return False  # places and the like: nobody corrects those by hand
    if asked.name in _OF_THE_PHONE and "/" not in path:
        return False
    if visible.masks(path):
        return False
    return visible.shows(path) and not visible.held(path)


def _listed(asked: Field, lists: Mapping[str, ListTable]) -> bool:
    """Workers and cases are chosen on a phone, which has them; other lists are at hand, and villages are known."""
    return asked.list_name is None or asked.list_name in lists or asked.list_name == VILLAGES


def _choices(asked: Field, lists: Mapping[str, ListTable], lang: Lang) -> dict[str, str] | None:
    if asked.select is None:
        return None
    if asked.list_name is None:
        return {code: said(texts, lang) or code for code, texts in asked.choices}
    table = lists.get(asked.list_name)
    if table is None or NAME not in table.columns:
        return None
    label = "label" if "label" in table.columns else NAME
    return {row[NAME]: row[label].strip() or row[NAME] for row in table.rows}
