"""Functions on numbers and truth values, and those that depend on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal

from forms.xpath.code import Code, constant, integer, number, truth, values
from forms.xpath.environment import Environment
from forms.xpath.functions import Site, function
from forms.xpath.operators import choose
from forms.xpath.values import NAN, Value, days_and_time, to_boolean, to_index, to_number

_SMALLEST = 5e-324  # Java's Double.MIN_VALUE
_LARGEST = 1.7976931348623157e308  # and Double.MAX_VALUE


@function("true", fewest=0)
def _true(_site: Site) -> Code:
    return constant(True)


@function("false", fewest=0)
def _false(_site: Site) -> Code:
    return constant(False)


@function("boolean", fewest=1)
def _boolean(site: Site) -> Code:
    return Code(truth(site.arguments[0]), "truth")


@function("not", fewest=1)
def _not(site: Site) -> Code:
    test = truth(site.arguments[0])
    return Code(lambda env: not test(env), "truth")


@function("if", fewest=3)
def _if(site: Site) -> Code:
    return choose(*site.arguments)


@function("coalesce", fewest=2)
def _coalesce(site: Site) -> Code:
    """The first argument, unless it is ``''`` or NaN: then the second."""
    first, second = (a.evaluate for a in site.arguments)

    def coalesce(env: Environment) -> Value:
        value = first(env)
        return second(env) if value == "" or value != value else value

    return Code(coalesce)


@function("number", fewest=1)
def _number(site: Site) -> Code:
    return Code(number(site.arguments[0]), "number")


@function("int", fewest=1)
def _int(site: Site) -> Code:
    return Code(integer(site.arguments[0]), "number")


@function("round", fewest=1, most=2)
def _round(site: Site) -> Code:
    value = number(site.arguments[0])
    if len(site.arguments) == 1:
        return Code(lambda env: _rounded(value(env), 0), "number")
    places = site.arguments[1].evaluate
    return Code(lambda env: _rounded(value(env), to_index(places(env))), "number")


def _rounded(value: float, places: int) -> float:
    """Halves go up, of negative numbers towards zero; rounding to tens has JavaRosa's own way, kept here."""
    if value != value or math.isinf(value):
        return value
    if places == 0 and 0 < value < 1e15:  # what lies between two whole numbers is exact here
        whole = math.floor(value)
        return float(whole + 1 if value - whole >= 0.5 else whole)
    if abs(places) > 30:
        return NAN
    exact = Decimal(repr(value))
    if places >= 0:
        if exact.as_tuple().exponent >= -places:  # type: ignore[operator]  # it is finite
            return value
        rounding = ROUND_HALF_DOWN if value < 0 else ROUND_HALF_UP
        return float(exact.quantize(Decimal(1).scaleb(-places), rounding))
    scaled = int(float(exact.scaleb(places)) + 0.5)
    return float(Decimal(scaled).scaleb(-places))


@function("sum", fewest=1)
def _sum(site: Site) -> Code:
    """The sum over all nodes of a path; what is no number counts nothing."""
    argument = site.nodes_argument(0)
    all_values = values(argument)

    def total(env: Environment) -> float:
        found = 0.0
        for value in all_values(env):
            term = to_number(value)
            if term == term:
                found += term
        return found

    return Code(total, "number")


@function("max", fewest=0, most=None)
def _max(site: Site) -> Code:
    """The largest; NaN of nothing.

    JavaRosa starts from the smallest *positive* number, so the largest of only negative numbers (and of
    zeros) is 5E-324. Kept: the phone says so too.
    """
    every = _numbers(site)

    def largest(env: Environment) -> float:
        found = every(env)
        return max(_SMALLEST, *found) if found else NAN

    return Code(largest, "number")


@function("min", fewest=0, most=None)
def _min(site: Site) -> Code:
    """The smallest; NaN of nothing. JavaRosa starts from the largest finite number: so much is infinity here."""
    every = _numbers(site)

    def smallest(env: Environment) -> float:
        found = every(env)
        return min(_LARGEST, *found) if found else NAN

    return Code(smallest, "number")


def _numbers(site: Site) -> Callable[[Environment], list[float]]:
    if len(site.arguments) == 1 and site.arguments[0].nodes is not None:
        all_values = values(site.arguments[0])
    else:
        evaluates = [a.evaluate for a in site.arguments]

        def all_values(env: Environment) -> list[Value]:
            return [evaluate(env) for evaluate in evaluates]

    return lambda env: [n for n in map(to_number, all_values(env)) if n == n]


