"""Text as a workbook's XML and its cells can hold it."""

from __future__ import annotations

import re
from typing import Final

MOST_TEXT: Final = 32_767
"""Characters of a cell, counted as Excel does, in UTF-16 units."""

_LOOKS_ESCAPED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
delicate: Final = re.compile(f"[&<>\r]|_x[0-9A-Fa-f]{{4}}_|{_NO_XML.pattern}|{_SURROGATE.pattern}").search
"""Finds what must be escaped in a text."""


def escaped(text: str) -> str:
    """Text as it stands in a sheet's XML: what XML cannot hold as ``_xHHHH_``, half characters as U+FFFD."""
    text = _LOOKS_ESCAPED.sub("_x005F_", text)
    text = _NO_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    return whole(text)


def whole(text: str) -> str:
    """Text without half characters (lone surrogates), which no encoding holds: they become U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def shortened(text: str, mark: str) -> str:
    """Text that fits a cell; longer text ends in ``mark``."""
    if len(text) <= MOST_TEXT // 2 or _units(text) <= MOST_TEXT:
        return text
    kept = text[: MOST_TEXT - len(mark)]
    while _units(kept) + len(mark) > MOST_TEXT:
        kept = kept[: -max(1, (_units(kept) + len(mark) - MOST_TEXT) // 2)]
    return kept + mark


def _units(text: str) -> int:
    return len(text) + sum(1 for character in text if character > "\uffff")
