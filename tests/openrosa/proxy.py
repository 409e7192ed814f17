"""A reverse proxy on 127.0.0.1, as a village server has nginx: it adds what a proxy adds and passes everything on."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """Serves another server below ``/migran``. ``strips``: it takes that path off before it passes requests on."""

    def __init__(self, behind: str, *, strips: bool) -> None:
        target = urlsplit(behind)
        outside = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                path = self.path.removeprefix("/migran") if strips else self.path
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = dict(self.headers.items()) | {
                    "Host": target.netloc,
                    "X-Forwarded-For": "192.0.2.7",
                    "X-Forwarded-Host": outside.netloc,
                    "X-Forwarded-Proto": "http",
                    "X-Forwarded-Prefix": "/migran",
                }
                line = http.client.HTTPConnection(target.hostname or "", target.port, timeout=30)
                line.request(self.command, path, body or None, headers)
                answer = line.getresponse()
                content = answer.read()
                self.send_response(answer.status, answer.reason)
                for name, value in answer.headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD" and answer.status not in (204, 304):
                    self.wfile.write(content)
                line.close()

            do_GET = do_HEAD = do_POST = _pass_on  # noqa: N815 - names of http.server

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.netloc = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.netloc}/migran"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
