"""A province's own workbook as a package of parts: where its sheets, names and tables are. Nothing is changed here."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from lxml import etree
from openpyxl.utils import column_index_from_string, get_column_letter

from forms.problems import Problem, Problems

MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_LINKS: Final = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_TABLE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/table"
_MOST_BYTES: Final = 200 << 20
"""Bytes of a template, unpacked: enough for any logo, too little for a bomb."""
_DAY_FORMATS: Final = "ymdh"
_MOST_PARTS: Final = 5_000
_COMPOUND: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_MACRO: Final = re.compile(r"vbaProject|macrosheets/|macroEnabled", re.IGNORECASE)
_AREA: Final = re.compile(
    r"(?:'((?:[^']|'')+)'|([^'!]+))!\$?([A-Z]{1,3})\$?([0-9]+)(?::\$?([A-Z]{1,3})\$?([0-9]+))?"
)


@dataclass(frozen=True)
class Place:
    """Cells of a sheet; rows and columns count from 1, the last ones are included."""

    sheet: str
    top: int
    left: int
    bottom: int
    right: int

    def __str__(self) -> str:
        first, last = cell_name(self.top, self.left), cell_name(self.bottom, self.right)
        return first if first == last else f"{first}:{last}"

    def reference(self) -> str:
        """The same as a defined name says it."""
        quoted = self.sheet.replace("'", "''")
        return (
            f"'{quoted}'!${get_column_letter(self.left)}${self.top}:"
            f"${get_column_letter(self.right)}${self.bottom}"
        )


@dataclass(frozen=True)
class TablePart:
    """An Excel table: its name, its part, its cells with the header row and without the totals.

    ``totals`` is how many rows of totals stand below them: none or one.
    """

    name: str
    part: str
    place: Place
    totals: int


def cell_name(row: int, column: int) -> str:
    """``B6``."""
    return f"{get_column_letter(column)}{row}"


class Package:
    """An opened template. Raises :class:`Problem` (TEMPLATE_UNREADABLE, TEMPLATE_MACROS) that says what is wrong."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            with file.open("rb") as stream:
                locked = stream.read(8) == _COMPOUND
            if locked:
                raise self.unreadable(
                    "dikunci dengan kata sandi atau berformat lama (.xls)",
                    "it is locked with a password or of the old kind (.xls)",
                )
            self._zip = zipfile.ZipFile(file)
        except zipfile.BadZipFile:
            raise self.unreadable("bukan berkas .xlsx", "it is no .xlsx file") from None
        try:
            self._check()
            self.workbook = self.tree("xl/workbook.xml")
            self.sheets = self._sheets()
            self.tables = list(self._tables())
        except Problem:
            self._zip.close()
            raise
        except (KeyError, zipfile.BadZipFile, etree.XMLSyntaxError, ValueError) as error:
            self._zip.close()
            raise self.unreadable("bagian di dalamnya rusak", "a part of it is broken") from error

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()

    def unreadable(self, why_id: str, why: str) -> Problem:
        """The problem that this file is no template."""
        return Problem(Problems.TEMPLATE_UNREADABLE, file=self.file.name, alasan=why_id, reason=why)

    def entries(self) -> list[zipfile.ZipInfo]:
        """The parts in their order."""
        return self._zip.infolist()

    def open(self, entry: zipfile.ZipInfo) -> IO[bytes]:
        """A part as a stream."""
        return self._zip.open(entry)

    def read(self, part: str) -> bytes:
        """A part, byte for byte."""
        return self._zip.read(part)

    def tree(self, part: str) -> etree._Element:
        """A part as XML; no entity and no address is followed."""
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        return etree.fromstring(self.read(part), parser)

    def names(self) -> Iterator[tuple[str, etree._Element]]:
        """The defined names with their elements."""
        for element in self.workbook.iterfind(f"{MAIN}definedNames/{MAIN}definedName"):
            yield element.get("name") or "", element

    def place_of(self, name: str, element: etree._Element) -> Place:
        """The cells of a defined name. Raises :class:`Problem` (TEMPLATE_NAME) where it is no plain range."""
        found = _AREA.fullmatch((element.text or "").strip())
        sheet = (found[1] or found[2]).replace("''", "'") if found else ""
        if found is None or sheet not in self.sheets:
            raise Problem(Problems.TEMPLATE_NAME, name=name, reference=element.text or "")
        top, left = int(found[4]), column_index_from_string(found[3])
        bottom = int(found[6]) if found[6] else top
        right = column_index_from_string(found[5]) if found[5] else left
        return Place(sheet, top, left, bottom, right)

    def _check(self) -> None:
        entries = self.entries()
        if len(entries) > _MOST_PARTS or sum(entry.file_size for entry in entries) > _MOST_BYTES:
            raise self.unreadable("terlalu besar", "it is too big")
        if len({entry.filename for entry in entries}) != len(entries):
            raise self.unreadable("memuat dua bagian dengan satu nama", "it has two parts of one name")
        types = self.read("[Content_Types].xml").decode("utf-8", "replace")
        if _MACRO.search(types) or any(_MACRO.search(entry.filename) for entry in entries):
            raise Problem(Problems.TEMPLATE_MACROS, file=self.file.name)

    def related(self, part: str) -> dict[str, tuple[str, str]]:
        """(type, part) of what a part points to, by id."""
        folder, name = posixpath.split(part)
        rels = f"{folder}/_rels/{name}.rels"
        if rels not in self._zip.namelist():
            return {}
        return {
            link.get("Id") or "": (
                link.get("Type") or "",
                posixpath.normpath(posixpath.join("/" + folder, link.get("Target") or "")).lstrip("/"),
            )
            for link in self.tree(rels).iter(f"{_LINKS}Relationship")
        }

    def _sheets(self) -> dict[str, str]:
        related = self.related("xl/workbook.xml")
        return {
            sheet.get("name") or "": related[sheet.get(f"{_RELATION}id") or ""][1]
            for sheet in self.workbook.iterfind(f"{MAIN}sheets/{MAIN}sheet")
        }

    def _tables(self) -> Iterator[TablePart]:
        for sheet, part in self.sheets.items():
            for kind, target in self.related(part).values():
                if kind == _TABLE:
                    table = self.tree(target)
                    place, totals = (
                        bounds(sheet, table.get("ref") or ""),
                        int(table.get("totalsRowCount") or 0),
                    )
                    place = replace(place, bottom=place.bottom - totals)
                    yield TablePart(table.get("displayName") or "", target, place, totals)


