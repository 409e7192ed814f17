"""A submission with some answers changed, as a phone would have sent it.

Changing an answer has consequences that a phone works out by itself: questions are asked or fall away, calculations
and warnings come out otherwise. They are worked out here by the form's own expressions, so that a correction made in
an office is as whole as an edit made on a phone (COLLECT 5.20: what is not relevant is not sent).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lxml import etree

from forms.instance import Instance, Node, read_instance
from forms.judge import Judge
from forms.lists import ListTable
from forms.schema import Field, Schema
from forms.xml import parse_xml
from forms.xpath import Expression, XPathError, compile_expression
from forms.xpath.values import text_of_number

_ROUNDS: Final = 10
"""Relevance may hang on a calculation that hangs on relevance; forms of ours settle in three rounds."""
_STEP: Final = re.compile(r"^(.+?)(?:\[([0-9]+)\])?$")
_ORX: Final = "http://openrosa.org/xforms"


@dataclass(frozen=True)
class Corrected:
    """The new XML, and what followed from the changes.

    ``fallen`` are the places of answers that went because their question is no longer asked, ``unasked`` those of
    changes to questions that are not asked. A place is a path with positions where repeats are
    (``/berangkat/costg/fees[2]/amount``).
    """

    xml: bytes
    fallen: tuple[str, ...]
    unasked: tuple[str, ...]


class Corrector:
    """Makes corrections of one form version's submissions. Keeps nothing between calls."""

    def __init__(self, schema: Schema, judge: Judge) -> None:
        self._schema = schema
        self._judge = judge
        self._repeats = frozenset(field.path for field in schema.repeats())
        self._indicators = {i.code: f"/{schema.root}/{i.node}" for i in judge.form.indicators}
        self._relevant: dict[str, Expression] = {}
        for field in schema.walk():
            if field.relevant:
                try:
                    self._relevant[field.path] = compile_expression(field.relevant, field.path, self._repeats)
                except XPathError:
                    continue  # the gate lets none through; without it the question counts as asked

    def correct(
        self,
        xml: bytes,
        changes: Mapping[str, str],
        instance_id: str,
        tables: Mapping[str, ListTable],
        received_at: datetime,
    ) -> Corrected:
        """The submission ``xml`` with new texts at some places, under a new ``instance_id``, as an edit of itself.

        ``tables`` are the attached lists that it is judged with, ``received_at`` when it came, aware. Raises
        :class:`LookupError` for a place that the form does not have, and :class:`Problem` as reading XML does.
        """
        root = parse_xml(xml)
        former = _texts(root, self._repeats)
        self._complete(root, self._schema.fields)
        known = _elements(root, self._repeats)
        for place, text in changes.items():
            known[place].text = text or None
        asked = self._settle(root, known, tables, received_at)
        for place, element in reversed(known.items()):
            parent = element.getparent()
            if place not in asked and parent is not None:
                parent.remove(element)
        _name(root, instance_id)
        left = _texts(root, self._repeats)
        return Corrected(
            etree.tostring(root, xml_declaration=True, encoding="UTF-8"),
            tuple(place for place, text in former.items() if text and place not in left),
            tuple(place for place, text in changes.items() if text and place not in asked),
        )

    def _complete(self, parent: etree._Element, fields: Sequence[Field]) -> None:
        """Give every group and question of the form its element, in the form's order; repeats stay as they are."""
        namespace = etree.QName(parent).namespace
        at = 0
        for field in fields:
            found = [child for child in parent if etree.QName(child).localname == field.name]
            if not found and field.kind != "repeat" and field.name != "meta":
                made = etree.Element(f"{{{namespace}}}{field.name}" if namespace else field.name)
                parent.insert(at, made)
                found = [made]
            for element in found:
                if field.kind != "question" and field.name != "meta":
                    self._complete(element, field.children)
                at = parent.index(element) + 1

    def _settle(
        self,
        root: etree._Element,
        known: Mapping[str, etree._Element],
        tables: Mapping[str, ListTable],
        received_at: datetime,
    ) -> set[str]:
        """Work out calculations and relevance until nothing changes. Returns the places of what is asked.

        To expressions the answer of a question that is not asked is empty, as on a phone.
        """
        texts = {place: element.text for place, element in known.items() if not len(element)}
        asked = set(known)
        for _ in range(_ROUNDS):
            for place, text in texts.items():
                known[place].text = text if place in asked else None
            instance = read_instance(etree.tostring(root))
            now_asked = set(self._asked(instance, tables, received_at))
            worked_out = self._worked_out(instance, tables, received_at)
            changed = {p: t for p, t in worked_out.items() if p in now_asked and texts.get(p) != t}
            instance.release()
            if now_asked == asked and not changed:
                break
            texts.update(changed)
            asked = now_asked
        return asked

    def _asked(
        self, instance: Instance, tables: Mapping[str, ListTable], received_at: datetime
    ) -> Iterator[str]:
        environment = self._judge.environment(instance, tables, received_at)

        def walk(node: Node, place: str) -> Iterator[str]:
            expression = self._relevant.get(node.path)
            if expression is not None:
                try:
                    if not expression.holds(environment.at(node)):
                        return
                except (XPathError, ArithmeticError, ValueError, LookupError, TypeError):
                    pass  # what cannot be worked out is asked: no answer may get lost by it
            yield place
            for child in node.children:
                yield from walk(
                    child, f"{place}/{_step(child.name, child.position, child.path, self._repeats)}"
                )

        yield from walk(instance.root, f"/{instance.root.name}")

    def _worked_out(
        self, instance: Instance, tables: Mapping[str, ListTable], received_at: datetime
    ) -> dict[str, str]:
        """The calculations that come out otherwise than they stand there, the indicators among them."""
        verdict = self._judge.judge(instance, tables, received_at)
        found = {place: _written(value) for place, value in verdict.calculated.items()}
        for code, path in self._indicators.items():
            holds = code in verdict.indicators
            if verdict.phone.get(code) is not holds:
                found[path] = "1" if holds else "0"
        return found


