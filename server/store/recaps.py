"""What the monthly report counts: people who left and came back, cases, messages, reports of villages.

Every query is bounded by :func:`server.store.areas.scope`. A person belongs to the month of their departure or
return; where that day is unknown, to that of the visit, else to that of receipt. Moments (cases, messages) belong to
the month by the clock of their own province. Alerts count as far as a role may know of them, and restricted ones only
where that is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from functools import reduce
from operator import or_
from typing import Any

from peewee import SQL, fn
from peewee import Case as Switch

from forms.form import SEVERITIES
from server.store import answers as halves
from server.store import areas, cases
from server.store.database import Store
from server.store.fields import to_micros
from server.store.models import Alert, Area, Case, Message, Register, Submission

_PAGE = 500  # rows with answers fetched at a time
_LIGHT_PAGE = 2_000  # rows without sealed answers fetched at a time


@dataclass(frozen=True)
class Span:
    """Whole days of one area, ``first`` to the day before ``end``, by the clock of each province in it."""

    area: str
    first: date
    end: date
    default_zone: str = "Asia/Jakarta"

    def zone(self, code: str) -> tzinfo:
        """The clock of an area."""
        return areas.zone(code, self.default_zone)

    def begins(self, code: str) -> datetime:
        """The moment at which the span begins in an area."""
        return datetime.combine(self.first, time.min, self.zone(code))

    def ends(self, code: str) -> datetime:
        """The first moment after the span in an area."""
        return datetime.combine(self.end, time.min, self.zone(code))


@dataclass(frozen=True)
class Sight:
    """Which alerts count: those a role may know of (None: all), restricted ones only where asked for."""

    role: str | None
    restricted: bool = False

    def condition(self) -> Any:
        """The same as SQL. Alerts of a case that was merged into another one never count."""
        seen = cases.visible(self.role) if self.role is not None else SQL("1 = 1")
        if not self.restricted:
            seen &= Alert.restricted == False  # noqa: E712 - SQL
        return seen & (Alert.result.is_null() | (Alert.result != "merged"))


def children(area: str) -> dict[str, str]:
    """The areas one level below (of the nation: the provinces), name by code, in the order of their codes."""
    parent = "" if area == areas.NATION else area
    return dict(Area.select(Area.code, Area.name).where(Area.parent == parent).order_by(Area.code).tuples())


def used(area: str, length: int) -> set[str]:
    """The codes of this length within an area that people or cases have, be they on the list of areas or not."""
    level = areas.LEVELS[length]
    found: set[str] = set()
    for model in (Register, Case):
        rows = model.select(getattr(model, level)).where(areas.scope(model, area)).distinct()
        found.update(code for (code,) in rows.tuples())
    return found


def _by_clock(model: Any, span: Span, condition: Any) -> Any:
    """``condition(begins, ends)`` in each zone of the span's area, for its provinces only."""
    if span.area != areas.NATION:
        return condition(span.begins(span.area), span.ends(span.area))
    zones: dict[tzinfo, list[str]] = {}
    for province in children(areas.NATION):
        zones.setdefault(span.zone(province), []).append(province)
    return reduce(
        or_,
        (
            model.province.in_(provinces) & condition(span.begins(provinces[0]), span.ends(provinces[0]))
            for provinces in zones.values()
        ),
    )


def _received(span: Span) -> Any:
    return _by_clock(
        Submission,
        span,
        lambda begins, ends: (Submission.received_at >= begins) & (Submission.received_at < ends),
    )


def _in(span: Span) -> Any:
    """The person's day lies within the span."""
    event, visit = Register.event_date, Register.visit_date

    def within(column: Any) -> Any:
        return (column >= span.first) & (column < span.end)

    return (
        within(event)
        | (event.is_null() & within(visit))
        | (event.is_null() & visit.is_null() & _received(span))
    )


def _counted(form_id: str, area: str) -> Any:
    """Register rows of the newest versions of a form, trials left out."""
    return (
        (Register.form_id == form_id) & areas.scope(Register, area) & Submission.current & ~Submission.draft
    )


@dataclass(frozen=True)
class Person:
    """What recaps ask of somebody who left or came back. ``answers`` are the open ones alone.

    ``day`` is that of departure or return, else of the visit, else of receipt.
    """

    id: int
    village: str
    day: date
    sex: str | None
    birth_date: date | None
    country: str | None
    sector: str | None
    scheme: str | None
    status: str | None
    answers: Mapping[str, Any]
    indicators: tuple[str, ...]


