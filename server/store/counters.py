"""Numbers that only go up, decided by the database."""

from __future__ import annotations

from typing import Any

from server.store.models import Counter
from server.store.statements import Select

PUBLISHED = "published"
"""Counts every change of what phones can see (forms, attached lists); caches ask it whether they are stale."""


def _increment(name: str, first: int, more: int) -> Any:
    return (
        Counter.insert(name=name, value=first)
        .on_conflict(conflict_target=[Counter.name], update={Counter.value: Counter.value + more})
        .returning(Counter.value)
    )


_add_one = Select(_increment)
_read = Select(lambda name: Counter.select(Counter.value).where(Counter.name == name))


def increment(name: str) -> int:
    """Add one and return the new value; starts at 1. One statement, so that two processes never get the same."""
    row = _add_one.first(name, 1, 1)
    assert row is not None
    return int(row[0])


def current(name: str) -> int:
    """The last value given out; 0 before the first."""
    row = _read.first(name)
    return int(row[0]) if row is not None else 0
