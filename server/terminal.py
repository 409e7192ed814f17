"""What the command line says: results on standard output, one line of trouble on standard error."""

from __future__ import annotations

import json as jsonlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import peewee
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from forms.form import Finding
from forms.problems import Problem, Problems

_LISTINGS = {
    Problems.CASE_UNKNOWN: "alerts list",
    Problems.DESK_UNKNOWN: "desks list",
    Problems.ENTITY_UNKNOWN: "entities list",
    Problems.FORM_UNPUBLISHED: "forms list",
    Problems.OFFICER_UNKNOWN: "officers list",
    Problems.QUARANTINE_UNKNOWN: "submissions quarantine",
    Problems.SUBMISSION_UNKNOWN: "submissions list",
}
"""Where somebody who typed a wrong name finds the right one."""


def errors() -> Console:
    """Standard error as it is now: for progress and for the one line of trouble."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def progress(text: str) -> None:
    """Say on standard error what is being done."""
    errors().print(text, style="dim", markup=False)


def show(result: Any, json: bool, *, columns: list[str] | None = None) -> None:
    """Print a result: one JSON document, or a table or list of facts for people.

    Nothing is ever cut: into a file or pipe a row is one line, however long; where a table is wider than the window
    each row becomes a block of lines. Times are those of this machine, with their zone.
    """
    if json:
        sys.stdout.write(jsonlib.dumps(result, default=_plain, ensure_ascii=False, indent=1) + "\n")
        return
    console = Console(highlight=False, soft_wrap=True)
    if not isinstance(result, list):
        _facts(result, console)
        return
    if not result:
        console.print("nothing")
        return
    chosen = columns or list(result[0])
    rows = [{column: _cell(row[column]) for column in chosen} for row in result]
    table = Table(*chosen, box=None, pad_edge=False)
    for row in rows:
        # as plain text: a name in brackets is no markup
        table.add_row(*[Text(cell) for cell in row.values()])
    needed = Measurement.get(console, console.options.update(width=_WIDEST, max_width=_WIDEST), table).maximum
    if console.is_terminal and needed > console.width:
        for number, row in enumerate(rows):
            if number:
                console.print()
            _facts(row, console)
        return
    Console(highlight=False, width=needed).print(table)


_WIDEST = 100_000


def _facts(facts: dict[str, Any], console: Console) -> None:
    width = max(12, *map(len, facts))
    for key, value in facts.items():
        console.print(f"{key:{width}} {_cell(value)}", markup=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M %Z")
    if isinstance(value, list):
        return ("; " if any(isinstance(v, dict) for v in value) else " ").join(_cell(v) for v in value)
    if isinstance(value, dict):
        if any(isinstance(v, dict | list) for v in value.values()):
            return jsonlib.dumps(value, default=_plain, ensure_ascii=False)
        return ", ".join(f"{name} {_cell(v)}" for name, v in value.items())
    return str(value)


def complain(text: str) -> None:
    """One line on standard error, whatever line ends the text holds."""
    console = errors()
    console.print(" ".join(text.split()), markup=False, style="red" if console.is_terminal else None)


def language() -> str:
    """``id`` where the locale is Indonesian, else ``en``."""
    said = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "id" if next(filter(None, said), "").startswith("id") else "en"


def explain(error: Exception) -> str | None:
    """What was not done and what to do, in words; None for an error that nobody foresaw."""
    from forms.workbook import FormErrors  # it reads Excel: slow to load, and most commands do not fail

    if isinstance(error, Problem):
        english = language() == "en"
        text = error.text(language())
        listing = _LISTINGS.get(error.problem)
        if listing is not None:
            text += f" See posmigran {listing}." if english else f" Lihat posmigran {listing}."
        return text
    if isinstance(error, FormErrors):
        return first_of(error.file, error.findings)
    if isinstance(error, peewee.OperationalError | peewee.InterfaceError | peewee.ProgrammingError):
        # Engines put what was asked for into the lines after the first.
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"POSMIGRAN_DATABASE_URL: the database says: {said}. See posmigran doctor."
    if isinstance(error, OSError):
        return f"{error.filename or type(error).__name__}: {error.strerror or error}"
    return None


def first_of(file: str | Path, findings: tuple[Finding, ...]) -> str:
    """The first thing wrong in a workbook or list, and how many more there are."""
    first, more, lang = findings[0], len(findings) - 1, language()
    rest = ""
    if more:
        rest = f" (dan {more} lagi" if lang == "id" else f" (and {more} more"
        lists_all = "menyebut semuanya" if lang == "id" else "lists all"
        rest += f": posmigran forms check {file} {lists_all})" if str(file).endswith(".xlsx") else ")"
    return f"{file}: {first.place_in(lang)}: {first.text(lang)}{rest}"


def lines(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """Findings as ``--json`` prints them, in the language of the locale."""
    lang = language()
    return [{"sheet": f.sheet, "row": f.row, "column": f.column, "message": f.text(lang)} for f in findings]


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Where a file is written. Raises :class:`Problem` (OUTPUT_UNWRITABLE) that names it."""
    try:
        yield
    except OSError as error:
        raise Problem(Problems.OUTPUT_UNWRITABLE, file=file, detail=error.strerror or error) from error
