"""A submission's XML as a light tree, and its answers as plain JSON.

What Collect writes: COLLECT 5.20 to 5.25. Names are compared without namespace: ``meta`` and what is in it
come with and without prefix.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import math
import re
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Final

from lxml import etree

from forms.problems import Problem, Problems
from forms.schema import Field, Schema
from forms.xml import DEEPEST, MOST_BYTES, parse_xml_of_any_depth, too_deep

UNKNOWN: Final = "_unknown"
"""Key under which answers stand that the form's schema does not know, so that nothing is lost."""

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}").fullmatch
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?").fullmatch


_NO_ATTRIBUTES: Final[Mapping[str, str]] = {}


class Node:
    """An element of an instance.

    ``name`` is local, ``path`` without positions (``/berangkat/costg/fees``), ``position`` counts siblings of
    the same name from 1. ``text`` is empty where there are children. ``attributes`` are those of the elements
    named ``entity`` alone: no other element below the root has any that mean something.
    """

    __slots__ = ("attributes", "children", "name", "parent", "path", "position", "text")

    # no __init__: it would be a third of what reading a submission costs
    attributes: Mapping[str, str]
    children: Sequence[Node]
    name: str
    parent: Node | None
    path: str
    position: int
    text: str

    @classmethod
    def of(
        cls, name: str, path: str, text: str, parent: Node | None, position: int, children: Sequence[Node]
    ) -> Node:
        """A node without attributes."""
        node = cls()
        node.name = name
        node.path = path
        node.text = text
        node.parent = parent
        node.position = position
        node.children = children
        node.attributes = _NO_ATTRIBUTES
        return node

    def __repr__(self) -> str:
        return f"Node({self.path}[{self.position}])"  # no text: a repr may end in a log

    def child(self, name: str) -> Node | None:
        """The first child of that name."""
        return next((c for c in self.children if c.name == name), None)

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Instance:
    """A submission, read.

    ``version`` and ``instance_name`` are empty where the phone gave none. ``derived_id`` says that the phone
    gave no instanceID and that ``instance_id`` was made from the bytes. ``attributes`` are the root's.
    ``index`` holds all nodes by path, in document order, ``parents`` those that have children.
    """

    form_id: str
    version: str
    instance_id: str
    derived_id: bool
    deprecated_id: str | None
    instance_name: str
    root: Node
    attributes: Mapping[str, str] = field(repr=False)
    index: Mapping[str, list[Node]] = field(repr=False)
    parents: Sequence[Node] = field(repr=False)

    def release(self) -> None:
        """Let go of the tree, after the last use of this instance.

        Nodes and their children refer to each other, so that only the garbage collector would free them; at a
        thousand submissions a second it would do little else.
        """
        for node in self.parents:
            node.children = ()

    def text(self, path: str) -> str:
        """The text of the first node at a path, empty where there is none."""
        nodes = self.index.get(path)
        return nodes[0].text if nodes else ""


def read_instance(xml: bytes, *, most_bytes: int = MOST_BYTES) -> Instance:
    """Read a submission.

    The instanceID is ``meta/instanceID``, else the root's attribute ``instanceID`` (Briefcase), else
    ``md5:`` and the MD5 of the bytes, so that the same upload sent twice is one submission.
    Raises Problem ``XML_UNREADABLE``, ``XML_TOO_BIG`` or ``XML_NO_FORM_ID``.
    """
    element = parse_xml_of_any_depth(xml, most_bytes=most_bytes)
    name, path, steps = _top.get(element.tag) or _step(element.tag, "", _top)
    root = Node.of(name, path, "" if len(element) else element.text or "", None, 1, ())
    index: dict[str, list[Node]] = {path: [root]}
    parents: list[Node] = []
    _fill(element, root, steps, index, parents, 2)
    form_id = (element.get("id") or "").strip()
    if not form_id:
        raise Problem(Problems.XML_NO_FORM_ID)
    meta = _meta(index.get(f"{root.path}/meta", ()))
    given = meta.get("instanceID") or (element.get("instanceID") or "").strip()
    return Instance(
        form_id=form_id,
        version=(element.get("version") or "").strip(),
        instance_id=given or "md5:" + hashlib.md5(xml, usedforsecurity=False).hexdigest(),
        derived_id=not given,
        deprecated_id=meta.get("deprecatedID") or None,
        instance_name=meta.get("instanceName", ""),
        root=root,
        attributes={str(name): str(value) for name, value in element.items()},
        index=index,
        parents=parents,
    )


