"""Cases and their alerts: who may see which, acknowledging and closing. How they come about is in ``case_opening``.

A person sees the cases of their area, and of each case the alerts that are meant for their role. ``province``
and ``admin`` see all but the restricted ones, which exist for their recipients alone (DOMAIN 5.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from peewee import JOIN, SQL, fn
from peewee import Case as Switch

from forms.form import SEVERITIES
from forms.problems import Problem, Problems
from server.store import areas, escalations, events
from server.store.models import Alert, Case, Desk, Officer, Submission
from server.store.officers import Person

OVERSEERS = ("province", "admin")
STATES = ("open", "acknowledged", "closed")
RESULTS = ("verified", "false_alarm", "referred", "resolved", "moved", "other")


def gravity(severity: str) -> int:
    """Sort key: the gravest first."""
    return [str(s) for s in SEVERITIES].index(severity)


@dataclass(frozen=True)
class AlertView:
    """An alert as an officer sees it."""

    indicator: str
    severity: str
    state: str
    digest: bool
    opened_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    result: str | None
    gone: bool
    closed_by: str | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True)
class CaseView:
    """A case as an officer sees it: only the alerts that are theirs to see, gravest first."""

    ref: str
    form_id: str
    form_version: str
    instance_id: str
    village: str
    opened_at: datetime
    alerts: tuple[AlertView, ...] = field(default=())
    desk: str | None = None
    """Name of the village desk that sent the newest version."""
    desk_phone: str | None = None
    """Where its people are reached (E.164)."""

    @property
    def severity(self) -> str:
        """The gravest severity among the visible alerts."""
        return self.alerts[0].severity

    @property
    def state(self) -> str:
        """``open`` while any alert is, then ``acknowledged``, then ``closed``."""
        return min((a.state for a in self.alerts), key=STATES.index)


def visible(role: str) -> Any:
    """The condition under which people of a role may know of an alert."""
    named = (
        (Alert.recipients == role)
        | Alert.recipients.startswith(f"{role}+")
        | Alert.recipients.endswith(f"+{role}")
        | Alert.recipients.contains(f"+{role}+")
    )
    if role in OVERSEERS:
        return (Alert.restricted == False) | named  # noqa: E712 - SQL
    return named


def may_see(role: str, recipients: Sequence[str], restricted: bool) -> bool:
    """:func:`visible` for one alert in hand."""
    return role in recipients or (role in OVERSEERS and not restricted)


def covers(person: Person, village: str) -> bool:
    """Does a person's area hold the village?"""
    return areas.covers(person.area, village)


def of_person(person: Person, *, state: str | None = None, limit: int = 500) -> list[CaseView]:
    """The cases of a person's area with the alerts that are theirs, open ones and newest first."""
    condition = areas.scope(Case, person.area)
    alerts = Alert.select().where(visible(person.role))
    if state is not None:
        alerts = alerts.where(Alert.state == state)
    cases = (
        Case.select()
        .where(condition & Case.id.in_(alerts.select(Alert.case)))
        .order_by(Case.opened_at.desc(), Case.id.desc())
        .limit(limit)
    )
    views = _views(cases, alerts)
    return sorted(views, key=lambda c: STATES.index(c.state))


def _ranked(person: Person) -> Any:
    """One row a case that a person may see: ``ref``, ``standing`` and ``gravest`` as indexes of their words."""
    standing = fn.MIN(Switch(Alert.state, [(word, i) for i, word in enumerate(STATES)]))
    gravest = fn.MIN(Switch(Alert.severity, [(word, i) for i, word in enumerate(SEVERITIES)]))
    return (
        Alert.select(Case.ref, Case.id.alias("newness"), standing.alias("standing"), gravest.alias("gravest"))
        .join(Case)
        .where(areas.scope(Case, person.area) & visible(person.role))
        .group_by(Case.id, Case.ref)
    )


def tally(person: Person) -> dict[str, int]:
    """How many cases of a person are in each state, by what they may see of them."""
    ranked = _ranked(person).alias("ranked")
    rows = (
        Alert.select(ranked.c.standing, fn.COUNT(ranked.c.ref))
        .from_(ranked)
        .group_by(ranked.c.standing)
        .tuples()
    )
    counted = {STATES[state]: number for state, number in rows}
    return {state: counted.get(state, 0) for state in STATES}


def page(person: Person, state: str | None, number: int, size: int) -> list[CaseView]:
    """Page ``number`` (from 1) of a person's cases: open before acknowledged, gravest first, then newest.

    With ``state`` only the cases that stand so for this person.
    """
    ranked = _ranked(person).alias("ranked")
    query = Alert.select(ranked.c.ref).from_(ranked)
    if state is not None:
        query = query.where(ranked.c.standing == STATES.index(state))
    query = query.order_by(ranked.c.standing, ranked.c.gravest, ranked.c.newness.desc())
    refs = [ref for (ref,) in query.paginate(number, size).tuples()]
    views = _views(Case.select().where(Case.ref.in_(refs)), Alert.select().where(visible(person.role)))
    return sorted(views, key=lambda view: refs.index(view.ref))


def for_person(person: Person, ref: str) -> CaseView:
    """One case. Raises :class:`Problem` (CASE_UNKNOWN) also where it exists but is not theirs."""
    cases = Case.select().where((Case.ref == ref) & areas.scope(Case, person.area))
    views = _views(cases, Alert.select().where(visible(person.role)))
    if not views:
        raise Problem(Problems.CASE_UNKNOWN, ref=ref)
    return views[0]


