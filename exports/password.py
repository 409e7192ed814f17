"""Passwords on workbooks: real encryption as Office does it (ECMA-376 agile, AES-256, 100,000 rounds of SHA-512).

Without the password such a file is noise; Excel and LibreOffice ask for it. The password itself is kept nowhere.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from forms.problems import Problem, Problems

SHORTEST: Final = 10
"""Characters of a password: whoever has the file may try as often as they like."""
LONGEST: Final = 255
"""Excel takes no longer one."""
_COMPOUND_FILE: Final = bytes.fromhex("d0cf11e0a1b11ae1")


def require_good(password: str) -> None:
    """Raises :class:`Problem` (PASSWORD_WEAK) for a password that is too short, too long or all one character."""
    if not SHORTEST <= len(password) <= LONGEST or len(set(password)) < 4 or not password.isprintable():
        raise Problem(Problems.PASSWORD_WEAK, least=SHORTEST, most=LONGEST)


def encrypt(file: Path, password: str) -> None:
    """Replace a workbook by its encrypted self, readable by its owner only; whole or not at all.

    Takes memory of about twice the file's size.
    """
    from msoffcrypto.format.ooxml import OOXMLFile  # here: pages check passwords, and never lock a file

    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".part")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as target, file.open("rb") as plain:
            OOXMLFile(plain).encrypt(password, target)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def is_encrypted(file: Path) -> bool:
    """Does a password lie on this file? (Also true of Excel's format of before 2007, which we never write.)"""
    with file.open("rb") as stream:
        return stream.read(len(_COMPOUND_FILE)) == _COMPOUND_FILE


@contextmanager
def opened(file: Path, password: str | None) -> Iterator[Path | IO[bytes]]:
    """The workbook itself, decrypted in memory where it must be.

    Raises :class:`Problem`: PASSWORD_NEEDED, PASSWORD_WRONG.
    """
    if not is_encrypted(file):
        yield file
        return
    import msoffcrypto

    if not password:
        raise Problem(Problems.PASSWORD_NEEDED, file=file.name)
    plain = io.BytesIO()
    with file.open("rb") as stream:
        try:
            office = msoffcrypto.OfficeFile(stream)
            office.load_key(password=password, verify_password=True)
            office.decrypt(plain)
        except Exception as wrong:  # it raises whatever its parts raise for a broken file
            raise Problem(Problems.PASSWORD_WRONG, file=file.name) from wrong
    plain.seek(0)
    yield plain
