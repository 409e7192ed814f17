"""Giving a finished workbook its proof sheet, whoever wrote it: nothing else in its package is touched."""

from __future__ import annotations

import posixpath
import shutil
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from lxml import etree

from exports.proof import SEAL, Made, Proof
from exports.sheet_reading import WorkbookReader
from exports.text import escaped
from exports.values import Cell

_PART: Final = "xl/worksheets/posmigran-proof.xml"
_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATION: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_CHUNK: Final = 1 << 20


def seal_file(file: Path, name: str, readable: Iterable[Sequence[Cell]], made: Made, key: bytes) -> None:
    """Append a proof sheet called ``name`` to the workbook ``file``, which is read back cell by cell for it.

    ``readable`` is what people read on it, one or two cells a row, none of them empty, the first row a header.
    For workbooks of ordinary size; large ones are sealed while they are written (:mod:`exports.xlsx`).
    Raises :class:`exports.sheet_reading.WorkbookUnreadable`.
    """
    proof = Proof(key)
    book = WorkbookReader(file)
    try:
        for sheet in book.sheets:
            seal = proof.sheet(sheet)
            for _, row in book.rows(sheet):
                seal.add(row)
    finally:
        book.close()
    told = list(readable)
    body = sheet_xml(proof.rows(told, made))
    draft = file.with_name(f"{file.name}.sealed")
    try:
        with zipfile.ZipFile(file) as source, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as packed:
            for entry in source.infolist():
                match entry.filename:
                    case "[Content_Types].xml":
                        packed.writestr(entry.filename, _with_type(source.read(entry)))
                    case "xl/_rels/workbook.xml.rels":
                        packed.writestr(entry.filename, _with_relation(source.read(entry)))
                    case "xl/workbook.xml":
                        packed.writestr(entry.filename, _with_sheet(source.read(entry), name, len(told)))
                    case _:
                        with source.open(entry) as old, packed.open(entry.filename, "w") as new:
                            shutil.copyfileobj(old, new, _CHUNK)
            packed.writestr(_PART, body)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def sheet_xml(rows: Iterable[Sequence[Cell]]) -> str:
    """A plain sheet of texts and numbers in the workbook's own default style."""
    parts = [
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet xmlns="{_MAIN}"><sheetPr/><cols>'
        '<col min="1" max="1" width="34" customWidth="1"/><col min="2" max="2" width="90" customWidth="1"/>'
        '<col min="3" max="4" width="14" customWidth="1"/></cols><sheetData>'
    ]
    for number, row in enumerate(rows, start=1):
        parts.append(f'<row r="{number}">')
        for letter, value in zip("ABCD", row, strict=False):
            if isinstance(value, str):
                text = escape(escaped(value), {"\r": "&#13;"})
                parts.append(
                    f'<c r="{letter}{number}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
                )
            elif isinstance(value, int | float):
                parts.append(f'<c r="{letter}{number}"><v>{value!r}</v></c>')
            elif value is not None:
                raise TypeError(f"a proof sheet holds texts and numbers, no {type(value).__name__}")
        parts.append("</row>")
    parts.append(
        '</sheetData><pageMargins left="0.4" right="0.4" top="0.5" bottom="0.75" header="0.3" footer="0.35"/>'
        '<pageSetup paperSize="9" orientation="landscape"/></worksheet>'
    )
    return "".join(parts)


def _with_type(content: bytes) -> bytes:
    types = etree.fromstring(content)
    etree.SubElement(types, f"{{{_PACKAGE}/content-types}}Override", PartName=f"/{_PART}", ContentType=_TYPE)
    return _written(types)


def _with_relation(content: bytes) -> bytes:
    relations = etree.fromstring(content)
    etree.SubElement(
        relations,
        f"{{{_PACKAGE}/relationships}}Relationship",
        Id=SEAL,
        Type=f"{_RELATION}/worksheet",
        Target=posixpath.relpath(_PART, "xl"),
    )
    return _written(relations)


def _with_sheet(content: bytes, name: str, told: int) -> bytes:
    """The workbook with a last sheet, of which only the first ``told`` rows are printed: the seal is for programs."""
    book = etree.fromstring(content)
    sheets = book.find(f"{{{_MAIN}}}sheets")
    if sheets is None:
        raise ValueError("a workbook without sheets cannot be sealed")
    number = 1 + max((int(sheet.get("sheetId") or 0) for sheet in sheets), default=0)
    added = etree.SubElement(sheets, f"{{{_MAIN}}}sheet", name=name, sheetId=str(number))
    added.set(f"{{{_RELATION}}}id", SEAL)
    names = book.find(f"{{{_MAIN}}}definedNames")
    if names is None:
        names = etree.Element(f"{{{_MAIN}}}definedNames")
        sheets.addnext(names)
    quoted = name.replace("'", "''")
    area = etree.SubElement(
        names, f"{{{_MAIN}}}definedName", name="_xlnm.Print_Area", localSheetId=str(len(sheets) - 1)
    )
    area.text = f"'{quoted}'!$A$1:$B${told}"
    return _written(book)


def _written(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