def _views(cases: Any, alerts: Any) -> list[CaseView]:
    found = list(
        cases.select_extend(
            Submission.instance_id.alias("instance_id"),
            Submission.version.alias("version"),
            Desk.name.alias("desk"),
            Desk.phone.alias("desk_phone"),
        )
        .join(Submission)
        .join(Desk, JOIN.LEFT_OUTER)
        .objects()
    )
    by_case: dict[int, list[AlertView]] = {}
    closer = Officer.alias("closer")
    rows = (
        alerts.select_extend(Officer.name.alias("by"), closer.name.alias("closer_name"))
        .join(Officer, JOIN.LEFT_OUTER, on=(Alert.acknowledged_by == Officer.id))
        .switch(Alert)
        .join(closer, JOIN.LEFT_OUTER, on=(Alert.closed_by == closer.id))
        .where(Alert.case.in_([case.id for case in found]))
        .objects()
    )
    for a in rows:
        by_case.setdefault(a.case_id, []).append(
            AlertView(
                indicator=a.indicator,
                severity=a.severity,
                state=a.state,
                digest=a.digest,
                opened_at=a.opened_at,
                acknowledged_by=a.by,
                acknowledged_at=a.acknowledged_at,
                result=a.result,
                gone=a.gone_at is not None,
                closed_by=a.closer_name,
                closed_at=a.closed_at,
            )
        )
    return [
        CaseView(
            ref=case.ref,
            form_id=case.form_id,
            form_version=case.version,
            instance_id=case.instance_id,
            village=case.village,
            opened_at=case.opened_at,
            alerts=tuple(sorted(by_case[case.id], key=lambda a: (gravity(a.severity), a.indicator))),
            desk=case.desk,
            desk_phone=case.desk_phone,
        )
        for case in found
        if case.id in by_case
    ]


def standing(form_id: str, submission_ids: Sequence[int], role: str | None) -> dict[int, tuple[str, str]]:
    """(reference, state) of the cases of these submissions, by submission id, as far as a role may know of them.

    ``role`` None is the operator of the server. The state is that of the alerts which the role may see.
    """
    seen = visible(role) if role is not None else SQL("1 = 1")
    roots = Submission.select(Submission.root).where(Submission.id.in_(list(submission_ids)))
    rows = (
        Alert.select(Case.submission, Case.ref, Alert.state)
        .join(Case)
        .where(
            (Case.form_id == form_id)
            & Case.root.in_(roots)
            & (Alert.result.is_null() | (Alert.result != "merged"))
        )
        .where(seen)
        .tuples()
    )
    found: dict[int, tuple[str, str]] = {}
    for submission_id, ref, state in rows:
        former = found.get(submission_id)
        worst = state if former is None else min(former[1], state, key=STATES.index)
        found[submission_id] = ref, worst
    return found


def acknowledge(person: Person, ref: str, now: datetime) -> int:
    """Take a case on: all its open alerts that are this person's to see. Returns how many that were.

    Twice is once: the first who acknowledges stays on record, and whoever was asked before to take it on is asked no
    more. Raises :class:`Problem` (CASE_UNKNOWN).
    """
    case = theirs(person, ref)
    changed = (
        Alert.update(
            state="acknowledged",
            acknowledged_at=now,
            acknowledged_by=person.id,
            assigned_to=None,
            assigned_at=None,
        )
        .where((Alert.case == case.id) & (Alert.state == "open") & visible(person.role))
        .execute()
    )
    if changed:
        escalations.taken_on(case.id, case.village, person.id, now)
        events.record(now, person.slug, "case.acknowledged", ref, alerts=changed)
    escalations.spare(case.id, person.role, now)
    return int(changed)


def close(person: Person, ref: str, result: str, now: datetime) -> int:
    """Close a case with a result, for all alerts that are this person's to see. Returns how many that were.

    What nobody had acknowledged is acknowledged by it. Raises :class:`Problem` (CASE_UNKNOWN).
    """
    case = theirs(person, ref)
    not_closed = (Alert.case == case.id) & (Alert.state != "closed") & visible(person.role)
    Alert.update(acknowledged_at=now, acknowledged_by=person.id).where(
        not_closed & Alert.acknowledged_at.is_null()
    ).execute()
    changed = (
        Alert.update(state="closed", closed_at=now, closed_by=person.id, result=result)
        .where(not_closed)
        .execute()
    )
    if changed:
        events.record(now, person.slug, "case.closed", ref, alerts=changed, result=result)
    escalations.spare(case.id, person.role, now)
    return int(changed)


def theirs(person: Person, ref: str) -> Any:
    """The row of a case that a person may know of. Raises :class:`Problem` (CASE_UNKNOWN)."""
    case = Case.get_or_none((Case.ref == ref) & areas.scope(Case, person.area))
    if case is None or not Alert.select().where((Alert.case == case.id) & visible(person.role)).exists():
        raise Problem(Problems.CASE_UNKNOWN, ref=ref)
    return case


def listing(area: str = areas.NATION, state: str | None = None) -> list[dict[str, Any]]:
    """One row an indicator of a case, as ``alerts list`` shows them to whoever runs the server."""
    condition = areas.scope(Case, area)
    if state is not None:
        condition &= Alert.state == state
    rows = (
        Alert.select(Alert, Case, Submission.instance_id.alias("instance_id"), Officer.slug.alias("by"))
        .join(Case)
        .join(Submission)
        .join(Officer, JOIN.LEFT_OUTER, on=(Alert.acknowledged_by == Officer.id))
        .where(condition)
        .order_by(Case.id, Alert.id)
        .objects()
    )
    return [
        {
            "ref": a.ref,
            "indicator": a.indicator,
            "severity": a.severity,
            "village": a.village,
            "district": a.regency,
            "state": a.state,
            "opened_at": a.opened_at,
            "acknowledged_by": a.by,
            "submission": a.instance_id,
        }
        for a in rows
    ]
