"""What a roster workbook was made from, kept in it: so that it cannot quietly undo what others changed since.

A hidden sheet (which Excel, LibreOffice and Google Sheets all keep) repeats the lines that were written when the
workbook was made, and says for which area, role and moment. Reading compares them with what is written now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from forms.problems import Problem, Problems
from server.store import roster_entries

SHEET = "Keadaan"
HEADER = ("Lembar", "1", "2", "3", "4", "5")
_CELLS = {"Jaga": 5, "Cuti": 4, "Atasan": 4, "Libur": 3}
_MOST_ROWS = 25_000
_MOST_SHOWN = 3

Row = tuple[str, ...]
"""The name of a sheet and the cells of a line in it, all as text."""


@dataclass(frozen=True)
class State:
    """For which area and role, and when, a workbook was made; and the lines that were written then."""

    area: str
    role: str | None
    made_at: datetime
    rows: tuple[Row, ...]


def written(area: str, after: datetime, role: str | None) -> dict[str, list[tuple[str | None, ...]]]:
    """The lines of each sheet, for an area (and one role): what ends after a moment, and the supervisors."""
    lines: dict[str, list[tuple[str | None, ...]]] = {sheet: [] for sheet in _CELLS}
    for entry in roster_entries.entries(area, after, role):
        period = (
            roster_entries.shown(entry.starts_at, entry.area),
            roster_entries.shown(entry.ends_at, entry.area, end=True),
        )
        if entry.kind == "leave":
            lines["Cuti"].append((entry.officer, *period, entry.deputy))
        else:
            lines["Jaga"].append((entry.officer, *period, entry.deputy, entry.instead_of))
    for head in roster_entries.supervisors(area, role):
        office = (None, None) if head["officer"] else (head["role"], head["area"])
        lines["Atasan"].append((head["officer"], *office, head["supervisor"]))
    if role is None:  # days off are everybody's
        for day in roster_entries.days_off(area, after.date()):
            lines["Libur"].append((day["area"], day["day"].isoformat(), day["name"]))
    return lines


def rows(lines: dict[str, list[tuple[str | None, ...]]]) -> Iterator[Row]:
    """The same as plain rows that can be compared with what was read."""
    for sheet, found in lines.items():
        for cells in found:
            yield (sheet, *(cell or "" for cell in cells))


def noted(area: str, role: str | None, made_at: datetime, lines: Iterable[Row]) -> list[Row]:
    """The rows of the hidden sheet."""
    return [("", area, role or "", made_at.isoformat()), *lines]


def read(book: Any) -> State | None:
    """The state that a workbook was made from; None for a table of somebody's own. Raises ValueError: spoiled."""
    if SHEET not in book.sheetnames:
        return None
    sheet = book[SHEET]
    sheet.reset_dimensions()
    found = [
        [str(cell or "") for cell in row] + [""] * len(HEADER)  # programs leave out empty cells at the end
        for row in islice(sheet.iter_rows(min_row=2, values_only=True), _MOST_ROWS + 1)
    ]
    if not found or len(found) > _MOST_ROWS:
        raise ValueError("not as it was written")
    area, role, made_at = found[0][1:4]
    moment = datetime.fromisoformat(made_at)
    if moment.tzinfo is None:
        raise ValueError("a moment without its zone")
    lines = tuple(tuple(row[: _CELLS[row[0]] + 1]) for row in found[1:] if row[0] in _CELLS)
    return State(area, role or None, moment, lines)


def unharmed(state: State, wanted: Iterable[Row], now: datetime) -> None:
    """See that ``wanted``, the lines of the workbook, undo nothing that was changed since it was made.

    Call in the transaction that writes, when nobody else can write. Raises :class:`Problem` (ROSTER_STALE).
    """
    asked, then = set(wanted), Counter(state.rows)
    present = Counter(rows(written(state.area, state.made_at, state.role)))
    added = Counter(rows(written(state.area, now, state.role))) - then
    removed = then - present
    about = {
        row[:2] for row in asked - then.keys() - present.keys()
    }  # sheets and officers of what is new in it
    undone = [(row, "ditambah", "added") for row in added if row not in asked]
    undone += [(row, "dihapus", "removed") for row in removed if row in asked or row[:2] in about]
    if not undone:
        return
    changes = [(" ".join(cell for cell in row if cell), id_, en) for row, id_, en in undone[:_MOST_SHOWN]]
    raise Problem(
        Problems.ROSTER_STALE,
        count=len(undone),
        changes="; ".join(f"{what} ({en})" for what, _, en in changes),
        changes_id="; ".join(f"{what} ({id_})" for what, id_, _ in changes),
    )
