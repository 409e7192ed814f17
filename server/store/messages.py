"""The outbox as routing sees it: which alerts somebody must be told of, and the messages owed for them.

How messages are sent is in :mod:`server.store.outbox`, what carriers said of them in :mod:`server.store.receipts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN, fn
from peewee import Case as Switch

from forms.form import SEVERITIES
from forms.problems import Problem, Problems
from server.store import spending, withdrawals
from server.store.models import Alert, Case, Delivery, Message, Officer, PublishedForm, Submission, database

STATES = ("owed", "sending", "sent", "delivered", "failed", "expired")
LEASE = timedelta(seconds=120)
"""How long a claim holds: longer than any attempt at the carrier may take."""
REPLACED = "replaced by a newer one"
"""The error of a message that had not gone when a newer one of its case took its place."""
LONGEST = timedelta(minutes=30)
"""No message and no alert is put off for longer. A moment further ahead than this was written by a clock that has
been set back since, and counts as come."""


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


@dataclass(frozen=True)
class Waiting:
    """A message that is owed and has not gone, and the indicators that it tells of."""

    id: int
    indicators: tuple[str, ...]


@dataclass(frozen=True)
class OwedCase:
    """A case with alerts that somebody was not told of yet. ``definition`` is its form's, for the texts.

    ``owed`` are the alerts not yet routed, ``known`` all alerts of the case, both read in one query.
    ``gravity`` is that of the gravest alert to route now, 0 for the worst.
    ``told`` maps the id of an officer to the indicators that earlier messages about the case told them of;
    ``waiting`` those messages of an officer's that did not go yet, which a new one should replace. Officers
    ``passed_over`` cannot be reached for this case.
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
    told: Mapping[int, frozenset[str]]
    waiting: Mapping[int, tuple[Waiting, ...]] = field(default_factory=dict)
    passed_over: frozenset[int] = frozenset()


def _waiting(now: datetime | None) -> Any:
    """Owed alerts; with ``now`` without those that were put off until later."""
    # "= true" and not the column alone: only so does SQLite use the index
    owed = Alert.owed == True  # noqa: E712
    if now is None:
        return owed
    return owed & (Alert.route_after.is_null() | come(Alert.route_after, now))


def come(moment: Any, now: datetime) -> Any:
    """Has the moment in a column come? Also where it lies further ahead than any that is written on purpose."""
    return (moment <= now) | (moment > now + LONGEST)


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
    due = Alert.select(Alert.case, gravest).where(_waiting(now)).group_by(Alert.case)
    if after is not None:
        due = due.having((gravest > after.gravity) | ((gravest == after.gravity) & (Alert.case > after.id)))
    gravities: dict[int, int] = dict(due.order_by(gravest, Alert.case).limit(limit).tuples())
    ids = list(gravities)
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
) -> tuple[dict[int, dict[int, frozenset[str]]], dict[int, dict[int, tuple[Waiting, ...]]]]:
    told: dict[int, dict[int, frozenset[str]]] = {}
    waiting: dict[int, dict[int, tuple[Waiting, ...]]] = {}
    earlier = Message.select(
        Message.id, Message.case, Message.officer, Message.indicators, Message.state, Message.kind
    ).where(Message.case.in_(ids) & withdrawals.counted())
    for message_id, case_id, officer_id, codes, state, kind in earlier.order_by(Message.id).tuples():
        if state == "owed" and kind == "alert":
            theirs = waiting.setdefault(case_id, {})
            theirs[officer_id] = (*theirs.get(officer_id, ()), Waiting(message_id, tuple(codes.split())))
        of_case = told.setdefault(case_id, {})
        of_case[officer_id] = of_case.get(officer_id, frozenset()) | frozenset(codes.split())
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
    )


def put_off_alerts() -> list[tuple[str, str, tuple[str, ...], bool]]:
    """(reference, village, recipients, restricted) of alerts of which somebody could not be told yet."""
    rows = (
        Alert.select(Case.ref, Case.village, Alert.recipients, Alert.restricted)
        .join(Case)
        .where(_waiting(None) & Alert.route_after.is_null(False))
        .order_by(Case.id, Alert.id)
        .tuples()
    )
    return [(ref, village, tuple(roles.split("+")), restricted) for ref, village, roles, restricted in rows]


