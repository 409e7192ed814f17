"""The monthly report: registers, recaps, indicators, for a head of office to sign."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from exports.proof import Made
from exports.report.build import build
from exports.report.order import Order
from exports.report.template import fill_template
from exports.report.workbook import write_workbook
from exports.sealing_files import seal_file
from server.store.database import Store

__all__ = ["Order", "ReportResult", "write_report"]


@dataclass(frozen=True)
class ReportResult:
    """What was written: ``people`` in the registers, ``rows`` of each sheet by its name.

    Of a template: rows by the name of a table; ``untouched`` are its headers that the report does not know.
    """

    people: int
    rows: dict[str, int]
    untouched: tuple[str, ...] = ()


def write_report(order: Order, target: Path, store: Store, *, template: Path | None = None) -> ReportResult:
    """Write the report of a month as a workbook that proves itself (``posmigran verify``).

    With ``template`` a province's own workbook is filled instead, and nothing else of it is touched, so it has no
    proof sheet; what it then may raise besides is in :mod:`exports.report.template`.
    The file appears whole or not at all, readable by its owner only. Memory does not grow with the number of people.
    Runs in a reader's thread, never in the event loop. Raises :class:`forms.problems.Problem`: FORBIDDEN,
    AREA_UNKNOWN, REPORT_VARIANT, FORM_UNPUBLISHED.
    """
    report = build(order, store)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(descriptor)
    draft = Path(name)
    try:
        if template is not None:
            filled = fill_template(template, draft, report.facts, report.sheets)
            result = ReportResult(report.people, filled.rows, tuple(filled.untouched))
        else:
            result = ReportResult(report.people, write_workbook(report, draft))
            made = Made(order.made_at, order.by, report.people)
            seal_file(draft, "Bukti Keaslian", report.proof, made, store.keys.proof)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return result
