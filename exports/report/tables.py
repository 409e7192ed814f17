"""Counts of people in a table: areas down, categories across, women and men apart, and what of it may be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Sex = Literal["f", "m", ""]
SEXES: Final[tuple[Sex, ...]] = ("m", "f")
ALL: Final = "*"
"""In place of an area or a category: all of them."""
OTHER: Final = "_other"
"""The category of what is too small for a column of its own."""
UNKNOWN: Final = "_unknown"
"""The category of those of whom it was not recorded."""


@dataclass
class Crossed:
    """People by area, category and sex. Every person of :attr:`margins` is in exactly one category.

    ``hidden`` are the cells that a public report does not tell, as (sex, area, category).
    """

    margins: Margins
    categories: list[str]
    counts: Counter[tuple[Sex, str, str]] = field(default_factory=Counter)
    hidden: set[tuple[Sex, str, str]] = field(default_factory=set)

    def add(self, sex: Sex, unit: str, category: str) -> None:
        """Count somebody; an unknown category counts as :data:`UNKNOWN`."""
        self.counts[sex, unit, category] += 1

    def value(self, sex: Sex, unit: str, category: str) -> int:
        """The count of a cell, whether it may be told or not; ``ALL`` sums up."""
        if category == ALL:
            return self.margins.value(sex, unit)
        units = self.margins.units if unit == ALL else (unit,)
        return sum(self.counts[sex, one, category] for one in units)

    def told(self, unit: str, category: str, sexes: Iterable[Sex] = (*SEXES, "")) -> int | None:
        """The count of one or both sexes as the report may tell it, else None.

        Both together are told only where each is: nothing can be subtracted.
        """
        sexes = tuple(sexes)
        if category == ALL:
            return self.margins.told(unit, sexes)
        if any((sex, unit, category) in self.hidden for sex in sexes):
            return None
        return sum(self.value(sex, unit, category) for sex in sexes)

    def shrink(self, most: int, *, keep: Sequence[str] = ()) -> None:
        """Keep the ``most`` frequent categories, the largest first; the others become :data:`OTHER`."""
        sizes = Counter[str]()
        for (_, _, category), count in self.counts.items():
            sizes[category] += count
        named = [c for c in sizes if c not in (OTHER, UNKNOWN)]
        first = sorted(named, key=lambda c: (-sizes[c], c))[:most]
        rest = [c for c in named if c not in first and c not in keep]
        for (sex, unit, category), count in list(self.counts.items()):
            if category in rest:
                del self.counts[sex, unit, category]
                self.counts[sex, unit, OTHER] += count
        self.categories = first
        self.categories += [c for c in (OTHER, UNKNOWN) if any(c == name for _, _, name in self.counts)]

    def order_openly(self) -> None:
        """Put categories whose sum is hidden last, by code: their place would tell of their size."""
        shown = [c for c in self.categories if self.told(ALL, c) is not None]
        self.categories = shown + sorted(c for c in self.categories if c not in shown)


@dataclass
class Margins:
    """People by area and sex: what all tables of the same people have in common."""

    units: list[str]
    counts: Counter[tuple[Sex, str]] = field(default_factory=Counter)
    hidden: set[tuple[Sex, str]] = field(default_factory=set)

    def value(self, sex: Sex, unit: str) -> int:
        """The count of a cell, whether it may be told or not."""
        units = self.units if unit == ALL else (unit,)
        return sum(self.counts[sex, one] for one in units)

    def told(self, unit: str, sexes: Iterable[Sex] = (*SEXES, "")) -> int | None:
        """The count as the report may tell it, else None."""
        sexes = tuple(sexes)
        if any((sex, unit) in self.hidden for sex in sexes):
            return None
        return sum(self.value(sex, unit) for sex in sexes)


@dataclass
class Line:
    """Counts that add up to a total, such as the cases of each area; ``hidden`` as in :class:`Crossed`."""

    counts: dict[str, int]
    hidden: set[str] = field(default_factory=set)

    def told(self, key: str) -> int | None:
        """The count as the report may tell it (``ALL`` for the total), else None."""
        if key in self.hidden:
            return None
        return sum(self.counts.values()) if key == ALL else self.counts[key]
