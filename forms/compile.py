"""From an XLSForm workbook to a :class:`~forms.form.Form`: our ``indicators`` sheet, then pyxform's pipeline.

Each indicator becomes a hidden calculate and a note (:mod:`forms.indicators`); all else is plain XLSForm.
Whatever is wrong is said with sheet, row and column of the workbook as the author sees it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from lxml import etree
from pyxform.builder import create_survey_element_from_dict
from pyxform.errors import PyXFormError
from pyxform.xls2json import workbook_to_json

from forms.form import Finding, Form, Indicator, SensitiveKind
from forms.indicators import GeneratedRow, IndicatorRow, languages, read_indicators, survey_rows
from forms.validate import KINDS, Place, validate_xform
from forms.workbook import INDICATORS, FormErrors, Workbook, read_workbook

__all__ = ["CompileResult", "FormErrors", "compile_workbook"]

XF = "{http://www.w3.org/2002/xforms}"
SENSITIVE = "sensitive"
"""Our own column of the survey sheet: what kind of secret a question holds."""
MOST_ERRORS = 20
"""After so many wrong references the rest would only tire the author."""

_ROW = re.compile(r"\[row : (\d+)\]")
_SHEET = re.compile(r"(?:On the|for sheet:|sheet named) '(\w+)'")
_COLUMN = re.compile(r"the '([^']+)' value")
_UNKNOWN_TYPE = re.compile(r"Unknown question type '([^']*)'")
_QUOTED = re.compile(r"['\[]([\w.-]+)['\]]|named (\w+)")
_TYPE_FAULTS = ("List name not in", "Question with no type", "Unmatched", "no valid choices")
_REFERENCE_FAULT = "Reference variables"


@dataclass(frozen=True)
class CompileResult:
    """A form that phones can use, and what is doubtful in it."""

    form: Form
    warnings: tuple[Finding, ...]


def compile_workbook(path: Path, *, validate: bool = True) -> CompileResult:
    """Compile an ``.xlsx``; with ``validate`` the XForm is also run through ODK Validate (a second or so).

    Raises :class:`FormErrors` with everything found wrong.
    """
    book = read_workbook(path)
    rows, findings = read_indicators(book)
    findings += _settings_faults(book)
    sensitive, faults = _take_sensitive(book)
    findings += faults
    spoken = languages(book)
    made = survey_rows(rows, spoken)
    origins = _append(book, made)
    said: list[str] = []
    xform, faults = _run_pyxform(book, origins, said)
    findings += faults
    if findings or xform is None:
        raise FormErrors(_in_order(findings), book.file)
    warnings = [_finding(book, origins, text) for text in said]
    if validate:
        faults, doubts = validate_xform(xform, _bind_places(book, rows))
        if faults:
            raise FormErrors(_in_order(faults), book.file)
        warnings += doubts
    return CompileResult(_form(book, xform, rows, sensitive), tuple(warnings))


def _settings_faults(book: Workbook) -> list[Finding]:
    """What the server and the phone need besides what pyxform asks for."""
    settings = book.settings()
    findings = []
    for meaning, example in (
        ("form_id", "berangkat"),
        ("version", "2026112101"),
        ("form_title", "Pendataan PMI"),
    ):
        if not (settings.get(meaning) or (meaning == "form_id" and settings.get("id_string"))):
            findings.append(
                Finding("settings", 2, meaning, f"{meaning} is missing. Write it, such as {example}.")
            )
    default = settings.get("default_language")
    known = {h.split("::", 1)[1].strip() for h in book.header("survey") if h.lower().startswith("label::")}
    if known and default not in known:
        findings.append(
            Finding(
                "settings",
                2,
                "default_language",
                f"'{default or ''}' is no language of the survey. Write one of: {', '.join(sorted(known))}.",
            )
        )
    return findings


def _take_sensitive(book: Workbook) -> tuple[dict[str, SensitiveKind], list[Finding]]:
    """Read the ``sensitive`` column by path, and take it away: pyxform knows no such column."""
    kinds: tuple[str, ...] = get_args(SensitiveKind)
    sensitive: dict[str, SensitiveKind] = {}
    findings = []
    for number, path, cells in book.survey():
        kind = str(cells.get(SENSITIVE) or "").strip()
        if not kind:
            continue
        if kind in kinds:
            sensitive[path] = cast(SensitiveKind, kind)
        else:
            message = f"'{kind}' is not known. Write one of: {', '.join(kinds)}."
            findings.append(Finding("survey", number, SENSITIVE, message))
    for row in book.definition.survey or ():
        row.pop(SENSITIVE, None)
    for header in book.definition.survey_header or ():
        header.pop(SENSITIVE, None)
    return sensitive, findings


def _append(book: Workbook, made: list[GeneratedRow]) -> dict[int, Place]:
    """Add generated rows to the survey; says for each survey row number where it really comes from."""
    survey = list(book.definition.survey or ())
    header = dict(book.definition.survey_header[0]) if book.definition.survey_header else {}
    origins: dict[int, Place] = {}
    for cells, (row, column) in made:
        renamed = {key if "::" in key else book.column("survey", key) or key: v for key, v in cells.items()}
        header.update(dict.fromkeys(renamed))
        survey.append(renamed)
        origins[len(survey) + 1] = (INDICATORS, row, column)
    book.definition.survey = survey
    book.definition.survey_header = [header]
    return origins


def _run_pyxform(
    book: Workbook, origins: dict[int, Place], said: list[str]
) -> tuple[str | None, list[Finding]]:
    """The XForm, or why there is none.

    pyxform stops at its first error. Where that is a wrong ``${...}``, the cell is emptied and the run
    repeated, so that an author learns of all such cells at once.
    """
    findings: list[Finding] = []
    while True:
        said.clear()
        try:
            structure = workbook_to_json(
                workbook_dict=book.definition,
                form_name=None,
                fallback_form_name=book.definition.fallback_form_name,
                warnings=said,
            )
            xform = create_survey_element_from_dict(structure).to_xml(
                validate=False, pretty_print=False, warnings=said
            )
        except PyXFormError as wrong:
            message = str(wrong)
            lines = [line for line in message.split("\n") if _ROW.match(line)] or [message]
            findings += [_finding(book, origins, line) for line in lines]
            if _REFERENCE_FAULT in message and len(findings) < MOST_ERRORS and _empty_cell(book, message):
                continue
            return None, findings
        return (None if findings else str(xform)), findings


def _empty_cell(book: Workbook, message: str) -> bool:
    """Empty the cell that a message of pyxform names, in its own numbering; False where it names none."""
    row, sheet, column = _ROW.search(message), _SHEET.search(message), _COLUMN.search(message)
    if not (row and sheet and column):
        return False
    rows = getattr(book.definition, sheet[1], None) or ()
    index = int(row[1]) - 2
    if not 0 <= index < len(rows) or column[1] not in rows[index]:
        return False
    # a calculate without calculation would be the next error, and not the author's
    rows[index][column[1]] = "''" if "label" not in column[1] else "-"
    return True


def _finding(book: Workbook, origins: dict[int, Place], message: str) -> Finding:
    """Say where in the workbook a message of pyxform belongs."""
    row, sheet, column = _ROW.search(message), _SHEET.search(message), _COLUMN.search(message)
    name = sheet[1].lower() if sheet else "survey"
    number = int(row[1]) if row else None
    header = book.column(name, column[1]) or column[1] if column else None
    text = " ".join(_ROW.sub("", message).split())
    if number is None and (unknown := _UNKNOWN_TYPE.search(message)):
        number, header = _row_with(book, "type", unknown[1]), "type"
    elif number is None and not sheet:
        for quoted in _QUOTED.finditer(message):
            number = number or _row_with(book, "name", quoted[1] or quoted[2])
    if header is None and any(fault in message for fault in _TYPE_FAULTS):
        header = "type"
    if name == "survey" and number in origins:
        origin_sheet, origin_row, origin_column = origins[number]
        return Finding(origin_sheet, origin_row, origin_column, text)
    return Finding(name, number, header, text)


def _row_with(book: Workbook, meaning: str, value: str) -> int | None:
    """The first survey row whose cell says exactly that."""
    column = book.column("survey", meaning)
    for number, cells in enumerate((book.definition.survey or ())[: book.survey_rows], start=2):
        if column and cells.get(column) == value:
            return number
    return None


def _bind_places(book: Workbook, rows: list[IndicatorRow]) -> dict[tuple[str, str], Place]:
    """Where each expression of the XForm was written, by path and kind of bind (``constraint`` …).

    Kind ``""`` stands for the whole row.
    """
    places: dict[tuple[str, str], Place] = {}
    for number, path, cells in book.survey():
        places[path, ""] = ("survey", number, None)
        for kind in KINDS:
            column = book.column("survey", kind)
            if column and cells.get(column):
                places[path, kind] = ("survey", number, column)
    root = book.settings().get("name") or "data"
    for row in rows:
        places[f"/{root}/{row.node}", ""] = (INDICATORS, row.row, "rule")
    return places


def _in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """In the order of sheets and rows, each once."""
    order = {"file": 0, "settings": 1, "survey": 2, "choices": 3, INDICATORS: 5}
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda f: (order.get(f.sheet, 4), f.row or 0)))


def _form(book: Workbook, xform: str, rows: list[IndicatorRow], sensitive: dict[str, SensitiveKind]) -> Form:
    tree = etree.fromstring(xform.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    settings = book.settings()
    calculates = {b.get("nodeset"): b.get("calculate") or "" for b in tree.iter(f"{XF}bind")}
    root = settings.get("name") or "data"
    indicators = []
    for row in rows:
        compiled = calculates[f"/{root}/{row.node}"]
        indicators.append(
            Indicator(
                code=row.code,
                severity=row.severity,
                rule=compiled.removeprefix("if(").removesuffix(", 1, 0)"),
                recipients=row.recipients,
                digest=row.digest,
                restricted=row.restricted,
                label=row.label,
                sms=row.sms,
                advice=row.advice,
                source=row.source,
            )
        )
    sources = (i.get("src") or "" for i in tree.iter(f"{XF}instance"))
    return Form(
        form_id=settings.get("form_id") or settings["id_string"],
        version=settings["version"],
        title=settings["form_title"],
        xform=xform,
        indicators=tuple(indicators),
        sensitive=sensitive,
        media=tuple(sorted({s.rsplit("/", 1)[1] for s in sources if s.startswith("jr://file")})),
    )
