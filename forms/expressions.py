"""Every expression of a compiled form, read by the server's own evaluator before anybody relies on it.

ODK Validate looks into calculations and conditions only as far as an empty form leads it: a constraint, or
the second half of an ``or``, may still break on the phone. And of a rule that the server cannot read, the
phone's word would be all there is.
"""

from __future__ import annotations

from lxml import etree

from forms.form import Finding
from forms.validate import BIND, KINDS, Places
from forms.xpath import XPathError, compile_expression


def expression_faults(xform: str, places: Places) -> list[Finding]:
    """The expressions of an XForm that cannot be read, each where ``places`` says that it was written."""
    tree = etree.fromstring(xform.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    faults = []
    for bind in tree.iter(BIND):
        path = bind.get("nodeset") or ""
        for kind in KINDS:
            if (text := bind.get(kind)) is None:
                continue
            try:
                compile_expression(text, path)
            except XPathError as wrong:
                place = places.get((path, kind)) or places.get((path, "")) or ("survey", None, None)
                message = f"this cannot be read: {wrong.message}. Check brackets, quotes and function names."
                faults.append(Finding(*place, message))
    return faults
