"""Java's regular expressions, put into Python's.

``regex()`` must match the whole text. What the two dialects write differently is translated; what only Java
has (``&&`` in a class, nested classes) is refused when the form is compiled. ``\\d``, ``\\w`` and ``\\s``
know ASCII only, as in Java.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from forms.xpath.errors import XPathError

_ANY: Final = "[^\\n\\r\\u0085\\u2028\\u2029]"  # a dot in Java stops at more line ends than in Python
_POSIX: Final = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": "\\x00-\\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": "!-/:-@\\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": " \\t",
    "Cntrl": "\\x00-\\x1f\\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": " \\t\\n\\x0b\\f\\r",
}
_ESCAPES: Final = {
    "h": " \\t\\xa0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000",
    "v": "\\n\\x0b\\f\\r\\x85\\u2028\\u2029",
    "e": "\\x1b",
    "a": "\\x07",
}
_ANCHORS: Final = {"z": "\\Z", "Z": "(?=\\n?\\Z)", "G": "\\A", "A": "\\A", "b": "\\b", "B": "\\B"}


@lru_cache(maxsize=256)
def full_match(pattern: str) -> Callable[[str], object]:
    """A test whether a whole text matches a Java pattern. Raises XPathError for a pattern that is none."""
    try:
        return re.compile(_Translator(pattern).translate(), re.ASCII).fullmatch
    except (re.error, OverflowError, RecursionError):
        raise XPathError("the regular expression cannot be understood") from None


class _Translator:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def translate(self) -> str:
        out: list[str] = []
        while self._at < len(self._pattern):
            out.append(self._next())
        return "".join(out)

    def _take(self) -> str:
        if self._at >= len(self._pattern):
            raise XPathError("the regular expression ends too early")
        sign = self._pattern[self._at]
        self._at += 1
        return sign

    def _starts(self, text: str) -> bool:
        return self._pattern.startswith(text, self._at)

    def _next(self) -> str:
        sign = self._take()
        if sign == "\\":
            return self._escape(in_class=False)
        if sign == "[":
            return self._class()
        if sign == ".":
            return _ANY
        if sign == "$":
            return "(?=(?:\\r\\n|[\\n\\r\\u0085\\u2028\\u2029])?\\Z)"
        if sign == "(" and self._starts("?<") and not self._starts("?<=") and not self._starts("?<!"):
            self._at += 2
            return "(?P<"
        return sign

    def _escape(self, *, in_class: bool) -> str:
        sign = self._take()
        if sign in "pP":
            inside = self._property(negated=sign == "P")
            return inside if in_class else f"[{inside}]"
        if sign == "Q":
            end = self._pattern.find("\\E", self._at)
            end = len(self._pattern) if end < 0 else end
            quoted = self._pattern[self._at : end]
            self._at = end + 2
            return re.escape(quoted)
        if sign in _ESCAPES:
            return _ESCAPES[sign] if in_class else f"[{_ESCAPES[sign]}]"
        if sign in _ANCHORS and not in_class:
            return _ANCHORS[sign]
        if sign == "R" and not in_class:
            return "(?:\\r\\n|[\\n\\x0b\\f\\r\\x85\\u2028\\u2029])"
        if sign == "k" and self._starts("<"):
            end = self._pattern.find(">", self._at)
            name = self._pattern[self._at + 1 : end]
            self._at = end + 1
            return f"(?P={name})"
        if sign == "x" and self._starts("{"):
            end = self._pattern.find("}", self._at)
            digits = self._pattern[self._at + 1 : end]
            if not re.fullmatch("[0-9a-fA-F]{1,6}", digits) or int(digits, 16) > sys.maxunicode:
                raise XPathError("the regular expression has a wrong \\x{...}")
            self._at = end + 1
            return f"\\U{int(digits, 16):08x}"
        if sign.isalpha() and sign not in "dDwWsSntrfxu":
            raise XPathError(f"the regular expression has an escape \\{sign} that is not supported")
        return re.escape(sign) if not sign.isalnum() else "\\" + sign

    def _property(self, *, negated: bool) -> str:
        if self._starts("{"):
            end = self._pattern.find("}", self._at)
            name = self._pattern[self._at + 1 : max(end, self._at + 1)]
            self._at = end + 1
        else:
            name = self._take()
        if name in _POSIX and not negated:
            return _POSIX[name]
        return _unicode_class(name.removeprefix("Is").removeprefix("general_category="), negated)

    def _class(self) -> str:
        out = ["["]
        if self._starts("^"):
            self._at += 1
            out.append("^")
        first = True
        while True:
            sign = self._take()
            if sign == "]" and not first:
                return "".join([*out, "]"])
            if sign == "[" or (sign == "&" and self._starts("&")):
                raise XPathError("the regular expression has a class inside a class")
            out.append(self._escape(in_class=True) if sign == "\\" else _plain(sign))
            first = False


def _plain(sign: str) -> str:
    """A sign of a class; those that Python would warn of are quoted."""
    return "\\" + sign if sign in "[~|&" else sign


@lru_cache(maxsize=32)
def _unicode_class(name: str, negated: bool) -> str:
    """The inside of a class for a general category (``L``, ``Lu``) or one of its long names."""
    category = {"Alphabetic": "L", "Letter": "L", "Digit": "Nd", "Uppercase": "Lu", "Lowercase": "Ll"}.get(
        name, name
    )
    if not re.fullmatch("[LMNPSZC][a-z]?", category):
        raise XPathError(f"the regular expression has a class \\p{{{name}}} that is not supported")
    ranges: list[str] = []
    start = None
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and unicodedata.category(chr(code)).startswith(category) != negated
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            ranges.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = None
    return "".join(ranges)