def people(form_id: str, span: Span) -> Iterator[Person]:
    """Everybody of a span who agreed to be recorded, in no order."""
    condition = _counted(form_id, span.area) & _in(span) & Register.consent
    last = 0
    while True:
        rows = list(
            Register.select(
                Register.submission,
                Register.village,
                Register.event_date,
                Register.visit_date,
                Register.sex,
                Register.birth_date,
                Register.country,
                Register.sector,
                Register.scheme,
                Register.status,
                Submission.answers.alias("answers"),
                Submission.indicators.alias("indicators"),
                Submission.received_at.alias("received_at"),
            )
            .join(Submission)
            .where(condition & (Register.submission > last))
            .order_by(Register.submission)
            .limit(_LIGHT_PAGE)
            .objects()
        )
        if not rows:
            return
        last = rows[-1].submission_id
        for row in rows:
            yield Person(
                row.submission_id,
                row.village,
                row.event_date or row.visit_date or row.received_at.astimezone(span.zone(row.village)).date(),
                row.sex,
                row.birth_date,
                row.country,
                row.sector,
                row.scheme,
                row.status,
                row.answers,
                tuple(row.indicators),
            )


def refused(form_id: str, span: Span) -> dict[str, int]:
    """How many did not agree to be recorded, by village. Of them nothing but day and village is kept."""
    rows = (
        Register.select(Register.village, fn.COUNT(Register.submission))
        .join(Submission)
        .where(_counted(form_id, span.area) & _in(span) & ~Register.consent)
        .group_by(Register.village)
        .tuples()
    )
    return dict(rows)


def about_other_months(form_id: str, span: Span) -> int:
    """How many records came in within the span that are about somebody's day outside of it."""
    return int(
        Register.select()
        .join(Submission)
        .where(_counted(form_id, span.area) & Register.consent & _received(span) & ~_in(span))
        .count()
    )


def by_month(form_id: str, span: Span) -> dict[tuple[str, str | None], int]:
    """How many people of each month (``2026-11``) and sex agreed to be recorded, by their days as :func:`people`."""
    counted = _counted(form_id, span.area) & Register.consent
    known = fn.COALESCE(Register.event_date, Register.visit_date)
    rows = (
        Register.select(Register.event_date, Register.visit_date, Register.sex, fn.COUNT(Register.submission))
        .join(Submission)
        .where(counted & (known >= span.first) & (known < span.end))
        .group_by(Register.event_date, Register.visit_date, Register.sex)
        .tuples()
    )
    found: dict[tuple[str, str | None], int] = {}
    for event, visit, sex, count in rows:
        key = f"{event or visit:%Y-%m}", sex
        found[key] = found.get(key, 0) + count
    dayless = (
        Register.select(Register.village, Register.sex, Submission.received_at)
        .join(Submission)
        .where(counted & Register.event_date.is_null() & Register.visit_date.is_null() & _received(span))
        .tuples()
    )
    for village, sex, received_at in dayless.iterator():
        key = f"{received_at.astimezone(span.zone(village)):%Y-%m}", sex
        found[key] = found.get(key, 0) + 1
    return found


@dataclass(frozen=True)
class Entry:
    """A line of a register: all answers, sealed ones too. ``root`` is by what its case is known."""

    id: int
    root: str
    version: str
    village: str
    birth_date: date | None
    event_date: date | None
    answers: Mapping[str, Any]
    indicators: tuple[str, ...]


def entries(form_id: str, span: Span, store: Store) -> Iterator[list[Entry]]:
    """The register of a span by village and day, of those who agreed to be recorded; a page at a time."""
    order = (
        Register.select(Register.submission)
        .join(Submission)
        .where(_counted(form_id, span.area) & _in(span) & Register.consent)
        .order_by(
            Register.village, fn.COALESCE(Register.event_date, Register.visit_date), Register.submission
        )
    )
    ids = [number for (number,) in order.tuples()]
    for start in range(0, len(ids), _PAGE):
        wanted = ids[start : start + _PAGE]
        rows = {
            row.id: row
            for row in Submission.select(
                Submission.id,
                Submission.instance_id,
                Submission.root,
                Submission.version,
                Submission.village,
                Submission.answers,
                Submission.sealed,
                Submission.indicators,
                Register.birth_date.alias("birth_date"),
                Register.event_date.alias("event_date"),
            )
            .join(Register)
            .where(Submission.id.in_(wanted))
            .objects()
        }
        yield [_entry(rows[number], store) for number in wanted]


