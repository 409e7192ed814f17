"""Reading a workbook as it stands in its package: what each cell holds, whichever program saved it last.

Other readers show what people see: a number becomes a date, a formula its last result. A proof must be read from
what is really there, row by row, without the whole sheet in memory.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from lxml import etree
from openpyxl.formula.tokenizer import TokenizerError
from openpyxl.formula.translate import Translator, TranslatorError
from openpyxl.utils import get_column_letter
from openpyxl.utils.escape import unescape

_SPACES: Final = (
    "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}",
    "{http://purl.oclc.org/ooxml/spreadsheetml/main}",
)
_REL_ID: Final = (
    "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id",
    "{http://purl.oclc.org/ooxml/officeDocument/relationships}id",
)
_RELATIONS: Final = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_CELL: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})").fullmatch
_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_384
_BROKEN: Final = (
    KeyError, zipfile.BadZipFile, EOFError, OSError, etree.XMLSyntaxError, RuntimeError, ValueError, zlib.error,
)  # fmt: skip
"""What reading a part raises that is missing, cut off, broken, or locked by somebody else's means."""


@dataclass(frozen=True)
class Formula:
    """A cell that is calculated: its text, without the equals sign."""

    text: str


Raw = str | float | Formula | None
"""What a cell holds: text, a number (dates are numbers), a formula, or nothing."""


class WorkbookUnreadable(Exception):  # noqa: N818 - says what is the matter
    """The file is no workbook, or a part of it is missing or broken, or could be read in two ways: programs would
    show something else than what is checked here. The message names the part.
    """


class WorkbookReader:
    """An open .xlsx: the names of its sheets in their order, and the rows of each. Close it after use.

    Raises :class:`WorkbookUnreadable`, when it is opened or while rows are read. Only what every program reads alike
    is taken: each part once, each cell in its own place and order, nothing where the format has no place for it.
    """

    def __init__(self, file: Path | IO[bytes]) -> None:
        try:
            self._package = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError) as wrong:
            raise WorkbookUnreadable("no workbook") from wrong
        self._shared: list[str] | None = None
        self._strings = ""
        self.since_1904 = False
        """Whether days are counted from 1904 on: then every date is another than the one that was written."""
        try:
            names = [name.casefold() for name in self._package.namelist()]
            if len(set(names)) != len(names):
                raise WorkbookUnreadable("ZIP")  # which of two namesakes a program takes is its own affair
            self._parts = self._sheet_parts(self._workbook())
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
        for row in self._elements(part, "worksheet", "sheetData", "row"):
            before, number = number, _count(row.get("r"), number + 1, part)
            if not before < number <= _LAST_ROW:
                raise WorkbookUnreadable(part)
            tag = f"{_space(row)}c"
            cells: list[Raw] = []
            last = 0
            for cell in row:
                if cell.tag != tag:
                    if cell.tag == f"{_space(row)}extLst":
                        continue
                    raise WorkbookUnreadable(part)
                place = cell.get("r")
                if place is None:
                    column = last + 1
                else:
                    found = _CELL(place)
                    column = _column(found[1]) if found and int(found[2]) == number else 0
                if not last < column <= _LAST_COLUMN:
                    raise WorkbookUnreadable(part)
                last = column
                value = _value(cell, shared, formulas, place or f"{get_column_letter(column)}{number}", part)
                if value is not None:
                    cells.extend([None] * (column - 1 - len(cells)))
                    cells.append(value)
            if cells:
                yield number, cells

    def _workbook(self) -> str:
        """The part that programs open first."""
        found = [target for kind, target in self._related("").values() if kind.endswith("/officeDocument")]
        if len(found) != 1:
            raise WorkbookUnreadable("_rels/.rels")
        return found[0]

    def _related(self, part: str) -> dict[str, tuple[str, str]]:
        """(type, part) of what a part points to, by id; of the package itself for an empty name."""
        folder, name = posixpath.split(part)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        related: dict[str, tuple[str, str]] = {}
        for relation in self._elements(rels, "Relationships", "Relationship"):
            key, target = relation.get("Id") or "", relation.get("Target") or ""
            if key in related:
                raise WorkbookUnreadable(rels)
            where = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
            related[key] = (relation.get("Type") or "", posixpath.normpath(where))
        return related

    def _sheet_parts(self, workbook: str) -> dict[str, str]:
        related = self._related(workbook)
        self._strings = next((t for kind, t in related.values() if kind.endswith("/sharedStrings")), "")
        for said in self._elements(workbook, "workbook", "workbookPr"):
            self.since_1904 |= said.get("date1904") in ("1", "true", "on")
        parts: dict[str, str] = {}
        for sheet in self._elements(workbook, "workbook", "sheets", "sheet"):
            key = next((sheet.get(name) for name in _REL_ID if sheet.get(name)), None) or ""
            name = str(unescape(sheet.get("name") or ""))
            if key not in related or name.casefold() in {known.casefold() for known in parts}:
                raise WorkbookUnreadable(workbook)
            parts[name] = related[key][1]
        return parts

    def _shared_strings(self) -> list[str]:
        if self._shared is None:
            part = self._strings
            self._shared = [_text(item, part) for item in self._elements(part, "sst", "si")] if part else []
        return self._shared

    def _elements(self, part: str, *path: str) -> Iterator[etree._Element]:
        """Each element at that path of a part, forgotten as soon as the next is asked for.

        One of that name anywhere else is no workbook's: one program would take it for real and another would not.
        """
        name, around = path[-1], path[-2]
        tags = [f"{space}{each}" for space in (*_SPACES, _RELATIONS) for each in (name, around)]
        home: etree._Element | None = None
        try:
            with self._package.open(part) as stream:
                for _, element in etree.iterparse(
                    stream,
                    tag=tags,
                    resolve_entities=False,
                    no_network=True,
                    load_dtd=False,
                    remove_comments=True,
                    remove_pis=True,
                ):
                    if _local(element) == around and len(path) > 2:
                        if any(child.tag != f"{_space(element)}{name}" for child in element):
                            raise WorkbookUnreadable(part)
                        continue
                    if _local(element) == around:
                        continue
                    parent = element.getparent()
                    if home is None:
                        home = parent
                        _require_path(element, path, part)
                    if parent is not home or parent is None:
                        raise WorkbookUnreadable(part)
                    yield element
                    element.clear()
                    while (former := element.getprevious()) is not None:
                        if len(path) > 2 and former.tag != element.tag:
                            raise WorkbookUnreadable(part)
                        del parent[0]
        except _BROKEN as wrong:
            raise WorkbookUnreadable(part) from wrong


