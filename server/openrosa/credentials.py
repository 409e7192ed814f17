"""Which desk is asking: by the token in its URL, by Digest, or (over https only) by Basic.

Digest as RFC 7616 and as the library in ODK Collect speaks it: one challenge line that starts with ``Digest``,
``qop="auth"``, ``charset=UTF-8``, and MD5, or SHA-256 where the settings say so (phones take the first line, not the
best: COLLECT 1.6). Nonces are signed times, good for a day in every worker and across restarts, and may be used
again with any count, since a phone's background sync and its sending share a client (1.8 to 1.10).

Passwords are 100 random bits and tokens 240, so no slow hash is needed to keep them from being guessed, and each
request may check them. Wrong ones are slowed all the same: see :mod:`server.openrosa.slowing`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from forms.problems import Problem, Problems
from server.store import desks
from server.store.database import Store
from server.store.desks import REALM, KnownDesk

NONCE_LASTS = 24 * 3600  # seconds
# begins at the beginning of a word and never goes back: a stranger may send a word of 100,000 letters
_PARAMETER = re.compile(r'\b(\w++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]++))')


@dataclass(frozen=True)
class Asking:
    """The parts of a request that say who asks. ``target`` is the path with its query, as on the request line."""

    method: str
    target: str
    scheme: str
    address: str
    token: str | None
    authorization: str | None


class Unauthorized(Problem):
    """Nobody we know. ``challenge`` is the WWW-Authenticate line, or None where a token was given.

    ``attempt``: credentials were brought and were wrong; ``username`` is the desk that they named, if there is one.
    """

    def __init__(self, challenge: str | None, address: str, *, attempt: bool, username: str | None) -> None:
        super().__init__(Problems.UNAUTHENTICATED)
        self.challenge = challenge
        self.address = address
        self.attempt = attempt
        self.username = username


@dataclass(frozen=True)
class _Answer:
    """What became of credentials in a header: the desk, or why not."""

    desk: KnownDesk | None = None
    stale: bool = False
    username: str | None = None


class Doorkeeper:
    """Recognises desks. Reads the database each time, so that a revoked desk is out at once.

    ``algorithm`` is that of Digest: ``MD5`` or ``SHA-256``.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime], algorithm: str = "MD5") -> None:
        self._keys = store.keys
        self._clock = clock
        self._algorithm = algorithm
        self._hash_name = algorithm.replace("-", "").lower()

    def admit(self, asking: Asking) -> KnownDesk:
        """The desk that asks. Raises :class:`Unauthorized`."""
        if asking.token is not None:
            desk = desks.by_token(asking.token)
            if desk is None or desk.revoked:
                # a revoked desk's phone knocks once an hour by itself: that is no guessing
                raise Unauthorized(None, asking.address, attempt=desk is None, username=None)
            return desk
        answer = self._by_header(asking)
        if answer.desk is None or answer.desk.revoked:
            brought = bool(asking.authorization) and not answer.stale and answer.desk is None
            challenge = self.challenge(stale=answer.stale)
            raise Unauthorized(challenge, asking.address, attempt=brought, username=answer.username)
        return answer.desk

    def challenge(self, *, stale: bool = False) -> str:
        """The one challenge that is offered."""
        line = (
            f'Digest realm="{REALM}", nonce="{self._nonce()}", qop="auth", '
            f'algorithm={self._algorithm}, charset="UTF-8"'
        )
        return line + ", stale=true" if stale else line

    def _by_header(self, asking: Asking) -> _Answer:
        scheme, _, rest = (asking.authorization or "").partition(" ")
        if scheme.lower() == "digest":
            return self._digest(asking, rest)
        # Basic sends the password in the clear, so it counts only where the line is encrypted (1.2).
        if scheme.lower() == "basic" and asking.scheme == "https":
            return self._basic(rest)
        return _Answer()

    def _basic(self, encoded: str) -> _Answer:
        try:
            pair = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return _Answer()
        # Collect sends Latin-1, others UTF-8 (1.9); our usernames and passwords are ASCII in both
        username, colon, password = pair.decode("latin-1").partition(":")
        desk = self._named(username) if colon else None
        right = desks.password_matches(desk or _NOBODY, self._keys, password)
        if desk is None:
            return _Answer()
        return _Answer(desk=desk if right else None, username=desk.slug)

    def _digest(self, asking: Asking, fields: str) -> _Answer:
        given = {
            name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else bare
            for name, quoted, bare in _PARAMETER.findall(fields)
        }
        if given.get("realm") != REALM or given.get("algorithm", "MD5").upper() != self._algorithm:
            return _Answer()
        if not _same_target(given.get("uri", ""), asking.target):
            return _Answer()
        nonce = given.get("nonce", "")
        if "qop" in given:
            if given["qop"] != "auth":
                return _Answer()
            middle = f"{nonce}:{given.get('nc', '')}:{given.get('cnonce', '')}:auth"
        else:  # RFC 2069, which the library falls back to
            middle = nonce
        desk = self._named(given.get("username", ""))
        # worked out for a stranger too, so that the time taken tells nobody which desks there are
        ha1 = desks.digest_ha1(desk or _NOBODY, self._keys, self._hash_name)
        ha2 = self._hashed(f"{asking.method}:{given['uri']}")
        expected = self._hashed(f"{ha1}:{middle}:{ha2}")
        right = hmac.compare_digest(expected.encode(), given.get("response", "").lower().encode())
        if desk is None:
            return _Answer()
        if not right:
            return _Answer(username=desk.slug)
        if not self._fresh(nonce):  # right password, old nonce: the phone may try again by itself (1.10)
            return _Answer(stale=True, username=desk.slug)
        return _Answer(desk=desk, username=desk.slug)

    @staticmethod
    def _named(username: str) -> KnownDesk | None:
        return desks.by_username(username) if username.isprintable() else None

    def _nonce(self) -> str:
        stamp = f"{int(self._clock().timestamp()):x}"
        return f"{stamp}.{self._sign(stamp)}"

    def _fresh(self, nonce: str) -> bool:
        stamp, _, signature = nonce.partition(".")
        if not hmac.compare_digest(self._sign(stamp).encode(), signature.encode()):
            return False
        age = self._clock().timestamp() - int(stamp, 16)
        return -60 <= age <= NONCE_LASTS

    def _sign(self, stamp: str) -> str:
        return hmac.new(self._keys.nonces, stamp.encode(), hashlib.sha256).hexdigest()[:32]

    def _hashed(self, text: str) -> str:
        return hashlib.new(self._hash_name, text.encode(), usedforsecurity=False).hexdigest()


_NOBODY = KnownDesk(0, "-", "", "", "", revoked=True, password_generation=0)
"""Stands in for a desk that there is not, where both must take the same time."""


def _same_target(uri: str, target: str) -> bool:
    """Is the signed URI the one asked for? A proxy may have taken a base path off the front."""
    if uri == target:
        return True
    try:
        signed = urlsplit(uri)
    except ValueError:  # no URL at all
        return False
    path, _, query = target.partition("?")
    return signed.query == query and (signed.path == path or signed.path.endswith(path))
