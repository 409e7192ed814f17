"""A stand-in for Twilio's Messages API over real HTTP on 127.0.0.1, which can misbehave on demand.

``with TwilioStandIn() as twilio:`` gives ``twilio.url`` for TWILIO_API_URL and ``twilio.messages``, all
that it accepted. What it does with the next messages is said beforehand::

    twilio.next(Answer(status=429, code=20429), Drop(accepted=True))

``twilio.down = True`` answers everything with 503 until it is set back; ``twilio.templates`` are WhatsApp's, by
ContentSid. Receipts come when the test sends them (``send_receipt``): late, twice, in any order.

``twilio.watch`` is called for each message when it was ``received`` and when it was ``accepted`` (recorded,
but not answered yet), so that a test can do something at exactly that moment.
"""

from __future__ import annotations

import base64
import json
import secrets
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
from twilio.request_validator import RequestValidator

ACCOUNT = "AC" + "0" * 31 + "1"
TOKEN = "stand-in-token"
SENDER = "+15005550006"
WHATSAPP = "+15005550007"
OF_CASE, OF_NONE = "HX" + "1" * 32, "HX" + "2" * 32
TEMPLATES = {
    OF_CASE: "Sistem pelindungan PMI: {{1}}\nBalas 1 {{2}} bila Anda menangani kasus ini.",
    OF_NONE: "Sistem pelindungan PMI: {{1}}\nPesan otomatis.",
}
PAGE_SIZE = 50


@dataclass(frozen=True)
class Answer:
    """Refuse the next message: HTTP status, Twilio's code, seconds for Retry-After."""

    status: int
    code: int | None = None
    retry_after: int | None = None


@dataclass(frozen=True)
class Drop:
    """Break the connection without an answer; ``accepted`` says whether the message is taken before."""

    accepted: bool


@dataclass(frozen=True)
class Hold:
    """Take the message, but answer only when ``release`` is set."""

    release: threading.Event


Behaviour = Answer | Drop | Hold | None
"""None: all is well."""


@dataclass
class Taken:
    """A message that the stand-in accepted. ``date_sent`` is None while it is queued."""

    sid: str
    to: str
    sender: str
    body: str
    status_callback: str | None
    status: str
    date_created: datetime
    date_sent: datetime | None


