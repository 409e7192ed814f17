"""Attachments on disk: streamed to a staging file, flushed, renamed to their own SHA-256; the row follows.

A crash leaves at most a staging file, which :meth:`Files.sweep` removes, or a whole file that no row names yet.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, BinaryIO

STALE = timedelta(days=1)


class Staged:
    """A file that is still arriving. Making one touches no disk; the first bytes do."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / secrets.token_hex(16)
        self._opened: IO[bytes] | None = None
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def _stream(self) -> IO[bytes]:
        if self._opened is None:
            self._opened = self._path.open("xb")
        return self._opened

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._stream.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def keep(self, root: Path) -> str:
        """Make it durable under its SHA-256, which is returned. After this it survives a power cut."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        name = self._digest.hexdigest()
        target = root / name[:2] / name
        target.parent.mkdir(exist_ok=True)
        self._path.replace(target)
        for folder in (target.parent, root):
            _flush_folder(folder)
        return name

    def drop(self) -> None:
        """Forget it."""
        if self._opened is not None:
            self._opened.close()
            self._path.unlink(missing_ok=True)


class Files:
    """The attachments of a home."""

    def __init__(self, home: Path) -> None:
        self._root = home / "attachments"
        self._staging = home / "staging"
        self._root.mkdir(parents=True, exist_ok=True)
        self._staging.mkdir(parents=True, exist_ok=True)

    def stage(self) -> Staged:
        """Begin to receive a file."""
        return Staged(self._staging)

    def keep(self, staged: Staged) -> str:
        """Make a staged file durable; returns its SHA-256 in hex."""
        return staged.keep(self._root)

    def open(self, sha256: str) -> BinaryIO:
        """Read a kept file. Raises FileNotFoundError."""
        return (self._root / sha256[:2] / sha256).open("rb")

    def sweep(self, now: datetime) -> int:
        """Remove staging files that nobody can be writing any more; returns how many."""
        oldest = (now - STALE).timestamp()
        stale = [path for path in self._staging.iterdir() if path.stat().st_mtime < oldest]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
