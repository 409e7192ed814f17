"""The one pair of functions through which secrets go into the store and come out of it.

What identifies a person or tells of violence, health or money is sealed with AES-GCM under a key of the home, so
that a copied database alone tells nothing. What must be found again (NIK, phone) is found by a keyed hash.
A first byte names the scheme, so that keys per person can come later without touching old rows.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from forms.problems import Problem, Problems

_SCHEME = b"\x01"
_NONCE = 12  # bytes, as NIST SP 800-38D recommends for GCM
KEY_FILE = Path("keys") / "home.key"


class Keys:
    """The secrets of a home, all derived from one file of 32 random bytes."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._seal = AESGCM(self._derive("seal"))
        self._find = self._derive("find")
        self._desks = self._derive("desks")
        self._files = self._derive("files")
        self._addresses = self._derive("addresses")
        self.nonces = self._derive("nonces")
        self.proof = self._derive("proof")
        """Seals the workbooks that this server writes."""

    @classmethod
    def open(cls, home: Path) -> Keys:
        """Read the home's key. Raises :class:`Problem` (HOME_MISSING) where ``init`` has not run."""
        try:
            text = (home / KEY_FILE).read_text("ascii")
        except FileNotFoundError:
            raise Problem(Problems.HOME_MISSING, home=home) from None
        return cls(base64.b64decode(text))

    @classmethod
    def make(cls, home: Path) -> Keys:
        """Read the home's key, or make it first: once, for the owner's eyes only."""
        file = home / KEY_FILE
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written beside and linked into place, so that two `init` at once agree on one key
        # and a crash never leaves half of one.
        draft = file.with_name(f".{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(base64.b64encode(secrets.token_bytes(32)))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return cls.open(home)

    def _derive(self, purpose: str) -> bytes:
        return hmac.digest(self._master, b"posmigran/" + purpose.encode(), "sha256")

    def seal(self, plain: bytes, owner: str) -> bytes:
        """Encrypt; ``owner`` (an instanceID) is bound in, so that sealed values cannot change places."""
        nonce = os.urandom(_NONCE)
        return _SCHEME + nonce + self._seal.encrypt(nonce, plain, owner.encode())

    def unseal(self, sealed: bytes, owner: str) -> bytes:
        """Decrypt what :meth:`seal` made. Raises ``InvalidTag`` for a wrong key, owner or a changed byte."""
        if sealed[:1] != _SCHEME:
            raise ValueError(f"sealed with scheme {sealed[:1]!r}, which this version does not know")
        return self._seal.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], owner.encode())

    def find(self, kind: str, value: str) -> str:
        """Keyed hash (hex SHA-256) by which a NIK or a phone number is found again."""
        return hmac.new(self._find, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()

    def file_key(self, salt: bytes) -> bytes:
        """The key of one attachment, from the random bytes at its beginning."""
        return hmac.digest(self._files, salt, "sha256")

    def address(self) -> hmac.HMAC:
        """A keyed hash to be fed with an attachment's content: its hex digest is the file's address."""
        return hmac.new(self._addresses, digestmod=hashlib.sha256)

    def desk_secret(self, purpose: str, slug: str, generation: int, length: int) -> str:
        """A desk's token or password: ``length`` characters of ``a-z2-7``, the same each time it is asked."""
        digest = hmac.digest(self._desks, f"{purpose}:{slug}:{generation}".encode(), "sha512")
        return base64.b32encode(digest).decode().lower()[:length]
