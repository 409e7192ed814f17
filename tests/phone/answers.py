"""Answers of an interview: sorted for looking up, and remembered when taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Answer = str | int | float | Decimal | bool | date | datetime | Sequence[str] | None
"""What an officer may enter. Select multiple: a list of choice names. None and ``""``: left empty."""


@dataclass
class Answers:
    """Answers as given, sorted for looking up by the end of a question's path; remembers which were used."""

    values: dict[tuple[str, ...], Answer] = field(default_factory=dict)
    repeats: dict[tuple[str, ...], list[Answers]] = field(default_factory=dict)
    unused: set[tuple[str, ...]] = field(default_factory=set)

    @classmethod
    def sort(cls, given: Mapping[str, Any]) -> Answers:
        answers = cls()
        answers._add((), given)
        return answers

    def _add(self, prefix: tuple[str, ...], given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            path = (*prefix, name)
            if isinstance(value, Mapping):
                self._add(path, value)
            elif isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
                self.repeats[path] = [Answers.sort(v) for v in value]
            else:
                self.values[path] = value
                if value not in (None, "", []):
                    self.unused.add(path)

    def value(self, steps: Sequence[tuple[str, int]]) -> Answer:
        """Take the answer to the question at ``steps``: (name, which instance) from below the root."""
        scope, rest = self._scope(steps)
        for start in range(len(rest)):
            path = tuple(rest[start:])
            if path in scope.values:
                scope.unused.discard(path)
                return scope.values[path]
        return None

    def instances(self, steps: Sequence[tuple[str, int]]) -> int:
        """How many instances the repeat at ``steps`` shall have."""
        *outer, (name, _) = steps
        scope, rest = self._scope(outer)
        found = scope._repeat((*rest, name))
        return len(found) if found else 0

    def _repeat(self, names: Sequence[str]) -> list[Answers] | None:
        return next(
            (self.repeats[tuple(names[i:])] for i in range(len(names)) if tuple(names[i:]) in self.repeats),
            None,
        )

    def _scope(self, steps: Sequence[tuple[str, int]]) -> tuple[Answers, list[str]]:
        scope, rest = self, list[str]()
        for name, which in steps:
            rest.append(name)
            repeat = scope._repeat(rest)
            if repeat is not None and which < len(repeat):
                scope, rest = repeat[which], []
        return scope, rest

    def never_used(self) -> list[str]:
        """Names of all answers that no question took."""
        inner = [name for repeat in self.repeats.values() for one in repeat for name in one.never_used()]
        return sorted({"/".join(path) for path in self.unused} | set(inner))


def written(answer: Answer) -> str:
    """Write an answer as XForms do; empty for none."""
    match answer:
        case None:
            return ""
        case bool():
            raise TypeError("answer yes/no questions with the choice's name")
        case datetime():
            return answer.isoformat(timespec="milliseconds")
        case date():
            return answer.isoformat()
        case str():
            return answer if answer.strip() else ""
        case int() | float() | Decimal():
            return str(answer)
        case _:
            return " ".join(answer)
