"""The tree that an expression is parsed into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Constant:
    """A number or a string written in the expression."""

    value: float | str
    position: int


@dataclass(frozen=True)
class Operation:
    """A binary operator: ``= != < <= > >= + - * div mod``."""

    operator: str
    left: Syntax
    right: Syntax
    position: int


@dataclass(frozen=True)
class Chain:
    """Two or more terms joined by ``and``, or by ``or``."""

    operator: str
    terms: tuple[Syntax, ...]
    position: int


@dataclass(frozen=True)
class Negation:
    """Unary minus."""

    operand: Syntax
    position: int


@dataclass(frozen=True)
class Call:
    """A function call; ``name`` may hold a prefix (``jr:choice-name``)."""

    name: str
    arguments: tuple[Syntax, ...]
    position: int


@dataclass(frozen=True)
class Step:
    """A step down: an element's name (``@name`` an attribute's) and the predicates behind it."""

    name: str
    predicates: tuple[Syntax, ...] = ()


Start: TypeAlias = Literal["root", "context", "current", "instance"]


@dataclass(frozen=True)
class Path:
    """A reference: where it starts, how many steps up, and the steps down from there.

    ``root``: ``/a/b``; ``context``: ``a``, ``.``, ``../a``; ``current``: ``current()/../a``; ``instance``:
    ``instance('list')/root/item``, its name in ``instance``.
    """

    start: Start
    up: int
    steps: tuple[Step, ...]
    position: int
    instance: str = field(default="")


Syntax: TypeAlias = Constant | Operation | Chain | Negation | Call | Path
