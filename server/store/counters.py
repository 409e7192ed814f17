"""Numbers that only go up, decided by the database."""

from __future__ import annotations

from server.store.models import Counter

PUBLISHED = "published"
"""Counts every change of what phones can see (forms, attached lists); caches ask it whether they are stale."""


def increment(name: str) -> int:
    """Add one and return the new value; starts at 1. One statement, so that two processes never get the same."""
    row = (
        Counter.insert(name=name, value=1)
        .on_conflict(conflict_target=[Counter.name], update={Counter.value: Counter.value + 1})
        .returning(Counter.value)
        .execute()
    )
    return int(next(iter(row)).value)


def current(name: str) -> int:
    """The last value given out; 0 before the first."""
    row = Counter.get_or_none(Counter.name == name)
    return int(row.value) if row is not None else 0
