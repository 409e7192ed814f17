"""Functions on paths: counting, positions, repeats, lists, places; and those that only a phone can answer."""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Callable, Sequence
from itertools import pairwise

from forms.instance import Node
from forms.xpath.code import Code, text, values
from forms.xpath.environment import Environment, repeated
from forms.xpath.errors import UnsupportedFunction, XPathError
from forms.xpath.functions import Site, function
from forms.xpath.syntax import Path
from forms.xpath.values import Value, to_index, to_number, to_text

_EARTH_RADIUS = 6_378_100.0  # metres at the equator, as JavaRosa has it
_METRES_PER_DEGREE = 2 * _EARTH_RADIUS * math.pi / 360


@function("count", fewest=1)
def _count(site: Site) -> Code:
    nodes = site.nodes_argument(0).nodes
    assert nodes is not None
    return Code(lambda env: float(len(nodes(env))), "number")


@function("count-non-empty", fewest=1)
def _count_non_empty(site: Site) -> Code:
    argument = site.nodes_argument(0)
    nodes, node_value = argument.nodes, argument.node_value
    assert nodes is not None
    assert node_value is not None

    def count(env: Environment) -> float:
        return float(sum(1 for n in nodes(env) if n.children or node_value(env, n) != ""))

    return Code(count, "number")


@function("position", fewest=0, most=1, pure=False)
def _position(site: Site) -> Code:
    """The position of a node among siblings of its name, from 1; without a path, of the node looked at."""
    if site.arguments:
        nodes = site.nodes_argument(0).nodes
        assert nodes is not None

        def of_path(env: Environment) -> float:
            found = nodes(env)
            return float(found[0].position) if found else 0.0

        return Code(of_path, "number")

    site.scope.uses.placed = True

    def of_context(env: Environment) -> float:
        if env.place:
            return float(env.place)
        return float(env.context.position) if env.context is not None else 1.0

    return Code(of_context, "number")


@function("indexed-repeat", fewest=3, most=11, pure=False)
def _indexed_repeat(site: Site) -> Code:
    """``indexed-repeat(/data/child/age, /data/child, 2)``: the age of the second child."""
    if len(site.arguments) % 2 == 0:
        raise site.wrong("takes 3, 5, 7, 9 or 11 arguments")
    target = _names(site, 0)
    indexes: dict[int, Callable[[Environment], Value]] = {}
    for argument in range(1, len(site.arguments), 2):
        group = _names(site, argument)
        if len(group) >= len(target) or target[: len(group)] != group:
            raise site.wrong(f"needs a repeat around the first path as argument {argument + 1}")
        indexes[len(group)] = site.arguments[argument + 1].evaluate
    return _indexed(site, target, indexes)


def _names(site: Site, argument: int) -> tuple[str, ...]:
    """The names down a path written as an argument, from the root."""
    path = site.call.arguments[argument]
    if not isinstance(path, Path) or path.start == "instance" or any(s.predicates for s in path.steps):
        raise site.wrong(f"needs a plain path as argument {argument + 1}")
    names = tuple(step.name for step in path.steps)
    if path.start == "root":
        return names
    base = site.scope.context if path.start == "context" else site.scope.origin
    return base[: len(base) - path.up] + names


def _indexed(site: Site, target: tuple[str, ...], indexes: dict[int, Callable[[Environment], Value]]) -> Code:
    context = site.scope.context
    site.scope.uses.placed = True
    shared = next(
        (i for i, (a, b) in enumerate(zip(target, context, strict=False)) if a != b),
        min(len(target), len(context)),
    )

    def nodes(env: Environment) -> Sequence[Node]:
        own = _ancestry(env.context)
        found: Sequence[Node] = next(iter(env.answers.index.values()), ())
        for depth in range(2, len(target) + 1):
            below = [c for node in found for c in node.children if c.name == target[depth - 1]]
            if depth in indexes:
                wanted = max(1, to_index(indexes[depth](env)))
            elif depth <= shared and depth <= len(own):
                wanted = own[depth - 1].position
            else:
                found = below
                continue
            found = [c for c in below if c.position == wanted]
        return found

    def value(env: Environment) -> Value:
        found = nodes(env)
        if not found:
            return ""
        if len(found) > 1:
            raise repeated("/" + "/".join(target))
        return node_value(env, found[0])

    def node_value(env: Environment, node: Node) -> Value:
        return "" if node.children else env.answers.value_of(node)

    return Code(value, nodes=nodes, node_value=node_value)


def _ancestry(node: Node | None) -> list[Node]:
    chain: list[Node] = []
    while node is not None:
        chain.append(node)
        node = node.parent
    return chain[::-1]


@function("once", fewest=1, pure=False)
def _once(site: Site) -> Code:
    """The node's own value if it has one already, else the argument."""
    first = site.arguments[0].evaluate
    site.scope.uses.placed = True

    def once(env: Environment) -> Value:
        own = "" if env.context is None else env.answers.value_of(env.context)
        return own if to_text(own) else first(env)

    return Code(once)


