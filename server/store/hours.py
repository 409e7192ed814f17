"""When somebody is told and by when they must act: zones, nights, weekends, holidays (DOMAIN 5.2).

=========  ==============================  ===================  =====================  =================
level      told                            acknowledge within   each further step      follow up within
=========  ==============================  ===================  =====================  =================
critical   at once, day and night          4 hours              1 hour                 24 hours
high       06:00 to 21:00 of the reader    2 working days       1 working day          3 working days
medium     in the weekly digest            7 days               nobody else is told    no reminder
=========  ==============================  ===================  =====================  =================

The first three columns are DOMAIN's, the last two ours. Working days leave out Saturday, Sunday, national
holidays (the library ``holidays``) and the days that an office has noted as free (:class:`DayOff`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from server.settings import Quiet
from server.store import areas
from server.store.models import DayOff

MORNING = time(6)
DIGEST_AT = time(8)
"""When the weekly digest is due, on the first working day of the week."""
_ACKNOWLEDGE = {"critical": timedelta(hours=4), "medium": timedelta(days=7)}
_NEXT_STEP = {"critical": timedelta(hours=1)}
_FOLLOW_UP = {"critical": timedelta(hours=24)}
_HIGH_ACKNOWLEDGE, _HIGH_NEXT_STEP, _HIGH_FOLLOW_UP = 2, 1, 3  # working days
_FRESH = {"critical": timedelta(hours=4), "high": timedelta(hours=12), "medium": timedelta(days=3)}
DAY = timedelta(days=1)

Free = Callable[[date], bool]
"""Is this a day on which nobody works?"""


NIGHT = Quiet()


def send_at(severity: str, zone: ZoneInfo, now: datetime, quiet: Quiet = NIGHT) -> datetime:
    """When somebody who lives in ``zone`` may be told: now, or when the night is over."""
    local = now.astimezone(zone)
    if severity == "critical" or not quiet.holds(local):
        return now
    day = local.date() if local.time() < quiet.morning else local.date() + DAY
    return datetime.combine(day, quiet.morning, zone)


def fresh_until(severity: str, due_at: datetime) -> datetime:
    """Until when a message that is due then says how things stand; afterwards it is written anew."""
    return due_at + _FRESH[severity]


def acknowledge_by(severity: str, due_at: datetime, area: str) -> datetime:
    """By when somebody must have taken an alert on that was told then, in the place ``area``."""
    if severity in _ACKNOWLEDGE:
        return due_at + _ACKNOWLEDGE[severity]
    return working_days(due_at, _HIGH_ACKNOWLEDGE, area)


def next_step_by(severity: str, due_at: datetime, area: str) -> datetime:
    """By when, after a step up, the next person is told."""
    if severity in _NEXT_STEP:
        return due_at + _NEXT_STEP[severity]
    return working_days(due_at, _HIGH_NEXT_STEP, area)


def follow_up_by(severity: str, taken_at: datetime, area: str) -> datetime | None:
    """By when a follow-up must be there once somebody took the alert on; None where nobody is reminded."""
    if severity == "medium":
        return None
    if severity in _FOLLOW_UP:
        return taken_at + _FOLLOW_UP[severity]
    return working_days(taken_at, _HIGH_FOLLOW_UP, area)


def working_days(start: datetime, count: int, area: str) -> datetime:
    """The same time of day ``count`` working days later. What begins on a free day begins the next morning."""
    zone, free = areas.zone(area), free_days(area)
    local = start.astimezone(zone)
    day, at = local.date(), local.time()
    if free(day):
        day, at = _next_working(day, free), MORNING
    for _ in range(count):
        day = _next_working(day, free)
    return datetime.combine(day, at, zone)


def _next_working(day: date, free: Free) -> date:
    day += DAY
    while free(day):
        day += DAY
    return day


def digest_due(area: str, now: datetime) -> datetime:
    """When this week's digest is due in an area: eight in the morning of the week's first working day."""
    zone, free = areas.zone(area), free_days(area)
    today = now.astimezone(zone).date()
    monday = today - today.weekday() * DAY
    working = (monday + n * DAY for n in range(7) if not free(monday + n * DAY))
    # a week without a working day (between two feasts): on its Monday all the same
    return datetime.combine(next(working, monday), DIGEST_AT, zone)


def week(moment: datetime, area: str) -> int:
    """The week that a moment lies in there, counted from Monday on, as a number that only goes up."""
    return (moment.astimezone(areas.zone(area)).date().toordinal() - 1) // 7


def free_days(area: str) -> Free:
    """Tells whether a day is free in an area: weekend, national holiday, or noted by an office above it."""
    noted = {
        day
        for (day,) in DayOff.select(DayOff.day).where(DayOff.area.in_([area, *areas.upwards(area)])).tuples()
    }
    return lambda day: day.weekday() >= 5 or day in noted or day in _national(day.year)


@lru_cache(maxsize=16)
def _national(year: int) -> frozenset[date]:
    from holidays.countries.indonesia import Indonesia  # slow to load: only where a working day is asked for

    return frozenset(Indonesia(years=year))
