"""Alerts that nobody has answered in time, and those that were taken on but not followed up.

Times are set when people are told (:mod:`server.store.hours`). Who moves an alert on is decided by one conditional
UPDATE and its row count, so that several sync processes may ask at once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import fn

from forms.form import SEVERITIES
from server.store import areas, contacts, hours, messages, officers
from server.store.fields import to_micros
from server.store.models import Alert, FollowUp, Message, Officer, Submission
from server.store.officers import Person
from server.store.steps import RUNGS

GONE = ("moved", "other")
"""Results that say nothing of the danger: the person is not where whoever closed it looks, or something else."""
ANSWERED = "taken on meanwhile"
"""The error of a message that had not gone when somebody of the same office took the case on."""


def expect(alert_id: int, rung: int, deadline: datetime) -> None:
    """Somebody was told: an answer is expected until then. An earlier deadline that still runs is kept."""
    Alert.update(rung=rung, escalate_at=deadline).where(
        (Alert.id == alert_id)
        & (Alert.state == "open")
        & (Alert.escalate_at.is_null() | (Alert.escalate_at > deadline) | (Alert.rung < rung))
    ).execute()


def anything(now: datetime) -> bool:
    """Is there an alert that should have been answered by now?"""
    return bool(Alert.select(Alert.id).where(_unanswered(now)).limit(1).exists())


def unanswered(now: datetime, limit: int) -> list[int]:
    """Ids of cases with alerts that should have been answered by now, the longest waiting first."""
    return _cases(_unanswered(now), Alert.escalate_at, limit)


def waiting(case_id: int, now: datetime) -> dict[int, datetime]:
    """The alerts of a case that should have been answered by now, with the moment when."""
    rows = Alert.select(Alert.id, Alert.escalate_at).where((Alert.case == case_id) & _unanswered(now))
    return dict(rows.tuples())


def move_on(alert_id: int, seen: datetime, rung: int, deadline: datetime | None) -> bool:
    """Take an alert a step up, as :func:`waiting` saw it; False where another process, or an answer, was quicker."""
    changed = (
        Alert.update(rung=rung, escalate_at=deadline)
        .where((Alert.id == alert_id) & (Alert.state == "open") & (Alert.escalate_at == seen))
        .execute()
    )
    return bool(changed == 1)


def open_to(alert_id: int, role: str) -> None:
    """An alert has climbed to a role that it does not name: it names that role from now on. Never a restricted one."""
    Alert.update(recipients=Alert.recipients.concat(f"+{role}")).where(
        (Alert.id == alert_id) & ~Alert.restricted
    ).execute()


def put_off(case_id: int, now: datetime, until: datetime) -> None:
    """Look at what is late in a case again at ``until``, after the others."""
    Alert.update(escalate_at=until).where((Alert.case == case_id) & _unanswered(now)).execute()
    Alert.update(remind_at=until).where((Alert.case == case_id) & _to_remind(now)).execute()


def nobody_answered() -> int:
    """How many open alerts have been told to everybody there is."""
    return int(Alert.select().where((Alert.state == "open") & (Alert.rung >= len(RUNGS))).count())


def reopen(case_id: int, village: str, now: datetime) -> dict[str, dict[str, Any]]:
    """A case has moved: what its holder can see no more is open again, so that the new place is told.

    An alert that somebody holds who looks after the new place too stays theirs. What was closed stays closed, unless
    it was for a reason that is none in the new place (:data:`GONE`). Somebody asked to take it on who cannot see it is
    asked no more. Returns, by indicator, who had it and what they closed it with, for the record.
    """
    undone: dict[str, dict[str, Any]] = {}
    for alert in Alert.select().where(Alert.case == case_id):
        if alert.state == "closed":
            holder = alert.closed_by if alert.result in GONE else None
        else:
            holder = alert.assigned_to if alert.assigned_to_id is not None else alert.acknowledged_by
        if holder is None or areas.covers(holder.area, village):
            continue
        # an answer is expected from now on even where nobody can be told who was not told before
        deadline = hours.acknowledge_by(alert.severity, now, village)
        changed = (
            Alert.update(
                state="open",
                acknowledged_at=None,
                acknowledged_by=None,
                assigned_to=None,
                closed_at=None,
                closed_by=None,
                result=None,
                remind_at=None,
                reminded=0,
                rung=0,
                escalate_at=deadline if alert.severity != "medium" and not alert.digest else None,
            )
            .where((Alert.id == alert.id) & (Alert.state == alert.state))
            .execute()
        )
        if changed and alert.acknowledged_by_id is not None:
            closed = alert.closed_at is not None
            undone[alert.indicator] = {
                "acknowledged_by": alert.acknowledged_by_id,
                "acknowledged_at": to_micros(alert.acknowledged_at),
                "closed_by": alert.closed_by_id,
                "closed_at": to_micros(alert.closed_at) if closed else None,
                "result": alert.result,
            }
    return undone


def _unanswered(now: datetime) -> Any:
    return (Alert.escalate_at <= now) & (Alert.state == "open")


def _cases(condition: Any, moment: Any, limit: int) -> list[int]:
    # first which, then of what case: SQLite would go through all cases there are, to have them in order
    late = Alert.select(Alert.id).where(condition)
    rows = (
        Alert.select(Alert.case)
        .where(Alert.id.in_(late))
        .group_by(Alert.case)
        .order_by(fn.MIN(moment), Alert.case)
        .limit(limit)
        .tuples()
    )
    return [case_id for (case_id,) in rows]


def taken_on(case_id: int, village: str, officer_id: int, now: datetime) -> None:
    """Somebody has taken alerts of a case on just now: from here on their follow-up is waited for."""
    for severity in SEVERITIES:
        Alert.update(escalate_at=None, remind_at=hours.follow_up_by(severity, now, village)).where(
            (Alert.case == case_id)
            & (Alert.severity == severity)
            & (Alert.state == "acknowledged")
            & (Alert.acknowledged_by == officer_id)
            & (Alert.acknowledged_at == now)
        ).execute()


def spare(case_id: int, role: str, now: datetime) -> int:
    """Take out what colleagues of a role are still owed about alerts of a case that are open no more.

    Somebody of their office has taken it on, so that a message that waits for the morning, or for a carrier that is
    down, would only mislead. Other offices are told all the same, and whoever was asked to take it on; reminders
    stay until what they are of is closed. Returns how many messages were taken out.
    """
    alerts = Alert.select(Alert.indicator, Alert.state, Alert.assigned_to)
    unclosed = list(alerts.where((Alert.case == case_id) & (Alert.state != "closed")).tuples())
    rows = (
        Message.select(Message.id, Message.kind, Message.officer, Message.indicators)
        .join(Officer)
        .where(
            (Message.case == case_id)
            & Message.state.in_(("owed", "sending"))
            & Message.kind.in_(("alert", "escalation", "reminder"))
            & (Officer.role == role)
        )
        .tuples()
    )
    spared = []
    for message_id, kind, officer_id, codes in list(rows):
        of_use = {
            code
            for code, state, asked in unclosed
            if state == "open" or kind == "reminder" or asked == officer_id
        }
        if not of_use & set(codes.split()):
            spared.append(message_id)
    return messages.replace(spared, now, ANSWERED)


@dataclass(frozen=True)
class Overdue:
    """An alert that somebody took on, without a follow-up in its time. ``holder`` is whose it is now."""

    alert_id: int
    indicator: str
    holder: int
    remind_at: datetime
    reminded: int


def not_followed_up(now: datetime, limit: int) -> list[int]:
    """Ids of cases with alerts whose follow-up should be there by now."""
    return _cases(_to_remind(now), Alert.remind_at, limit)


def overdue(case_id: int, now: datetime) -> list[Overdue]:
    """The alerts of a case whose follow-up should be there by now, and is not.

    Those that have one are reminded of no more: call inside a transaction. A restricted alert is followed up by
    those whom it is for; what somebody else reports of the case says nothing of it.
    """
    rows = list(Alert.select().where((Alert.case == case_id) & _to_remind(now)).order_by(Alert.id))
    found = []
    for alert in rows:
        if _followed_up(alert):
            Alert.update(remind_at=None).where(Alert.id == alert.id).execute()
            continue
        holder = alert.assigned_to_id or alert.acknowledged_by_id
        found.append(Overdue(alert.id, alert.indicator, holder, alert.remind_at, alert.reminded))
    return found


def _to_remind(now: datetime) -> Any:
    return (Alert.remind_at <= now) & (Alert.state == "acknowledged")


def _followed_up(alert: Alert) -> bool:
    since = (FollowUp.case == alert.case_id) & (Submission.received_at >= alert.acknowledged_at)
    query = FollowUp.select().join(Submission).where(since)
    if alert.restricted:
        query = query.where(FollowUp.role.in_(alert.recipients.split("+")))
    return bool(query.exists())


def reminded(one: Overdue, again_at: datetime | None, *, told: bool) -> bool:
    """Note that a reminder is owed, or (not ``told``) that nobody is there; False where another was quicker."""
    changed = (
        Alert.update(reminded=Alert.reminded + int(told), remind_at=again_at)
        .where(
            (Alert.id == one.alert_id) & (Alert.state == "acknowledged") & (Alert.remind_at == one.remind_at)
        )
        .execute()
    )
    return bool(changed == 1)


def tellable(
    officer_id: int | None, passed: Collection[int] = (), kinds: Collection[str] = contacts.KINDS
) -> Person | None:
    """An officer of that id who is in service and can be reached by one of the ``kinds`` of channel set up."""
    if officer_id is None or officer_id in passed:
        return None
    row = Officer.get_or_none((Officer.id == officer_id) & Officer.removed_at.is_null())
    person = officers.person(row) if row is not None else None
    return person if person is not None and contacts.reached([person], kinds) else None
