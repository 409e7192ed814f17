"""Cases with alerts of which somebody has to be told, as routing reads them: facts, who knows, whom to pass over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN, fn
from peewee import Case as Switch

from forms.form import SEVERITIES
from server.store import withdrawals
from server.store.models import Alert, Case, Message, PublishedForm, Submission

LONGEST = timedelta(minutes=30)
"""Nothing that is under way or waits for somebody is put off for longer. A moment further ahead than this was written
by a clock that has been set back since, and counts as come."""
NIGHT = timedelta(hours=18)
"""The same for messages: no night, and no pause between attempts, is longer."""


@dataclass(frozen=True)
class AlertFacts:
    """What routing needs to know of an alert. ``gone``: an edit no longer shows it."""

    id: int
    indicator: str
    severity: str
    recipients: tuple[str, ...]
    digest: bool
    restricted: bool
    owed: bool
    state: str
    gone: bool
    route_after: datetime | None
    rung: int = 0
    assigned_to: int | None = None
    assigned_at: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """A message that has not gone, as far as anybody knows, and the indicators that it tells of."""

    id: int
    indicators: tuple[str, ...]


@dataclass(frozen=True)
class OwedCase:
    """A case with alerts that somebody was not told of yet. ``definition`` is its form's, for the texts.

    ``owed`` are the alerts not yet routed, ``known`` all alerts of the case, both read in one query.
    ``gravity`` is that of the gravest alert to route now, 0 for the worst.
    ``told`` maps the id of an officer to the indicators that earlier messages about the case told them of, and when
    the last of these was written; ``waiting`` those messages of an officer's that did not go yet, which a new one
    should replace. Officers ``passed_over`` cannot be reached for this case.
    """

    id: int
    ref: str
    form_id: str
    village: str
    district: str
    opened_at: datetime
    definition: dict[str, Any]
    owed: tuple[AlertFacts, ...]
    known: tuple[AlertFacts, ...]
    gravity: int
    told: Mapping[int, Mapping[str, datetime]]
    waiting: Mapping[int, tuple[Waiting, ...]] = field(default_factory=dict)
    passed_over: frozenset[int] = frozenset()


def _waiting(now: datetime | None) -> Any:
    """Owed alerts; with ``now`` without those that were put off until later."""
    # "= true" and not the column alone: only so does SQLite use the index
    owed = Alert.owed == True  # noqa: E712
    if now is None:
        return owed
    return owed & (Alert.route_after.is_null() | come(Alert.route_after, now))


def come(moment: Any, now: datetime, longest: timedelta = LONGEST) -> Any:
    """Has the moment in a column come? Also where it lies further ahead than any that is written on purpose."""
    return (moment <= now) | (moment > now + longest)


def anything_unrouted(now: datetime) -> bool:
    """Is there an alert to route? A cheap question, for every round of the scheduler."""
    return bool(Alert.select(Alert.id).where(_waiting(now)).limit(1).exists())


def unrouted(limit: int = 100, now: datetime | None = None, after: OwedCase | None = None) -> list[OwedCase]:
    """Cases with alerts still owed, gravest first, then oldest; with ``now`` without those that were put off.

    ``after`` is the last case of the page before.
    """
    gravest = fn.MIN(
        Switch(Alert.severity, [(word, i) for i, word in enumerate(SEVERITIES)], len(SEVERITIES))
    )
    # first which, then of what case: SQLite would go through all cases there are, to have them in order
    waiting = Alert.select(Alert.id).where(_waiting(now))
    due = Alert.select(Alert.case, gravest).where(Alert.id.in_(waiting)).group_by(Alert.case)
    if after is not None:
        due = due.having((gravest > after.gravity) | ((gravest == after.gravity) & (Alert.case > after.id)))
    return _load(dict(due.order_by(gravest, Alert.case).limit(limit).tuples()))


def of_cases(ids: Sequence[int]) -> list[OwedCase]:
    """Cases with what their people were told, whether any alert of theirs is still owed or not."""
    return _load(dict.fromkeys(ids, 0))


def _load(gravities: dict[int, int]) -> list[OwedCase]:
    ids = list(gravities)
    if not ids:
        return []
    known: dict[int, list[AlertFacts]] = {}
    for a in Alert.select().where(Alert.case.in_(ids)).order_by(Alert.id):
        known.setdefault(a.case_id, []).append(_facts(a))
    told, waiting = _earlier(ids)
    passed = withdrawals.passed_over(ids)
    rows = (
        Case.select(Case, PublishedForm.definition.alias("definition"))
        .join(Submission)
        .join(
            PublishedForm,
            JOIN.LEFT_OUTER,
            on=(
                (PublishedForm.form_id == Submission.form_id) & (PublishedForm.version == Submission.version)
            ),
        )
        .where(Case.id.in_(ids))
        .objects()
    )
    return [
        OwedCase(
            r.id,
            r.ref,
            r.form_id,
            r.village,
            r.district,
            r.opened_at,
            r.definition or {},
            owed=tuple(a for a in known[r.id] if a.owed),
            known=tuple(known[r.id]),
            gravity=gravities[r.id],
            told=told.get(r.id, {}),
            waiting=waiting.get(r.id, {}),
            passed_over=passed.get(r.id, frozenset()),
        )
        for r in sorted(rows, key=lambda r: ids.index(r.id))
    ]


def _earlier(
    ids: Sequence[int],
) -> tuple[dict[int, dict[int, dict[str, datetime]]], dict[int, dict[int, tuple[Waiting, ...]]]]:
    told: dict[int, dict[int, dict[str, datetime]]] = {}
    waiting: dict[int, dict[int, tuple[Waiting, ...]]] = {}
    earlier = Message.select(
        Message.id,
        Message.case,
        Message.officer,
        Message.indicators,
        Message.state,
        Message.kind,
        Message.created_at,
    ).where(Message.case.in_(ids) & withdrawals.counted())
    for message_id, case_id, officer_id, codes, state, kind, at in earlier.order_by(Message.id).tuples():
        if state in ("owed", "sending") and kind == "alert":
            theirs = waiting.setdefault(case_id, {})
            theirs[officer_id] = (*theirs.get(officer_id, ()), Waiting(message_id, tuple(codes.split())))
        told.setdefault(case_id, {}).setdefault(officer_id, {}).update(dict.fromkeys(codes.split(), at))
    return told, waiting


def _facts(a: Alert) -> AlertFacts:
    return AlertFacts(
        a.id,
        a.indicator,
        a.severity,
        tuple(a.recipients.split("+")),
        a.digest,
        a.restricted,
        a.owed,
        a.state,
        a.gone_at is not None,
        a.route_after,
        a.rung,
        a.assigned_to_id,
        a.assigned_at,
    )


def put_off_alerts() -> list[tuple[str, str, AlertFacts, frozenset[int]]]:
    """(reference, village, alert, who is passed over) of alerts of which somebody could not be told yet."""
    rows = list(
        Alert.select(Alert, Case.ref.alias("ref"), Case.village.alias("village"))
        .join(Case)
        .where(_waiting(None) & Alert.route_after.is_null(False))
        .order_by(Case.id, Alert.id)
        .objects()
    )
    passed = withdrawals.passed_over([row.case_id for row in rows])
    return [(row.ref, row.village, _facts(row), passed.get(row.case_id, frozenset())) for row in rows]


@dataclass(frozen=True)
class Waits:
    """An alert that waits on the pages without a message of its own, and of which case."""

    ref: str
    village: str
    opened_at: datetime
    alert: AlertFacts


def for_digest() -> list[Waits]:
    """Open alerts of which people hear by the weekly digest alone, oldest first."""
    quiet = Alert.digest | (Alert.severity == "medium")
    rows = (
        Alert.select(Alert, Case.ref.alias("ref"), Case.village.alias("village"))
        .join(Case)
        .where((Alert.state == "open") & quiet & Alert.gone_at.is_null())
        .order_by(Alert.opened_at, Alert.id)
        .objects()
    )
    return [Waits(row.ref, row.village, row.opened_at, _facts(row)) for row in rows]