def _fill(
    element: etree._Element,
    node: Node,
    steps: _Steps,
    index: dict[str, list[Node]],
    parents: list[Node],
    depth: int,
) -> None:
    """Make nodes of an element's children, which stand ``depth`` elements deep.

    Written for speed, without calls: this is most of what reading costs. Raises Problem ``XML_UNREADABLE`` where
    elements nest deeper than a document's may.
    """
    children: list[Node] = []
    node.children = children
    parents.append(node)
    for below in element:
        try:
            name, path, further = steps[below.tag]
        except KeyError:
            name, path, further = _step(below.tag, node.path, steps)
        child = Node()
        child.name = name
        child.path = path
        child.parent = node
        child.attributes = _NO_ATTRIBUTES
        if path in index:
            known = index[path]
            last = known[-1]  # in document order: if any of these is a sibling, the last one is
            child.position = last.position + 1 if last.parent is node else 1
            known.append(child)
        else:
            child.position = 1
            index[path] = [child]
        children.append(child)
        if len(below):
            if depth == DEEPEST:
                raise too_deep()
            child.text = ""
            _fill(below, child, further, index, parents, depth + 1)
        else:
            child.text = below.text or ""
            child.children = ()
        if name == "entity":
            child.attributes = {str(key): str(value) for key, value in below.items()}


_Steps = dict[str, tuple[str, str, "_Steps"]]
"""What elements at a place have in common: by their tag the local name, the path, and the steps below."""

_top: Final[_Steps] = {}
_MOST_STEPS: Final = 2_000  # less than 1 MB however long; the shipped forms have 500
_LONGEST_STEP: Final = 200  # characters of a path
_steps_kept = itertools.count(1)


def _step(tag: str, above: str, steps: _Steps) -> tuple[str, str, _Steps]:
    """A step that is not known yet. Those of the forms in use stay, so that reading makes few strings."""
    name = tag[tag.index("}") + 1 :] if tag[0] == "{" else tag
    # the path is one string with that in the form's expressions, and so found without comparing it
    step: tuple[str, str, _Steps] = (name, intern(f"{above}/{name}"), {})
    if len(tag) + len(step[1]) <= _LONGEST_STEP:
        steps[tag] = step
        if next(_steps_kept) % _MOST_STEPS == 0:  # anybody may send names that no form has
            _top.clear()
    return step


def _meta(groups: Sequence[Node]) -> dict[str, str]:
    """What the form's own ``meta`` holds, by local name; of two namesakes the first that is not blank."""
    found: dict[str, str] = {}
    for meta in groups:
        for child in meta.children:
            if child.text.strip():
                found.setdefault(child.name, child.text.strip())
    return found


_META: Final = re.compile(rb"meta[\s>]")
_NAMES: Final = {b"instanceName": "meta/instanceName", b"label": "meta/entity/label"}
_NAME: Final = re.compile(rb"<(?:[\w.-]+:)?(instanceName|label)(?:\s[^>]*)?>([^<]*)<")


def names_given(xml: bytes) -> dict[str, str]:
    """What a submission calls itself and its entity, by path: ``meta/instanceName`` and ``meta/entity/label``.

    For many submissions that were read before, at a small part of what :func:`read_instance` costs. An XML in which
    a search could find the wrong thing (comments, CDATA, another encoding, two groups ``meta``) is read as a whole.
    """
    metas, head = _metas(xml), xml[:100].lower()
    found: dict[str, str] = {}
    if b"<!" in xml or b"\x00" in head or (b"encoding" in head and b"utf-8" not in head) or len(metas) > 1:
        with contextlib.suppress(
            Problem
        ):  # what was kept under other rules has no names, but can be exported
            index = read_instance(xml, most_bytes=max(MOST_BYTES, len(xml))).index
            for nodes in index.values():
                for node in nodes:
                    found.setdefault(node.path.lstrip("/").partition("/")[2], node.text)
    elif metas:
        begin, name = metas[0]
        part = xml[begin : xml.find(b"</" + name, begin)]
        found = {_NAMES[name]: _unescaped(text) for name, text in _NAME.findall(part)}
    return {path: found[path].strip() for path in _NAMES.values() if found.get(path, "").strip()}


def _metas(xml: bytes) -> list[tuple[int, bytes]]:
    """Where groups ``meta`` begin, with their names as written. A literal is found ten times as fast as a tag."""
    found = []
    for end in _META.finditer(xml):
        begin = xml.rfind(b"<", 0, end.start())
        prefix = xml[begin + 1 : end.start()]
        named = prefix.endswith(b":") and not prefix.startswith(b"/") and b">" not in prefix
        if not prefix or named:
            found.append((begin, prefix + b"meta"))
    return found


def _unescaped(text: bytes) -> str:
    return (etree.fromstring(b"<x>%s</x>" % text).text or "") if b"&" in text else text.decode()


