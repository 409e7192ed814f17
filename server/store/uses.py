"""How many stored submissions hold an answer: what a new version of a form would leave without its question."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from server.store import records
from server.store.database import Store


def count_stored(
    form_id: str, asked: Collection[tuple[str, str]], store: Store
) -> dict[tuple[str, str], int]:
    """How many submissions of a form answer each (path, "") and chose each (path, code); trials do not count.

    Reads every submission once, a page at a time, outside of any transaction.
    """
    counts = dict.fromkeys(asked, 0)
    ways = {(path, code): path.split("/")[2:] for path, code in asked}
    for record in records.read(form_id, store):
        for key, way in ways.items():
            values = list(_values(record.answers, way))
            code = key[1]
            if any(code in _words(value) for value in values) if code else values:
                counts[key] += 1
    return counts


def _values(answers: Any, way: list[str]) -> Iterator[Any]:
    """The answers at the end of a way through groups and repeats, empty ones left out."""
    if isinstance(answers, list) and (way or any(isinstance(item, dict) for item in answers)):
        for item in answers:
            yield from _values(item, way)
    elif way and isinstance(answers, dict):
        yield from _values(answers.get(way[0]), way[1:])
    elif not way and answers not in (None, "", [], {}):
        yield answers


def _words(value: Any) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else [str(value)]
