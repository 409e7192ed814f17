"""Heads of requests that never reach a door: not HTTP at all, or without an end. And addresses that only are long.

Collect asks about its offline entities in one address, however many there are (COLLECT 3.12), and where that fails
it installs no form any more. uvicorn's parser of addresses ends at 64 KiB, so the query is taken off before.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from forms.problems import Problem, Problems
from server.openrosa.envelope import of_problem

log = structlog.get_logger()

MOST_BYTES: Final = 1_000_000
"""Bytes of a head with its address: some 25,000 entities, more than a phone ever holds."""
_SHORT: Final = 32_000  # bytes of an address that are left to uvicorn's parser


def whole_answer(problem: Problem, *headers: bytes) -> bytes:
    """An answer for a connection that is closed after it: status, headers, and what a phone shows."""
    body = of_problem(problem)
    status = HTTPStatus(problem.kind.status)
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}".encode(),
        b"x-openrosa-version: 1.0",
        b"content-type: text/xml; charset=utf-8",
        b"content-length: %d" % len(body),
        b"cache-control: no-store",
        b"connection: close",
        *headers,
    ]
    return b"\r\n".join([*lines, b"", body])


class ReadHeads(HttpToolsProtocol):
    """One connection whose heads are bounded, and whose faults are answered in a door's words."""

    _in_head = False
    _read = 0

    def data_received(self, data: bytes) -> None:
        """Bytes of a request; 431 where its head does not end."""
        super().data_received(data)
        self._read = self._read + len(data) if self._in_head else 0
        if self._read > MOST_BYTES and not self.transport.is_closing():
            self._refuse(Problem(Problems.REQUEST_TOO_LONG))

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole. Nothing of the request has run yet when uvicorn's own part returns."""
        self._in_head = False
        address, mark, query = self.url.partition(b"?")
        if len(self.url) > _SHORT and mark and len(address) < _SHORT:
            self.url = address
            super().on_headers_complete()
            self.scope["query_string"] = query
        else:
            super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP. ``msg`` is uvicorn's, in English, and says no more."""
        self._refuse(Problem(Problems.REQUEST_UNREADABLE))

    def _refuse(self, problem: Problem) -> None:
        self.transport.write(whole_answer(problem))
        self.transport.close()
