"""The operators, compiled for the shapes that risk rules have: ``${visa} = 'none' or ${visa} = 'dk'``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from forms.xpath.code import Code, Evaluate, Number, Truth, folded, number, truth, without_path
from forms.xpath.environment import Environment
from forms.xpath.values import NAN, Value, equal, to_boolean, to_number
from forms.xpath.words import is_word, merged

_TINY: Final = 1e-12


def negation(operand: Code) -> Code:
    """Unary minus."""
    value = number(operand)
    return folded(Code(lambda env: -value(env), "number"), (operand,))


def arithmetic(operator: str, left: Code, right: Code) -> Code:
    """``+ - * div mod``, on numbers always (``+`` joins no strings), as Java's doubles do."""
    a, b = number(left), number(right)
    compiled: dict[str, Evaluate] = {
        "+": lambda env: a(env) + b(env),
        "-": lambda env: a(env) - b(env),
        "*": lambda env: a(env) * b(env),
        "div": lambda env: divide(a(env), b(env)),
        "mod": lambda env: remainder(a(env), b(env)),
    }
    return folded(Code(compiled[operator], "number"), (left, right))


def divide(a: float, b: float) -> float:
    """Divide; by zero gives an infinity or NaN."""
    if b:
        return a / b
    if a != a or a == 0:
        return NAN
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def remainder(a: float, b: float) -> float:
    """The remainder with the sign of ``a``; NaN where there is none."""
    if b == 0 or math.isinf(a) or a != a or b != b:
        return NAN
    return math.fmod(a, b)


def comparison(operator: str, left: Code, right: Code) -> Code:
    """``< <= > >=``, on numbers always: dates written as text are NaN and compare false."""
    a, b = number(left), number(right)
    if right.constant is not None:
        limit = to_number(right.constant)
        test = (
            _compared(operator, a, limit) if left.path is None else _compared_at(operator, left.path, limit)
        )
        return folded(Code(test, "truth"), (left, right))
    compiled: dict[str, Truth] = {
        "<": lambda env: a(env) < b(env),
        "<=": lambda env: a(env) <= b(env),
        ">": lambda env: a(env) > b(env),
        ">=": lambda env: a(env) >= b(env),
    }
    return folded(Code(compiled[operator], "truth"), (left, right))


def _compared(operator: str, a: Number, limit: float) -> Truth:
    compiled: dict[str, Truth] = {
        "<": lambda env: a(env) < limit,
        "<=": lambda env: a(env) <= limit,
        ">": lambda env: a(env) > limit,
        ">=": lambda env: a(env) >= limit,
    }
    return compiled[operator]


def _compared_at(operator: str, path: str, limit: float) -> Truth:
    """An answer compared with a number, the shape of most constraints: without asking another function for it."""
    compiled: dict[str, Truth] = {
        "<": lambda env: (v if (v := env.answers[path]).__class__ is float else to_number(v)) < limit,
        "<=": lambda env: (v if (v := env.answers[path]).__class__ is float else to_number(v)) <= limit,
        ">": lambda env: (v if (v := env.answers[path]).__class__ is float else to_number(v)) > limit,
        ">=": lambda env: (v if (v := env.answers[path]).__class__ is float else to_number(v)) >= limit,
    }
    return compiled[operator]


def equality(operator: str, left: Code, right: Code) -> Code:
    """``=`` and ``!=`` by the rules of :func:`forms.xpath.values.equal`."""
    if left.constant is not None and right.constant is None:
        left, right = right, left
    if left.path is not None and isinstance(right.constant, str):
        same = is_word(left.path, right.constant)
    else:
        same = Code(_same(left, right), "truth")
    if operator == "!=":
        test = truth(same)
        same = Code(lambda env: not test(env), "truth")
    return folded(same, (left, right))


def _same(left: Code, right: Code) -> Truth:
    a, b = left.evaluate, right.evaluate
    wanted = right.constant
    if wanted.__class__ is str:
        return _same_as_text(a, str(wanted))
    if wanted.__class__ is float:
        return _same_as_number(a, wanted)
    if left.kind == "number" and right.kind == "number":
        x, y = number(left), number(right)
        return lambda env: abs(x(env) - y(env)) < _TINY
    if left.kind == "text" and right.kind == "text":
        return lambda env: a(env) == b(env)
    return lambda env: equal(a(env), b(env))


def _same_as_text(evaluate: Evaluate, wanted: str) -> Truth:
    def value_is(env: Environment) -> bool:
        value = evaluate(env)
        return value == wanted if value.__class__ is str else equal(value, wanted)

    return value_is


def _same_as_number(evaluate: Evaluate, wanted: float) -> Truth:
    def value_is(env: Environment) -> bool:
        value = evaluate(env)
        if value.__class__ is float:
            return abs(value - wanted) < _TINY
        return equal(value, wanted)

    return value_is


def connective(operator: str, terms: Sequence[Code]) -> Code:
    """``and`` and ``or`` over two or more terms; what is decided is not looked at further."""
    if operator == "and":
        return folded(Code(_all([truth(term) for term in terms]), "truth"), terms)
    joined = merged(terms)
    if len(joined) == 1:
        return joined[0]
    return folded(Code(_any([truth(term) for term in joined]), "truth"), terms)


def _any(tests: Sequence[Truth]) -> Truth:
    if len(tests) == 2:
        a, b = tests
        return lambda env: a(env) or b(env)
    if len(tests) == 3:
        a, b, c = tests
        return lambda env: a(env) or b(env) or c(env)
    several = tuple(tests)

    def any_of(env: Environment) -> bool:
        for test in several:  # noqa: SIM110 - a generator costs twice as much
            if test(env):
                return True
        return False

    return any_of


def _all(tests: Sequence[Truth]) -> Truth:
    if len(tests) == 2:
        a, b = tests
        return lambda env: a(env) and b(env)
    if len(tests) == 3:
        a, b, c = tests
        return lambda env: a(env) and b(env) and c(env)
    several = tuple(tests)

    def all_of(env: Environment) -> bool:
        for test in several:  # noqa: SIM110 - a generator costs twice as much
            if not test(env):
                return False
        return True

    return all_of


def choose(condition: Code, then: Code, otherwise: Code) -> Code:
    """``if()``: the branch not taken is not evaluated."""
    test, yes, no = truth(condition), then.evaluate, otherwise.evaluate
    if condition.constant is not None:
        return without_path(then if to_boolean(condition.constant) else otherwise)
    kind = then.kind if then.kind == otherwise.kind else "any"
    if then.constant is not None and otherwise.constant is not None:
        a: Value = then.constant
        b: Value = otherwise.constant
        return Code(lambda env: a if test(env) else b, kind)
    return Code(lambda env: yes(env) if test(env) else no(env), kind)
