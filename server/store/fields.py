"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from peewee import BigIntegerField

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC of an aware datetime; exact, no floating point."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """The aware UTC datetime of a number of microseconds since 1970-01-01."""
    return _EPOCH + timedelta(microseconds=value)


class UtcField(BigIntegerField):
    """A moment in UTC, kept as microseconds since 1970: sorts and compares alike on both engines."""

    def db_value(self, value: Any) -> Any:
        """Store an aware datetime; a naive one is a mistake and raises ValueError."""
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError("a moment without a zone")
            return to_micros(value)
        return value

    def python_value(self, value: Any) -> Any:
        """Give back an aware datetime in UTC."""
        return value if value is None else from_micros(value)
