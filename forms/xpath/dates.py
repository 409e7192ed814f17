"""Days and times: read as JavaRosa reads them, written by the escapes of ``format-date``.

A moment is in the local time of the phone, whose offset from UTC stands in the environment. Offsets of the
past (Jakarta was UTC+7:30 until 1964) are not known; they could only show in ``decimal-date-time`` of days
back then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

from forms.xpath.errors import XPathError

_DAY: Final = re.compile(r"\+?([0-9]{1,4})-\+?([0-9]{1,2})-\+?([0-9]{1,2})").fullmatch
_TIME: Final = re.compile(
    r"([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{0,2})(?:\.([0-9]{0,9}))?)?(?:(Z)|([+-])([0-9]{1,2})(?::?([0-9]{2}))?)?"
).fullmatch
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def read_day(text: str) -> date | None:
    """A day such as ``2026-03-15`` (``2026-3-5`` will do), or None."""
    if len(text) == 10:
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass  # JavaRosa may still read it, say +2026-3-15
    match = _DAY(text)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def read_moment(text: str, offset: timedelta) -> date | None:
    """A day, or a day and time (``2026-03-15T10:20:30.500+07:00``) in local time; None for anything else.

    Without an offset the time is taken as local.
    """
    day_text, _, time_text = text.partition("T")
    day = read_day(day_text)
    if day is None or not time_text:
        return day if "T" not in text else None
    return read_time(time_text, day, offset)


def read_time(text: str, day: date, offset: timedelta) -> datetime | None:
    """A time of day (``10:20:30.500+07:00``) on a day, in local time, or None."""
    match = _TIME(text)
    if match is None:
        return None
    hour, minute, second, fraction, utc, sign, hours, minutes = match.groups()
    try:
        moment = datetime(  # noqa: DTZ001 - the zone is the environment's
            day.year,
            day.month,
            day.day,
            int(hour),
            int(minute),
            int(second or 0),
            int((fraction or "0").ljust(3, "0")[:3]) * 1000,
        )
        if utc is None and sign is None:
            return moment
        given = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        return moment + (given if sign == "-" else -given) + offset
    except (ValueError, OverflowError):
        return None


Formatter = Callable[[date], str]


def formatter(pattern: str) -> Formatter:
    """Compile the pattern of ``format-date``; raises XPathError for an escape that the phone does not know.

    ``%b`` and ``%a`` are English here; a phone uses its own language, so no rule should compare with them.
    """
    literals: list[str] = [""]
    fields: list[Formatter] = []
    position = 0
    while position < len(pattern):
        sign = pattern[position]
        if sign != "%":
            literals[-1] += sign
            position += 1
            continue
        escape = pattern[position + 1 : position + 2]
        position += 2
        if escape == "%":
            literals[-1] += "%"
        elif escape in _ESCAPES and escape:
            fields.append(_ESCAPES[escape])
            literals.append("")
        else:
            raise XPathError(f"format-date() does not know the escape %{escape}")
    if literals == ["", "", "", ""] and fields == [_ESCAPES["Y"], _ESCAPES["m"], _ESCAPES["d"]]:
        return _compact

    if len(fields) == 1 and literals == ["", ""]:
        return fields[0]

    def write(moment: date) -> str:
        parts = [literals[0]]
        for field, literal in zip(fields, literals[1:], strict=True):
            parts.append(field(moment))
            parts.append(literal)
        return "".join(parts)

    return write


def _compact(moment: date) -> str:
    """``%Y%m%d``, the pattern of all age rules."""
    return moment.isoformat()[:10].replace("-", "")


def _week(moment: date) -> str:
    """The week of the year as Java's calendar counts as a rule: from Sunday, the first holds 1 January."""
    january = date(moment.year, 1, 1)
    first_sunday = january.toordinal() - january.isoweekday() % 7
    next_january = date(moment.year + 1, 1, 1)
    if moment.toordinal() >= next_january.toordinal() - next_january.isoweekday() % 7:
        return "1"
    return str((moment.toordinal() - first_sunday) // 7 + 1)


def _hour(moment: date) -> int:
    return moment.hour if isinstance(moment, datetime) else 0


def _minute(moment: date) -> int:
    return moment.minute if isinstance(moment, datetime) else 0


def _second(moment: date) -> int:
    return moment.second if isinstance(moment, datetime) else 0


def _millisecond(moment: date) -> int:
    return moment.microsecond // 1000 if isinstance(moment, datetime) else 0


_ESCAPES: Final[dict[str, Formatter]] = {
    "Y": lambda m: f"{m.year:04d}",
    "y": lambda m: f"{m.year % 100:02d}",
    "m": lambda m: f"{m.month:02d}",
    "n": lambda m: str(m.month),
    "b": lambda m: _MONTHS[m.month - 1],
    "d": lambda m: f"{m.day:02d}",
    "e": lambda m: str(m.day),
    "H": lambda m: f"{_hour(m):02d}",
    "h": lambda m: str(_hour(m)),
    "M": lambda m: f"{_minute(m):02d}",
    "S": lambda m: f"{_second(m):02d}",
    "3": lambda m: f"{_millisecond(m):03d}",
    "a": lambda m: _WEEKDAYS[m.weekday()],
    "W": _week,
}
