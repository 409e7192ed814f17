"""Which desk is asking: by the token in its URL, by Digest, or (over https only) by Basic.

Digest as RFC 7616 and as the library in ODK Collect speaks it: one challenge line that starts with ``Digest``,
``qop="auth"``, ``charset=UTF-8``, MD5. Nonces are signed times, good for a day in every worker and across
restarts, and may be used again with any count, since a phone's background sync and its sending share a client
(COLLECT 1.5 to 1.10).
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
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True)
class Asking:
    """The parts of a request that say who asks. ``target`` is the path with its query, as on the request line."""

    method: str
    target: str
    scheme: str
    token: str | None
    authorization: str | None


class Unauthorized(Problem):
    """Nobody we know. ``challenge`` is the WWW-Authenticate line, or None where a token was given."""

    def __init__(self, challenge: str | None) -> None:
        super().__init__(Problems.UNAUTHENTICATED)
        self.challenge = challenge


class Doorkeeper:
    """Recognises desks. Reads the database each time, so that a revoked desk is out at once."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    def admit(self, asking: Asking) -> KnownDesk:
        """The desk that asks. Raises :class:`Unauthorized`."""
        if asking.token is not None:
            desk = desks.by_token(asking.token)
            challenge = None
        else:
            desk, stale = self._by_header(asking)
            challenge = self.challenge(stale=stale)
        if desk is None or desk.revoked:
            raise Unauthorized(challenge)
        return desk

    def challenge(self, *, stale: bool = False) -> str:
        """The one challenge that is offered."""
        line = f'Digest realm="{REALM}", nonce="{self._nonce()}", qop="auth", algorithm=MD5, charset="UTF-8"'
        return line + ", stale=true" if stale else line

    def _by_header(self, asking: Asking) -> tuple[KnownDesk | None, bool]:
        scheme, _, rest = (asking.authorization or "").partition(" ")
        if scheme.lower() == "digest":
            return self._digest(asking, rest)
        # Basic sends the password in the clear, so it counts only where the line is encrypted (1.2).
        if scheme.lower() == "basic" and asking.scheme == "https":
            return self._basic(rest), False
        return None, False

    def _basic(self, encoded: str) -> KnownDesk | None:
        try:
            pair = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return None
        # Collect sends Latin-1, others UTF-8 (1.9); our usernames and passwords are ASCII in both
        username, colon, password = pair.decode("latin-1").partition(":")
        desk = desks.by_username(username) if colon else None
        if desk is None or not desks.password_matches(desk, self._store.keys, password):
            return None
        return desk

    def _digest(self, asking: Asking, fields: str) -> tuple[KnownDesk | None, bool]:
        given = {
            name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else bare
            for name, quoted, bare in _PARAMETER.findall(fields)
        }
        if given.get("realm") != REALM or given.get("algorithm", "MD5").upper() != "MD5":
            return None, False
        if not _same_target(given.get("uri", ""), asking.target):
            return None, False
        desk = desks.by_username(given.get("username", ""))
        if desk is None:
            return None, False
        ha1 = desks.digest_ha1(desk, self._store.keys)
        ha2 = _md5(f"{asking.method}:{given['uri']}")
        nonce = given.get("nonce", "")
        if "qop" in given:
            if given["qop"] != "auth":
                return None, False
            middle = f"{nonce}:{given.get('nc', '')}:{given.get('cnonce', '')}:auth"
        else:  # RFC 2069, which the library falls back to
            middle = nonce
        expected = _md5(f"{ha1}:{middle}:{ha2}")
        if not hmac.compare_digest(expected.encode(), given.get("response", "").lower().encode()):
            return None, False
        if not self._fresh(nonce):
            return None, True  # right password, old nonce: the phone may try again by itself (1.10)
        return desk, False

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
        return hmac.new(self._store.keys.nonces, stamp.encode(), hashlib.sha256).hexdigest()[:32]


def _same_target(uri: str, target: str) -> bool:
    """Is the signed URI the one asked for? A proxy may have taken a base path off the front."""
    try:
        signed = urlsplit(uri)
    except ValueError:  # no URL at all
        return False
    path, _, query = target.partition("?")
    return signed.query == query and (signed.path == path or signed.path.endswith(path))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
