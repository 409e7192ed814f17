"""Counts for whoever watches the server. No figure tells of a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import fn

from server.store import attachments, jobs, results, spending
from server.store.models import Alert, Delivery, Message, Quarantine, Submission


@dataclass(frozen=True)
class Figure:
    """One family of counts: by the value of one label."""

    name: str
    help: str
    label: str
    counts: dict[str, float]


def counted() -> list[Figure]:
    """All figures, counted now.

    What is about restricted alerts alone is left out of each count, so that no two of them differ by it. That
    something waits must be seen all the same: one yes or no for everything that is still owed, which no count of what
    is owed stands beside.
    """
    apart = _Apart()
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
            "Messages that have left the outbox, by state; those about nothing but what only some may know of are "
            "left out",
            "state",
            _messages(apart),
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
            "posmigran_waiting",
            "1 where any alert at all is still to be told of, any message to be sent: never how many",
            "what",
            {
                "alert": float(Alert.select().where(Alert.owed == True).exists()),  # noqa: E712 - SQL
                "message": float(Message.select().where(Message.state.in_(("owed", "sending"))).exists()),
            },
        ),
        Figure(
            "posmigran_attachments",
            "Files that submissions name and that have not come, by state",
            "state",
            {"missing": float(attachments.missing())},
        ),
        *_spent(apart),
        *_jobs(),
        *_results(),
    ]


class _Apart:
    """Which messages tell of nothing but alerts that only some may know of, as it was when this was made."""

    def __init__(self) -> None:
        self._codes: dict[int | None, set[str]] = {}
        for case_id, code in Alert.select(Alert.case, Alert.indicator).where(Alert.restricted).tuples():
            self._codes.setdefault(case_id, set()).add(code)
        # a digest of several cases names the codes of all of them
        self._codes[None] = set().union(*self._codes.values())
        folded = Message.select(Message.folded, Message.case, Message.indicators)
        by_digest: dict[int, list[bool]] = {}
        for digest, case_id, codes in folded.where(Message.folded.is_null(False)).tuples():
            by_digest.setdefault(digest, []).append(self._alone(case_id, codes))
        self._digests = {digest for digest, alone in by_digest.items() if all(alone)}

    def those(self, query: Any) -> list[tuple[Any, ...]]:
        """The rows of a query over messages that are such, what it selects first and then three columns more."""
        concerned = Message.case.in_(Alert.select(Alert.case).where(Alert.restricted))
        rows = query.select_extend(Message.id, Message.case, Message.indicators)
        return [
            row
            for row in rows.where(concerned | (Message.kind == "digest")).tuples()
            if row[-3] in self._digests or self._alone(row[-2], row[-1])
        ]

    def _alone(self, case_id: int | None, codes: str) -> bool:
        return bool(codes) and set(codes.split()) <= self._codes.get(case_id, set())


def _messages(apart: _Apart) -> dict[str, float]:
    gone = Message.state.not_in(("owed", "sending"))
    counted = Message.select(Message.state, fn.COUNT(Message.id)).where(gone).group_by(Message.state)
    counts = dict(counted.tuples())
    for state, *_ in apart.those(Message.select(Message.state).where(gone)):
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


def _spent(apart: _Apart) -> list[Figure]:
    segments = {channel: number for channel, number, _ in spending.by_channel()}
    costs = {channel: cost for channel, _, cost in spending.by_channel()}
    handed_over = Delivery.select(Delivery.channel, Delivery.segments, Delivery.cost).join(Message)
    for channel, number, cost, *_ in apart.those(handed_over):
        segments[channel] -= number
        costs[channel] -= cost
    return [
        Figure(
            "posmigran_segments",
            "Segments that carriers took, by channel; of the messages that are counted",
            "channel",
            {channel: float(number) for channel, number in segments.items() if number},
        ),
        Figure(
            "posmigran_cost",
            "What they cost, in POSMIGRAN_CURRENCY",
            "channel",
            {channel: costs[channel] / spending.MICROS for channel, number in segments.items() if number},
        ),
    ]


def _by(name: str, text: str, label: str, column: Any, where: Any = None) -> Figure:
    query = column.model.select(column, fn.COUNT(column)).group_by(column)
    rows = (query if where is None else query.where(where)).tuples()
    return Figure(name, text, label, {str(value): float(count) for value, count in rows})
