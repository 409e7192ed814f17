"""What became of a case, as follow-ups from phones tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.store import areas
from server.store.cases import may_see
from server.store.models import Alert, Case, Desk, FollowUp, Submission
from server.store.officers import Person


@dataclass(frozen=True)
class FollowUpView:
    """One follow-up of a case. ``answers`` are its open ones alone, nested as the form is.

    ``desk`` is the name of the desk, or of the officer, whose phone sent it; ``role`` the officer's.
    """

    instance_id: str
    received_at: datetime
    desk: str | None
    role: str | None
    answers: dict[str, Any]


def case_village(ref: str, area: str) -> str | None:
    """The village of a case within an area; None where there is no such case."""
    row = Case.select(Case.village).where((Case.ref == ref) & areas.scope(Case, area)).tuples().first()
    return str(row[0]) if row is not None else None


def link(submission_id: int, ref: str, area: str, role: str | None) -> bool:
    """Put a submission to the case that it names, if that lies within the area its desk may speak for.

    Returns whether there is one. Call inside the submission's transaction.
    """
    case = Case.get_or_none((Case.ref == ref) & areas.scope(Case, area))
    if case is None:
        return False
    FollowUp.insert(submission=submission_id, case=case.id, role=role).on_conflict_ignore().execute()
    return True


def of_case(ref: str, person: Person | None = None) -> list[FollowUpView]:
    """The follow-ups of a case, oldest first; of one that was edited, its newest version.

    With ``person`` only those that they may know of (call it for a case that they may see): where a case has
    restricted alerts that are not theirs, what an officer of another role did is not shown, for it could tell of
    those (DOMAIN 5.2). What the village desk wrote is shown to all.
    """
    rows = (
        FollowUp.select(FollowUp, Submission, Desk)
        .join(Submission)
        .left_outer_join(Desk)
        .switch(FollowUp)
        .join(Case)
        .where((Case.ref == ref) & Submission.current)
        .order_by(Submission.received_at, Submission.id)
    )
    hidden = person is not None and _has_hidden(ref, person.role)
    return [
        FollowUpView(
            row.submission.instance_id,
            row.submission.received_at,
            row.submission.desk.name if row.submission.desk is not None else None,
            row.role,
            row.submission.answers,
        )
        for row in rows
        if not (hidden and person is not None and row.role not in (None, person.role))
    ]


def _has_hidden(ref: str, role: str) -> bool:
    """Has the case restricted alerts that people of this role may not know of?"""
    alerts = Alert.select(Alert.recipients).join(Case).where((Case.ref == ref) & Alert.restricted).tuples()
    return any(not may_see(role, recipients.split("+"), restricted=True) for (recipients,) in alerts)
