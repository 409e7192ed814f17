"""The OpenRosa envelope, in which a phone shows what it is told."""

from __future__ import annotations

from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from forms.problems import Problem


@lru_cache(maxsize=32)  # most answers are one of a few
def envelope(message: str, nature: str = "") -> bytes:
    """The document; Collect shows the first element named ``message`` (COLLECT 5.13)."""
    return (
        "<?xml version='1.0' encoding='UTF-8' ?>"
        '<OpenRosaResponse xmlns="http://openrosa.org/http/response" items="0">'
        f"<message nature={quoteattr(nature)}>{escape(message)}</message></OpenRosaResponse>"
    ).encode()


def of_problem(problem: Problem) -> bytes:
    """A problem in the officer's language."""
    return envelope(problem.text("id"), f"error {problem.kind.code}")
