"""Functions on days and times."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

from forms.xpath.code import Code, text
from forms.xpath.dates import formatter, read_day, read_moment
from forms.xpath.environment import Environment
from forms.xpath.errors import XPathError
from forms.xpath.functions import Site, function
from forms.xpath.values import EPOCH_ORDINAL, Value, days_and_time

_MOST_DAYS = 2_932_896  # the last day of the year 9999
_FEWEST_DAYS = -719_162  # the first day of the year 1
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - moments here are in the phone's local time


@function("today", fewest=0, pure=False)
def _today(_site: Site) -> Code:
    return Code(lambda env: env.now.date())


@function("now", fewest=0, pure=False)
def _now(_site: Site) -> Code:
    return Code(lambda env: env.now)


@function("date", fewest=1, pure=False)
def _date(site: Site) -> Code:
    """A day; of a number, so many days after 1970-01-01; of text, with its time if it has one."""
    return _moment_code(site, keep_time=False)


@function("date-time", fewest=1, pure=False)
def _date_time(site: Site) -> Code:
    """A day and time; of a number, so many days (UTC) after 1970-01-01."""
    return _moment_code(site, keep_time=True)


def _moment_code(site: Site, *, keep_time: bool) -> Code:
    argument = site.arguments[0]
    if isinstance(argument.constant, str):
        day = read_day(argument.constant)
        if day is not None:  # the same on every phone, unlike a time with an offset
            return Code(lambda _env: day, constant=day)
    evaluate = argument.evaluate
    return Code(lambda env: _moment(evaluate(env), env.offset, keep_time=keep_time))


def _moment(value: Value, offset: timedelta, *, keep_time: bool) -> Value:
    """Coerce to a moment; ``''`` and NaN stay what they are. Raises XPathError for what is no day or time."""
    if isinstance(value, str):
        if not value:
            return value
        read = read_moment(value, offset)
        if read is None:
            raise _no_moment()
        return read
    if isinstance(value, float):
        return value if value != value else _from_days(value, offset, keep_time=keep_time)
    if isinstance(value, date):
        return value if keep_time or not isinstance(value, datetime) else value.date()
    raise _no_moment()


def _no_moment() -> XPathError:
    return XPathError("the value is not a date")


def _from_days(days: float, offset: timedelta, *, keep_time: bool) -> date:
    if not _FEWEST_DAYS <= days <= _MOST_DAYS:
        raise _no_moment()
    if not keep_time:
        return date.fromordinal(int(days) + EPOCH_ORDINAL)
    return _EPOCH + timedelta(milliseconds=int(days * 86_400_000)) + offset


@function("decimal-date-time", fewest=1, pure=False)
def _decimal_date_time(site: Site) -> Code:
    """Days since 1970-01-01 in UTC, so a day in Indonesia is not a whole number; differences of days are."""
    evaluate = site.arguments[0].evaluate

    def decimal(env: Environment) -> Value:
        value = evaluate(env)
        if value.__class__ is date:
            days = float(value.toordinal() - EPOCH_ORDINAL)
        else:
            value = _decimal(value, env.offset)
            if not isinstance(value, date):
                return value
            days = days_and_time(value)
        return round(days * 86_400_000 - env.offset.total_seconds() * 1000) / 86_400_000

    return Code(decimal)


@function("decimal-time", fewest=1, pure=False)
def _decimal_time(site: Site) -> Code:
    """The time of day as a fraction of a day, in local time."""
    evaluate = site.arguments[0].evaluate

    def decimal(env: Environment) -> Value:
        value = evaluate(env)
        if value.__class__ is not date:
            value = _decimal(value, env.offset)
        if isinstance(value, float):
            return value if value != value else value - math.floor(value)
        if isinstance(value, date):
            days = days_and_time(value)
            return days - math.floor(days)
        return value

    return Code(decimal)


def _decimal(value: Value, offset: timedelta) -> Value:
    """The value, which is no mere day, as a moment or a number of days that could be one."""
    if isinstance(value, float):
        if value > 2147483647 or value < -2147483648:  # as far as Java's int reaches
            raise _no_moment()
        return value
    return _moment(value, offset, keep_time=True)


@function("format-date", "format-date-time", fewest=2, pure=False)
def _format_date(site: Site) -> Code:
    """Write a moment by a pattern such as ``%Y-%m-%d``; ``''`` and NaN are written ``''``."""
    argument, pattern = site.arguments
    evaluate = argument.evaluate
    if isinstance(pattern.constant, str):
        try:
            write = formatter(pattern.constant)
        except XPathError as error:
            raise XPathError(error.message, site.call.position) from None

        def formatted(env: Environment) -> str:
            value = evaluate(env)
            if value.__class__ is not date:
                value = _moment(value, env.offset, keep_time=True)
            return write(value) if isinstance(value, date) else ""

        return Code(formatted, "text")
    late = text(pattern)

    def formatted_late(env: Environment) -> str:
        value = _moment(evaluate(env), env.offset, keep_time=True)
        return formatter(late(env))(value) if isinstance(value, date) else ""

    return Code(formatted_late, "text")