@function("pulldata", fewest=4, pure=False)
def _pulldata(site: Site) -> Code:
    """``pulldata('negara', 'scam', 'name', ${country})``: the first row that matches, ``''`` for none."""
    name, answer, key, wanted = (text(a) for a in site.arguments)

    def pulldata(env: Environment) -> str:
        table = env.list_named(name(env).removesuffix(".csv"))
        column, result = key(env), answer(env)
        if column not in table.columns or result not in table.columns:
            raise XPathError(f"the list {table.name} has no such column")
        rows = table.find(column, wanted(env))
        return table.rows[rows[0]][result] if rows else ""

    return Code(pulldata, "text")


@function("randomize", fewest=1, most=2, pure=False)
def _randomize(site: Site) -> Code:
    """The nodes in random order, the same for the same seed (ODK XForms spec: Fisher-Yates, Park-Miller)."""
    argument = site.nodes_argument(0)
    nodes = argument.nodes
    assert nodes is not None
    seed = site.arguments[1].evaluate if len(site.arguments) == 2 else None

    def shuffled(env: Environment) -> Sequence[Node]:
        found = list(nodes(env))
        if seed is None:
            random.shuffle(found)
        else:
            _shuffle(found, to_index(to_number(seed(env))))
        return found

    assert argument.node_value is not None
    node_value = argument.node_value

    def value(env: Environment) -> Value:
        found = shuffled(env)
        if len(found) > 1:
            raise repeated("randomize()")
        return node_value(env, found[0]) if found else ""

    return Code(value, nodes=shuffled, node_value=node_value)


def _shuffle(nodes: list[Node], seed: int) -> None:
    state = seed % 2147483647 or 2147483646
    for last in range(len(nodes) - 1, 0, -1):
        state = state * 16807 % 2147483647
        other = int((state - 1) / 2147483646 * (last + 1))
        nodes[last], nodes[other] = nodes[other], nodes[last]


@function("random", fewest=0, pure=False)
def _random(_site: Site) -> Code:
    return Code(lambda _env: random.random(), "number")  # noqa: S311 - a form's dice, no secret


@function("uuid", fewest=0, most=1, pure=False)
def _uuid(site: Site) -> Code:
    if not site.arguments:
        return Code(lambda _env: str(uuid.uuid4()), "text")
    size = site.arguments[0].evaluate
    signs = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

    def short(env: Environment) -> str:
        count = min(max(to_index(size(env)), 0), 1000)
        return "".join(random.choices(signs, k=count))  # noqa: S311 - as random() above

    return Code(short, "text")


@function("version", fewest=0, pure=False)
def _version(_site: Site) -> Code:
    return Code(lambda env: env.version, "text")


@function("area", "enclosed-area", fewest=1)
def _area(site: Site) -> Code:
    """Square metres inside a trace, a shape, or the points of a repeat; 0 for fewer than three points."""
    points = _points(site)
    return Code(lambda env: _enclosed(points(env)), "number")


def _enclosed(points: Sequence[tuple[float, float]]) -> float:
    if len(points) < 3:
        return 0.0
    north, east = points[0]
    flat = [
        ((lat - north) * _METRES_PER_DEGREE, (lon - east) * _METRES_PER_DEGREE * math.cos(math.radians(lat)))
        for lat, lon in points[1:]
    ]
    return abs(sum((y1 * x2 - x1 * y2) / 2 for (y1, x1), (y2, x2) in pairwise(flat)))


@function("distance", fewest=1, most=None)
def _distance(site: Site) -> Code:
    """Metres along a trace or from point to point."""
    points = _points(site)
    return Code(lambda env: sum((_between(a, b) for a, b in pairwise(points(env))), 0.0), "number")


def _between(a: tuple[float, float], b: tuple[float, float]) -> float:
    lat1, lat2, turn = math.radians(a[0]), math.radians(b[0]), math.radians(a[1] - b[1])
    cosine = math.sin(lat1) * math.sin(lat2) + math.cos(lat1) * math.cos(lat2) * math.cos(turn)
    return math.acos(max(-1.0, min(1.0, cosine))) * _EARTH_RADIUS


def _points(site: Site) -> Callable[[Environment], list[tuple[float, float]]]:
    if len(site.arguments) == 1 and site.arguments[0].nodes is not None:
        all_values = values(site.arguments[0])
    else:
        evaluates = [a.evaluate for a in site.arguments]

        def all_values(env: Environment) -> list[Value]:
            return [evaluate(env) for evaluate in evaluates]

    def points(env: Environment) -> list[tuple[float, float]]:
        found: list[tuple[float, float]] = []
        for value in all_values(env):
            for point in to_text(value).split(";"):
                parts = point.split()
                if parts:
                    found.append(_coordinates(parts))
        return found

    return points


def _coordinates(parts: Sequence[str]) -> tuple[float, float]:
    try:
        return float(parts[0]), float(parts[1])
    except (ValueError, IndexError):
        raise XPathError("the value is not a place") from None


@function("property", fewest=1, pure=False)
@function("extract-signed", fewest=2, pure=False)
@function("geofence", fewest=2, pure=False)
@function("intersects", fewest=1, pure=False)
@function("jr:itext", fewest=1, pure=False)
def _only_on_phones(site: Site) -> Code:
    name = site.call.name

    def unsupported(_env: Environment) -> Value:
        raise UnsupportedFunction(f"{name}() can only be answered by the phone")

    return Code(unsupported)
