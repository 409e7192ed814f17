"""What a report is asked for: which area and month, for whom, in which variant."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property

from babel.dates import format_date

from exports.access import Access
from forms.problems import Problem, Problems
from server.store import areas, recaps

UNITS = {2: "Provinsi", 5: "Kab/Kota", 8: "Kecamatan", 13: "Desa/Kelurahan"}
"""What an area is called, by the length of its code."""
_TREND = 12  # months


@dataclass(frozen=True)
class Order:
    """A report that is asked for.

    ``month`` is its first day. ``public``: no registers, small counts hidden. ``restricted``: with answers that tell
    of violence and with restricted indicators, for readers who may see both. ``by`` names who asks.
    """

    area: str
    month: date
    reader: Access
    made_at: datetime
    by: str
    public: bool = False
    restricted: bool = False
    default_zone: str = "Asia/Jakarta"

    def require(self) -> None:
        """Raises :class:`Problem`: FORBIDDEN, REPORT_VARIANT, AREA_UNKNOWN."""
        self.reader.require_area(self.area)
        areas.require(self.area)
        if self.restricted and self.public:
            raise Problem(Problems.REPORT_VARIANT)
        if self.restricted and not (self.reader.sees_unshared and "violence" in self.reader.kinds):
            raise Problem(Problems.FORBIDDEN)

    @property
    def span(self) -> recaps.Span:
        """The month."""
        return recaps.Span(self.area, self.month, _later(self.month, 1), self.default_zone)

    @property
    def year(self) -> recaps.Span:
        """The month and the eleven before it."""
        return replace(self.span, first=_later(self.month, 1 - _TREND))

    @property
    def months(self) -> list[date]:
        """The first days of the months of :attr:`year`."""
        return [_later(self.month, step - _TREND + 1) for step in range(_TREND)]

    @property
    def sight(self) -> recaps.Sight:
        """Which alerts count."""
        return recaps.Sight(self.reader.role, self.restricted)

    @property
    def as_of(self) -> datetime:
        """The moment at which cases are looked at: the end of the month, or now where that is earlier."""
        return min(self.span.ends(self.area), self.made_at)

    @property
    def period(self) -> str:
        """``November 2026``."""
        return str(format_date(self.month, "MMMM y", locale="id"))

    @property
    def unit(self) -> str:
        """What the areas are called by which recaps are parted: one level below the report's own."""
        return UNITS[self._length]

    @cached_property
    def units(self) -> dict[str, str]:
        """The areas by which recaps are parted, name by code; a village is parted no further.

        A code that people have and the list of areas lacks is among them under itself: nobody falls out.
        """
        found = recaps.children(self.area) or {self.area: areas.require(self.area)}
        strays = recaps.used(self.area, self._length) - found.keys()
        return {code: short(name) for code, name in found.items()} | {code: code for code in sorted(strays)}

    def unit_of(self, village: str) -> str:
        """The area of :attr:`units` that a village lies in."""
        return village[: self._length]

    @property
    def _length(self) -> int:
        """How long the codes of :attr:`units` are."""
        if self.area == areas.NATION:
            return 2
        return next((length for length in sorted(UNITS) if length > len(self.area)), 13)


def short(name: str) -> str:
    """``Kab. Malang`` for ``Kabupaten Malang``, as offices write it."""
    return re.sub(r"^Kabupaten\b", "Kab.", name)


def _later(month: date, months: int) -> date:
    number = month.year * 12 + month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
