"""Counting a month: one pass over the people of each form, one over the cases; memory does not grow with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from statistics import median

from exports.report import disclosure, people
from exports.report.order import Order
from exports.report.tables import ALL, SEXES, UNKNOWN, Crossed, Line, Margins, Sex
from server.store import recaps
from server.store.recaps import Person

MOST_COLUMNS = 10
"""Countries and sectors that get a column of their own."""
OPEN_TOO_LONG = 30
"""Days after which an open case is counted as such."""


@dataclass
class Indicated:
    """Of one indicator: how many people of each area and sex show it."""

    units: Line
    sexes: Line


@dataclass
class Moves:
    """The people who left, or who came back, in a month."""

    margins: Margins
    tables: dict[str, Crossed]
    refused: Line
    indicators: dict[str, Indicated]
    villages: Counter[str] = field(default_factory=Counter)
    p3mi: dict[Sex, Line] = field(default_factory=dict)
    p3mi_flagged: Counter[str] = field(default_factory=Counter)
    no_sex: int = 0

    @property
    def number(self) -> int:
        """How many people there are."""
        return sum(self.margins.counts.values())


_Category = Callable[[Person], str]
_DEPARTURES: Mapping[str, _Category] = {
    "country": lambda p: p.country or UNKNOWN,
    "sector": lambda p: p.sector or UNKNOWN,
    "employer": people.employer,
    "scheme": lambda p: p.scheme or UNKNOWN,
    "status": lambda p: people.departure_status(p.answers),
    "age": people.age_group,
}
_RETURNS: Mapping[str, _Category] = {
    "country": lambda p: p.country or UNKNOWN,
    "reason": people.return_reason,
    "age": people.age_group,
}
_FIXED: Mapping[str, tuple[str, ...]] = {
    "employer": ("company", "indiv", UNKNOWN),
    "status": (people.PROCEDURAL, people.NONPROCEDURAL, people.UNCLEAR),
    "reason": ("deport", "death", "rest"),
    "age": (*(name for name, _, _ in people.AGES), UNKNOWN),
}


def count_moves(order: Order, form_id: str, codes: Iterable[str]) -> Moves:
    """Count the people of a form, with those indicators that may be told; hidden where the report is public."""
    categories = _DEPARTURES if form_id == "berangkat" else _RETURNS
    units = list(order.units)
    margins = Margins(units)
    shown = {code: (Counter[str](), Counter[str]()) for code in codes}
    moves = Moves(
        margins,
        {name: Crossed(margins, list(_FIXED.get(name, ()))) for name in categories},
        Line(dict.fromkeys(units, 0)),
        {},
    )
    p3mi: dict[Sex, Counter[str]] = {sex: Counter() for sex in (*SEXES, "")}
    for person in recaps.people(form_id, order.span):
        sex, unit = people.sex_of(person.sex), order.unit_of(person.village)
        if not sex:
            moves.no_sex += 1
            if order.public:
                continue  # who is neither among women nor men would be what is left of the sum
        margins.counts[sex, unit] += 1
        moves.villages[person.village] += 1
        for name, category in categories.items():
            moves.tables[name].add(sex, unit, category(person))
        flagged = shown.keys() & set(person.indicators)
        for code in flagged:
            shown[code][0][unit] += 1
            shown[code][1][sex] += 1
        company = people.p3mi_of(person) if form_id == "berangkat" else None
        if company is not None:
            p3mi[sex][company] += 1
            moves.p3mi_flagged[company] += bool(flagged)
    for village, count in recaps.refused(form_id, order.span).items():
        moves.refused.counts[order.unit_of(village)] += count
    moves.indicators = {
        code: Indicated(
            Line({unit: by_unit[unit] for unit in units}), Line({sex: by_sex[sex] for sex in SEXES})
        )
        for code, (by_unit, by_sex) in shown.items()
    }
    companies = sorted(set().union(*p3mi.values()))
    moves.p3mi = {sex: Line({c: p3mi[sex][c] for c in companies}) for sex in (*SEXES, "")}
    for name in ("country", "sector"):
        if name in moves.tables:
            moves.tables[name].shrink(MOST_COLUMNS)
    if "scheme" in moves.tables:
        moves.tables["scheme"].shrink(99)
    if order.public:
        hide(moves)
    return moves


def hide(moves: Moves) -> None:
    """Hide what a public report may not tell of people, in all tables and lines alike."""
    disclosure.protect_tables(moves.margins, moves.tables.values())
    for name in ("country", "sector", "scheme"):
        if name in moves.tables:
            moves.tables[name].order_openly()
    lines = [moves.refused, *moves.p3mi.values()]
    for indicated in moves.indicators.values():
        lines += [indicated.units, indicated.sexes]
    for line in lines:
        disclosure.protect_line(line)
    for indicated in moves.indicators.values():
        for table in moves.tables.values():
            _tell_no_more(indicated, table)
    if "scheme" in moves.tables:
        _tell_no_sum(moves.p3mi, moves.tables["scheme"])


def _tell_no_more(indicated: Indicated, table: Crossed) -> None:
    """An indicator may be a category under another name (D01 those under 18, R15 those who died): where both have
    the same people, it is told where the category is, lest what one hides is computed from what the other shows.
    """
    units, sexes = indicated.units, indicated.sexes
    for category in table.categories:
        if any(table.value(sex, ALL, category) != count for sex, count in _by_sex(sexes)) or any(
            sum(table.value(sex, unit, category) for sex in SEXES) != count
            for unit, count in units.counts.items()
        ):
            continue
        units.hidden |= {unit for unit in (*units.counts, ALL) if table.told(unit, category) is None}
        sexes.hidden |= {sex for sex, _ in _by_sex(sexes) if table.told(ALL, category, [sex]) is None}


def _by_sex(line: Line) -> list[tuple[Sex, int]]:
    return [(sex, line.counts[sex]) for sex in SEXES]


def _tell_no_sum(p3mi: Mapping[Sex, Line], schemes: Crossed) -> None:
    """Those who leave through companies are those of a scheme: where that sum is hidden, one of its parts is too."""
    for sex in SEXES:
        line = p3mi[sex]
        total = sum(line.counts.values())
        hidden = any(
            schemes.value(sex, ALL, scheme) == total and schemes.told(ALL, scheme, [sex]) is None
            for scheme in schemes.categories
        )
        if hidden and total and not line.hidden:
            line.hidden.add(
                min(line.counts, key=lambda code: (line.counts[code] == 0, line.counts[code], code))
            )


@dataclass
class Cases:
    """The cases of a month, and of the year that ends with it.

    ``new``, ``finished`` and ``long_open`` are by area; the others by month, its first day as text. ``days`` are those
    that it took to close a case, ``hours`` those until somebody answered, of the cases opened in the month.
    """

    new: Line
    finished: Line
    long_open: Line
    gravest: dict[str, Counter[str]]
    days: dict[str, list[float]]
    hours: dict[str, list[float]]
    grave_open: int = 0


def count_cases(order: Order) -> Cases:
    """Count the cases as things stood at the end of the month, or now where that is earlier."""
    units = list(order.units)
    counted = Cases(
        new=Line(dict.fromkeys(units, 0)),
        finished=Line(dict.fromkeys(units, 0)),
        long_open=Line(dict.fromkeys(units, 0)),
        gravest={f"{month:%Y-%m}": Counter() for month in order.months},
        days={f"{month:%Y-%m}": [] for month in order.months},
        hours={unit: [] for unit in (*units, ALL)},
    )
    this = f"{order.month:%Y-%m}"
    for case in recaps.case_facts(order.year, order.sight):
        unit, zone = order.unit_of(case.village), order.year.zone(case.village)
        opened = _month(case.opened_at, zone)
        if opened in counted.gravest:
            counted.gravest[opened][case.gravest] += 1
        if opened == this:
            counted.new.counts[unit] += 1
            if case.acknowledged_at is not None:
                hours = (case.acknowledged_at - case.opened_at).total_seconds() / 3600
                counted.hours[unit].append(hours)
                counted.hours[ALL].append(hours)
        if case.finished_at is None:
            counted.grave_open += case.gravest == "critical" and case.opened_at < order.as_of
            if (order.as_of - case.opened_at).days > OPEN_TOO_LONG:
                counted.long_open.counts[unit] += 1
            continue
        finished = _month(case.finished_at, zone)
        if finished in counted.days:
            counted.days[finished].append((case.finished_at - case.opened_at).total_seconds() / 86400)
        if finished == this:
            counted.finished.counts[unit] += 1
    if order.public:
        for line in (counted.new, counted.finished, counted.long_open):
            disclosure.protect_line(line)
    return counted


def _month(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m}"


def middle(values: Collection[float], *, public: bool) -> float | None:
    """The median to one digit; None where there are no values, or too few for a public report."""
    if not values or (public and disclosure.small(len(values))):
        return None
    return round(median(values), 1)
