"""Exporting in a test: what is not said is as usual."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exports import form_export
from exports.access import Access
from exports.form_export import ExportResult, kind_of
from exports.options import Filters, Options
from server.store.database import Store

MADE_AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
MADE_BY = "petugas-contoh"
_FILTERS = ("area", "start", "end", "indicators", "states", "after", "until")


def export_form(form_id: str, target: Path, store: Store, *, reader: Access, **said: Any) -> ExportResult:
    """Export with the filters and options that are named."""
    filters = {name: said.pop(name) for name in _FILTERS if name in said}
    password = said.pop("password", None)
    options = Options.for_kind(kind_of(target), **said) if said else None
    return form_export.export_form(
        form_id,
        target,
        store,
        reader=reader,
        made_at=MADE_AT,
        made_by=MADE_BY,
        filters=Filters(**filters),
        options=options,
        password=password,
    )
