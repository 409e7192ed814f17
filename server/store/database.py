"""The database: opening it on either engine, its migrations, its transactions.

SQLite runs in WAL with ``synchronous=FULL``: a commit that returned survives a power cut. All writes of a
process go through one thread (:mod:`server.store.writer`).
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peewee
from playhouse.migrations import Runner

from server.store.models import database
from server.store.sealing import Keys
from server.store.turns import locked

MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 30  # how long a SQLite writer waits for another process
_MIGRATION_LOCK = 7403912  # any constant: the advisory lock that two `init` at once share on PostgreSQL


class Store:
    """An open database with the keys and the home that belong to it. One at a time per process."""

    def __init__(self, url: str, home: Path, keys: Keys) -> None:
        self.home = home
        self.keys = keys
        self._turn, self._next = home / ".write.lock", home / ".write.next"
        self.db = _connect(url)
        self.sqlite = isinstance(self.db, peewee.SqliteDatabase)
        database.initialize(self.db)

    def migrate(self) -> list[str]:
        """Bring the schema up to date; returns the migrations that were applied. Safe from several processes."""
        runner = Runner(self.db, str(MIGRATIONS))
        with self._alone():
            return list(runner.up())

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if self.sqlite:
            # SQLite's DDL takes its own locks; a file beside the database keeps two `init` apart.
            with (self.home / ".migrate.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
            return
        self.db.execute_sql("select pg_advisory_lock(%s)", (_MIGRATION_LOCK,))
        try:
            yield
        finally:
            self.db.execute_sql("select pg_advisory_unlock(%s)", (_MIGRATION_LOCK,))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction that holds the write lock from its start (SQLite), so that it never fails half-way."""
        if self.sqlite and not self.db.in_transaction():
            with self.turn(), self.db.atomic("IMMEDIATE"):
                yield
        else:
            with self.db.atomic():
                yield

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for this process's turn to write to SQLite, in the kernel's queue.

        SQLite itself has no queue: whoever finds its lock taken sleeps, at last for a tenth of a second, and looks
        again; a process that writes without a pause would starve the others. The lock of the database still
        decides: this only says who tries next, and is gone with the process that held it.
        """
        with locked(self._turn, after=self._next):
            yield

    def lock(self, *names: str | None) -> None:
        """Until this transaction ends, no other one passes here with any of these names.

        On SQLite a writing transaction is alone anyway. None is left out.
        """
        if not self.sqlite:
            for name in sorted({name for name in names if name is not None}):
                self.db.execute_sql("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))

    def release(self) -> None:
        """Give back this thread's connection."""
        if not self.db.is_closed():
            self.db.close()

    def spare_memory(self) -> None:
        """Keep small caches from now on: for a process of many threads, each with its connection, in no hurry."""
        if self.sqlite:
            self.db.pragma("cache_size", -2_000, permanent=True)  # KiB, of each connection

    def alive(self) -> bool:
        """Does the database answer?"""
        try:
            self.db.execute_sql("select 1").fetchone()
        except (peewee.OperationalError, peewee.InterfaceError):
            self.release()
            return False
        return True


def _connect(url: str) -> Any:
    if url.startswith("sqlite:///"):
        return peewee.SqliteDatabase(
            url.removeprefix("sqlite:///"),
            timeout=_BUSY_SECONDS,
            pragmas={
                "journal_mode": "wal",
                "synchronous": "full",
                "foreign_keys": 1,
                # KiB, of each thread's connection: another process's commit empties it in any case, and what it
                # read is still in the system's own cache
                "cache_size": -8_000,
                "temp_store": "memory",
                # pages; a server's own come sooner (server/store/checkpoints.py), so that no commit waits for one
                "wal_autocheckpoint": 16_000,
            },
        )
    return _Postgresql(url.replace("postgres://", "postgresql://", 1), prefer_psycopg3=True)


class _Postgresql(peewee.PostgresqlDatabase):
    """Whose commits are on disk when they return, also where the server's own settings would not wait for that."""

    def _initialize_connection(self, conn: Any) -> None:
        conn.execute(
            "select set_config('synchronous_commit', 'on', false)"
            " where current_setting('synchronous_commit') = 'off'"
        )
