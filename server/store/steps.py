"""The way of an alert from one person to the next: who was chosen, why, when. For the record and for routing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN, fn

from forms.problems import Problem, Problems
from server.store.models import Alert, Case, Duty, Officer, Step

RUNGS = ("duty", "deputy", "supervisor", "province", "nation", "last_resort", "away")
"""Why somebody is told, in the order in which people are: on duty, their deputy, who supervises them, the
province, the nation, the last resort; and at the very end those who are on leave, since nobody else is there."""
WHYS = (*RUNGS, "again", "assigned", "reminder")
"""All reasons: also told once more at the end, asked by a colleague, reminded of a follow-up."""


@dataclass(frozen=True)
class NewStep:
    """A step to note: an alert's id, an officer's id, why, and when the alert is due there."""

    alert_id: int
    officer_id: int
    why: str
    due_at: datetime | None
    by: int | None = None


def note(steps: Iterable[NewStep], now: datetime) -> None:
    """Write steps down, inside the transaction that owes their messages."""
    rows = [
        {
            "alert": s.alert_id,
            "officer": s.officer_id,
            "why": s.why,
            "at": now,
            "due_at": s.due_at,
            "by": s.by,
        }
        for s in steps
    ]
    if rows:
        Step.insert_many(rows).execute()


def chosen(alert_ids: Sequence[int]) -> dict[int, dict[int, set[str]]]:
    """By alert, by officer: the words for which they were chosen so far."""
    found: dict[int, dict[int, set[str]]] = {}
    if not alert_ids:
        return found
    rows = Step.select(Step.alert, Step.officer, Step.why).where(Step.alert.in_(list(alert_ids))).tuples()
    for alert, officer, why in rows:
        found.setdefault(alert, {}).setdefault(officer, set()).add(why)
    return found


@dataclass(frozen=True)
class StepView:
    """A step as the chain of a case shows it."""

    indicator: str
    officer_id: int
    officer: str
    role: str
    why: str
    at: datetime
    due_at: datetime | None
    by: str | None
    rosters: int
    """How many lines of a roster, written by then, named them for that time. Without any all of an office are told."""


def listing(ref: str) -> list[dict[str, Any]]:
    """All steps of a case, as ``alerts steps`` shows them to whoever runs the server.

    Raises :class:`Problem` (CASE_UNKNOWN).
    """
    case = Case.get_or_none(Case.ref == ref)
    if case is None:
        raise Problem(Problems.CASE_UNKNOWN, ref=ref[:20])
    codes = [code for (code,) in Alert.select(Alert.indicator).where(Alert.case == case.id).tuples()]
    return [
        {
            "indicator": step.indicator,
            "officer": step.officer,
            "role": step.role,
            "why": step.why,
            "at": step.at,
            "due_at": step.due_at,
            "by": step.by,
        }
        for step in of_case(ref, codes)
    ]


def of_case(ref: str, indicators: Sequence[str]) -> list[StepView]:
    """The steps of these alerts of a case, oldest first."""
    chooser = Officer.alias("chooser")
    roster = Duty.select(fn.COUNT(Duty.id)).where(
        (Duty.officer == Step.officer)
        & (Duty.starts_at <= Step.at)
        & (Duty.ends_at > Step.at)
        & (Duty.noted_at <= Step.at)  # a roster written afterwards was nobody's reason
    )
    rows = (
        Step.select(
            Alert.indicator,
            Officer.id,
            Officer.name,
            Officer.role,
            Step.why,
            Step.at,
            Step.due_at,
            chooser.name,
            roster.alias("on_duty"),  # unnamed, peewee takes it for a time
        )
        .join(Alert)
        .join(Case)
        .switch(Step)
        .join(Officer, on=(Step.officer == Officer.id))
        .switch(Step)
        .join(chooser, JOIN.LEFT_OUTER, on=(Step.by == chooser.id))
        .where((Case.ref == ref) & Alert.indicator.in_(list(indicators)))
        .order_by(Step.id)
        .tuples()
    )
    return [StepView(*row) for row in rows]
