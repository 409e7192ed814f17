"""What became of alerts: how many of each indicator were closed, and how many of those were false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import SQL, fn
from peewee import Case as Switch

from server.store import areas, cases
from server.store.models import Alert, Case
from server.store.officers import Person


@dataclass(frozen=True)
class Rate:
    """An indicator's record: alerts raised, closed with a result, and of these: found to be so (``verified``), handed
    to another institution, which says neither that the sign was right nor wrong (``referred``), false alarms, and
    those with any other result.
    """

    indicator: str
    severity: str
    raised: int
    closed: int
    verified: int
    referred: int
    false_alarms: int

    @property
    def other(self) -> int:
        """Closed with a result that says nothing of the sign: resolved, moved away, other."""
        return self.closed - self.verified - self.referred - self.false_alarms

    @property
    def share(self) -> float | None:
        """False alarms as a part of what was closed; None where nothing was."""
        return self.false_alarms / self.closed if self.closed else None


def rates(condition: Any = None, area: str = areas.NATION) -> list[Rate]:
    """By indicator. Alerts that were merged into another case are left out; ``condition`` narrows further."""

    def number(test: Any) -> Any:
        return fn.SUM(Switch(None, [(test, 1)], 0))

    closed = (Alert.state == "closed") & (Alert.result != "merged")
    rows = (
        Alert.select(
            Alert.indicator,
            fn.MIN(Alert.severity),
            fn.COUNT(Alert.id),
            number(closed),
            *(number(closed & (Alert.result == word)) for word in ("verified", "referred", "false_alarm")),
        )
        .join(Case)
        .where(Alert.result.is_null() | (Alert.result != "merged"))
        .where(condition if condition is not None else SQL("1 = 1"))
        .where(areas.scope(Case, area))
        .group_by(Alert.indicator)
        .order_by(Alert.indicator)
        .tuples()
    )
    return [Rate(code, level, *(int(n) for n in counts)) for code, level, *counts in rows]


def for_person(person: Person) -> list[Rate]:
    """The record of the indicators that a person may know of, in their area."""
    return rates(cases.visible(person.role), person.area)
