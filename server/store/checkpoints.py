"""SQLite's checkpoints, out of the way of those who wait for a commit.

A commit appends pages to the log (WAL); a checkpoint copies them into the database and lets the log begin anew. Left
to itself SQLite does that within the commit that happens to make the log long enough, and whoever waits for that
one waits for tens of megabytes. Here a thread copies while others go on writing. What it cannot do is let the log
begin anew, for the log never ends while they write: so the writer copies the last few pages between two commits.
"""

from __future__ import annotations

import threading

import peewee

from server.store.database import Store

COMMITS = 200
"""Commits of a process from one checkpoint to the next."""
LONGEST = 6_000
"""Pages (of 4 KiB) of the log beyond which it is made to begin anew."""


class Checkpoints:
    """Beside one writer. A commit of any other process that makes the log far longer does its own checkpoint."""

    def __init__(self, store: Store, commits: int = COMMITS, longest: int = LONGEST) -> None:
        self._store = store
        self._commits = commits
        self._longest = longest
        self._since = 0
        self._ending = False
        self._wanted = threading.Event()
        self._long = False
        self._thread = threading.Thread(target=self._serve, name="checkpoints", daemon=True)
        self._thread.start()

    def committed(self) -> None:
        """Called by the writer after each commit, outside of any transaction."""
        self._since += 1
        if self._since >= self._commits:
            self._since = 0
            self._wanted.set()
        if self._long:
            self._long = False
            with self._store.turn():
                self._copy()

    def _serve(self) -> None:
        while True:
            self._wanted.wait()
            if self._ending:
                self._store.release()
                return
            self._wanted.clear()
            self._long = self._copy() > self._longest

    def _copy(self) -> int:
        """Copy what no reader and no writer is in the way of; returns the pages in the log."""
        try:
            _busy, pages, _copied = self._store.db.execute_sql("pragma wal_checkpoint(passive)").fetchone()
        except (
            peewee.PeeweeException
        ):  # another process is at it, or the disk is full: the next one copies more
            return 0
        return int(pages)

    def close(self) -> None:
        """End the thread."""
        self._ending = True
        self._wanted.set()
        self._thread.join()
