"""Writing the file of an order: a form's submissions, or the monthly report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from exports.access import Access
from exports.form_export import export_form
from exports.options import filters_of, options_of
from exports.report import Order, write_report
from server.store import export_jobs
from server.store.database import Store
from server.store.export_jobs import Job
from server.store.officers import Person

Progress = Callable[[int, int], None]


def write(
    job: Job, person: Person, draft: Path, store: Store, zone: str, now: datetime, progress: Progress
) -> tuple[int, int]:
    """Write the file of a job to ``draft``, as its owner may see things; returns how many submissions are in it, and
    how many attached files.

    ``zone`` is that of areas whose own is not known. ``progress`` may raise to end it. Raises
    :class:`forms.problems.Problem` for what the order cannot have any more.
    """
    reader, password = Access(job.role, job.area), export_jobs.password_of(job, store)
    if job.kind == export_jobs.REPORT:
        wanted = job.request["report"]
        order = Order(
            job.area,
            date.fromisoformat(f"{wanted['month']}-01"),
            reader,
            now,
            person.name,
            public=wanted["variant"] == "umum",
            restricted=wanted["variant"] == "terbatas",
            default_zone=zone,
        )
        return write_report(order, draft, store, password=password, progress=progress).people, 0
    result = export_form(
        job.form_id,
        draft,
        store,
        reader=reader,
        made_at=now,
        made_by=job.owner,
        filters=filters_of(job.request["filters"]),
        options=options_of(job.request["options"]),
        password=password,
        progress=progress,
    )
    return result.rows, result.files
