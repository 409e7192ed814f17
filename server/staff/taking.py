"""Handing out files that the sync process wrote: at once where they are ready soon, else by a page that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from falcon.asgi import Response

from forms.problems import Problem, Problems
from server.staff.attachments import Content
from server.staff.pages import Pages
from server.staff.trust import Visitor
from server.store import areas, events, export_jobs, saved_exports
from server.store.export_files import ExportFiles
from server.store.export_jobs import REPORT, Job

PATIENCE: Final = 8.0
"""Seconds that a browser waits for the file itself, before it gets a page instead."""
_LOOK: Final = 0.25  # seconds between two looks at a job
_TYPES: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "zip": "application/zip",
    "geojson": "application/geo+json",
}


class Taking:
    """Hands out the files of ordered exports to those who ordered them."""

    def __init__(self, pages: Pages, patience: float = PATIENCE) -> None:
        self._pages = pages
        self._patience = patience
        self._files = ExportFiles(pages.settings.home, pages.store.keys)

    async def soon(self, response: Response, visitor: Visitor, token: str) -> None:
        """The file of what was just ordered, or the browser is sent to the page that waits for it.

        Waiting costs the web process nothing: it looks now and then whether the sync process has done its work.
        """
        for _ in range(round(self._patience / _LOOK)):
            job = await self._pages.readers.run(lambda: export_jobs.of_owner(visitor.person.slug, token))
            if job.state == "done":
                await self.send(response, visitor, token)
                return
            if job.state not in export_jobs.OPEN:
                break
            await asyncio.sleep(_LOOK)
        self._pages.redirect(response, f"/ekspor/{token}")

    async def send(self, response: Response, visitor: Visitor, token: str) -> None:
        """The file, for whoever ordered it and still has the rights. That it was taken is on record first.

        Raises :class:`Problem` (EXPORT_GONE).
        """
        person, now = visitor.person, self._pages.clock()

        def read() -> tuple[Job, Iterator[bytes]]:
            job = export_jobs.to_download(person, token, now)
            try:
                return job, self._files.read(job.token, job.address or "")
            except FileNotFoundError:
                raise Problem(Problems.EXPORT_GONE) from None

        job, content = await self._pages.readers.run(read)

        def note() -> None:
            if job.kind == REPORT:
                events.record(now, person.slug, "report.downloaded", job.area, **job.request["report"])
                return
            events.record(now, person.slug, "export.downloaded", job.form_id, area=job.area, kind=job.kind)
            series, until = job.request.get("series"), job.request["filters"].get("until")
            if series is not None:  # what was never taken comes again with the next one
                saved_exports.advance(person.slug, series, job.form_id, until, now)

        await self._pages.writer.run(note)
        response.content_type = _TYPES[job.suffix]
        response.downloadable_as = self._file_name(job)
        response.set_stream(Content(content), job.size or 0)

    def _file_name(self, job: Job) -> str:
        if job.kind == REPORT:
            wanted = job.request["report"]
            return f"laporan-{job.area}-{wanted['month']}-{wanted['variant']}.xlsx"
        day = job.ordered_at.astimezone(areas.zone(job.area, self._pages.settings.timezone)).date()
        return f"{job.form_id.replace('/', '-')}-{job.area}-{day.isoformat()}.{job.suffix}"
