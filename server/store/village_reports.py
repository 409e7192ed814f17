"""What villages report of a month, and which had a desk to do so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.store import areas
from server.store.models import Desk, Submission
from server.store.recaps import Span, zoned


@dataclass(frozen=True)
class VillageReport:
    """The newest report of a village about a month: open answers only."""

    village: str
    received_at: datetime
    answers: Mapping[str, Any]


def newest(form_id: str, span: Span) -> dict[str, VillageReport]:
    """The reports about the month in which the span begins, by village; the one that came last counts."""
    period = f"{span.first:%Y-%m}"
    since = min(span.begins(code) for code in zoned(span.area))
    rows = (
        Submission.select(Submission.village, Submission.received_at, Submission.answers)
        .where(
            areas.scope(Submission, span.area)
            & (Submission.form_id == form_id)
            & (Submission.received_at >= since)
            & Submission.current
            & ~Submission.draft
        )
        .order_by(Submission.received_at, Submission.id)
        .tuples()
    )
    found: dict[str, VillageReport] = {}
    for village, received_at, said in rows.iterator():
        place = said.get("loc")
        if isinstance(place, dict) and str(place.get("month") or "")[:7] == period:
            found[village] = VillageReport(village, received_at, said)
    return found


def with_desk(span: Span) -> set[str]:
    """The villages that had a desk in use at some moment of the span; draft desks do not count."""
    until = max(span.ends(code) for code in zoned(span.area))
    since = min(span.begins(code) for code in zoned(span.area))
    rows = Desk.select(Desk.village).where(
        areas.scope(Desk, span.area)
        & ~Desk.draft
        & (Desk.created_at < until)
        & (Desk.revoked_at.is_null() | (Desk.revoked_at >= since))
    )
    return {village for (village,) in rows.tuples()}
