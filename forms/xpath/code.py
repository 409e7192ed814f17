"""Compiled pieces of expressions, and how they are asked for the type that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from forms.instance import Node
from forms.xpath.environment import Answers, Environment
from forms.xpath.errors import XPathError
from forms.xpath.values import Value, number_of_text, to_boolean, to_number, to_text

Evaluate: TypeAlias = Callable[[Environment], Value]
Number: TypeAlias = Callable[[Environment], float]
Text: TypeAlias = Callable[[Environment], str]
Truth: TypeAlias = Callable[[Environment], bool]
Nodes: TypeAlias = Callable[[Environment], Sequence[Node]]
NodeValue: TypeAlias = Callable[[Environment, Node], Value]
Kind: TypeAlias = Literal["text", "number", "truth", "any"]


@dataclass(frozen=True, slots=True)
class Words:
    """A test whether the answer at ``path`` is one of some words, or has one of them among those selected."""

    test: Literal["is", "has"]
    path: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A compiled piece: ``evaluate`` gives its value, ``kind`` promises the value's type if that is known.

    ``constant`` is the value where it never changes. A path has ``nodes`` too, and ``node_value`` to read
    them; ``path`` where one path of the instance, never repeated, is all that it is. ``words`` where a test of
    one answer against words is all.
    """

    evaluate: Evaluate
    kind: Kind = "any"
    constant: Value | None = None
    nodes: Nodes | None = None
    node_value: NodeValue | None = None
    path: str | None = None
    words: Words | None = None


_NOWHERE: Final = Environment(Answers({}, {}))


def constant(value: Value) -> Code:
    """Code that is always worth ``value``."""
    kinds: dict[type, Kind] = {str: "text", float: "number", bool: "truth"}
    return Code(lambda _env: value, kinds.get(value.__class__, "any"), constant=value)


def folded(code: Code, arguments: Sequence[Code]) -> Code:
    """The same code, worked out now if all its arguments are constants.

    What fails now would fail at each run; it is left to do so, so that ``if(false(), wrong, right)`` works.
    """
    if any(a.constant is None for a in arguments):
        return code
    try:
        return constant(code.evaluate(_NOWHERE))
    except XPathError:
        return code


def number(code: Code) -> Number:
    """Ask for a number."""
    evaluate = code.evaluate
    if code.kind == "number":
        return evaluate  # type: ignore[return-value]  # promised by kind
    if code.constant is not None:
        value = to_number(code.constant)
        return lambda _env: value

    if code.kind == "text":
        words: Text = evaluate  # type: ignore[assignment]
        return lambda env: number_of_text(words(env))
    path = code.path
    if path is not None:

        def number_at(env: Environment) -> float:
            value = env.answers[path]
            return value if value.__class__ is float else to_number(value)

        return number_at

    def as_number(env: Environment) -> float:
        value = evaluate(env)
        return value if value.__class__ is float else to_number(value)

    return as_number


def text(code: Code) -> Text:
    """Ask for a string."""
    evaluate = code.evaluate
    if code.kind == "text":
        return evaluate  # type: ignore[return-value]
    if code.constant is not None:
        value = to_text(code.constant)
        return lambda _env: value

    path = code.path
    if path is not None:

        def text_at(env: Environment) -> str:
            value = env.answers[path]
            return value if value.__class__ is str else to_text(value)

        return text_at

    def as_text(env: Environment) -> str:
        value = evaluate(env)
        return value if value.__class__ is str else to_text(value)

    return as_text


def truth(code: Code) -> Truth:
    """Ask for a boolean."""
    evaluate = code.evaluate
    if code.kind == "truth":
        return evaluate  # type: ignore[return-value]
    return lambda env: to_boolean(evaluate(env))


def integer(code: Code) -> Number:
    """Ask for a whole number, cut towards zero; NaN and infinities stay what they are."""
    value = number(code)

    def whole(env: Environment) -> float:
        given = value(env)
        return float(int(given)) if given - given == 0 else given

    return whole


def values(code: Code) -> Callable[[Environment], list[Value]]:
    """Ask for the values of all nodes of a path."""
    nodes, node_value = code.nodes, code.node_value
    assert nodes is not None
    assert node_value is not None
    return lambda env: [node_value(env, node) for node in nodes(env)]


def without_path(code: Code) -> Code:
    """The code as a mere value, which functions that want nodes refuse."""
    return replace(code, nodes=None, node_value=None, path=None)
