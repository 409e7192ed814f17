"""Making room in a province's own workbook: rows pushed in before what stands below a table.

What stands below moves down as a whole, as when somebody inserts rows in Excel, and everything that points there keeps
pointing at it: formulas of all sheets, defined names, charts, merged cells, formats by condition, lists, notes,
pictures, tables, pivots. A range that ends with the table's last row grows with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree
from openpyxl.formula import Tokenizer
from openpyxl.formula.tokenizer import Token
from openpyxl.formula.translate import Translator

from exports.report.package import MAIN, Package

_DRAWING: Final = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
_CHART: Final = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_REFERENCE: Final = re.compile(
    r"(?P<sheet>(?:'(?:[^']|'')+'|[^'!\[\]:]+)!)?"
    r"(?P<c1>\$?[A-Z]{1,3})?(?P<d1>\$?)(?P<r1>[0-9]+)(?::(?P<c2>\$?[A-Z]{1,3})?(?P<d2>\$?)(?P<r2>[0-9]+))?"
)
_NOTE_ROW: Final = re.compile(rb"(<x:Row>)([0-9]+)(</x:Row>)")
_GROWING: Final = (f"{MAIN}conditionalFormatting", f"{MAIN}dataValidation")
_RELATED: Final = ("drawing", "comments", "table", "pivotTable")
_CALC_CHAIN: Final = "xl/calcChain.xml"
_ORDERED: Final = re.compile(rb"<(?:\w+:)?(?:Override|Relationship)\b[^>]*calcChain[^>]*/>")


@dataclass(frozen=True)
class Insertion:
    """``count`` rows come in before ``row`` of a sheet; ``first`` is the first row of the table that grows."""

    sheet: str
    row: int
    count: int
    first: int

    def moved(self, row: int) -> int:
        """Where a row comes to stand."""
        return row + self.count if row >= self.row else row

    def reference(self, text: str, home: str) -> str:
        """A reference such as ``B9``, ``$B$6:$B$8``, ``'Surat Dinas'!B9`` or ``4:5`` on the sheet ``home``."""
        found = _REFERENCE.fullmatch(text)
        if found is None or (found["c1"] is None and found["r2"] is None):
            return text
        sheet = found["sheet"] or ""
        named = sheet[:-1].removeprefix("'").removesuffix("'").replace("''", "'") if sheet else home
        if named != self.sheet:
            return text
        first = int(found["r1"])
        said = f"{sheet}{found['c1'] or ''}{found['d1']}{self.moved(first)}"
        if found["r2"] is None:
            return said
        last = int(found["r2"])
        grows = last == self.row - 1 and self.first - 1 <= first <= last
        last = last + self.count if grows else self.moved(last)
        return f"{said}:{found['c2'] or ''}{found['d2']}{last}"

    def place(self, text: str, grows: bool) -> str:
        """Cells of the sheet itself; ``grows``: a single one is a range too, which grows with the table."""
        if not grows or ":" in text:
            return self.reference(text, self.sheet)
        first, _, last = self.reference(f"{text}:{text}", self.sheet).partition(":")
        return first if first == last else f"{first}:{last}"

    def formula(self, text: str, home: str) -> str:
        """A formula without its equals sign."""
        parts = Tokenizer(f"={text}")
        for part in parts.items:
            if part.type == Token.OPERAND and part.subtype == Token.RANGE:
                part.value = self.reference(part.value, home)
        return "".join(part.value for part in parts.items)


class Inserter:
    """Carries insertions through a package. ``parts`` and ``bytes`` are what it has changed, ``gone`` what goes."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self.parts: dict[str, etree._Element] = {}
        self.bytes: dict[str, bytes] = {}
        self.gone: set[str] = set()

    def tree(self, part: str) -> etree._Element:
        """A part as it stands now."""
        return self.parts[part] if part in self.parts else self._package.tree(part)

    def workbook(self, insertion: Insertion) -> None:
        """Defined names, and charts wherever they are."""
        for name in self._package.workbook.iterfind(f"{MAIN}definedNames/{MAIN}definedName"):
            name.text = insertion.formula(name.text or "", "") if name.text else name.text
        for entry in self._package.entries():
            if re.fullmatch(r"xl/charts/chart[^/]*\.xml", entry.filename):
                chart = self.tree(entry.filename)
                for formula in chart.iter(f"{_CHART}f"):
                    formula.text = insertion.formula(formula.text or "", "")
                self.parts[entry.filename] = chart
            elif entry.filename == _CALC_CHAIN:  # it names cells; programs make it anew where there is none
                self.gone.add(_CALC_CHAIN)
                for part in ("[Content_Types].xml", "xl/_rels/workbook.xml.rels"):
                    self.bytes[part] = _ORDERED.sub(b"", self._package.read(part))

    def formulas(self, root: etree._Element, sheet: str, insertion: Insertion) -> None:
        """The formulas of a sheet, in cells, formats and lists."""
        _part_shared(root)
        for kind in ("f", "formula", "formula1", "formula2"):
            for formula in root.iter(f"{MAIN}{kind}"):
                if formula.text:
                    formula.text = insertion.formula(formula.text, sheet)

    def below(self, root: etree._Element, insertion: Insertion) -> None:
        """What stands on the sheet itself: its rows must be moved by who holds them (:class:`SheetPart`)."""
        for element in root.iter(f"{MAIN}*"):
            if element.tag in (f"{MAIN}row", f"{MAIN}c"):
                continue
            for attribute in ("ref", "sqref"):
                said = element.get(attribute)
                if said is not None:
                    grows = element.tag in _GROWING
                    element.set(attribute, " ".join(insertion.place(place, grows) for place in said.split()))
        for cut in root.iterfind(f"{MAIN}rowBreaks/{MAIN}brk"):
            cut.set("id", str(insertion.moved(int(cut.get("id") or 0) + 1) - 1))
        for kind, part in self._related(insertion.sheet):
            if kind == "vmlDrawing":
                before = self.bytes.get(part) or self._package.read(part)
                self.bytes[part] = _NOTE_ROW.sub(
                    lambda m: m[1] + str(insertion.moved(int(m[2]) + 1) - 1).encode() + m[3], before
                )
            elif kind in _RELATED:
                self._relative(part, kind, insertion)

    def _related(self, sheet: str) -> Iterator[tuple[str, str]]:
        for kind, part in self._package.related(self._package.sheets[sheet]).values():
            yield kind.rpartition("/")[2], part

    def _relative(self, part: str, kind: str, insertion: Insertion) -> None:
        tree = self.tree(part)
        if kind == "drawing":
            for row in tree.iter(f"{_DRAWING}row"):
                row.text = str(insertion.moved(int(row.text or 0) + 1) - 1)
        else:
            for element in tree.iter(f"{MAIN}*"):
                if element.get("ref") is not None:
                    element.set("ref", insertion.reference(element.get("ref") or "", insertion.sheet))
        self.parts[part] = tree


def _part_shared(root: etree._Element) -> None:
    """Give each cell of a shared formula its own: cells that are moved apart share nothing any more."""
    masters: dict[str, tuple[str, str]] = {}
    for cell in root.iter(f"{MAIN}c"):
        formula = cell.find(f"{MAIN}f")
        if formula is None or formula.get("t") != "shared":
            continue
        number, place = formula.get("si") or "", cell.get("r") or ""
        if formula.text:
            masters[number] = (f"={formula.text}", place)
        elif number in masters:
            text, origin = masters[number]
            formula.text = Translator(text, origin).translate_formula(place)[1:]
        for attribute in ("t", "si", "ref"):
            etree.strip_attributes(formula, attribute)
