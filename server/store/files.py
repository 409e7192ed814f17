"""Attachments on disk: never a row without its file, never a file without its row, never a readable byte.

A file arrives under a chance name in ``staging/``, sealed as it comes. Once whole it is flushed to disk and its
name there ends in its address, a keyed SHA-256 of its content (*kept*): then its row is written. After that commit
it moves to ``attachments/`` (*settled*). Whatever dies in between, the rows tell what is to become of a kept file:
:meth:`Files.sweep` settles it or removes it.

Whoever writes a staging file holds a lock on it, which ends with the process however that dies, so that a sweep
knows at once what was left behind.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import secrets
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from server.store.database import Store
from server.store.models import Attachment, Quarantine
from server.store.sealed_files import Sealer, is_sealed, unsealed
from server.store.sealing import Keys

_PIECE = 256 * 1024  # bytes
_RESERVE = 1_000_000_000  # bytes: a hundred thousand records
_OWN_FILES = 128  # of a process besides those and its connections
_MOST_ARRIVING = 20_000
_FEWEST_ARRIVING = 16
_AT_ONCE = 500  # values in a query: under SQLite's oldest limit of 999


def reserve(home: Path, wanted: int | None) -> int:
    """Bytes of the disk of a home that files leave free: as ``wanted``, else 1 GB or a twentieth of a small disk."""
    return wanted if wanted is not None else min(_RESERVE, shutil.disk_usage(home).total // 20)


class Reserved(OSError):  # noqa: N818 - says what is the matter
    """The disk has no more left than what is kept for answers."""


class Staged:
    """A file that is still arriving. Making one touches no disk; the first bytes do.

    ``answers``: it holds some, for a moment; they may take half of what is left free for answers.
    """

    def __init__(
        self, staging: Path, root: Path, keys: Keys, places: threading.Semaphore, reserve: int = 0
    ) -> None:
        self._places = places
        self._keys = keys
        self._sealer = Sealer(keys)
        self._reserve = reserve
        self._staging = staging
        self._root = root
        self._path: Path | None = None
        self._opened: IO[bytes] | None = None
        self.answers = False
        self.size = 0

    @property
    def _stream(self) -> IO[bytes]:
        if self._opened is None:
            if not self._places.acquire(blocking=False):
                raise OSError(errno.EMFILE, "as many files are arriving as may")
            try:
                self._path, self._opened = _locked(self._staging)
            except BaseException:
                self._places.release()
                raise
        return self._opened

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises OSError where the disk is full or has only its reserve left, or too many files are arriving.
        """
        reserve = self._reserve // 2 if self.answers else self._reserve
        if reserve and shutil.disk_usage(self._staging).free < reserve + len(chunk):
            raise Reserved
        self._stream.write(self._sealer.add(chunk))
        self.size += len(chunk)

    def content(self) -> bytes:
        """All that came; nothing can follow. Raises OSError where the disk has no room for the last of it."""
        last, name = self._sealer.finish()
        self._stream.write(last)
        self._stream.flush()
        assert self._path is not None  # the stream has been opened
        with self._path.open("rb") as written:
            return b"".join(unsealed(written, name, self._keys))

    def keep(self) -> str:
        """Make it durable; returns its address. After this it survives a power cut, once a row names it."""
        last, name = self._sealer.finish()
        self._stream.write(last)
        self._stream.flush()
        os.fsync(self._stream.fileno())
        assert self._path is not None  # the stream has been opened
        self._path = self._path.rename(self._path.with_name(f"{self._path.name}.{name}"))
        _flush_folder(self._staging)
        return name

    def settle(self) -> None:
        """Move a kept file to its place, after the commit of the row that names it."""
        assert self._path is not None  # kept
        _settle(self._path, self._root)
        self._close()

    def leave(self) -> None:
        """Let go of it as it lies: the next sweep asks the rows what is to become of it."""
        self._close()

    def drop(self) -> None:
        """Forget it."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)  # before the lock is given up
        self._close()

    def _close(self) -> None:
        if self._opened is not None:
            # what is still to be written may not fit on the disk any more, and is not wanted any more
            with contextlib.suppress(OSError):
                self._opened.close()
            self._opened = None
            self._places.release()


class Files:
    """The attachments of a home. ``reserve``: bytes of the disk that arriving files leave free, for answers."""

    def __init__(self, home: Path, keys: Keys, reserve: int = 0) -> None:
        self._reserve = reserve
        self._keys = keys
        self._root = home / "attachments"
        self._staging = home / "staging"
        self._root.mkdir(parents=True, exist_ok=True)
        self._staging.mkdir(parents=True, exist_ok=True)
        # each is open until its request is over: whoever sends thousands must not take all that a process may open
        self._places = threading.BoundedSemaphore(arriving_at_once())

    def stage(self, *, answers: bool = False) -> Staged:
        """Begin to receive a file."""
        staged = Staged(self._staging, self._root, self._keys, self._places, self._reserve)
        staged.answers = answers
        return staged

    def read(self, address: str) -> Iterator[bytes]:
        """The content of a file that a row names. Raises FileNotFoundError at once, ``Unreadable`` while reading."""
        stream = self._open(address)

        def pieces() -> Iterator[bytes]:
            with stream:
                yield from unsealed(stream, address, self._keys)

        return pieces()

    def _open(self, address: str) -> IO[bytes]:
        place = self._root / address[:2] / address
        try:
            return place.open("rb")
        except FileNotFoundError:
            for kept in self._staging.glob(f"*.{address}"):  # committed a moment ago
                return kept.open("rb")
            return place.open("rb")  # it moved while we looked

    def seal_older(self, store: Store) -> int:
        """Seal the files of a home whose attachments were kept readable before; returns how many.

        May be broken off anywhere and done again. What it removes can still be found on the bare disk.
        """
        sealed = 0
        for path in list(self._root.glob("??/*")):
            with path.open("rb") as stream:
                if is_sealed(stream):
                    continue
                stream.seek(0)
                staged = self.stage()
                while piece := stream.read(_PIECE):
                    staged.write(piece)
            address = staged.keep()
            with store.transaction():
                known = _rename(path.name, address)
            if known:
                staged.settle()
            else:
                staged.drop()
            path.unlink()
            sealed += 1
        return sealed

    def sweep(self) -> int:
        """Settle or remove what processes left behind that are gone; returns how many files. Reads the store."""
        swept = 0
        for path in list(self._staging.iterdir()):
            try:
                stream = path.open("rb")
            except FileNotFoundError:  # its writer was done with it, or another sweep was quicker
                continue
            with stream:
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:  # somebody is at it
                    continue
                sha256 = path.suffix.removeprefix(".")
                if not sha256 or not named([sha256]):
                    path.unlink(missing_ok=True)
                elif path.exists():
                    _settle(path, self._root)
                swept += 1
        return swept


def arriving_at_once() -> int:
    """How many files may be arriving in this process: half of what it may open, the other half are connections."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST_ARRIVING
    return max(_FEWEST_ARRIVING, min((soft - _OWN_FILES) // 2, _MOST_ARRIVING))


def named(sha256s: list[str]) -> set[str]:
    """Which of these files rows name. Looks through tables without an index: for the few that were left behind."""
    found: set[str] = set()
    for start in range(0, len(sha256s), _AT_ONCE):
        some = sha256s[start : start + _AT_ONCE]
        found |= {
            s for (s,) in Attachment.select(Attachment.sha256).where(Attachment.sha256 << some).tuples()
        }
    for (files,) in Quarantine.select(Quarantine.files).where(Quarantine.files != []).tuples():
        found |= {f["sha256"] for f in files}.intersection(sha256s)
    return found


def _rename(former: str, address: str) -> bool:
    """Let the rows name a file by its new address; returns whether any does."""
    changed = Attachment.update(sha256=address).where(Attachment.sha256 == former).execute()
    names = bool(changed)
    for held in Quarantine.select(Quarantine.id, Quarantine.files).where(Quarantine.files != []):
        files = [{**f, "sha256": address if f["sha256"] == former else f["sha256"]} for f in held.files]
        if files != held.files:
            Quarantine.update(files=files).where(Quarantine.id == held.id).execute()
        names = names or any(f["sha256"] == address for f in files)
    return names


def _locked(staging: Path) -> tuple[Path, IO[bytes]]:
    """A new staging file under a lock. A sweep may come between making it and locking it: then another is made."""
    while True:
        path = staging / secrets.token_hex(16)
        stream = path.open("xb")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            continue
        if path.exists():
            return path, stream
        stream.close()


def _settle(path: Path, root: Path) -> None:
    sha256 = path.suffix.removeprefix(".")
    target = root / sha256[:2] / sha256
    target.parent.mkdir(exist_ok=True)
    path.replace(target)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
