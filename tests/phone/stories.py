"""A story: what differs from an ordinary interview, and which indicators it must raise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.phone.people import Sex, years_before

Birthday = Callable[[date], date]
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Story:
    """One difference from the ordinary interviews of :mod:`tests.phone.interviews`.

    ``raises`` lists exactly the indicators that must fire, no more. ``changes`` are answers by question name:
    None leaves a question empty (or unasked), a function is given the person. ``born`` is given the day of
    departure. ``depart_in`` and ``offered_before`` are days from the interview, ``abroad`` days until return.
    """

    name: str
    raises: str
    note: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    born: Birthday | None = None
    sex: Sex | None = None
    depart_in: int = 30
    offered_before: int = 90
    abroad: int = 750


def turning(years: int, *, late: int = 0) -> Birthday:
    """Born so that the birthday falls on the day of departure, or ``late`` days after it."""
    return lambda departure: years_before(departure, years) + late * DAY
