"""Digest answers as okhttp-digest gives them, the library that ODK Collect signs in with.

Where that library throws, :class:`DigestError` is raised: Collect then shows a general fetch error, and no
password prompt.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from urllib.request import parse_http_list, parse_keqv_list

DIGESTS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class DigestError(Exception):
    """The challenge is one that Collect's library cannot answer."""


class DigestAnswer:
    """One challenge being answered: its nonce, the client nonce kept with it, the rising request count."""

    def __init__(self, challenges: Sequence[str]) -> None:
        """Take the first of the ``WWW-Authenticate`` lines that begins with exactly ``Digest``."""
        line = next((c for c in challenges if c.startswith("Digest")), None)
        if line is None:
            raise DigestError("no WWW-Authenticate line starts with 'Digest'")
        self.fields = {
            k.lower(): v for k, v in parse_keqv_list(parse_http_list(line[len("Digest") :].strip())).items()
        }
        for needed in ("realm", "nonce"):
            if needed not in self.fields:
                raise DigestError(f"the challenge has no {needed}")
        self.algorithm = self.fields.get("algorithm", "MD5")
        if self.algorithm != "MD5-sess" and self.algorithm not in DIGESTS:
            raise DigestError(f"unknown algorithm {self.algorithm}")
        offered = [q.strip() for q in self.fields.get("qop", "").split(",") if q.strip()]
        if offered and "auth" not in offered:
            raise DigestError(f"qop {self.fields['qop']} is not supported")
        self.qop = "auth" if offered else None
        self.cnonce = secrets.token_hex(8)
        self.count = 0

    @property
    def stale(self) -> bool:
        """Whether the server says that only the nonce was too old."""
        return self.fields.get("stale", "").lower() == "true"

    def header(self, method: str, target: str, username: str, password: str) -> str:
        """Sign one request; ``target`` is the path with its query, as on the request line."""
        self.count += 1
        nc = f"{self.count:08x}"
        utf8 = self.fields.get("charset", "").upper() == "UTF-8"
        realm, nonce = self.fields["realm"], self.fields["nonce"]

        def hashed(text: str) -> str:
            # without charset=UTF-8 the library writes credentials in ASCII, with ? for what that lacks
            raw = text.encode() if utf8 else text.encode("ascii", "replace")
            return hashlib.new(DIGESTS[self.algorithm.removesuffix("-sess")], raw).hexdigest()

        secret = hashed(f"{username}:{realm}:{password}")
        if self.algorithm.endswith("-sess"):
            secret = hashed(f"{secret}:{nonce}:{self.cnonce}")
        request = hashed(f"{method}:{target}")
        middle = f"{nonce}:{nc}:{self.cnonce}:{self.qop}" if self.qop else nonce
        response = hashed(f"{secret}:{middle}:{request}")
        parts = [
            f'username="{username}"',
            f'realm="{realm}"',
            f'nonce="{nonce}"',
            f'uri="{target}"',
            f'response="{response}"',
        ]
        if self.qop:
            parts += [f"qop={self.qop}", f"nc={nc}", f'cnonce="{self.cnonce}"']
        parts.append(f"algorithm={self.algorithm}")
        if "opaque" in self.fields:
            parts.append(f'opaque="{self.fields["opaque"]}"')
        value = "Digest " + ", ".join(parts)
        if not value.isascii():
            raise DigestError("OkHttp throws at a header beyond ASCII: no such user names or realms")
        return value
