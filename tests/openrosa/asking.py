"""Requests to the door byte by byte, where a phone of ours would not send them."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit


def raw(
    url: str,
    method: str = "GET",
    path: str = "/formList",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.request(method, f"{parts.path}{path}", body or None, dict(headers or {}))
    return connection.getresponse()


def multipart(*parts: tuple[str, str | None, bytes], boundary: str = "xyz") -> tuple[dict[str, str], bytes]:
    body = b""
    for name, filename, content in parts:
        named = f'; filename="{filename}"' if filename is not None else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
        body += content + b"\r\n"
    return {
        "Content-Type": f"multipart/form-data; boundary={boundary}"
    }, body + f"--{boundary}--\r\n".encode()
