"""Every expression of a compiled form, read by the server's own evaluator before anybody relies on it.

ODK Validate looks into calculations and conditions only as far as an empty form leads it: a constraint, or
the second half of an ``or``, may still break on the phone. And of a rule that the server cannot read, the
phone's word would be all there is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from forms.expression_words import in_indonesian
from forms.form import Finding
from forms.validate import BIND, KINDS, Place, Places
from forms.xpath import Expression, XPathError, compile_expression
from forms.xpath.functions import PHONE_ONLY
from forms.xpath.parser import parse
from forms.xpath.syntax import Syntax

_CHANCE: Final = frozenset(("random", "uuid", "once", "randomize"))
"""What comes out otherwise each time: phone and server could never agree on a rule with it."""


@dataclass(frozen=True)
class Written:
    """An expression of a bind that can be read: whose, of which kind (``relevant`` ...), and where it was written."""

    path: str
    kind: str
    text: str
    tree: Syntax
    place: Place


def place_of(places: Places, path: str, kind: str) -> Place:
    """Where an expression of a path was written; a part of ``places``, or just the sheet."""
    return places.get((path, kind)) or places.get((path, "")) or ("survey", None, None)


def read_expressions(
    xform: etree._Element, places: Places, rules: Collection[str]
) -> tuple[list[Written], list[Finding]]:
    """All expressions of an XForm, and what is wrong with those that cannot be relied upon.

    ``rules`` are the paths of the nodes that hold risk indicators: of these only ``calculate`` is looked at.
    """
    written: list[Written] = []
    faults: list[Finding] = []
    for path, kind, text in _binds(xform):
        place = place_of(places, path, kind)
        try:
            expression = compile_expression(text, path)
        except XPathError as wrong:
            faults.append(
                Finding(
                    *place,
                    f"this cannot be read: {wrong.message}. Check brackets, quotes and function names.",
                    f"ini tidak terbaca: {in_indonesian(wrong.message)}. Periksa kurung, tanda kutip dan nama fungsi.",
                )
            )
            continue
        faults += _unjudgeable(expression, place, rule=path in rules)
        written.append(Written(path, kind, text, parse(text), place))
    return written, faults


def _binds(xform: etree._Element) -> Iterator[tuple[str, str, str]]:
    for bind in xform.iter(BIND):
        for kind in KINDS:
            text = bind.get(kind)
            if text is not None:
                yield bind.get("nodeset") or "", kind, text


def _unjudgeable(expression: Expression, place: Place, *, rule: bool) -> Iterator[Finding]:
    for name in sorted(expression.functions & PHONE_ONLY):
        yield Finding(
            *place,
            f"{name}() works on a phone only: the server could not check this. Do without it.",
            f"{name}() hanya jalan di HP: server tidak dapat memeriksanya. Tulis tanpa fungsi itu.",
        )
    for name in sorted(expression.functions & _CHANCE) if rule else ():
        yield Finding(
            *place,
            f"{name}() gives something else each time: the server could not check this rule. Do without it.",
            f"{name}() hasilnya selalu lain: server tidak dapat memeriksa aturan ini. Tulis tanpa fungsi itu.",
        )
