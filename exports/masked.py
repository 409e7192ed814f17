"""Which answers are a NIK, or show one: those are masked for readers who see a NIK only in part (DOMAIN 8).

A calculation that copies a NIK, or a piece of it, shows it as the question does; one that only judges it
(``nik_ok``: 1 or 0) does not. So what counts is whether the value itself can reach the result, not whether the
name is mentioned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from forms.schema import Schema
from forms.xpath import XPathError
from forms.xpath.parser import parse
from forms.xpath.syntax import Call, Negation, Operation, Path, Syntax

NIK: Final = "nik"
"""The question for a NIK, in every form that asks one."""
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")
_SUMS: Final = frozenset(("+", "-", "*", "div", "mod"))
_JUDGES: Final = frozenset(
    ("boolean", "boolean-from-string", "checklist", "contains", "count", "count-non-empty", "count-selected",
     "ends-with", "not", "position", "regex", "selected", "starts-with", "string-length", "weighted-checklist")
)  # fmt: skip
"""Functions of which an answer, a length or a place comes out, never the text that went in."""


def shows_nik(schemas: Iterable[Schema]) -> frozenset[str]:
    """The full paths of all questions and calculations of a form's versions that hold a NIK or a piece of one."""
    asked = [field for schema in schemas for field in schema.questions()]
    carried = [(f.name, frozenset(_carried(f.calculate))) for f in asked if f.calculate]
    names = {NIK}
    while more := {name for name, carries in carried if name not in names and carries & names}:
        names |= more
    return frozenset(f.path for f in asked if f.name in names)


def _carried(expression: str) -> Iterator[str]:
    """The names of the questions whose values can reach the result; of what cannot be read all names in it."""
    try:
        tree = parse(expression)
    except XPathError:
        yield from _NAME.findall(expression)
        return
    yield from _reaching(tree)


def _reaching(tree: Syntax) -> Iterator[str]:
    if isinstance(tree, Path):
        yield from (step.name for step in tree.steps[-1:])
    elif isinstance(tree, Negation):
        yield from _reaching(tree.operand)
    elif isinstance(tree, Operation) and tree.operator in _SUMS:
        yield from _reaching(tree.left)
        yield from _reaching(tree.right)
    elif isinstance(tree, Call) and tree.name not in _JUDGES:
        for argument in tree.arguments[1 if tree.name == "if" else 0 :]:
            yield from _reaching(argument)