@dataclass(frozen=True)
class NewMessage:
    """A composed text for one person.

    ``channel`` and ``recipient`` are a first idea: the outbox takes the best way when it sends. It is not sent
    after ``expires_at``, nor together with those that it ``replaces`` (ids of messages that have not gone).
    ``severity`` is the gravest that it tells of; ``kind`` is ``alert``, ``escalation``, ``reminder``, ``digest``
    or ``notice``; of messages with one ``key`` only the first is ever made.
    """

    officer_id: int
    indicators: tuple[str, ...]
    channel: str
    recipient: str
    body: str
    segments: int
    due_at: datetime
    severity: str = "high"
    expires_at: datetime | None = None
    kind: str = "alert"
    key: str | None = None
    replaces: tuple[int, ...] = ()


def owe(
    case: OwedCase,
    alert_ids: Sequence[int],
    texts: Sequence[NewMessage],
    now: datetime,
    *,
    put_off: Sequence[int] = (),
    until: datetime | None = None,
) -> bool:
    """Turn owed alerts into owed messages, inside a transaction of the caller's.

    ``alert_ids`` are done with; those of ``put_off`` stay owed, to be looked at again at ``until``. Exactly
    one process gets to mark all of them: returns False, with nothing changed, where another was quicker.
    """
    before = {a.id: a.route_after for a in case.owed}
    with database.savepoint() as undo:
        theirs = (Alert.case == case.id) & Alert.owed  # a chain of edits may have moved them meanwhile
        marked = Alert.update(owed=False).where(Alert.id.in_(list(alert_ids)) & theirs).execute()
        for alert_id in put_off:
            seen = before[alert_id]
            unmoved = Alert.route_after.is_null() if seen is None else Alert.route_after == seen
            marked += (
                Alert.update(route_after=until).where((Alert.id == alert_id) & theirs & unmoved).execute()
            )
        if marked != len(alert_ids) + len(put_off):
            undo.rollback()
            return False
        for text in texts:
            if _replace(text.replaces) != len(text.replaces):
                undo.rollback()
                return False
            write(case.id, text, now)
    return True


def _replace(ids: Sequence[int]) -> int:
    if not ids:
        return 0
    replaced = Message.update(state="expired", error=REPLACED, bounced=None)
    return int(replaced.where(Message.id.in_(list(ids)) & (Message.state == "owed")).execute())


def write(case_id: int | None, text: NewMessage, now: datetime) -> int | None:
    """Owe a message, of a case or of none, inside a transaction of the caller's; returns its id.

    None where one with its key exists already.
    """
    earlier = Message.select().where((Message.case == case_id) & (Message.officer == text.officer_id))
    made = Message.insert(
        case=case_id,
        officer=text.officer_id,
        round=earlier.count() + 1,
        kind=text.kind,
        severity=text.severity,
        key=text.key,
        indicators=" ".join(text.indicators),
        channel=text.channel,
        recipient=text.recipient,
        body=text.body,
        segments=text.segments,
        created_at=now,
        due_at=text.due_at,
        expires_at=text.expires_at,
    )
    if text.key is not None:
        made = made.on_conflict(conflict_target=[Message.key], action="ignore")
    rows = list(made.returning(Message.id).execute())
    return int(rows[0].id) if rows else None


def listing(state: str | None = None) -> list[dict[str, Any]]:
    """The outbox, as ``messages list`` shows it to whoever runs the server. ``cost`` is in the currency set."""
    paid = Delivery.select(Delivery.message, fn.SUM(Delivery.cost).alias("cost")).group_by(Delivery.message)
    cost = dict(paid.tuples())
    rows = (
        Message.select(Message, Case.ref.alias("ref"), Officer.slug.alias("to_slug"))
        .join(Case, JOIN.LEFT_OUTER)
        .switch(Message)
        .join(Officer)
        .order_by(Message.id)
        .objects()
    )
    if state is not None:
        if state not in STATES:
            raise Problem(Problems.SETTING_INVALID, name="--state", detail="one of " + " ".join(STATES))
        rows = rows.where(Message.state == state)
    return [
        {
            "id": m.id,
            "ref": m.ref or "",
            "to": m.recipient,
            "officer": m.to_slug,
            "channel": m.channel,
            "body": m.body,
            "state": m.state,
            "segments": m.segments,
            "attempts": m.attempts,
            "provider_id": m.provider_id,
            "error": m.error,
            "cost": int(cost.get(m.id, 0)) / spending.MICROS,
        }
        for m in rows
    ]
