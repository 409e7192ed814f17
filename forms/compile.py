"""From an XLSForm workbook to a :class:`~forms.form.Form`: our ``indicators`` sheet, then pyxform's pipeline.

Each indicator becomes a hidden calculate and a note (:mod:`forms.indicators`); all else is plain XLSForm.
Whatever is wrong is said with sheet, row and column of the workbook as the author sees it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lxml import etree
from pyxform.builder import create_survey_element_from_dict
from pyxform.errors import PyXFormError
from pyxform.xls2json import workbook_to_json

from forms.attached import Attached, media_faults, needs_of
from forms.checks import (
    column_faults,
    doubts,
    property_faults,
    settings_faults,
    take_secret_choices,
    take_sensitive,
)
from forms.entities import declarations
from forms.expressions import place_of, read_expressions
from forms.form import Finding, Form, Indicator, SensitiveKind
from forms.impossible import rule_doubts
from forms.indicators import IndicatorRow, languages, read_indicators, survey_rows
from forms.places import Origins, bind_places, empty_cell, findings_of
from forms.schema import Schema
from forms.validate import BIND, KINDS, Places, validate_xform
from forms.workbook import INDICATORS, FormErrors, Workbook, read_workbook

__all__ = ["CompileResult", "FormErrors", "Inspection", "compile_workbook", "inspect_workbook"]

XF = "{http://www.w3.org/2002/xforms}"
_FILES = ("jr://file", "jr://images/", "jr://audio/", "jr://video/")
MOST_ERRORS = 20
"""After so many wrong references the rest would only tire the author."""


@dataclass(frozen=True)
class CompileResult:
    """A form that phones can use, and what is doubtful in it."""

    form: Form
    warnings: tuple[Finding, ...]


@dataclass(frozen=True)
class Inspection:
    """Everything that one look at a workbook finds.

    ``form`` is None where so much is wrong that there is none; where it is there beside errors, it is good for
    comparing, not for publishing. ``places`` say where its expressions were written.
    """

    book: Workbook
    form: Form | None
    findings: tuple[Finding, ...]
    places: Places

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What must be mended."""
        return tuple(f for f in self.findings if f.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is doubtful."""
        return tuple(f for f in self.findings if f.severity == "warning")

    def with_findings(self, more: list[Finding]) -> Inspection:
        """The same with what somebody else found."""
        return replace(self, findings=_in_order([*self.findings, *more]))


def compile_workbook(path: Path, *, validate: bool = True, attached: Attached | None = None) -> CompileResult:
    """Compile an ``.xlsx``; with ``validate`` the XForm is also run through ODK Validate (a second or so).

    The same workbook always gives the same bytes. Raises :class:`FormErrors` with everything found wrong.
    """
    found = inspect_workbook(path, validate=validate, attached=attached)
    if found.errors or found.form is None:
        raise FormErrors(found.errors, found.book.file)
    return CompileResult(found.form, found.warnings)


def inspect_workbook(path: Path, *, validate: bool = True, attached: Attached | None = None) -> Inspection:
    """Look at an ``.xlsx`` in one pass, as far as its faults let us; ``attached`` gives the lists, if they count.

    Raises :class:`FormErrors` where there is no workbook to look at.
    """
    book = read_workbook(path)
    if findings := column_faults(book):
        return Inspection(book, None, _in_order(findings), {})  # without these columns all else is noise
    findings = doubts(book) + settings_faults(book) + property_faults(book)
    sensitive, faults = take_sensitive(book)
    findings += faults
    secret_choices, faults = take_secret_choices(book)
    findings += faults
    secret = {path.rsplit("/", 1)[1] for path in sensitive}
    rows, faults = read_indicators(book, secret)
    findings += faults
    origins = Origins()
    origins.append(book, survey_rows(rows, languages(book)))
    said: list[str] = []
    xform, faults = _run_pyxform(book, origins, said)
    findings += faults
    if xform is None:
        return Inspection(book, None, _in_order(findings), {})
    for message in said:
        findings += findings_of(book, origins, message, "warning")
    places = bind_places(book, rows)
    form = replace(_form(book, xform, rows, sensitive), secret_choices=secret_choices)
    findings += _of_the_xform(form, places, findings, attached, validate=validate)
    return Inspection(book, form, _in_order(findings), places)


def _of_the_xform(
    form: Form, places: Places, known: list[Finding], attached: Attached | None, *, validate: bool
) -> list[Finding]:
    """What is wrong with the compiled form, but for cells that something is known to be wrong with."""
    tree = etree.fromstring(form.xform.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    schema = Schema.from_xform(form.xform)
    rules = {f"/{schema.root}/{i.node}": i.rule for i in form.indicators}
    written, findings = read_expressions(tree, places, rules)
    findings += rule_doubts(written, schema, rules)
    if attached is not None:
        saves = {f"{d.list}.csv": d.saves for d in declarations(form.xform)}
        findings += media_faults(form.media, needs_of(tree, written, places), attached, saves)
    wrong = {(f.sheet, f.row, f.column) for f in known if f.severity == "error" and f.row}
    findings = [f for f in findings if (f.sheet, f.row, f.column) not in wrong]
    if validate:
        wrong |= {(f.sheet, f.row, f.column) for f in findings if f.severity == "error" and f.row}
        for bind in tree.iter(BIND):
            for kind in KINDS:
                if place_of(places, bind.get("nodeset") or "", kind) in wrong:
                    bind.attrib.pop(kind, "")  # ODK Validate would end at what is known already
        faults, doubtful = validate_xform(etree.tostring(tree, encoding="unicode"), places)
        findings += [*faults, *doubtful]
    return findings


def _run_pyxform(book: Workbook, origins: Origins, said: list[str]) -> tuple[str | None, list[Finding]]:
    """The XForm, and what is wrong with it; None where there is none.

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
        return str(xform), findings


def _in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """In the order of sheets and rows, each once."""
    order = {"file": 0, "settings": 1, "survey": 2, "choices": 3, INDICATORS: 5}
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda f: (order.get(f.sheet, 4), f.row or 0)))


def _form(book: Workbook, xform: str, rows: list[IndicatorRow], sensitive: dict[str, SensitiveKind]) -> Form:
    tree = etree.fromstring(xform.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    calculates = {b.get("nodeset"): b.get("calculate") or "" for b in tree.iter(f"{XF}bind")}
    # lists, and the pictures, sounds and films of labels
    sources = [i.get("src") or "" for i in tree.iter(f"{XF}instance")]
    sources += [value.text or "" for value in tree.iter(f"{XF}value")]
    settings = book.settings()
    return Form(
        form_id=settings.get("form_id", ""),
        version=settings.get("version", ""),
        title=settings.get("form_title", ""),
        xform=xform,
        indicators=tuple(_indicator(row, calculates[f"/{book.root}/{row.node}"]) for row in rows),
        sensitive=sensitive,
        media=tuple(sorted({s.rsplit("/", 1)[1] for s in sources if s.startswith(_FILES)})),
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
