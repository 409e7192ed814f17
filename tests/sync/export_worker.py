"""A worker that stops in the middle of a file: ``python -m tests.sync.export_worker HOME DATABASE_URL``.

It says ``page`` on standard output once it has begun, then waits for ever: a test kills it there.
"""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from server.settings import Settings
from server.store.database import Store
from server.store.sealing import Keys
from server.store.writer import Writer
from sync.export_jobs import ExportJobs


def main(home: Path, url: str) -> None:
    store = Store(url, home, Keys.open(home))
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:  # once for the queue, once before the first page: now a page is written
            print("page", flush=True)  # noqa: T201 - the test waits for it
            threading.Event().wait()
        return False

    ExportJobs(store, Settings(home=home), Writer(store), lambda: datetime.now(UTC), "pekerja-1", stop).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