class AnswerReader:
    """Reads the answers of one form's submissions. Made once from the schema, used by many threads."""

    def __init__(self, schema: Schema) -> None:
        self._form = _Group(schema.fields)
        self._binaries = (*(f.path for f in schema.binaries()), f"/{schema.root}/meta/audit")

    def answers(self, instance: Instance) -> dict[str, Any]:
        """The answers as JSON, nested as the form is: groups are objects, repeats lists of objects.

        ``int`` and ``decimal`` become numbers (what is no number stays text), select multiple a list,
        everything else stays the text that the phone wrote (dates are ISO 8601 already), an empty answer is
        None. Notes and ``meta`` are left out; what was not relevant is absent. Whatever the schema does not
        know stands under :data:`UNKNOWN` of the object it was found in.
        """
        return self._form.read(instance.root)

    def attachments(self, instance: Instance) -> dict[str, tuple[str, ...]]:
        """The files that belong to the submission, in the order of the form: name -> paths of what names it.

        They stand in the answers of binary questions and in ``meta/audit`` (COLLECT 5.24, 9.1). One that
        never comes is a state of the submission, not an error (COLLECT 5.25).
        """
        names: dict[str, tuple[str, ...]] = {}
        for path in self._binaries:
            for node in instance.index.get(path, ()):
                name = node.text.strip()
                if name and path not in names.get(name, ()):
                    names[name] = (*names.get(name, ()), path)
        return names


def typed_answers(instance: Instance, schema: Schema) -> dict[str, Any]:
    """:meth:`AnswerReader.answers` by the schema's reader, made once for as long as the schema lives."""
    return _reader(schema).answers(instance)


def expected_attachments(instance: Instance, schema: Schema) -> dict[str, tuple[str, ...]]:
    """:meth:`AnswerReader.attachments` by the schema's reader, made once for as long as the schema lives."""
    return _reader(schema).attachments(instance)


_readers: Final[dict[int, tuple[weakref.ref[Schema], AnswerReader]]] = {}


def _reader(schema: Schema) -> AnswerReader:
    """The reader of a schema, told by identity: schemas hold mappings, so they cannot be keys themselves."""
    key = id(schema)
    known = _readers.get(key)
    if known is not None and known[0]() is schema:
        return known[1]
    reader = AnswerReader(schema)
    _readers[key] = (weakref.ref(schema, lambda _gone: _readers.pop(key, None)), reader)
    return reader


class _Group:
    """How the nodes in a group or a repeat are read.

    Of its questions the ``texts`` are taken as they are, others as ``converted``; the rest goes by the ``fields``.
    """

    __slots__ = ("converted", "fields", "groups", "texts")

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = {f.name: f for f in fields}
        self.groups = {f.name: _Group(f.children) for f in fields if f.kind != "question"}
        questions = {f.name: _converter(f) for f in fields if f.kind == "question" and not f.note}
        self.texts = frozenset(name for name, convert in questions.items() if convert is None)
        self.converted = {name: convert for name, convert in questions.items() if convert is not None}

    def read(self, node: Node) -> dict[str, Any]:
        """The answers in a node of this group. Most nodes are questions, once each: these are looked at first."""
        answers: dict[str, Any] = {}
        unknown: dict[str, list[Any]] = {}
        texts, converted = self.texts, self.converted
        for child in node.children:
            name = child.name
            if child.children or name in answers:
                self._read_other(child, answers, unknown)
            elif name in texts:
                answers[name] = child.text or None
            elif name in converted:
                answers[name] = converted[name](text) if (text := child.text) else None
            else:
                self._read_other(child, answers, unknown)
        if unknown:
            answers[UNKNOWN] = unknown
        return answers

    def _read_other(self, child: Node, answers: dict[str, Any], unknown: dict[str, list[Any]]) -> None:
        """What is no question's first plain answer."""
        name = child.name
        known = self.fields.get(name)
        if name == "meta" and (known is None or known.kind == "group"):
            return
        if known is not None and known.kind == "question":
            stray = not known.note or bool(child.children)
        else:
            stray = known is None or bool(child.text.strip()) or (known.kind == "group" and name in answers)
        if stray:
            unknown.setdefault(name, []).append(_plain(child))
        elif known is not None and known.kind == "group":
            answers[name] = self.groups[name].read(child)
        elif known is not None and known.kind == "repeat":
            answers.setdefault(name, []).append(self.groups[name].read(child))


def _plain(node: Node) -> Any:
    """A node that the schema does not know, without types."""
    if not node.children:
        return node.text
    below: dict[str, list[Any]] = {}
    for child in node.children:
        below.setdefault(child.name, []).append(_plain(child))
    return below


def _converter(question: Field) -> Callable[[str], Any] | None:
    """What makes an answer of a text that is not empty; None where the text is the answer."""
    return _many if question.select == "many" else _CONVERT.get(question.type)


def _many(text: str) -> Any:
    return text.split() or None


def _integer(text: str) -> Any:
    if text in _FLAGS:  # what a form works out is mostly that
        return _FLAGS[text]
    return int(text) if _INTEGER(text) else text


def _decimal(text: str) -> Any:
    if not _DECIMAL(text):
        return text
    number = float(text)
    return number if math.isfinite(number) else text  # JSON has no infinity


_FLAGS: Final = {"0": 0, "1": 1}
_CONVERT: Final[Mapping[str, Callable[[str], Any]]] = {"int": _integer, "decimal": _decimal}
