"""The types of ODK XPath and how one becomes another, by JavaRosa's rules.

A value is a ``str``, ``float``, ``bool``, or a moment: ``date`` for a day, ``datetime`` (without zone, in the
phone's local time) for a day and time. An empty or missing node is ``''``; number('') is NaN.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Final, TypeAlias

Value: TypeAlias = str | float | bool | date

NAN: Final = math.nan
EPOCH_ORDINAL: Final = 719163  # date(1970, 1, 1).toordinal()
_JAVA_BLANKS: Final = "".join(map(chr, range(33)))  # what Java's String.trim() takes away
_PLAIN_NUMBER: Final[Callable[[str], object]] = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)").fullmatch
_TINY: Final = 1e-12  # numbers closer than this are one to JavaRosa


def to_number(value: Value) -> float:
    """Coerce to a number: days since 1970 for a moment (whole days, even for a time), NaN for other words."""
    kind = value.__class__
    if kind is float:
        return value  # type: ignore[return-value]  # its class was just checked; isinstance() would cost more
    if kind is str:
        return number_of_text(value)  # type: ignore[arg-type]
    if kind is bool:
        return 1.0 if value else 0.0
    return float(value.toordinal() - EPOCH_ORDINAL)  # type: ignore[union-attr]


def number_of_text(text: str) -> float:
    """The number that a text spells, else NaN. No exponent, no plus; a comma counts as the decimal point."""
    if text.isdecimal() and text.isascii():
        return float(text)
    if not text:
        return NAN
    plain = text.replace(",", ".").strip(_JAVA_BLANKS)
    return float(plain) if _PLAIN_NUMBER(plain) else NAN


def to_text(value: Value) -> str:
    """Coerce to a string: ``true``/``false``, a moment as ``2026-03-15`` (its time is lost)."""
    kind = value.__class__
    if kind is str:
        return value  # type: ignore[return-value]
    if kind is float:
        return text_of_number(value)  # type: ignore[arg-type]
    if kind is bool:
        return "true" if value else "false"
    return f"{value.year:04d}-{value.month:02d}-{value.day:02d}"  # type: ignore[union-attr]


def text_of_number(number: float) -> str:
    """Write a number as JavaRosa does.

    Whole numbers have no ``.0``, but only as far as Java's int reaches: 3000000000 is written ``3.0E9``,
    which ``number()`` cannot read back. Phones do so, and the server must judge as they do.
    """
    if -2147483648.0 <= number < 2147483648.0:
        whole = int(number)
        if abs(number - whole) < _TINY:
            return str(whole)
    elif number != number:
        return "NaN"
    elif math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return _java_double(number)


def _java_double(number: float) -> str:
    """Java's Double.toString: positional from 0.001 up to 10 million, else with an exponent."""
    size = abs(number)
    if 1e-3 <= size < 1e7:
        return repr(number)
    _, digits, exponent = Decimal(repr(size)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    sign = "-" if number < 0 else ""
    return f"{sign}{text[0]}.{text[1:] or '0'}E{exponent + len(text) - 1}"


def to_boolean(value: Value) -> bool:
    """Coerce to a boolean: numbers but 0 and NaN, strings but ``''`` (so ``'false'`` too), every moment."""
    kind = value.__class__
    if kind is bool:
        return value  # type: ignore[return-value]
    if kind is str:
        return value != ""
    if kind is float:
        return abs(value) > _TINY  # type: ignore[arg-type]  # false for NaN as well
    return True


def days_and_time(moment: date) -> float:
    """Days since 1970 in local time, the time of day as a fraction."""
    days = float(moment.toordinal() - EPOCH_ORDINAL)
    if not isinstance(moment, datetime):
        return days
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return (days * 86_400_000 + seconds * 1000 + moment.microsecond // 1000) / 86_400_000


def equal(left: Value, right: Value) -> bool:
    """Compare by JavaRosa's ``=``: as booleans if one is, else as numbers if one is, else as text.

    A date and a text compare as text; infinities are equal to nothing, not even to themselves.
    """
    kinds = (left.__class__, right.__class__)
    if bool in kinds:
        return to_boolean(left) == to_boolean(right)
    if float in kinds:
        return abs(to_number(left) - to_number(right)) < _TINY
    return to_text(left) == to_text(right)


def to_index(value: Value) -> int:
    """A whole number for counting and cutting: NaN is 0, and what Java's int cannot hold is its limit."""
    number = to_number(value)
    if number != number:
        return 0
    return int(max(-2147483648.0, min(2147483647.0, number)))
