"""Writing the exports that were ordered, one at a time, and ordering those that the clock asks for.

Each attempt writes in a place of its own. The database says whose the job is: in the transaction that ends it, the
file takes its final place. Whoever dies leaves a running job, whose lease runs out, and another writes it anew. The
lease is renewed all the while, in long steps too. A job that is no longer held (cancelled, taken over) ends at its
next page, and files that no job wants are swept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from forms.problems import Problem, Problems
from server.settings import Settings
from server.store import areas, contacts, events, export_jobs, messages, officers, saved_exports
from server.store.database import Store
from server.store.export_files import ExportFiles
from server.store.export_jobs import LEASE, Job
from server.store.messages import NewMessage
from server.store.officers import Person
from server.store.saved_exports import Saved
from server.store.writer import Writer
from sync.compose import export_ready

log = structlog.get_logger()

EVERY: Final = timedelta(seconds=2)
"""How often the queue is looked at."""
_TELL: Final = 1.0  # seconds between two words of progress
_RENEW: Final = LEASE.total_seconds() / 4
_LONGEST_STEP: Final = 900.0
"""Seconds without a word of progress after which a worker counts as stuck, and its lease is renewed no more."""
_FORGOTTEN: Final = timedelta(days=90)
_NOTICE_OF_USE: Final = timedelta(days=3)


class _Stopped(Exception):  # noqa: N818 - says what is the matter
    """This process is to end."""


class _NotOurs(Exception):  # noqa: N818 - says what is the matter
    """The job was cancelled, or another worker has it."""


class _Lease:
    """Keeps a job this worker's while it works at it, also in a step that has nothing to tell for long."""

    def __init__(self, job: Job, worker: str, writer: Writer, clock: Callable[[], datetime]) -> None:
        self._renew = lambda: export_jobs.renew(job, worker, clock())
        self._writer = writer
        self._lost = False
        self._told = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def going_on(self) -> None:
        """The work goes on. Raises :class:`_NotOurs` where the job is no longer this worker's."""
        self._told = time.monotonic()
        if self._lost:
            raise _NotOurs

    def let_go(self) -> None:
        """Renew it no more."""
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(_RENEW) and time.monotonic() - self._told < _LONGEST_STEP:
            try:
                self._lost = not self._writer.wait(self._renew)
            except Problem:  # the database does not answer now: the next word tells
                continue
            if self._lost:
                return


