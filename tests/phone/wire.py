"""The HTTP client of the phone: what OkHttp puts on the wire for ODK Collect.

One keep-alive connection an origin, nothing signed before a 401 asks for it, signed unasked from then on,
answers with an ETag asked for conditionally, redirects followed as OkHttp follows them, and a request
repeated by itself when a connection that had worked dies under it.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.message import Message
from urllib.parse import SplitResult, urljoin, urlsplit

from tests.phone.digest import DigestAnswer

TIMEOUT = 60.0  # seconds; Collect's read and write timeout
MAX_REDIRECTS = 20

Origin = tuple[str, str, int]


@dataclass(frozen=True)
class Reply:
    """An answer: the body is unzipped; ``url`` is where it came from after redirects."""

    status: int
    reason: str
    headers: Message
    body: bytes
    url: str
    from_cache: bool = False

    def header(self, name: str) -> str | None:
        """The first header of this name, whatever its case."""
        value = self.headers.get(name)
        return None if value is None else str(value)


@dataclass(frozen=True)
class Sent:
    """What went out, for tests that look at the wire."""

    method: str
    url: str
    headers: Mapping[str, str]
    body_size: int


@dataclass
class _Kept:
    """A cached answer and until when it may be used unasked (OkHttp obeys ``max-age``)."""

    reply: Reply
    fresh_until: float


class Wire:
    """Exchanges requests for one user. No host but ``home_host``, the configured one, sees the password."""

    def __init__(
        self, username: str, password: str, home_host: str, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.username, self.password, self.home_host = username, password, home_host.lower()
        self.tls = tls
        self.sent: list[Sent] = []
        self._connections: dict[Origin, http.client.HTTPConnection] = {}
        self._worked: set[Origin] = set()
        self._signing: dict[Origin, DigestAnswer | str] = {}
        self._cache: dict[str, _Kept] = {}

    def close(self) -> None:
        """Hang up. Nonces and the cache stay, as they do while the app's process lives."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._worked.clear()

    def get(self, url: str, headers: Mapping[str, str]) -> Reply:
        """GET, through the cache."""
        kept = self._cache.get(url)
        if kept is not None and time.monotonic() < kept.fresh_until:
            return replace(kept.reply, from_cache=True)
        conditions: dict[str, str] = {}
        if kept is not None:
            if etag := kept.reply.header("ETag"):
                conditions["If-None-Match"] = etag
            elif since := kept.reply.header("Last-Modified") or kept.reply.header("Date"):
                conditions["If-Modified-Since"] = since
        reply = self.exchange("GET", url, {**headers, **conditions})
        if reply.status == 304 and kept is not None:
            return replace(kept.reply, from_cache=True)
        self._keep(url, reply)
        return reply

    def _keep(self, url: str, reply: Reply) -> None:
        self._cache.pop(url, None)
        control = (reply.header("Cache-Control") or "").lower()
        vary = (reply.header("Vary") or "").lower()
        if reply.status not in (200, 404) or "no-store" in control or "*" in vary or "authorization" in vary:
            return
        age = re.search(r"max-age=(\d+)", control)
        fresh = int(age[1]) if age and "no-cache" not in control else 0
        self._cache[url] = _Kept(reply, time.monotonic() + fresh)

    def exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """Send one request and return the answer, signed where asked and redirected where told."""
        for _ in range(MAX_REDIRECTS):
            reply = self._signed(method, url, headers, body)
            location = reply.header("Location")
            if reply.status not in (301, 302, 303, 307, 308) or location is None:
                return reply
            if method == "POST" and reply.status in (301, 302, 303):
                method, body = (
                    "GET",
                    None,
                )  # OkHttp drops the body here, so such a redirect loses the submission
                headers = {
                    k: v for k, v in headers.items() if k.lower() not in ("content-type", "content-length")
                }
            url = urljoin(url, location)
        raise http.client.HTTPException("too many redirects")

    def _signed(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        origin, target = _split(url)
        cached = self._signing.get(origin)
        if cached is not None:
            reply = self._send(method, url, self._with(headers, cached, method, target, origin), body)
            if reply.status != 401:
                return reply
            del self._signing[origin]
            if isinstance(cached, DigestAnswer) and _stale(reply):
                return self._answer(reply, method, url, headers, body, origin, target)
        reply = self._send(method, url, headers, body)
        if reply.status != 401:
            return reply
        return self._answer(reply, method, url, headers, body, origin, target)

    def _answer(
        self,
        refusal: Reply,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        origin: Origin,
        target: str,
    ) -> Reply:
        """Answer a 401's challenge, and once more if the server calls the fresh nonce stale."""
        reply = refusal
        for _ in range(2):
            signing = self._choose(reply, origin)
            if signing is None:
                return reply
            reply = self._send(method, url, self._with(headers, signing, method, target, origin), body)
            if reply.status != 401:
                self._signing[origin] = signing
                return reply
            if not isinstance(signing, DigestAnswer) or not _stale(reply):
                return reply
        return reply

    def _choose(self, reply: Reply, origin: Origin) -> DigestAnswer | str | None:
        """The first offered scheme that Collect has: Digest always, Basic over https only."""
        challenges = _challenges(reply)
        for challenge in challenges:
            scheme = challenge.split(None, 1)[0].lower() if challenge.strip() else ""
            if scheme == "digest":
                return DigestAnswer(challenges)
            if scheme == "basic" and origin[0] == "https":
                return "Basic"
        return None

    def _with(
        self,
        headers: Mapping[str, str],
        signing: DigestAnswer | str,
        method: str,
        target: str,
        origin: Origin,
    ) -> dict[str, str]:
        ours = origin[1].lower() == self.home_host
        username, password = (self.username, self.password) if ours else ("", "")
        if isinstance(signing, DigestAnswer):
            return {**headers, "Authorization": signing.header(method, target, username, password)}
        pair = f"{username}:{password}".encode("latin-1", "replace")
        return {**headers, "Authorization": "Basic " + base64.b64encode(pair).decode()}

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        origin, target = _split(url)
        while True:
            had_worked = origin in self._worked
            try:
                connection = self._write(origin, method, target, headers, body, url)
                answer = connection.getresponse()
                content = answer.read()
            except (ConnectionError, http.client.BadStatusLine, http.client.IncompleteRead):
                self._hang_up(origin)
                if not had_worked:
                    raise
                continue  # OkHttp repeats the whole request by itself when a pooled connection dies
            self._worked.add(origin)
            if answer.will_close:
                self._hang_up(origin)
            if answer.headers.get("Content-Encoding", "").lower() == "gzip" and content:
                content = gzip.decompress(content)
            return Reply(answer.status, answer.reason, answer.headers, content, url)

    def _write(
        self,
        origin: Origin,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        url: str,
        cut: int | None = None,
    ) -> http.client.HTTPConnection:
        connection = self._connection(origin)
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Connection", "Keep-Alive")
        connection.putheader("Accept-Encoding", "gzip")
        connection.endheaders()
        if body:
            connection.send(body if cut is None else body[:cut])
        self.sent.append(Sent(method, url, dict(headers), len(body or b"")))
        return connection

    def send_part(self, url: str, headers: Mapping[str, str], body: bytes, length: int) -> Reply | None:
        """POST that breaks off after ``length`` bytes of the body; the answer, or None where none came.

        Signed like any other request if the origin has been signed in to. The connection is gone afterwards.
        """
        origin, target = _split(url)
        signing = self._signing.get(origin)
        signed = headers if signing is None else self._with(headers, signing, "POST", target, origin)
        self._hang_up(origin)
        connection = self._write(origin, "POST", target, signed, body, url, cut=length)
        try:
            if length < len(body):
                connection.sock.shutdown(socket.SHUT_WR)
            answer = connection.getresponse()
            return Reply(answer.status, answer.reason, answer.headers, answer.read(), url)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            self._hang_up(origin)

    def send_twice(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[Reply, Reply]:
        """POST, lose sight of the answer, and POST the same again while the server still has the first.

        This is what OkHttp does by itself when a pooled connection dies under a POST. Returns both answers.
        """
        origin, target = _split(url)
        signing = self._signing.get(origin)
        connections = []
        for _ in range(2):
            self._connections.pop(origin, None)
            signed = headers if signing is None else self._with(headers, signing, "POST", target, origin)
            connections.append(self._write(origin, "POST", target, signed, body, url))
        self._connections.pop(origin)  # both are closed when read
        self._worked.discard(origin)
        return self._read_and_close(connections[0], url), self._read_and_close(connections[1], url)

    def _read_and_close(self, connection: http.client.HTTPConnection, url: str) -> Reply:
        answer = connection.getresponse()
        reply = Reply(answer.status, answer.reason, answer.headers, answer.read(), url)
        connection.close()
        return reply

    def _connection(self, origin: Origin) -> http.client.HTTPConnection:
        if origin not in self._connections:
            scheme, host, port = origin
            self._connections[origin] = (
                http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=self.tls)
                if scheme == "https"
                else http.client.HTTPConnection(host, port, timeout=TIMEOUT)
            )
        return self._connections[origin]

    def _hang_up(self, origin: Origin) -> None:
        connection = self._connections.pop(origin, None)
        if connection is not None:
            connection.close()
        self._worked.discard(origin)


def _challenges(reply: Reply) -> Sequence[str]:
    return [str(line) for line in reply.headers.get_all("WWW-Authenticate", [])]


def _stale(reply: Reply) -> bool:
    challenges = _challenges(reply)
    return any(c.startswith("Digest") for c in challenges) and DigestAnswer(challenges).stale


def _split(url: str) -> tuple[Origin, str]:
    parts: SplitResult = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return (parts.scheme, parts.hostname or "", port), target
