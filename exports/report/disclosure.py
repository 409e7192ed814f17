"""Hiding small counts so that nobody can compute them from what is left (statistical disclosure control).

Counts of 1 to 4 people are hidden, and as many others as it takes. All tables of the same people share their margins
(area by sex), and women and men together are told only where both are, so that each table of one sex stands alone
once its margins are safe:

1. An area whose margin is hidden is hidden as a whole, zeros too, in every table (but for categories with nobody).
   At least two areas are, with more people than areas, so that one can be exchanged for another in all tables.
2. In the other rows of a table, and in its total row, a hidden cell is safe where a closed path leads through it along
   hidden cells, row by column, on which one person more and one less can be written in turn: then the same sums
   belong to another table as well (Gusfield 1988, "A graph theoretic approach to data security"). Where there is none,
   the cheapest one is hidden with it. The hidden areas together are one more row of that graph.

Zeros are told wherever that gives nothing away; a hidden cell may be any number, so nobody can reckon with
"at least 1".
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from exports.report.tables import ALL, SEXES, Crossed, Line, Margins, Sex

LEAST: Final = 5
"""The smallest count that a public report tells, but for 0."""

_GROUP: Final = "_group"  # the hidden areas as one row
_ZERO: Final = 10_000.0  # rather anything else than hide a zero ...
_LAST: Final = 1_000.0  # ... or a path on which a hidden 1 would become 0

_Cell = tuple[str, str]


def small(count: int) -> bool:
    """Must this count be hidden for its own sake?"""
    return 0 < count < LEAST


def protect_line(line: Line, *, untold: Iterable[str] = ()) -> None:
    """Hide what must be in counts that add up to a total. ``untold`` are in the total but never shown anyway."""
    total = sum(line.counts.values())
    untold = set(untold)
    hidden = _hidden_of(line.counts, untold)
    line.hidden |= hidden - untold
    if small(total):
        line.hidden.add(ALL)


def _hidden_of(counts: Mapping[str, int], untold: Iterable[str] = ()) -> set[str]:
    """The parts of a known total to hide: none, or at least two with more people than parts."""
    hidden = {key for key, count in counts.items() if small(count)} | set(untold)
    if not any(small(counts[key]) for key in hidden):
        return hidden
    others = sorted(
        (key for key in counts if key not in hidden), key=lambda key: (counts[key] == 0, counts[key], key)
    )
    while others and not _enough([counts[key] for key in hidden]):
        hidden.add(others.pop(0))
    return hidden


def _enough(counts: Sequence[int]) -> bool:
    some = [count for count in counts if count]
    return len(counts) > 1 and (sum(some) > len(some) if len(some) > 1 else len(counts) > len(some))


def protect_tables(margins: Margins, tables: Iterable[Crossed]) -> None:
    """Hide what must be in tables of the same people, and in what they have in common."""
    tables = list(tables)
    for sex in SEXES:
        _protect_sex(sex, margins, tables)


def _protect_sex(sex: Sex, margins: Margins, tables: Sequence[Crossed]) -> None:
    counts = {unit: margins.counts[sex, unit] for unit in margins.units}
    total = sum(counts.values())
    if small(total):
        hidden = set(margins.units)
        margins.hidden.add((sex, ALL))
    else:
        hidden = _hidden_of(counts)
    margins.hidden |= {(sex, unit) for unit in hidden}
    for table in tables:
        # a category that nobody is in is no secret: its total says so
        used = [category for category in table.categories if small(total) or table.value(sex, ALL, category)]
        table.hidden |= {(sex, unit, category) for unit in hidden for category in used}
        if small(total):
            table.hidden |= {(sex, ALL, category) for category in table.categories}
        else:
            found = _Table(table, sex, hidden).protect()
            table.hidden |= {(sex, unit, category) for unit, category in found if unit != _GROUP}


class _Table:
    """One sex of a table whose row sums and overall total are known to everybody.

    The total row is a row like the others with its signs turned: one person more in it is one less in its column.
    """

    def __init__(self, table: Crossed, sex: Sex, hidden_units: set[str]) -> None:
        self._columns = table.categories
        shown = [unit for unit in table.margins.units if unit not in hidden_units]
        self._values: dict[_Cell, int] = {
            (unit, c): table.counts[sex, unit, c] for unit in shown for c in self._columns
        }
        for c in self._columns:
            self._values[ALL, c] = table.value(sex, ALL, c)
            if hidden_units:
                self._values[_GROUP, c] = sum(table.counts[sex, unit, c] for unit in hidden_units)
        self._rows = [*shown, ALL, *([_GROUP] if hidden_units else [])]
        self._hidden: set[_Cell] = {(_GROUP, c) for c in self._columns} if hidden_units else set()

    def protect(self) -> set[_Cell]:
        """The cells to hide."""
        alone = [cell for cell, count in self._values.items() if small(count) and cell not in self._hidden]
        self._hidden.update(alone)
        for cell in sorted(alone, key=lambda cell: (self._values[cell], cell)):
            self._hidden.update(self._cheapest_cycle(cell))
        return self._hidden

    def _cheapest_cycle(self, cell: _Cell) -> list[_Cell]:
        """The cells of the cheapest closed path through one; empty where there is none."""
        row, column = cell
        ways = [
            found
            for start, goal in ((("c", column), ("r", row)), (("r", row), ("c", column)))
            if self._step_cost(cell, more=start[0] == "c") is not None
            and (found := self._path(start, goal, cell)) is not None
        ]
        return min(ways)[1] if ways else []

    def _path(
        self, start: tuple[str, str], goal: tuple[str, str], without: _Cell
    ) -> tuple[float, list[_Cell]] | None:
        """Dijkstra from a row or column to another one; from row to column a cell grows, back one shrinks."""
        best: dict[tuple[str, str], float] = {start: 0.0}
        came: dict[tuple[str, str], tuple[tuple[str, str], _Cell]] = {}
        queue = [(0.0, start)]
        while queue:
            cost, node = heapq.heappop(queue)
            if node == goal:
                break
            if cost > best[node]:
                continue
            kind, name = node
            for other in self._columns if kind == "r" else self._rows:
                cell = (name, other) if kind == "r" else (other, name)
                step = None if cell == without else self._step_cost(cell, more=kind == "r")
                if step is None:
                    continue
                following = ("c" if kind == "r" else "r", other)
                if cost + step < best.get(following, float("inf")):
                    best[following] = cost + step
                    came[following] = node, cell
                    heapq.heappush(queue, (cost + step, following))
        if goal not in best:
            return None
        cells = []
        node = goal
        while node != start:
            node, cell = came[node]
            cells.append(cell)
        return best[goal], cells

    def _step_cost(self, cell: _Cell, *, more: bool) -> float | None:
        """What it costs to write one more or one less into a cell; None where it cannot be."""
        value = self._values[cell]
        grows = more is (cell[0] != ALL)
        if not grows and value == 0:
            return None
        cost = 0.0 if cell in self._hidden else 1.0 + value / 1_000 + (_ZERO if value == 0 else 0.0)
        if not grows and value == 1 and cell[0] != _GROUP:
            cost += _LAST
        return cost
