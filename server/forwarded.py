"""A request as the phone made it, where a proxy stands between: scheme, host, address and base path.

Only addresses that ``POSMIGRAN_TRUSTED_PROXIES`` names are believed. Whoever else sends ``X-Forwarded-*`` is taken
as they come: otherwise anybody could claim https, and with it have Basic accepted, or another's address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Scope = dict[str, Any]
Application = Callable[[Scope, Callable[..., Any], Callable[..., Any]], Awaitable[None]]

_HOST = re.compile(rb"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_SLASHES = re.compile("//+")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_PREFIXED = b"x-forwarded-"


class Forwarded:
    """An ASGI application around another, which then sees requests as they were made.

    ``trusted`` are the networks of proxies, ``base_path`` is the path of the public URL (``/migran``, or empty).
    A path that still begins with the base path loses it; ``root_path`` holds it in any case, for links.
    """

    def __init__(self, inner: Application, trusted: Sequence[Network], base_path: str) -> None:
        self._inner = inner
        self._base_path = base_path
        self._trusts = lru_cache(maxsize=4096)(lambda address: _within(address, trusted))

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Called by the ASGI server."""
        if scope["type"] == "http":
            self._see(scope)
        await self._inner(scope, receive, send)

    def _see(self, scope: Scope) -> None:
        prefix = self._base_path
        client = scope.get("client")
        if client is not None and self._trusts(client[0]):
            said = [(name, value) for name, value in scope["headers"] if name.startswith(_PREFIXED)]
            if said:
                prefix = self._believe(scope, said) or prefix
        if prefix:
            scope["root_path"] = prefix
            _take_off(scope, prefix)
        if "//" in scope["path"]:
            # of the slashes that somebody typed after a server's address, Collect leaves all but one before
            # /submission, and none before /formList (COLLECT 2.1, 5.1); what was signed stays as it is
            scope["path"] = _SLASHES.sub("/", scope["path"])

    def _believe(self, scope: Scope, said: list[tuple[bytes, bytes]]) -> str | None:
        """Take over what the proxy says; returns the base path that it names."""
        given: dict[bytes, list[str]] = {}
        for name, value in said:
            given.setdefault(name, []).extend(part.strip() for part in value.decode("latin-1").split(","))
        hops = 1
        if addresses := [a for a in given.get(b"x-forwarded-for", ()) if a]:
            # each proxy appends the address it was asked from: the last that is no proxy of ours is the client
            while hops < len(addresses) and self._trusts(_bare(addresses[-hops])):
                hops += 1
            scope["client"] = (_bare(addresses[-hops]), 0)
        scheme = _said(given, b"x-forwarded-proto", hops).lower()
        if scheme in ("http", "https"):
            scope["scheme"] = scheme
        host = _said(given, b"x-forwarded-host", hops).encode("latin-1")
        if _HOST.fullmatch(host):
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [(b"host", host), *others]
        prefix = _said(given, b"x-forwarded-prefix", hops).rstrip("/")
        return prefix if _PREFIX.fullmatch(prefix) else None


def _said(given: dict[bytes, list[str]], name: bytes, hops: int) -> str:
    """What was said by the proxy that the client itself asked: the one ``hops`` from the end, or the only one."""
    values = given.get(name, [""])
    return values[max(0, len(values) - hops)]


def _take_off(scope: Scope, prefix: str) -> None:
    path: str = scope["path"]
    if path == prefix or path.startswith(f"{prefix}/"):
        scope["path"] = path[len(prefix) :] or "/"
        raw = scope.get("raw_path")
        if raw is not None and raw.startswith(prefix.encode()):
            scope["raw_path"] = raw[len(prefix) :] or b"/"


def _bare(address: str) -> str:
    """An address without a port: ``10.0.0.1:3128`` and ``[::1]:80`` are written so by some proxies."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _within(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return any((mapped or parsed) in network for network in networks)
