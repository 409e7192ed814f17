"""Counts for whoever watches the server. No figure tells of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import fn

from server.store import attachments, jobs, results, room, spending
from server.store.models import Alert, Message, Quarantine, Submission


@dataclass(frozen=True)
class Figure:
    """One family of counts: by the value of one label."""

    name: str
    help: str
    label: str
    counts: dict[str, float]


def counted(now: datetime) -> list[Figure]:
    """All figures, counted now."""
    return [
        _by(
            "posmigran_submissions",
            "Submissions kept, by form, trials left out",
            "form",
            Submission.form_id,
            ~Submission.draft,
        ),
        Figure(
            "posmigran_messages",
            "Messages of the outbox, by state; those about nothing but what only some may know of are left out",
            "state",
            _messages(),
        ),
        _by(
            "posmigran_alerts",
            "Alerts, by state; those that only some may know of are left out",
            "state",
            Alert.state,
            ~Alert.restricted,
        ),
        _by("posmigran_quarantine", "Uploads held for staff, by state", "state", Quarantine.state),
        Figure(
            "posmigran_alerts_owed",
            "Alerts that nobody was told of yet; those that only some may know of are left out",
            "state",
            {"owed": float(Alert.select().where(Alert.owed & ~Alert.restricted).count())},
        ),
        Figure(
            "posmigran_waiting",
            "1 where any alert at all is still to be told of, any message to be sent: never how many",
            "what",
            {
                "alert": float(Alert.select().where(Alert.owed).exists()),
                "message": float(Message.select().where(Message.state.in_(("owed", "sending"))).exists()),
            },
        ),
        Figure(
            "posmigran_attachments",
            "Files that submissions name and that have not come, by state",
            "state",
            {"missing": float(attachments.missing())},
        ),
        Figure(
            "posmigran_files_refused",
            "Desks whose files were not taken in the last day, by reason",
            "reason",
            _refused(now),
        ),
        *_spent(),
        *_jobs(),
        *_results(),
    ]


def _refused(now: datetime) -> dict[str, float]:
    reasons = [reason for desk in room.refused(now) for reason in desk.reasons]
    return {reason: float(reasons.count(reason)) for reason in sorted(set(reasons))}


def _messages() -> dict[str, float]:
    secret: dict[int, set[str]] = {}
    for case_id, code in Alert.select(Alert.case, Alert.indicator).where(Alert.restricted).tuples():
        secret.setdefault(case_id, set()).add(code)
    counts = dict(Message.select(Message.state, fn.COUNT(Message.id)).group_by(Message.state).tuples())
    rows = Message.select(Message.state, Message.indicators, Message.case).where(
        Message.case.in_(Alert.select(Alert.case).where(Alert.restricted))
    )
    for state, codes, case_id in rows.tuples():
        if set(codes.split()) <= secret.get(case_id, set()):
            counts[state] -= 1
    return {state: float(count) for state, count in counts.items() if count}


def _jobs() -> list[Figure]:
    runs = jobs.newest().values()
    ended = [run for run in runs if run.ended_at is not None]
    return [
        Figure(
            "posmigran_job_started_seconds",
            "When each job of the sync process last began, in seconds since 1970",
            "job",
            {run.job: run.started_at.timestamp() for run in runs},
        ),
        Figure(
            "posmigran_job_took_seconds",
            "How long its last run took",
            "job",
            {run.job: (run.ended_at - run.started_at).total_seconds() for run in ended if run.ended_at},
        ),
        Figure(
            "posmigran_job_failures",
            "How often each job has failed since it last ended well",
            "job",
            {run.job: float(run.failures) for run in runs},
        ),
    ]


def _results() -> list[Figure]:
    """What became of alerts, by indicator; those that only some may know of are left out of every figure."""
    closed: dict[str, float] = {}
    false: dict[str, float] = {}
    for rate in results.rates(~Alert.restricted):
        closed[rate.indicator] = float(rate.closed)
        false[rate.indicator] = float(rate.false_alarms)
    return [
        Figure("posmigran_alerts_closed", "Alerts closed with a result, by indicator", "indicator", closed),
        Figure("posmigran_false_alarms", "Of those, how many were false alarms", "indicator", false),
    ]


def _spent() -> list[Figure]:
    segments: dict[str, float] = {}
    costs: dict[str, float] = {}
    for channel, number, cost in spending.by_channel():
        segments[channel] = float(number)
        costs[channel] = cost / spending.MICROS
    return [
        Figure("posmigran_segments", "Segments that carriers took, by channel", "channel", segments),
        Figure("posmigran_cost", "What they cost, in POSMIGRAN_CURRENCY", "channel", costs),
    ]


def _by(name: str, text: str, label: str, column: Any, where: Any = None) -> Figure:
    query = column.model.select(column, fn.COUNT(column)).group_by(column)
    rows = (query if where is None else query.where(where)).tuples()
    return Figure(name, text, label, {str(value): float(count) for value, count in rows})
