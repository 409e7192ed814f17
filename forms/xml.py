"""The one way in which XML from outside is parsed.

A submission comes from whoever holds a desk's token, so nothing in it is trusted: no DOCTYPE (and so no
entities), no network, no huge trees, a bounded size and depth. Errors never quote the content, only a line and
a column.
"""

from __future__ import annotations

import threading
from typing import Final

from lxml import etree

from forms.problems import Problem, Problems

MOST_BYTES: Final = 5_000_000
DEEPEST: Final = 64
BYTES_A_MARK: Final = 100
"""A document may have one ``<`` for so many of the bytes allowed, 50,000 in all: a submission has some hundreds of
elements, and a million of them would take everybody else's time and memory."""

_of_thread = (
    threading.local()
)  # a parser costs more than a parse; lxml's are not meant to be shared by threads


def parse_xml(xml: bytes, *, most_bytes: int = MOST_BYTES, deepest: int = DEEPEST) -> etree._Element:
    """Parse a document and return its root; comments and processing instructions are left out.

    Raises Problem ``XML_TOO_BIG`` above ``most_bytes``, ``XML_UNREADABLE`` for what is not well-formed, has a
    DOCTYPE, or nests deeper than ``deepest`` elements.
    """
    root = parse_xml_of_any_depth(xml, most_bytes=most_bytes)
    if _deeper_than(root, deepest):
        raise too_deep(deepest)
    return root


def parse_xml_of_any_depth(xml: bytes, *, most_bytes: int = MOST_BYTES) -> etree._Element:
    """:func:`parse_xml` for who goes through all elements anyway and raises :func:`too_deep` on the way."""
    if len(xml) > most_bytes:
        raise Problem(Problems.XML_TOO_BIG, limit=f"{most_bytes // 1_000_000} MB")
    most_marks = most_bytes // BYTES_A_MARK
    if len(xml) > most_marks and xml.count(b"<") > most_marks:
        raise Problem(Problems.XML_TOO_BIG, limit=f"{most_marks} <")
    if b"\0" in xml and not xml.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _unreadable("NUL")
    # before parsing: nothing of it is to be worked through (and a single character is looked for much faster)
    if b"!" in xml and b"<!DOCTYPE" in xml:
        raise _unreadable("DOCTYPE")
    try:
        root = etree.fromstring(xml, _parser())
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise _unreadable(f"{line}:{column}") from None  # the cause quotes the content
    except (ValueError, LookupError):
        raise _unreadable("encoding") from None
    if getattr(root.getroottree().docinfo, "doctype", ""):  # one in another encoding
        raise _unreadable("DOCTYPE")
    return root


def too_deep(deepest: int = DEEPEST) -> Problem:
    """What to raise where elements nest deeper than ``deepest``."""
    return _unreadable(f"> {deepest}")


def _parser() -> etree.XMLParser:
    parser: etree.XMLParser | None = getattr(_of_thread, "parser", None)
    if parser is None:
        parser = _of_thread.parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
    return parser


def _unreadable(detail: str) -> Problem:
    return Problem(Problems.XML_UNREADABLE, detail=detail)


def _deeper_than(root: etree._Element, deepest: int) -> bool:
    """Whether elements nest deeper than allowed; libxml2 looks, so that no element becomes a Python object."""
    asked: dict[int, etree.XPath] = _of_thread.__dict__.setdefault("depths", {})
    if deepest not in asked:
        asked[deepest] = etree.XPath(f"boolean({'/*' * (deepest + 1)})")
    return bool(asked[deepest](root))
