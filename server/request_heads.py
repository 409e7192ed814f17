"""Heads of requests that never reach a door, and those with a very long address, which do.

Collect asks about its offline entities in one address, however many there are (COLLECT 3.12), and where that fails
it installs no form any more. uvicorn's parser of addresses ends at 64 KiB, so the query is taken off before.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from forms.problems import Problem, Problems
from server.openrosa.envelope import of_problem

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
    """One connection whose faults are answered in the words of a door."""

    def on_headers_complete(self) -> None:
        """The head is whole. Nothing of the request has run yet when uvicorn's own part returns."""
        address, mark, query = self.url.partition(b"?")
        if len(self.url) > _SHORT and mark and len(address) < _SHORT:
            self.url = address
            super().on_headers_complete()
            self.scope["query_string"] = query
        else:
            super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP. ``msg`` is uvicorn's, in English, and says no more."""
        self.transport.write(whole_answer(Problem(Problems.REQUEST_UNREADABLE)))
        self.transport.close()
