"""What the sync process does for the pages: writing what was ordered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from server.settings import Settings
from server.store import export_jobs
from server.store.writer import Writer
from sync.export_jobs import ExportJobs
from tests.staff.conftest import Office, Site


def work(office: Office, site: Site) -> dict[str, int]:
    """Look at the queue once."""
    writer = Writer(office.store)
    try:
        settings = Settings(home=site.home, public_url="https://desa.example")
        jobs = ExportJobs(office.store, settings, writer, office.clock, "pekerja-1", lambda: False)
        return dict(jobs.run())
    finally:
        writer.close()


@contextmanager
def working(office: Office, site: Site) -> Iterator[None]:
    """Look at the queue again and again, in a thread, as long as the block runs."""
    end = threading.Event()

    def look() -> None:
        while not end.wait(0.05):
            if export_jobs.anything(office.clock()):
                work(office, site)
        office.store.release()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
