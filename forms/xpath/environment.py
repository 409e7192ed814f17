"""What an expression is evaluated against: answers, where it stands, lists, the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from forms.instance import Node
from forms.lists import ListTable
from forms.xpath.dates import read_day, read_moment, read_time
from forms.xpath.errors import XPathError
from forms.xpath.values import Value, number_of_text

Reader = Callable[[str, timedelta], Value]
"""Makes a value of a node's text (never empty) and the phone's offset from UTC."""


def _number(text: str, _offset: timedelta) -> Value:
    if text.isdecimal() and text.isascii():  # as nearly all are; the rest costs a call
        return float(text)
    number = number_of_text(text)
    if number != number:  # not what a phone writes, or in Java's notation: 1.0E10
        try:
            return float(text)
        except ValueError:
            return text
    return number


def _day(text: str, _offset: timedelta) -> Value:
    day = read_day(text[:10])
    return text if day is None else day


def _moment(text: str, offset: timedelta) -> Value:
    moment = read_moment(text, offset)
    return text if moment is None else moment


def _time(text: str, offset: timedelta) -> Value:
    time = read_time(text, datetime(1970, 1, 1, tzinfo=UTC), offset)
    return text if time is None else time


def _boolean(text: str, _offset: timedelta) -> Value:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)


READERS: Final[Mapping[str, Reader]] = {
    "int": _number,
    "integer": _number,
    "long": _number,
    "decimal": _number,
    "date": _day,
    "dateTime": _moment,
    "time": _time,
    "boolean": _boolean,
}
"""How a bind's type reads a node's text. Other types stay text; so does what is no value of the type."""


class Answers(dict[str, Value]):
    """The value at each path that is not repeated, read when first asked for: ``answers["/data/age"]``.

    A path that no node has is ``''``, as on the phone (not relevant, or left open). Subscripting with a
    path that several nodes have raises XPathError: JavaRosa refuses to choose.
    """

    __slots__ = ("index", "offset", "types", "values_of_nodes")

    def __init__(
        self, index: Mapping[str, Sequence[Node]], types: Mapping[str, str], offset: timedelta = timedelta()
    ) -> None:
        super().__init__()
        self.index = index
        self.types = types
        self.offset = offset
        self.values_of_nodes: dict[Node, Value | None] = {}

    def fill(self, paths: Iterable[tuple[str, Reader | None]]) -> None:
        """Read these at once, as each would be when asked for; it costs a third of asking. Repeated ones are left."""
        index, offset = self.index, self.offset
        for path, reader in paths:
            nodes = index.get(path)
            if nodes is None:
                self[path] = ""
            elif len(nodes) == 1:
                text = nodes[0].text
                self[path] = reader(text, offset) if reader is not None and text else text

    def __missing__(self, path: str) -> Value:
        nodes = self.index.get(path)
        if not nodes:
            value: Value = ""
        elif len(nodes) > 1:
            raise repeated(path)
        else:
            value = self.value_of(nodes[0])
        self[path] = value
        return value

    def value_of(self, node: Node) -> Value:
        """The value of one node, by the type of its bind."""
        value = self.values_of_nodes.get(node)
        if value is None:
            value = self.values_of_nodes[node] = self.read(node)
        return value

    def read(self, node: Node) -> Value:
        """What the phone wrote into a node, typed."""
        text = node.text
        if not text:
            return ""
        reader = READERS.get(self.types.get(node.path, ""))
        return text if reader is None else reader(text, self.offset)


def repeated(path: str) -> XPathError:
    """The error of a path that should have one value but has several."""
    return XPathError(f"{path} is repeated: one value was asked for")


_NOTHING: Final[Mapping[str, Any]] = {}
_LONG_AGO: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - local time of the phone
_NO_OFFSET: Final = timedelta()
_new: Final = object.__new__

ChoiceNames = Callable[[str, str], str]
"""The label of a choice, given its value and the path of its question; ``''`` where there is none."""


class Environment:
    """All that an expression may ask for; not changed once made.

    ``context`` is the node that the expression belongs to (None where the submission lacks it), ``origin``
    the same outside of any predicate: what ``current()`` means. ``place`` is the position that
    ``position()`` gives inside a predicate, 0 elsewhere. ``lists`` are keyed by instance id. ``now`` is the
    phone's local time, without zone; ``offset`` is how far that is from UTC. ``attributes`` are those of
    the instance's root.
    """

    __slots__ = (
        "answers",
        "attributes",
        "choice_name",
        "context",
        "lists",
        "now",
        "offset",
        "origin",
        "place",
        "version",
    )

    def __init__(
        self,
        answers: Answers,
        context: Node | None = None,
        origin: Node | None = None,
        place: int = 0,
        lists: Mapping[str, ListTable] = _NOTHING,
        now: datetime = _LONG_AGO,
        offset: timedelta = _NO_OFFSET,
        version: str = "",
        attributes: Mapping[str, str] = _NOTHING,
        choice_name: ChoiceNames | None = None,
    ) -> None:
        self.answers = answers
        self.context = context
        self.origin = origin
        self.place = place
        self.lists = lists
        self.now = now
        self.offset = offset
        self.version = version
        self.attributes = attributes
        self.choice_name = choice_name

    def at(self, node: Node) -> Environment:
        """The same for an expression that belongs to a node."""
        other = self._copy(_new(Environment))
        other.context = other.origin = node
        other.place = 0
        return other

    def inside(self, node: Node, place: int) -> Environment:
        """The same for a predicate that looks at a node."""
        other = self._copy(_new(Environment))
        other.context = node
        other.origin = self.origin
        other.place = place
        return other

    def _copy(self, other: Environment) -> Environment:
        # some dozens of times a submission: calling __init__ with all of these would take twice as long
        other.answers = self.answers
        other.lists = self.lists
        other.now = self.now
        other.offset = self.offset
        other.version = self.version
        other.attributes = self.attributes
        other.choice_name = self.choice_name
        return other

    def list_named(self, name: str) -> ListTable:
        """The list of an instance id; raises XPathError where it is missing.

        A phone without the list finds nothing in it and says nothing. The server knows better than to judge
        so.
        """
        table = self.lists.get(name)
        if table is None:
            raise XPathError(f"the list {name} is missing")
        return table
