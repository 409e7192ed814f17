"""Files of ordered exports: sealed as long as they wait to be taken, as attachments are.

Only while it is written does one lie readable, for its owner's eyes, under a name that begins with a dot.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from server.store.sealed_files import CHUNK, Sealer, unsealed
from server.store.sealing import Keys

_DRAFT: Final = ".draft"
_SEALED: Final = ".sealed"


class ExportFiles:
    """The files of a home's export jobs, each under its job's token."""

    def __init__(self, home: Path, keys: Keys) -> None:
        self._folder = home / "exports"
        self._keys = keys

    def draft(self, token: str, kind: str) -> Path:
        """Where an attempt at a job's file is written at first: each has a place of its own, lest two meet there."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder / f".{token}.{secrets.token_hex(8)}{_DRAFT}.{kind}"

    def seal(self, draft: Path, going_on: Callable[[], None] = lambda: None) -> tuple[Path, str, int]:
        """Seal a finished draft beside it and remove it; returns where, the address, the size in bytes.

        ``going_on`` is called between two pieces; what it raises ends this.
        """
        sealer, part, size = Sealer(self._keys), draft.with_name(draft.name + _SEALED), 0
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with draft.open("rb") as plain, os.fdopen(descriptor, "wb") as sealed:
            while piece := plain.read(16 * CHUNK):
                sealed.write(sealer.add(piece))
                size += len(piece)
                going_on()
            last, address = sealer.finish()
            sealed.write(last)
            sealed.flush()
            os.fsync(sealed.fileno())
        draft.unlink(missing_ok=True)
        return part, address, size

    def publish(self, token: str, sealed: Path) -> None:
        """Put a sealed file where its job's is read; again is no matter.

        Call in the transaction that ends the job, once the database has said that it is this attempt's to end.
        """
        if sealed.exists() or not (self._folder / token).exists():
            sealed.replace(self._folder / token)

    def drop(self, draft: Path) -> None:
        """Remove what an attempt has left, and nothing of any other's."""
        mine = draft.name.lstrip(".").partition(_DRAFT)[0]
        for file in self.present():
            if file.name.lstrip(".").startswith(mine + "."):
                _remove(file)

    def read(self, token: str, address: str) -> Iterator[bytes]:
        """A file's content. Raises FileNotFoundError at once, ``Unreadable`` while reading."""
        stream = (self._folder / token).open("rb")

        def pieces() -> Iterator[bytes]:
            with stream:
                yield from unsealed(stream, address, self._keys)

        return pieces()

    def present(self) -> list[Path]:
        """All files, drafts among them, and the folders in which workbooks are put together."""
        return list(self._folder.iterdir()) if self._folder.is_dir() else []

    def sweep(self, present: list[Path], running: Collection[str], done: Collection[str]) -> int:
        """Of files that were :meth:`present` before the jobs were asked for, remove what none of them wants."""
        removed = 0
        for file in present:
            token = self.token_of(file)
            unfinished = file.name.startswith(".")
            if token not in running and (unfinished or token not in done):
                _remove(file)
                removed += 1
        return removed

    @staticmethod
    def token_of(file: Path) -> str:
        """The job that a file belongs to."""
        return file.name.lstrip(".").partition(".")[0]


def _remove(file: Path) -> None:
    """A file, or the folder of a worker that died while it put a workbook together."""
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file, ignore_errors=True)  # what is still there is tried again with the next sweep
    else:
        file.unlink(missing_ok=True)