def _real(argument: Code) -> Callable[[Environment], float]:
    """A number for mathematics, which takes a path's date as whole days but a date itself with its time."""
    if argument.nodes is not None:
        return number(argument)
    evaluate = argument.evaluate

    def real(env: Environment) -> float:
        value = evaluate(env)
        if isinstance(value, (str, float, bool)):
            return to_number(value)
        return days_and_time(value)

    return real


def _log(x: float) -> float:
    return -math.inf if x == 0 else math.log(x)


def _log10(x: float) -> float:
    return -math.inf if x == 0 else math.log10(x)


def _power(x: float, y: float) -> float:
    if abs(x) == 1 and (math.isinf(y) or y != y):
        return NAN  # Java's pow knows no 1 here
    try:
        return math.pow(x, y)
    except OverflowError:
        return math.inf if x > 0 or y % 2 == 0 else -math.inf
    except ValueError:  # 0 to a negative power, or no real number
        return math.inf if x == 0 else NAN


def _exponential(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


_UNARY: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "acos": math.acos,
    "asin": math.asin,
    "atan": math.atan,
    "cos": math.cos,
    "exp": _exponential,
    "exp10": lambda x: _power(10.0, x),
    "log": _log,
    "log10": _log10,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
}
_BINARY: dict[str, Callable[[float, float], float]] = {"atan2": math.atan2, "pow": _power}


@function(*_UNARY, fewest=1)
def _unary(site: Site) -> Code:
    compute, argument = _UNARY[site.call.name], _real(site.arguments[0])

    def unary(env: Environment) -> float:
        try:
            return compute(argument(env))
        except ValueError:  # no real number, as the square root of -1
            return NAN

    return Code(unary, "number")


@function(*_BINARY, fewest=2)
def _binary(site: Site) -> Code:
    compute, a, b = _BINARY[site.call.name], _real(site.arguments[0]), _real(site.arguments[1])
    return Code(lambda env: compute(a(env), b(env)), "number")


@function("pi", fewest=0)
def _pi(_site: Site) -> Code:
    return constant(math.pi)


@function("checklist", fewest=2, most=None)
def _checklist(site: Site) -> Code:
    """Whether at least and at most so many of the rest hold; a negative limit is none."""
    fewest, most = (a.evaluate for a in site.arguments[:2])
    flags = _flags(site.arguments[2:])

    def checklist(env: Environment) -> bool:
        low, high, count = to_index(fewest(env)), to_index(most(env)), sum(flags(env))
        return (low < 0 or count >= low) and (high < 0 or count <= high)

    return Code(checklist, "truth")


def _flags(codes: Sequence[Code]) -> Callable[[Environment], list[bool]]:
    if len(codes) == 1 and codes[0].nodes is not None:
        all_values = values(codes[0])
        return lambda env: [to_boolean(v) for v in all_values(env)]
    tests = [truth(code) for code in codes]
    return lambda env: [test(env) for test in tests]


@function("weighted-checklist", fewest=2, most=None)
def _weighted_checklist(site: Site) -> Code:
    """Whether the weights of those that hold add up to something between two limits."""
    if len(site.arguments) % 2:
        raise site.wrong("takes an even number of arguments")
    low, high = (number(a) for a in site.arguments[:2])
    pairs = site.arguments[2:]
    if len(pairs) == 2 and pairs[0].nodes is not None and pairs[1].nodes is not None:
        flag_values, weight_values = values(pairs[0]), values(pairs[1])

        def total(env: Environment) -> float:
            flags, weights = flag_values(env), weight_values(env)
            if len(flags) != len(weights):
                raise site.wrong("needs two paths of as many nodes")
            return sum((to_number(w) for f, w in zip(flags, weights, strict=True) if to_boolean(f)), 0.0)
    else:
        tests = [(truth(f), number(w)) for f, w in zip(pairs[::2], pairs[1::2], strict=True)]

        def total(env: Environment) -> float:
            weighed = [(f(env), w(env)) for f, w in tests]
            return sum((w for f, w in weighed if f), 0.0)

    def within(env: Environment) -> bool:
        least, most, weight = low(env), high(env), total(env)
        return least <= weight <= most

    return Code(within, "truth")
