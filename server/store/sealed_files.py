"""Attachments at rest: sealed as they arrive, so that no photograph ever lies readable on the disk.

A sealed file is ``HEADER``, 16 random bytes, then chunks of :data:`CHUNK` plaintext bytes, each with AES-256-GCM
under a key of its own file, derived from the home's and those 16 bytes. A chunk's nonce is its number and whether
it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár), so that chunks can be neither
left out, nor put elsewhere, nor cut off. The last is bound to the file's address as well, so that two files
cannot change places.

A file's address is a keyed hash of its content: the same content has one address, and nobody without the home's
key can tell from an address what it is of.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from server.store.sealing import Keys

HEADER = b"posmigran sealed file 1\n"
CHUNK = 64 * 1024  # bytes of plaintext
_SALT = 16  # bytes
_TAG = 16  # bytes that GCM adds to each chunk


class Unreadable(Exception):  # noqa: N818 - says what is the matter
    """A file that was changed or cut off, is another than its name says, or was sealed with another key."""


class Sealer:
    """Seals one file as it comes."""

    def __init__(self, keys: Keys) -> None:
        salt = os.urandom(_SALT)
        self._cipher = AESGCM(keys.file_key(salt))
        self._address = keys.address()
        self._number = 0
        self._pending = b""
        self._begun = HEADER + salt

    def add(self, plain: bytes) -> bytes:
        """Take the next bytes; returns what is to be written now."""
        self._address.update(plain)
        out, left = [self._begun], memoryview(plain)
        self._begun = b""
        # one chunk stays back: only the end tells which is the last
        while len(self._pending) + len(left) > CHUNK:
            fitting = CHUNK - len(self._pending)
            chunk, left = self._pending + left[:fitting], left[fitting:]
            self._pending = b""
            out.append(self._cipher.encrypt(_nonce(self._number, last=False), chunk, None))
            self._number += 1
        self._pending += left
        return b"".join(out)

    def finish(self) -> tuple[bytes, str]:
        """The last bytes to be written, and the file's address (64 hex digits)."""
        address = self._address.hexdigest()
        chunk, self._pending = self._pending, b""
        last = self._cipher.encrypt(_nonce(self._number, last=True), chunk, address.encode())
        return self._begun + last, address


def unsealed(stream: IO[bytes], address: str, keys: Keys) -> Iterator[bytes]:
    """The content of a sealed file, piece by piece. Raises :class:`Unreadable`, maybe after some pieces.

    Each piece is whole and in its place when it is given out; that the file is the one of this address is sure
    with the last.
    """
    if stream.read(len(HEADER)) != HEADER:
        raise Unreadable
    cipher = AESGCM(keys.file_key(stream.read(_SALT)))
    number, sealed = 0, stream.read(CHUNK + _TAG)
    while True:
        following = stream.read(CHUNK + _TAG)
        try:
            yield cipher.decrypt(
                _nonce(number, last=not following), sealed, None if following else address.encode()
            )
        except InvalidTag:
            raise Unreadable from None
        if not following:
            return
        number, sealed = number + 1, following


def is_sealed(stream: IO[bytes]) -> bool:
    """Does a file begin as a sealed one? Reads its beginning."""
    return stream.read(len(HEADER)) == HEADER


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
