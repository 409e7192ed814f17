"""Files of ordered exports: sealed as long as they wait to be taken, as attachments are.

Only while it is written does one lie readable, for its owner's eyes, under a name that begins with a dot.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from server.store.sealed_files import CHUNK, Sealer, unsealed
from server.store.sealing import Keys

_DRAFT: Final = ".draft"


class ExportFiles:
    """The files of a home's export jobs, each under its job's token."""

    def __init__(self, home: Path, keys: Keys) -> None:
        self._folder = home / "exports"
        self._keys = keys

    def draft(self, token: str, kind: str) -> Path:
        """Where a job's file is written at first."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder / f".{token}{_DRAFT}.{kind}"

    def keep(self, token: str, draft: Path) -> tuple[str, int]:
        """Seal a finished draft and remove it; returns the file's address and size in bytes. Survives a power cut."""
        sealer, part, size = Sealer(self._keys), draft.with_name(f".{token}.sealed"), 0
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with draft.open("rb") as plain, os.fdopen(descriptor, "wb") as sealed:
            while piece := plain.read(16 * CHUNK):
                sealed.write(sealer.add(piece))
                size += len(piece)
            last, address = sealer.finish()
            sealed.write(last)
            sealed.flush()
            os.fsync(sealed.fileno())
        part.replace(self._folder / token)
        draft.unlink()
        return address, size

    def read(self, token: str, address: str) -> Iterator[bytes]:
        """A file's content. Raises FileNotFoundError at once, ``Unreadable`` while reading."""
        stream = (self._folder / token).open("rb")

        def pieces() -> Iterator[bytes]:
            with stream:
                yield from unsealed(stream, address, self._keys)

        return pieces()

    def remove(self, token: str) -> None:
        """Remove all that there is of a job."""
        for file in self.present():
            if self.token_of(file) == token:
                file.unlink(missing_ok=True)

    def present(self) -> list[Path]:
        """All files, drafts among them."""
        return list(self._folder.iterdir()) if self._folder.is_dir() else []

    def sweep(self, present: list[Path], running: Collection[str], done: Collection[str]) -> int:
        """Of files that were :meth:`present` before the jobs were asked for, remove what none of them wants."""
        removed = 0
        for file in present:
            token = self.token_of(file)
            unfinished = file.name.startswith(".")
            if token not in running and (unfinished or token not in done):
                file.unlink(missing_ok=True)
                removed += 1
        return removed

    @staticmethod
    def token_of(file: Path) -> str:
        """The job that a file belongs to."""
        return file.name.lstrip(".").partition(".")[0]