def bounds(sheet: str, reference: str) -> Place:
    """``A5:H9`` of a sheet. Raises ValueError."""
    found = re.fullmatch(r"\$?([A-Z]{1,3})\$?([0-9]+)(?::\$?([A-Z]{1,3})\$?([0-9]+))?", reference)
    if found is None:
        raise ValueError("no range of cells")
    top, left = int(found[2]), column_index_from_string(found[1])
    bottom = int(found[4]) if found[4] else top
    right = column_index_from_string(found[3]) if found[3] else left
    return Place(sheet, top, left, bottom, right)


def date_styles(package: Package) -> set[int]:
    """The numbers of the styles that show days."""
    if not any(entry.filename == "xl/styles.xml" for entry in package.entries()):
        return set()
    styles = package.tree("xl/styles.xml")
    own = {
        int(f.get("numFmtId") or 0): (f.get("formatCode") or "").casefold()
        for f in styles.iterfind(f"{MAIN}numFmts/{MAIN}numFmt")
    }
    dates = {*range(14, 23), *range(45, 48)}
    dates |= {number for number, code in own.items() if _shows_days(code)}
    cells = styles.iterfind(f"{MAIN}cellXfs/{MAIN}xf")
    return {number for number, xf in enumerate(cells) if int(xf.get("numFmtId") or 0) in dates}


def _shows_days(code: str) -> bool:
    in_quotes, in_brackets = False, False
    for character in code:
        if character == '"':
            in_quotes = not in_quotes
        elif character in "[]":
            in_brackets = character == "["
        elif not in_quotes and not in_brackets and character in _DAY_FORMATS:
            return True
    return False
