"""Reading a workbook as it stands in its package: what each cell holds, whichever program saved it last.

Other readers show what people see: a number becomes a date, a formula its last result. A proof must be read from
what is really there, row by row, without the whole sheet in memory.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from lxml import etree
from openpyxl.formula.translate import Translator
from openpyxl.utils import get_column_letter
from openpyxl.utils.escape import unescape

_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT: Final = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_REL_ID: Final = (
    "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id",
    "{http://purl.oclc.org/ooxml/officeDocument/relationships}id",
)
_RELATIONS: Final = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_CELL: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7})").fullmatch


@dataclass(frozen=True)
class Formula:
    """A cell that is calculated: its text, without the equals sign."""

    text: str


Raw = str | float | Formula | None
"""What a cell holds: text, a number (dates are numbers), a formula, or nothing."""


class WorkbookUnreadable(Exception):  # noqa: N818 - says what is the matter
    """The file is no workbook, or a part of it is missing or broken. The message names the part."""


class WorkbookReader:
    """An open .xlsx: the names of its sheets in their order, and the rows of each. Close it after use.

    Raises :class:`WorkbookUnreadable`, when it is opened or while rows are read.
    """

    def __init__(self, file: Path | IO[bytes]) -> None:
        try:
            self._package = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError) as wrong:
            raise WorkbookUnreadable("no workbook") from wrong
        self._shared: list[str] | None = None
        self._strings = ""
        try:
            self._parts = self._sheet_parts()
        except BaseException:
            self._package.close()
            raise

    @property
    def sheets(self) -> list[str]:
        """The names of the sheets."""
        return list(self._parts)

    def close(self) -> None:
        """Let go of the file."""
        self._package.close()

    def rows(self, sheet: str) -> Iterator[tuple[int, list[Raw]]]:
        """The rows of a sheet that hold anything: (number from 1, cells from the first column on)."""
        part = self._parts[sheet]
        shared = self._shared_strings()
        formulas: dict[str, tuple[str, str]] = {}
        number = 0
        for row in self._elements(part, "row"):
            number = int(row.get("r") or number + 1)
            cells: list[Raw] = []
            for cell in row:
                if _local(cell) != "c":
                    continue
                place = _CELL(cell.get("r") or "")
                column = _column(place[1]) if place else len(cells) + 1
                value = _value(cell, shared, formulas, f"{get_column_letter(column)}{number}")
                if value is not None:
                    cells.extend([None] * (column - 1 - len(cells)))
                    cells.append(value)
            if cells:
                yield number, cells

    def _sheet_parts(self) -> dict[str, str]:
        targets: dict[str, str] = {}
        for relation in self._elements("xl/_rels/workbook.xml.rels", "Relationship"):
            target = relation.get("Target") or ""
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
            targets[relation.get("Id") or ""] = path
            if (relation.get("Type") or "").endswith("/sharedStrings"):
                self._strings = path
        parts: dict[str, str] = {}
        for sheet in self._elements("xl/workbook.xml", "sheet"):
            key = next((sheet.get(name) for name in _REL_ID if sheet.get(name)), "")
            if key not in targets:
                raise WorkbookUnreadable("xl/workbook.xml")
            parts[unescape(sheet.get("name") or "")] = targets[key or ""]
        return parts

    def _shared_strings(self) -> list[str]:
        if self._shared is None:
            self._shared = (
                [_text(item) for item in self._elements(self._strings, "si")] if self._strings else []
            )
        return self._shared

    def _elements(self, part: str, name: str) -> Iterator[etree._Element]:
        """Each element of that name in a part, forgotten as soon as the next is asked for."""
        tags = [f"{space}{name}" for space in (_MAIN, _STRICT, _RELATIONS)]
        try:
            with self._package.open(part) as stream:
                for _, element in etree.iterparse(
                    stream, tag=tags, resolve_entities=False, no_network=True, load_dtd=False
                ):
                    yield element
                    element.clear()
                    while element.getprevious() is not None:
                        del element.getparent()[0]
        except (KeyError, zipfile.BadZipFile, EOFError, OSError, etree.XMLSyntaxError) as wrong:
            raise WorkbookUnreadable(part) from wrong


def _value(cell: etree._Element, shared: list[str], formulas: dict[str, tuple[str, str]], place: str) -> Raw:
    kind = cell.get("t") or "n"
    held: str | None = None
    for child in cell:
        match _local(child):
            case "f":
                return _formula(child, formulas, place)
            case "is":
                held = _text(child)
            case "v":
                held = child.text or ""
    if not held:
        return None
    match kind:
        case "s":
            number = int(held)
            return (shared[number] or None) if number < len(shared) else None
        case "inlineStr":
            return held
        case "str":
            return unescape(held)
        case "n" | "b":
            try:
                return float(held)
            except ValueError:
                return held
        case _:
            return held


def _formula(element: etree._Element, formulas: dict[str, tuple[str, str]], place: str) -> Formula:
    """A formula's text; those that share one are written out, as their program may part them at the next save."""
    text, index = element.text or "", element.get("si")
    if element.get("t") == "shared" and index is not None:
        if text:
            formulas[index] = (text, place)
        elif index in formulas:
            text, origin = formulas[index]
            text = Translator(f"={text}", origin).translate_formula(place)[1:]
    return Formula(text)


def _text(element: etree._Element) -> str:
    """The text of a string item: its own or that of its runs, without the reading aids of East Asian scripts."""
    parts = []
    for child in element:
        match _local(child):
            case "t":
                parts.append(child.text or "")
            case "r":
                parts += [t.text or "" for t in child if _local(t) == "t"]
    return str(unescape("".join(parts)))


def _local(element: etree._Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