class ExportJobs:
    """The worker of a sync process. ``stop`` is asked between two pages of an export."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        writer: Writer,
        clock: Callable[[], datetime],
        worker: str,
        stop: Callable[[], bool],
    ) -> None:
        self._store = store
        self._settings = settings
        self._writer = writer
        self._clock = clock
        self._worker = worker
        self._stop = stop
        self._files = ExportFiles(settings.home, store.keys)

    def run(self) -> Mapping[str, int]:
        """Order what is due, write what was ordered, remove what has had its time."""
        ordered = sum(self._order(saved) for saved in saved_exports.due(self._clock()))
        written = 0
        while not self._stop() and export_jobs.anything(self._clock()):
            job = self._writer.wait(lambda: export_jobs.claim(self._worker, self._clock()))
            if job is None:
                break
            written += self._write(job)
        self._sweep()
        return {"exports": written, "exports_ordered": ordered}

    def _order(self, saved: Saved) -> int:
        now = self._clock()
        person = officers.find(saved.owner)
        if person is None:
            self._writer.wait(lambda: saved_exports.unschedule(saved.owner, saved.id))
            return 0
        zone = areas.zone(person.area, self._settings.timezone)

        def take() -> bool:
            if not saved_exports.take(saved, zone, now):
                return False
            request = dict(saved.request or {})
            start, end = saved_exports.month_before(saved.next_at or now, zone)
            kind = str(request.get("kind", "xlsx"))
            if kind == export_jobs.REPORT:
                request["report"] = {**request["report"], "month": f"{start:%Y-%m}"}
            else:
                request["filters"] = {
                    **request.get("filters", {}),
                    "area": person.area,
                    "start": start.isoformat(),
                    "end": end.isoformat(),
                }
            export_jobs.order(
                person,
                saved.form_id,
                kind,
                request,
                self._store,
                now,
                password=saved.password(self._store),
                saved_id=saved.id,
            )
            return True

        try:
            return int(self._writer.wait(take))
        except Problem as problem:
            if problem.problem is not Problems.EXPORTS_MANY:
                raise
            return 0  # it stays due until its owner's others are written, which must not wait for it

    def _write(self, job: Job) -> int:
        """Write a job's file; 1 where it was finished."""
        from sync.export_writing import write  # it loads what writes workbooks: only where it is needed

        draft = self._files.draft(job.token, job.suffix)
        told = 0.0
        lease = _Lease(job, self._worker, self._writer, self._clock)

        def progress(done: int, total: int) -> None:
            nonlocal told
            if self._stop():
                raise _Stopped
            lease.going_on()
            if time.monotonic() - told >= _TELL or done == 0:
                now = self._clock()
                if not self._writer.wait(lambda: export_jobs.go_on(job, self._worker, done, total, now)):
                    raise _NotOurs
                told = time.monotonic()

        started = self._clock()
        try:
            person = officers.find(job.owner)
            if person is None or not export_jobs.may_have(person, job):
                return self._fail(job, "auth.forbidden")
            rows, files = write(job, person, draft, self._store, self._settings.timezone, started, progress)
            sealed, address, size = self._files.seal(draft, lease.going_on)
            finish = partial(self._finish, job, person, (rows, files), size, address, sealed)
            return int(self._writer.wait(finish))
        except Problem as problem:
            if problem.problem is Problems.STORE_BUSY:
                raise  # nothing can be noted now: it is written anew once the lease has run out
            return self._fail(job, problem.kind.code)
        except _NotOurs:
            return 0
        except _Stopped:
            self._files.drop(draft)  # before another may have it
            self._writer.wait(lambda: export_jobs.give_back(job, self._worker))
            return 0
        except Exception as fault:  # noqa: BLE001 - noted with the job; its message may quote an answer
            log.error("export.failed", form=job.form_id, error=type(fault).__name__)
            return self._fail(job, "export.failed")
        finally:
            lease.let_go()
            self._files.drop(draft)

    def _finish(
        self, job: Job, person: Person, written: tuple[int, int], size: int, address: str, sealed: Path
    ) -> bool:
        now, (rows, files) = self._clock(), written
        expires = now + timedelta(days=self._settings.export_days)
        if not export_jobs.finish(job, self._worker, rows, size, address, expires, now):
            return False
        self._files.publish(job.token, sealed)
        if job.kind == export_jobs.REPORT:
            events.record(now, job.owner, "report.made", job.area, **job.request["report"])
        else:
            facts = {"area": job.area, "rows": rows, "kind": job.kind, "files": files}
            events.record(now, job.owner, "export.made", job.form_id, **facts)
        if job.saved_id is not None and self._settings.smtp_url.get_secret_value():
            self._tell(job, person, now)
        return True

    def _tell(self, job: Job, person: Person, now: datetime) -> None:
        """One of the clock's own is ready: its owner gets a link that needs signing in, by e-mail."""
        way = next((way for way in contacts.ways(person) if way.kind == "email"), None)
        if way is None:
            return
        text = export_ready(self._settings.public_url)
        message = NewMessage(
            person.id,
            (),
            "email",
            way.address,
            text.body,
            text.segments,
            now,
            severity="medium",
            expires_at=now + _NOTICE_OF_USE,
            kind="export",
            key=f"export:{job.token}",
        )
        messages.write(None, message, now)

    def _fail(self, job: Job, code: str) -> int:
        self._writer.wait(lambda: export_jobs.fail(job, self._worker, code, self._clock()))
        return 0

    def _sweep(self) -> None:
        """Remove files whose time has come, and those of jobs that nobody wants any more."""
        now = self._clock()
        if export_jobs.anything_expired(now):
            self._writer.wait(lambda: export_jobs.expire(now))
            self._writer.wait(lambda: export_jobs.forget(now - _FORGOTTEN))
        # Files first: a job that is ordered after this cannot have one among them.
        present = self._files.present()
        if present:
            self._files.sweep(present, *export_jobs.wanted())
