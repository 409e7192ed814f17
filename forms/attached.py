"""Whether the attached lists of a form hold what the form asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from lxml import etree

from forms.expressions import Written, place_of
from forms.form import Finding
from forms.list_files import is_list, read_list
from forms.lists import NAME, ListUnreadable
from forms.validate import Place, Places
from forms.xpath import XPathError
from forms.xpath.parser import parse
from forms.xpath.references import columns

_XF: Final = "{http://www.w3.org/2002/xforms}"

Attached = Callable[[str], bytes | None]
"""Gives the content of an attached file by its name (``biaya.csv``), None where there is none."""

UNCHECKED: Final = b""
"""In the place of a content: the server makes this list, with columns that cannot be known here."""

_VERSIONS: Final = ("__version", "__trunkVersion", "__branchId")
"""Columns of every entity list; the last two are the phone's own and never served (COLLECT 3.10)."""

Needs = Mapping[str, Mapping[str, Place]]
"""The columns that a form reads of each attached CSV, by file name, each with the first place that reads it."""


def needs_of(xform: etree._Element, written: Iterable[Written], places: Places) -> Needs:
    """What a form asks of its attached CSV lists: ``name`` and ``label`` of choices, columns of look-ups."""
    files: dict[str, str] = {}
    for instance in xform.iter(f"{_XF}instance"):
        source = instance.get("src") or ""
        if is_list(source):
            files[instance.get("id") or ""] = source.rsplit("/", 1)[-1]
    needs: dict[str, dict[str, Place]] = {file: {} for file in files.values()}
    for list_name, column, place in [*_of_choices(xform, places), *_of_expressions(written)]:
        if list_name in files:
            needs[files[list_name]].setdefault(column, place)
    return needs


def _of_choices(xform: etree._Element, places: Places) -> Iterator[tuple[str, str, Place]]:
    for itemset in xform.iter(f"{_XF}itemset"):
        control = itemset.getparent()
        path = (control.get("ref") or "") if control is not None else ""
        sheet, row, _ = place_of(places, path, "")
        try:
            tree = parse(itemset.get("nodeset") or "")
        except XPathError:
            continue  # pyxform writes it; ODK Validate reads it
        found = list(columns(tree))
        names = {list_name for list_name, _ in found} or _list_names(itemset.get("nodeset") or "")
        for list_name, column in found:
            yield list_name, column, (sheet, row, "choice_filter")
        for list_name in names:
            for part in ("value", "label"):
                shown = itemset.find(f"{_XF}{part}")
                ref = (shown.get("ref") or "") if shown is not None else ""
                if ref and "(" not in ref:
                    yield list_name, ref, (sheet, row, "type")


def _list_names(nodeset: str) -> set[str]:
    _, found, rest = nodeset.partition("instance('")
    return {rest.split("'", 1)[0]} if found else set()


def _of_expressions(written: Iterable[Written]) -> Iterator[tuple[str, str, Place]]:
    for expression in written:
        for list_name, column in columns(expression.tree):
            yield list_name, column, expression.place


def media_faults(
    media: Iterable[str], needs: Needs, attached: Attached, saves: Mapping[str, Iterable[str]]
) -> list[Finding]:
    """What is wrong with the attached files of a form: missing, unreadable, repeated keys, columns that lack.

    ``saves`` are the properties that the form itself gives to entity lists, by file name: those exist as columns.
    """
    findings: list[Finding] = []
    for filename in media:
        content = attached(filename)
        wanted = needs.get(filename, {})
        if filename in saves:
            own = {NAME, "label", *_VERSIONS, *saves[filename]}
            wanted = {column: place for column, place in wanted.items() if column not in own}
            content = content or UNCHECKED
        if content == UNCHECKED and filename.endswith(".csv"):
            continue
        if content is None:
            sheet, row, column = next(iter(wanted.values()), ("survey", None, None))
            findings.append(
                Finding(
                    sheet,
                    row,
                    column,
                    f"the attached file {filename} is nowhere. Lay it beside the workbook, or name its folder "
                    "with --media.",
                    f"berkas lampiran {filename} tidak ada. Taruh di folder buku kerja, atau sebut foldernya "
                    "dengan --media.",
                )
            )
        elif is_list(filename):
            findings += list_faults(filename, content, wanted)
    return findings


def list_faults(filename: str, content: bytes, wanted: Mapping[str, Place]) -> list[Finding]:
    """What is wrong with the content of a list, of which the columns ``wanted`` are read at these places."""
    try:
        table = read_list(filename, content)
    except ListUnreadable as wrong:
        return [Finding(filename, wrong.row, None, f"{wrong.message}.", f"{wrong.pesan}.")]
    findings = [
        Finding(
            filename,
            line,
            NAME,
            f"the key '{key}' stands already in row {before}. Keep one of the two.",
            f"kunci '{key}' sudah ada di baris {before}. Sisakan satu.",
        )
        for line, before, key in (table.repeated() if NAME in table.columns else ())
    ]
    return findings + [
        Finding(
            *place,
            f"the list {filename} has no column {column}. It has: {', '.join(table.columns)}.",
            f"daftar {filename} tidak punya kolom {column}. Kolomnya: {', '.join(table.columns)}.",
        )
        for column, place in wanted.items()
        if column not in table.columns
    ]
