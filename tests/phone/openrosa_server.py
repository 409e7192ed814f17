"""A small OpenRosa server that answers as a test tells it to, and remembers the bytes that came."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit
from urllib.request import parse_http_list, parse_keqv_list

from tests.phone.digest import DIGESTS


@dataclass(frozen=True)
class Came:
    """One request as it came; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path


@dataclass
class Says:
    """One answer. None as a header's value takes a default header away."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str | None] = field(default_factory=dict)
    hang_up: bool = False
    """Read the request, then close the connection without an answer."""


Answer = Says | Callable[[Came], Says]


class OpenRosaServer:
    """Use as a context manager. ``answers`` maps ``"GET /path"`` to what is said; anything else is a 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.came: list[Came] = []
        self.users: dict[str, str] = {}
        """Where not empty, Digest is asked for: user name to password."""
        self.challenge = 'Digest realm="desk", nonce="{nonce}", qop="auth", algorithm=MD5'
        self.nonce = "first"
        self.stale = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body leave apart; waiting to join them costs 40 ms

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                came = Came(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                server.came.append(came)
                if len(body) < length:
                    self.close_connection = True
                    says = Says(400)
                else:
                    says = server.answer(came)
                if says.hang_up:
                    self.close_connection = True
                    return
                self.send_response_only(says.status)
                defaults = {"Content-Type": "text/xml; charset=utf-8", "X-OpenRosa-Version": "1.0"}
                defaults["Content-Length"] = str(len(says.body))
                for name, value in {**defaults, **says.headers}.items():
                    if value is not None:
                        self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD" and says.status not in (204, 304):
                    self.wfile.write(says.body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> OpenRosaServer:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, came: Came) -> Says:
        """What to say to a request."""
        if self.users and not self._signed(came):
            challenge = self.challenge.format(nonce=self.nonce) + (", stale=true" if self.stale else "")
            return Says(401, headers={"WWW-Authenticate": challenge})
        says = self.answers.get(f"{came.method} {came.path}", Says(404))
        return says if isinstance(says, Says) else says(came)

    def _signed(self, came: Came) -> bool:
        scheme, _, rest = came.headers.get("authorization", "").partition(" ")
        if scheme != "Digest":
            return False
        given = parse_keqv_list(parse_http_list(rest))
        algorithm = given["algorithm"]

        def hashed(text: str) -> str:
            return hashlib.new(DIGESTS[algorithm], text.encode()).hexdigest()

        secret = hashed(f"{given['username']}:{given['realm']}:{self.users.get(given['username'])}")
        middle = f"{given['nonce']}:{given['nc']}:{given['cnonce']}:{given['qop']}"
        expected = hashed(f"{secret}:{middle}:{hashed(f'{came.method}:{came.target}')}")
        return (given["nonce"], given["uri"], given["response"]) == (self.nonce, came.target, expected)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def xform(form_id: str = "small", version: str = "1", title: str = "Formulir kecil") -> bytes:
    """The least that Collect takes for a form."""
    return (
        '<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml">'
        f"<h:head><h:title>{title}</h:title><model><instance>"
        f'<data id="{form_id}" version="{version}"/></instance></model></h:head><h:body/></h:html>'
    ).encode()


def serve_form(server: OpenRosaServer, form: bytes, media: dict[str, bytes], *, base: str = "") -> None:
    """Publish one form ``small`` with its attached files, version 1."""
    etag = f'"{md5(form)}"'

    def with_etag(came: Came) -> Says:
        if came.headers.get("if-none-match") == etag:
            return Says(304, headers={"ETag": etag})
        return Says(body=form, headers={"ETag": etag, "Cache-Control": "no-cache"})

    files = "".join(
        f"<mediaFile><filename>{name}</filename><hash>md5:{md5(content)}</hash>"
        f"<downloadUrl>{server.url}{base}/media/{name}</downloadUrl></mediaFile>"
        for name, content in media.items()
    )
    manifest = f'<manifest xmlns="http://openrosa.org/xforms/xformsManifest">{files}</manifest>'
    listing = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<xforms xmlns="http://openrosa.org/xforms/xformsList"><xform><formID>small</formID>'
        f"<name>Formulir kecil</name><version>1</version><hash>md5:{md5(form)}</hash>"
        f"<downloadUrl>{server.url}{base}/form.xml</downloadUrl>"
        f"<manifestUrl>{server.url}{base}/manifest</manifestUrl></xform></xforms>"
    )
    server.answers |= {
        f"GET {base}/formList": Says(body=listing.encode()),
        f"GET {base}/manifest": Says(body=manifest.encode()),
        f"GET {base}/form.xml": with_etag,
        **{f"GET {base}/media/{name}": Says(body=content) for name, content in media.items()},
        f"HEAD {base}/submission": Says(204),
        f"POST {base}/submission": Says(
            201,
            b'<OpenRosaResponse xmlns="http://openrosa.org/http/response">'
            b"<message>Terima kasih</message></OpenRosaResponse>",
        ),
    }


FORM = xform()
MEDIA = {"desa.csv": b"name,label\n1,Sumberoto\n", "p3mi.csv": b"name,label\n"}
XML = b'<?xml version="1.0"?><data id="small" version="1"><meta><instanceID>uuid:1</instanceID></meta></data>'
