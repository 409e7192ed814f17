"""Orders of files as pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date

from server.staff import words
from server.store.export_jobs import REPORT, Job
from server.store.saved_exports import Saved

STATES: Final = {
    "open": "menunggu", "acknowledged": "ditangani", "closed": "ditutup", "none": "tanpa kasus",
}  # fmt: skip
KINDS: Final = {
    "xlsx": "Excel (.xlsx)", "csv": "CSV, satu tabel", "zip": "CSV semua tabel, susunan ODK Central (.zip)",
    "geojson": "Peta (.geojson)",
}  # fmt: skip
VARIANTS: Final = {
    "dinas": "Untuk dinas: dengan register",
    "umum": "Untuk umum: tanpa data pribadi",
    "terbatas": "Terbatas: dengan jawaban tentang kekerasan",
}
"""The variants of the report."""
_REPORT: Final = "Laporan bulanan"
_ERRORS: Final = {
    "export.indicator_unknown": "Kode indikator itu tidak ada pada formulir ini.",
    "auth.forbidden": "Hak akses Anda sudah berubah. Pesan lagi.",
    "form.unpublished": "Formulir itu sudah tidak ada.",
}


@dataclass(frozen=True)
class Line:
    """An order as a page shows it."""

    token: str
    title: str
    what: str
    state: str
    ordered: str
    percent: int | None
    facts: str


@dataclass(frozen=True)
class Monthly:
    """A monthly order as a page shows it."""

    id: int
    title: str
    what: str
    next: str


def line(job: Job, titles: Mapping[str, str], zone: ZoneInfo) -> Line:
    """An order. ``titles``: those of the forms, by their id."""
    percent = None
    if job.state == "running" and job.total:
        percent = min(100 * job.done // job.total, 99)
    facts = ""
    if job.state == "done" and job.expires_at is not None:
        size, until = words.file_size(job.size or 0), words.local_time(job.expires_at, zone)
        rows = "" if job.kind == REPORT else f"{job.rows} data, "
        facts = f"{rows}{size}, disimpan sampai {until}"
    elif job.state == "failed":
        facts = _ERRORS.get(job.error or "", "Gagal dibuat. Hubungi pengelola bila terulang.")
    elif job.state == "removed":
        facts = "Berkas sudah dihapus."
    title, what = _told(job.form_id, job.kind, job.request, titles)
    ordered = words.local_time(job.ordered_at, zone)
    return Line(job.token, title, what, job.state, ordered, percent, facts)


def monthly(saved: Saved, titles: Mapping[str, str], zone: ZoneInfo) -> Monthly:
    """A monthly order."""
    request = saved.request or {}
    due = words.local_time(saved.next_at, zone) if saved.next_at else ""
    title, what = _told(saved.form_id, str(request.get("kind", "xlsx")), request, titles)
    return Monthly(saved.id, title, what, due)


def _told(form_id: str, kind: str, request: Mapping[str, Any], titles: Mapping[str, str]) -> tuple[str, str]:
    """The title of an order, and a line on what was asked for."""
    parts = []
    if kind == REPORT:
        wanted, title = request["report"], _REPORT
        if wanted.get("month"):
            month = date.fromisoformat(f"{wanted['month']}-01")
            title = f"{_REPORT} {format_date(month, 'MMMM y', locale='id')}"
        parts.append(VARIANTS[wanted["variant"]])
    else:
        title, filters = titles.get(form_id, form_id), request.get("filters", {})
        parts += [KINDS.get(kind, kind), f"wilayah {filters.get('area', '')}"]
        if filters.get("indicators"):
            parts.append("indikator " + ", ".join(filters["indicators"]))
        if filters.get("states"):
            parts.append("status " + ", ".join(STATES[state] for state in filters["states"]))
        if request.get("options", {}).get("media"):
            parts.append("dengan lampiran")
        if request.get("series"):
            parts.append("hanya yang baru")
    if request.get("locked"):
        parts.append("dengan kata sandi")
    return title, "; ".join(parts)