def _require_path(element: etree._Element, path: tuple[str, ...], part: str) -> None:
    """Is this where the format puts it, all in one namespace, in a document that declares nothing of its own?"""
    space = _space(element)
    expected = [f"{space}{name}" for name in reversed(path)]
    found = [element.tag, *(above.tag for above in element.iterancestors())]
    if found != expected or element.getroottree().docinfo.internalDTD is not None:
        raise WorkbookUnreadable(part)


def _value(
    cell: etree._Element, shared: list[str], formulas: dict[str, tuple[str, str]], place: str, part: str
) -> Raw:
    kind, space = cell.get("t") or "n", _space(cell)
    inside: dict[str, etree._Element] = {}
    for child in cell:
        name = str(child.tag).removeprefix(space)
        if name in inside or name not in ("f", "v", "is", "extLst"):
            raise WorkbookUnreadable(part)
        inside[name] = child
    if "is" in inside and ("v" in inside or kind != "inlineStr"):
        raise WorkbookUnreadable(part)
    if cell.get("vm"):  # what is shown is kept elsewhere, and this is for programs that do not know of it
        raise WorkbookUnreadable(part)
    if "f" in inside:
        return _formula(inside["f"], formulas, place)
    if "is" in inside:
        return _text(inside["is"], part) or None
    held = _own(inside["v"], part) if "v" in inside else ""
    if not held:
        return None
    match kind:
        case "s":
            number = _count(held, 0, part)
            if number >= len(shared):
                raise WorkbookUnreadable(part)
            return shared[number] or None
        case "str":
            return str(unescape(held))
        case "b":
            return Formula("TRUE()" if held == "1" else "FALSE()")  # no number, whatever it is kept as
        case "n":
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
            # one that cannot be read is none of ours: it differs from what was written, whatever it says
            with contextlib.suppress(TokenizerError, TranslatorError):
                text = Translator(f"={text}", origin).translate_formula(place)[1:]
    return Formula(text)


def _text(element: etree._Element, part: str) -> str:
    """The text of a string item: its own or that of its runs, without the reading aids of East Asian scripts."""
    space = _space(element)
    parts = []
    for child in element:
        match str(child.tag).removeprefix(space):
            case "t":
                parts.append(_own(child, part))
            case "r":
                parts += [_own(t, part) for t in child if t.tag == f"{space}t"]
            case "rPh" | "phoneticPr":
                continue
            case _:
                raise WorkbookUnreadable(part)
    return str(unescape("".join(parts)))


def _own(element: etree._Element, part: str) -> str:
    """The text of an element that holds nothing else."""
    if len(element):
        raise WorkbookUnreadable(part)
    return element.text or ""


def _count(text: str | None, otherwise: int, part: str) -> int:
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise WorkbookUnreadable(part)
    return int(text)


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _space(element: etree._Element) -> str:
    """The namespace of an element, in braces."""
    return str(element.tag)[: str(element.tag).rfind("}") + 1]


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
