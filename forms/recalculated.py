"""A submission's answers as the server sees them: its calculations worked out again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from datetime import datetime, timedelta
from typing import Final

from forms.instance import Instance, Node
from forms.xpath import Answers, Environment, Expression, XPathError
from forms.xpath.dates import read_moment
from forms.xpath.values import Value, number_of_text, text_of_number

FAILURES: Final = (XPathError, ArithmeticError, ValueError, LookupError, TypeError, RecursionError)
"""What an expression may raise. Beyond XPathError these would be our own faults, and still no reason to lose
the other alerts of a submission."""


class Recalculated(Answers):
    """Answers of a submission, its calculations worked out again when first asked for.

    While one is being worked out its value is the phone's: so a calculation may look at itself, as ``once()``
    does, and two that look at each other cannot run for ever.
    """

    __slots__ = ("calculates", "environment", "errors", "kept")

    environment: Environment

    def __init__(
        self,
        instance: Instance,
        types: Mapping[str, str],
        offset: timedelta,
        calculates: Mapping[str, Expression],
        kept: Set[str],
        errors: list[tuple[str, str]],
    ) -> None:
        super().__init__(instance.index, types, offset)
        self.calculates = calculates
        self.kept = kept
        self.errors = errors

    def value_of(self, node: Node) -> Value:
        """What a node is worth: worked out where it is a calculation, else what the phone wrote."""
        known = self.values_of_nodes
        value = known.get(node)
        if value is not None:
            return value
        path = node.path
        expression = self.calculates.get(path)
        if expression is None or node in known:
            value = self.read(node)
        else:  # until it is done it is known as None: should it look at itself, it finds the phone's
            known[node] = None
            environment = self.environment
            try:
                value = expression.evaluate(environment.at(node) if expression.placed else environment)
                if value.__class__ is float and value.is_integer():
                    value += 0.0  # 0 is never kept as -0
                elif value.__class__ is not str:
                    value = _stored(value, self.types.get(path, ""))
            except FAILURES as error:
                self.errors.append((path, message(error)))
                value = self.read(node)
        known[node] = value
        return value

    def read(self, node: Node) -> Value:
        """What the phone wrote, typed."""
        return _by_look(node.text, self.offset) if node.path in self.kept else Answers.read(self, node)


def _stored(value: Value, kind: str) -> Value:
    """What becomes of a value that a calculation gives, as the phone keeps it: not by the bind's type alone.

    A number stays a number even in a node of type string, and a whole one if it is nearly so; NaN is empty
    (JavaRosa, IAnswerData.wrapData).
    """
    if isinstance(value, float):
        if value != value:
            return ""
        if math.isinf(value):
            return value
        whole = int(value)
        return float(whole) if kind == "int" or abs(value - whole) < 1e-9 else value
    if kind == "date" and isinstance(value, datetime):
        return value.date()
    return value


def _by_look(text: str, offset: timedelta) -> Value:
    """The value of a calculation that only the phone can make: it kept a number or a moment as such.

    Only what would be written the same again is taken for a number: ``012`` is text.
    """
    number = number_of_text(text)
    if number == number and text_of_number(number) == text:
        return number
    moment = read_moment(text, offset)
    return text if moment is None else moment


def message(error: BaseException) -> str:
    """An error's text; of errors that are not ours only the kind, for they may quote an answer."""
    return str(error) if isinstance(error, XPathError) else type(error).__name__