def _entry(row: Any, store: Store) -> Entry:
    secret = halves.unpack(store.keys.unseal(bytes(row.sealed), row.instance_id))
    return Entry(
        row.id,
        row.root,
        row.version,
        row.village,
        row.birth_date,
        row.event_date,
        halves.merge(row.answers, secret),
        tuple(row.indicators),
    )


def standings(form_id: str, roots: Sequence[str], sight: Sight) -> dict[str, tuple[str, str]]:
    """(reference, state) of the cases of these submissions by their roots, as far as ``sight`` goes."""
    rows = (
        Alert.select(Case.root, Case.ref, Alert.state)
        .join(Case)
        .where((Case.form_id == form_id) & Case.root.in_(list(roots)) & sight.condition())
        .tuples()
    )
    found: dict[str, tuple[str, str]] = {}
    for root, ref, state in rows:
        worst = min(found[root][1], state, key=cases.STATES.index) if root in found else state
        found[root] = ref, worst
    return found


@dataclass(frozen=True)
class CaseFacts:
    """A case as recaps count it: ``gravest`` severity, and when it was first answered and wholly closed."""

    village: str
    opened_at: datetime
    gravest: str
    acknowledged_at: datetime | None
    finished_at: datetime | None


def case_facts(span: Span, sight: Sight) -> Iterator[CaseFacts]:
    """Cases that were open at any moment of a span, as things stood at its end."""
    until = max(span.ends(code) for code in zoned(span.area))
    since = min(span.begins(code) for code in zoned(span.area))
    rank = fn.MIN(Switch(Alert.severity, [(word, i) for i, word in enumerate(SEVERITIES)], len(SEVERITIES)))
    still_open = Alert.closed_at.is_null() | (Alert.closed_at >= until)
    unfinished = fn.SUM(Switch(None, [(still_open, 1)], 0))
    rows = (
        Alert.select(
            Case.village,
            Case.opened_at,
            rank,
            unfinished,
            fn.MIN(Alert.acknowledged_at),
            fn.MAX(Alert.closed_at),
        )
        .join(Case)
        .where(areas.scope(Case, span.area) & sight.condition() & (Alert.opened_at < until))
        .group_by(Case.id, Case.village, Case.opened_at)
        .having((unfinished > 0) | (fn.MAX(Alert.closed_at) >= to_micros(since)))
        .tuples()
    )
    for village, opened_at, gravest, unclosed, acknowledged_at, closed_at in rows.iterator():
        yield CaseFacts(
            village,
            opened_at,
            SEVERITIES[min(gravest, len(SEVERITIES) - 1)],
            acknowledged_at,
            None if unclosed else closed_at,
        )


def zoned(area: str) -> Collection[str]:
    """The areas whose clocks count in an area: its own, or those of all provinces."""
    return children(areas.NATION) if area == areas.NATION else (area,)


def outcomes(form_id: str, span: Span, sight: Sight) -> dict[tuple[str, str], int]:
    """How many alerts of the people of a span ended how, by (indicator, result)."""
    rows = (
        Alert.select(Alert.indicator, Alert.result, fn.COUNT(Alert.id))
        .join(Case)
        .join(Submission, on=((Submission.form_id == Case.form_id) & (Submission.root == Case.root)))
        .join(Register, on=(Register.submission == Submission.id))
        .where(
            _counted(form_id, span.area)
            & _in(span)
            & Register.consent
            & sight.condition()
            & Alert.result.is_null(False)
            & Alert.gone_at.is_null()
        )
        .group_by(Alert.indicator, Alert.result)
        .tuples()
    )
    return {(indicator, result): count for indicator, result, count in rows}


@dataclass(frozen=True)
class Sent:
    """A message of the outbox as recaps count it."""

    village: str
    state: str
    error: str | None
    indicators: frozenset[str]


def sent(span: Span) -> Iterator[Sent]:
    """The messages about cases that were made within a span."""
    rows = (
        Message.select(Case.village, Message.state, Message.error, Message.indicators)
        .join(Case)
        .where(
            areas.scope(Case, span.area)
            & _by_clock(
                Case,
                span,
                lambda begins, ends: (Message.created_at >= begins) & (Message.created_at < ends),
            )
        )
        .tuples()
    )
    for village, state, error, indicators in rows.iterator():
        yield Sent(village, state, error, frozenset(indicators.split()))
