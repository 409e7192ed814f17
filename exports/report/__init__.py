"""The monthly report: registers, recaps, indicators, for a head of office to sign."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from exports.password import encrypt, require_good
from exports.proof import Made
from exports.report.build import Report, build
from exports.report.order import Order
from exports.report.template import fill_template
from exports.report.workbook import write_workbook
from exports.sealing_files import seal_file
from exports.values import Cell
from server.store.database import Store

__all__ = ["Order", "ReportResult", "write_report"]

Progress = Callable[[int, int], None]
"""Told now and then how many people are written, and of how many. May raise to end the report."""
_TOLD_EVERY = 100  # rows


@dataclass(frozen=True)
class ReportResult:
    """What was written: ``people`` in the registers, ``rows`` of each sheet by its name.

    Of a template: rows by the name of a table; ``untouched`` are its headers that the report does not know.
    """

    people: int
    rows: dict[str, int]
    untouched: tuple[str, ...] = ()


def write_report(
    order: Order,
    target: Path,
    store: Store,
    *,
    template: Path | None = None,
    password: str | None = None,
    progress: Progress = lambda done, total: None,
) -> ReportResult:
    """Write the report of a month as a workbook that proves itself (``posmigran verify``).

    With ``template`` a province's own workbook is filled instead, and nothing else of it is touched, so it has no
    proof sheet; what it then may raise besides is in :mod:`exports.report.template`. ``password`` locks it.
    The file appears whole or not at all, readable by its owner only. Memory does not grow with the number of people.
    Runs in a reader's thread, never in the event loop. Raises :class:`forms.problems.Problem`: FORBIDDEN,
    AREA_UNKNOWN, REPORT_VARIANT, FORM_UNPUBLISHED, PASSWORD_WEAK.
    """
    if password is not None:
        require_good(password)
    progress(0, 0)
    report = build(order, store)
    _follow(report, progress)
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
            progress(report.people, report.people)
            seal_file(draft, "Bukti Keaslian", report.proof, made, store.keys.proof)
        if password is not None:
            encrypt(draft, password)
        progress(report.people, report.people)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return result


def _follow(report: Report, progress: Progress) -> None:
    """Have progress told while the rows are read that are not counted yet: those of the registers."""
    done = 0

    def followed(rows: Iterable[Sequence[Cell]]) -> Iterator[Sequence[Cell]]:
        nonlocal done
        for row in rows:
            if done % _TOLD_EVERY == 0:
                progress(min(done, report.people), report.people)
            done += 1
            yield row

    for sheet in report.sheets:
        for block in sheet.blocks:
            if not isinstance(block.rows, Sequence):
                block.rows = followed(block.rows)
