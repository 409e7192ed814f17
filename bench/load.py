"""A load of phones on keep-alive connections, as its own process: it must not share the server's interpreter.

Bodies and their instanceIDs are made before the clock starts. Each connection sends one request, waits for the
whole answer, sends the next. ``python -m bench.load`` reads one JSON task on standard input.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_MARK = b"@@INSTANCE@@"
_ENTITY = re.compile(rb'<entity [^>]*\bid="([0-9a-f-]{36})"')


class Line(asyncio.Protocol):
    """One connection: sends its requests one after another."""

    def __init__(self, requests: list[bytes], done: asyncio.Future[None], status: bytes) -> None:
        self._requests = requests
        self._done = done
        self._status = status
        self._buffer = b""
        self._next = 0
        self.times: list[float] = []
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        if self._next == len(self._requests):
            self._done.set_result(None)
            return
        self._sent_at = time.perf_counter()
        self._transport.write(self._requests[self._next])  # type: ignore[attr-defined]
        self._next += 1

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(ConnectionError(f"hung up after {len(self.times)} answers"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        at = lower.find(b"\r\ncontent-length:")
        length = int(lower[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) < length:
            return
        if not head.startswith(b"HTTP/1.1 " + self._status):
            self._done.set_exception(RuntimeError(head.decode("latin-1").splitlines()[0]))
            return
        self.times.append(time.perf_counter() - self._sent_at)
        self._buffer = b""
        self._send()


def submissions(path: str, xml: bytes, count: int) -> list[bytes]:
    """Ready POSTs of the same answers under instanceIDs of their own, as Collect builds them."""
    before, _, rest = xml.partition(b"<instanceID>")
    template = before + b"<instanceID>" + _MARK + rest[rest.index(b"</instanceID>") :]
    # each interview is about a worker of their own, as at a desk
    worker = _ENTITY.search(template)
    old = worker[1] if worker else b""
    boundary = b"5ad0e55a-2b1c-4c45-9d0f-1f6a3c6b7c11"
    body = (
        b"--" + boundary + b"\r\nContent-Disposition: form-data; "
        b'name="xml_submission_file"; filename="Pendataan calon PMI berangkat_2026-11-20_05-00-00.xml"\r\n'
        b"Content-Type: text/xml\r\n\r\n" + template + b"\r\n--" + boundary + b"--\r\n"
    )
    length = len(body) - len(_MARK) + len("uuid:") + 36
    head = (
        f"POST {path}/submission?deviceID=collect%3AAbCdEfGhIjKlMnOp HTTP/1.1\r\nHost: localhost\r\n"
        f"X-OpenRosa-Version: 1.0\r\nContent-Type: multipart/form-data; boundary={boundary.decode()}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()

    def one() -> bytes:
        filled = body.replace(_MARK, f"uuid:{uuid.uuid4()}".encode())
        return head + (filled.replace(old, str(uuid.uuid4()).encode()) if old else filled)

    return [one() for _ in range(count)]


async def _run(host: str, port: int, requests: list[bytes], clients: int, status: bytes) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    lines: list[Line] = []
    waiting = []
    start = time.perf_counter()
    for number in range(clients):
        done: asyncio.Future[None] = loop.create_future()
        line = Line(requests[number::clients], done, status)
        lines.append(line)
        waiting.append(done)
        await loop.create_connection(lambda line=line: line, host, port)  # type: ignore[misc]
    await asyncio.gather(*waiting)
    elapsed = time.perf_counter() - start
    times = sorted(t for line in lines for t in line.times)
    return {
        "per_second": len(times) / elapsed,
        "median_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[int(len(times) * 0.99)] * 1000,
    }


def main() -> None:
    """Do one task: ``{"url", "clients", "count", "xml"}`` for submissions, ``{"url", "clients", "count", "get"}``."""
    import uvloop

    task = json.load(sys.stdin)
    parts = urlsplit(task["url"])
    if "xml" in task:
        requests, status = submissions(parts.path, Path(task["xml"]).read_bytes(), task["count"]), b"201"
    else:
        one = f"GET {parts.path}{task['get']} HTTP/1.1\r\nHost: localhost\r\nX-OpenRosa-Version: 1.0\r\n\r\n"
        requests, status = [one.encode()] * task["count"], b"200"
    uvloop.install()
    result = asyncio.run(_run(parts.hostname or "", parts.port or 80, requests, task["clients"], status))
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
