"""Counts for whoever watches the server. No figure tells of a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import fn

from server.store import attachments, spending
from server.store.models import Alert, Message, Quarantine, Submission


@dataclass(frozen=True)
class Figure:
    """One family of counts: by the value of one label."""

    name: str
    help: str
    label: str
    counts: dict[str, float]


def counted() -> list[Figure]:
    """All figures, counted now."""
    return [
        _by(
            "posmigran_submissions",
            "Submissions kept, by form, trials left out",
            "form",
            Submission.form_id,
            ~Submission.draft,
        ),
        _by("posmigran_messages", "Messages of the outbox, by state", "state", Message.state),
        _by("posmigran_alerts", "Alerts, by state", "state", Alert.state),
        _by("posmigran_quarantine", "Uploads held for staff, by state", "state", Quarantine.state),
        Figure(
            "posmigran_alerts_owed",
            "Alerts that nobody was told of yet",
            "state",
            {"owed": float(Alert.select().where(Alert.owed).count())},
        ),
        Figure(
            "posmigran_attachments",
            "Files that submissions name and that have not come, by state",
            "state",
            {"missing": float(attachments.missing())},
        ),
        *_spent(),
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
