"""From an XLSForm workbook to a :class:`~forms.form.Form`: our ``indicators`` sheet, then pyxform's pipeline.

Each indicator becomes a hidden calculate and a note (:mod:`forms.indicators`); all else is plain XLSForm.
Whatever is wrong is said with sheet, row and column of the workbook as the author sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lxml import etree
from pyxform.builder import create_survey_element_from_dict
from pyxform.errors import PyXFormError
from pyxform.xls2json import workbook_to_json

from forms.checks import column_faults, doubts, settings_faults, take_sensitive
from forms.expressions import expression_faults
from forms.form import Finding, Form, Indicator, SensitiveKind
from forms.indicators import IndicatorRow, languages, read_indicators, survey_rows
from forms.places import Origins, bind_places, empty_cell, findings_of
from forms.validate import validate_xform
from forms.workbook import INDICATORS, FormErrors, Workbook, read_workbook

__all__ = ["CompileResult", "FormErrors", "compile_workbook"]

XF = "{http://www.w3.org/2002/xforms}"
MOST_ERRORS = 20
"""After so many wrong references the rest would only tire the author."""


@dataclass(frozen=True)
class CompileResult:
    """A form that phones can use, and what is doubtful in it."""

    form: Form
    warnings: tuple[Finding, ...]


def compile_workbook(path: Path, *, validate: bool = True) -> CompileResult:
    """Compile an ``.xlsx``; with ``validate`` the XForm is also run through ODK Validate (a second or so).

    The same workbook always gives the same bytes. Raises :class:`FormErrors` with everything found wrong.
    """
    book = read_workbook(path)
    if findings := column_faults(book):
        raise FormErrors(_in_order(findings), book.file)  # without these columns all else is noise
    doubtful = doubts(book)
    rows, findings = read_indicators(book)
    findings += settings_faults(book)
    sensitive, faults = take_sensitive(book)
    findings += faults
    origins = Origins()
    origins.append(book, survey_rows(rows, languages(book)))
    said: list[str] = []
    xform, faults = _run_pyxform(book, origins, said)
    findings += faults
    if findings or xform is None:
        raise FormErrors(_in_order(findings), book.file)
    for message in said:
        doubtful += findings_of(book, origins, message)
    places = bind_places(book, rows)
    if faults := expression_faults(xform, places):
        raise FormErrors(_in_order(faults), book.file)
    if validate:
        faults, warned = validate_xform(xform, places)
        if faults:
            raise FormErrors(_in_order(faults), book.file)
        doubtful += warned
    return CompileResult(_form(book, xform, rows, sensitive), _in_order(doubtful))


def _run_pyxform(book: Workbook, origins: Origins, said: list[str]) -> tuple[str | None, list[Finding]]:
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
            survey = create_survey_element_from_dict(structure)
            xform = survey.to_xml(validate=False, pretty_print=False, warnings=said)
        except PyXFormError as wrong:
            findings += findings_of(book, origins, str(wrong))
            if len(findings) < MOST_ERRORS and empty_cell(book, str(wrong)):
                continue
            return None, findings
        return (None if findings else str(xform)), findings


def _in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """In the order of sheets and rows, each once."""
    order = {"file": 0, "settings": 1, "survey": 2, "choices": 3, INDICATORS: 5}
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda f: (order.get(f.sheet, 4), f.row or 0)))


def _form(book: Workbook, xform: str, rows: list[IndicatorRow], sensitive: dict[str, SensitiveKind]) -> Form:
    tree = etree.fromstring(xform.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    calculates = {b.get("nodeset"): b.get("calculate") or "" for b in tree.iter(f"{XF}bind")}
    sources = (i.get("src") or "" for i in tree.iter(f"{XF}instance"))
    settings = book.settings()
    return Form(
        form_id=settings["form_id"],
        version=settings["version"],
        title=settings["form_title"],
        xform=xform,
        indicators=tuple(_indicator(row, calculates[f"/{book.root}/{row.node}"]) for row in rows),
        sensitive=sensitive,
        media=tuple(sorted({s.rsplit("/", 1)[1] for s in sources if s.startswith("jr://file")})),
    )


def _indicator(row: IndicatorRow, calculate: str) -> Indicator:
    """``calculate`` is the compiled ``if(RULE, 1, 0)`` of its hidden node."""
    return Indicator(
        code=row.code,
        severity=row.severity,
        rule=calculate.removeprefix("if(").removesuffix(", 1, 0)"),
        recipients=row.recipients,
        digest=row.digest,
        restricted=row.restricted,
        label=row.label,
        sms=row.sms,
        advice=row.advice,
        source=row.source,
    )
