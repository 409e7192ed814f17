"""Counts for whoever watches the server. No figure tells of a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import fn

from server.store import attachments
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
    ]


def _by(name: str, text: str, label: str, column: Any, where: Any = None) -> Figure:
    query = column.model.select(column, fn.COUNT(column)).group_by(column)
    rows = (query if where is None else query.where(where)).tuples()
    return Figure(name, text, label, {str(value): float(count) for value, count in rows})