def _written(value: Any) -> str:
    """A calculation's value as a phone writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return text_of_number(float(value))
    return str(value)


def _step(name: str, position: int, path: str, repeats: frozenset[str]) -> str:
    return f"{name}[{position}]" if path in repeats else name


def _elements(root: etree._Element, repeats: frozenset[str]) -> dict[str, etree._Element]:
    """All elements by place, in document order; of two namesakes that are no repeat the first."""
    found: dict[str, etree._Element] = {}

    def walk(element: etree._Element, path: str, place: str) -> None:
        found.setdefault(place, element)
        counted: dict[str, int] = {}
        for child in element:
            name = etree.QName(child).localname
            counted[name] = counted.get(name, 0) + 1
            below = f"{path}/{name}"
            walk(child, below, f"{place}/{_step(name, counted[name], below, repeats)}")

    top = f"/{etree.QName(root).localname}"
    walk(root, top, top)
    return found


def _texts(root: etree._Element, repeats: frozenset[str]) -> dict[str, str]:
    return {p: (e.text or "") for p, e in _elements(root, repeats).items() if not len(e)}


def _name(root: etree._Element, instance_id: str) -> None:
    """Give it a new identity, and name the former one as what it edits (COLLECT 5.20)."""
    meta = next((child for child in root if etree.QName(child).localname == "meta"), None)
    if meta is None:
        meta = etree.SubElement(root, f"{{{_ORX}}}meta", nsmap={"orx": _ORX})
    parts = {etree.QName(child).localname: child for child in meta}
    former = (parts["instanceID"].text or "") if "instanceID" in parts else root.get("instanceID", "")
    namespace = etree.QName(parts.get("instanceID", meta)).namespace
    for name, text in (("instanceID", instance_id), ("deprecatedID", former)):
        element = parts.get(name)
        if element is None:
            element = etree.SubElement(meta, f"{{{namespace}}}{name}" if namespace else name)
        element.text = text