@dataclass
class TwilioStandIn:
    """The server; one account. ``calls`` counts ("POST" | "GET", HTTP status or 0 for none)."""

    account: str = ACCOUNT
    token: str = TOKEN
    templates: dict[str, str] = field(default_factory=lambda: dict(TEMPLATES))
    down: bool = False
    dated: bool = True
    """Whether accepted messages have a date of sending at once, or stay queued without one."""
    unlisted: set[str] = field(default_factory=set)
    """SIDs that its list does not show."""
    messages: list[Taken] = field(default_factory=list)
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    watch: Callable[[str, Taken], None] | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _next: deque[Behaviour] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> TwilioStandIn:
        handler = type("Handler", (_Handler,), {"twilio": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens: the value of TWILIO_API_URL."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of an installation that sends through this stand-in, as its environment or TOML."""
        return {
            "POSMIGRAN_SMS": "twilio",
            "TWILIO_ACCOUNT_SID": self.account,
            "TWILIO_AUTH_TOKEN": self.token,
            "TWILIO_FROM": SENDER,
            "TWILIO_API_URL": self.url,
        }

    @property
    def whatsapp(self) -> dict[str, str]:
        """The settings that add WhatsApp to it."""
        return {
            "TWILIO_WHATSAPP_FROM": WHATSAPP,
            "TWILIO_WHATSAPP_CONTENT_SID": OF_CASE,
            "TWILIO_WHATSAPP_DIGEST_CONTENT_SID": OF_NONE,
        }

    def next(self, *behaviours: Behaviour) -> None:
        """Say what happens to the next messages, in order."""
        with self._lock:
            self._next.extend(behaviours)

    def twice(self) -> list[tuple[str, str]]:
        """(recipient, text) of what came more than once."""
        return [key for key, n in Counter((m.to, m.body) for m in self.messages).items() if n > 1]

    def signed(self, url: str, params: dict[str, str]) -> dict[str, str]:
        """The headers of a webhook call of Twilio's to ``url``."""
        return {"X-Twilio-Signature": RequestValidator(self.token).compute_signature(url, params)}

    def send_receipt(
        self,
        message: Taken,
        status: str,
        code: int | None = None,
        *,
        via: str | None = None,
        strip: str = "",
    ) -> int:
        """Call the message's StatusCallback; returns the HTTP status. As often and in any order as one likes.

        ``via``: scheme and host that really listen, where the public URL only exists before a proxy, which takes
        ``strip`` off the path.
        """
        assert message.status_callback is not None
        params = {
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "AccountSid": self.account,
            "MessageStatus": status,
            "SmsStatus": status,
            "To": message.to,
            "From": message.sender,
            "ApiVersion": "2010-04-01",
        }
        if code is not None:
            params["ErrorCode"] = str(code)
        headers = self.signed(message.status_callback, params)
        parts = urlsplit(message.status_callback)
        target = (
            message.status_callback if via is None else f"{via}{parts.path.removeprefix(strip)}?{parts.query}"
        )
        return httpx.post(target, data=params, headers=headers).status_code

    def _take(self, form: dict[str, str]) -> Taken:
        now = self.clock()
        return Taken(
            sid="SM" + secrets.token_hex(16),
            to=form["To"],
            sender=form.get("From") or form["MessagingServiceSid"],
            body=form["Body"] if "Body" in form else self._rendered(form),
            status_callback=form.get("StatusCallback"),
            status="queued",
            date_created=now,
            date_sent=now if self.dated else None,
        )

    def _rendered(self, form: dict[str, str]) -> str:
        text = self.templates[form["ContentSid"]]
        for name, value in json.loads(form["ContentVariables"]).items():
            text = text.replace("{{" + name + "}}", value)
        return text

    def _behaviour(self) -> Behaviour:
        with self._lock:
            return self._next.popleft() if self._next else None

    def _listed(self, query: dict[str, list[str]]) -> list[Taken]:
        """Newest first, by the date of sending, as Twilio lists them; a date filter leaves out the queued."""
        found: Iterable[Taken] = [m for m in list(self.messages) if m.sid not in self.unlisted]
        if to := query.get("To"):
            found = [m for m in found if m.to == to[0]]
        if after := query.get("DateSent>"):
            since = datetime.fromisoformat(after[0].replace("Z", "+00:00"))
            found = [m for m in found if m.date_sent is not None and m.date_sent >= since]
        return sorted(found, key=lambda m: m.date_sent or m.date_created, reverse=True)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed breaks its connection: no news here."""


class _Handler(BaseHTTPRequestHandler):
    twilio: TwilioStandIn
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:
        """Create a message."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if not self._authorised():
            return
        form = dict(parse_qsl(body, keep_blank_values=True))
        if self.twilio.down:
            self._refuse(503, 20503)
            return
        behaviour = self.twilio._behaviour()
        taken = self.twilio._take(form)
        self._tell("received", taken)
        if isinstance(behaviour, Answer):
            self._refuse(behaviour.status, behaviour.code, behaviour.retry_after)
            return
        if isinstance(behaviour, Drop) and not behaviour.accepted:
            self._break()
            return
        self.twilio.messages.append(taken)
        self._tell("accepted", taken)
        if isinstance(behaviour, Hold):
            behaviour.release.wait(30)
        if isinstance(behaviour, Drop):
            self._break()
            return
        self._answer(201, _shown(taken, self.twilio.account))

    def do_GET(self) -> None:
        """List messages, a page at a time."""
        if not self._authorised():
            return
        if self.twilio.down:
            self._refuse(503, 20503)
            return
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        size = int(query.get("PageSize", [str(PAGE_SIZE)])[0])
        page = int(query.get("Page", ["0"])[0])
        found = self.twilio._listed(query)
        shown = found[page * size : (page + 1) * size]
        following = None
        if len(found) > (page + 1) * size:
            kept = {k: v[0] for k, v in query.items()} | {"Page": str(page + 1), "PageSize": str(size)}
            following = f"{parts.path}?{urlencode(kept)}"
        listed = [_shown(m, self.twilio.account) for m in shown]
        self._answer(200, {"messages": listed, "page": page, "page_size": size, "next_page_uri": following})

    def _tell(self, moment: str, taken: Taken) -> None:
        if self.twilio.watch is not None:
            self.twilio.watch(moment, taken)

    def _authorised(self) -> bool:
        expected = base64.b64encode(f"{self.twilio.account}:{self.twilio.token}".encode()).decode()
        path = f"/2010-04-01/Accounts/{self.twilio.account}/Messages.json"
        if self.headers.get("Authorization") != f"Basic {expected}":
            self._refuse(401, 20003)
        elif urlsplit(self.path).path != path:
            self._refuse(404, 20404)
        else:
            return True
        return False

    def _refuse(self, status: int, code: int | None, retry_after: int | None = None) -> None:
        problem = {"code": code, "message": "The 'To' number +62 8xx is quoted here", "status": status}
        self._answer(status, problem, {} if retry_after is None else {"Retry-After": str(retry_after)})

    def _answer(self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self.twilio.calls[self.command, status] += 1
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _break(self) -> None:
        self.twilio.calls[self.command, 0] += 1
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _shown(m: Taken, account: str) -> dict[str, Any]:
    return {
        "sid": m.sid,
        "account_sid": account,
        "to": m.to,
        "from": m.sender,
        "body": m.body,
        "status": m.status,
        "direction": "outbound-api",
        "num_segments": "1",
        "date_created": format_datetime(m.date_created),
        "date_sent": format_datetime(m.date_sent) if m.date_sent else None,
        "date_updated": format_datetime(m.date_created),
        "error_code": None,
        "error_message": None,
        "uri": f"/2010-04-01/Accounts/{account}/Messages/{m.sid}.json",
    }
