"""Twilio's webhooks: what became of a message, and what an officer answered.

The signature is checked against the public URL, since that is what Twilio called, whatever a proxy made of it
(DOMAIN 7). Both calls may come twice, late and in any order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import falcon
import falcon.asgi
import structlog
from twilio.request_validator import RequestValidator

from forms.problems import Problem
from server.settings import Settings
from server.store import cases, contacts, officers, receipts
from server.store.database import Store
from server.store.officers import Person
from server.store.writer import Writer

log = structlog.get_logger()

App = falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response]
Clock = Callable[[], datetime]
T = TypeVar("T")

BODY_LIMIT = 64 * 1024
"""Bytes; Twilio's own calls are a few hundred."""
_ACKNOWLEDGED = re.compile(r"\s*1[\s.,:]*R[\s-]*(\d{6})[\s-]*(\d{4,9})[\s.!]*", re.IGNORECASE | re.ASCII)
_ONE = re.compile(r"\s*1[\s.!]*", re.ASCII)
_TAPPED = re.compile(r"\b(tangani|terima)\b", re.IGNORECASE)
_STARTS = ("START", "MULAI", "UNSTOP")
_XML = '<?xml version="1.0" encoding="UTF-8"?>'
_WORDLESS = f"{_XML}<Response/>".encode()
_ANSWERS = {
    "acknowledged": "{ref}: tercatat, Anda yang menangani. Buka dasbor.",
    "known": "{ref}: sudah tercatat, Anda yang menangani. Buka dasbor.",
    "others": "{ref}: sudah ditangani petugas lain. Buka dasbor.",
    "closed": "{ref}: sudah ditutup. Buka dasbor.",
    "unknown": "Kasus itu tidak ada pada Anda. Periksa nomornya, atau buka dasbor.",
    "unclear": "Balas dengan 1 dan nomor kasus, contoh: 1 R-350712-0417.",
    "started": "Pesan akan dikirim lagi ke nomor ini.",
}
"""What officers hear on WhatsApp; a reference is all that is ever filled in."""
_ERROR_CODE = re.compile(r"\d{1,6}")


class SignedForm(dict[str, list[str]]):
    """The fields of a call; a field may come more than once, and all its values are signed."""

    def getlist(self, name: str) -> list[str]:
        """The values of a field: the question that Twilio's validator asks."""
        return self[name]

    def first(self, name: str) -> str:
        """The first value of a field, empty where there is none."""
        return self.get(name, [""])[0]


class Signature:
    """Reads a call and believes it only with Twilio's signature.

    Without a token or a public URL there is nothing to check against, and every call is refused.
    """

    def __init__(self, settings: Settings) -> None:
        token = settings.twilio_auth_token.get_secret_value()
        self._validator = RequestValidator(token) if token and settings.public_url else None
        self._public_url = settings.public_url

    async def read(self, request: falcon.asgi.Request) -> SignedForm:
        """The fields of a signed call. Raises HTTPForbidden, or HTTPContentTooLarge."""
        body = await request.stream.read(BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            raise falcon.HTTPContentTooLarge
        try:
            fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=500)
        except ValueError:  # more fields than that
            raise falcon.HTTPContentTooLarge from None
        form = SignedForm(fields)
        query = f"?{request.query_string}" if request.query_string else ""
        url = f"{self._public_url}{request.path}{query}"
        signature = request.get_header("X-Twilio-Signature") or ""
        if self._validator is None or not self._validator.validate(url, form, signature):
            log.warning("webhook.refused", path=request.path)
            raise falcon.HTTPForbidden
        return form


class Status:
    """``/twilio/status``: a receipt. Its address carries our numbers of the message (``m``) and delivery (``a``)."""

    def __init__(self, signature: Signature, writer: Writer, clock: Clock) -> None:
        self._signature = signature
        self._writer = writer
        self._clock = clock

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Note the receipt; 204, also for a message that is not ours: Twilio could do nothing about it."""
        form = await self._signature.read(request)
        sid, status, code = form.first("MessageSid"), form.first("MessageStatus"), form.first("ErrorCode")
        number = request.get_param_as_int("m", min_value=1, max_value=2**62)
        delivery = request.get_param_as_int("a", min_value=1, max_value=2**31)
        error = code if _ERROR_CODE.fullmatch(code) and int(code) else None
        now = self._clock()
        known = await _kept(
            self._writer,
            lambda: bool(sid) and receipts.receipt(sid, status, error, now, number, delivery),
        )
        if not known:
            log.info("receipt.unknown", message=number, status=status[:20])
        response.status = falcon.HTTP_204


class Inbound:
    """``/twilio/inbound``: an officer's reply. ``1 R-350712-0417`` acknowledges a case, as the page does.

    On WhatsApp so does the template's button, and a ``1`` that answers the message itself.
    """

    def __init__(self, signature: Signature, writer: Writer, clock: Clock) -> None:
        self._signature = signature
        self._writer = writer
        self._clock = clock

    async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Acknowledge for everybody with that number whose case it is.

        Officers who wrote by WhatsApp hear what became of it. For all others, and by SMS, there is no answer: an
        unknown number looks the same as a wrong word.
        """
        form = await self._signature.read(request)
        reply = Reply.of(form)
        now = self._clock()
        answer = await _kept(self._writer, lambda: _take(reply, now))
        log.info("inbound.answered" if answer else "inbound.ignored", kind=reply.kind)
        response.content_type = "text/xml"
        response.data = _WORDLESS if answer is None or reply.kind != "whatsapp" else _said(answer)


@dataclass(frozen=True)
class Reply:
    """What somebody wrote: by which kind of channel, from which number, and as an answer to which message.

    ``button`` is what the button says that they tapped, if they did.
    """

    kind: str
    phone: str
    text: str
    answers: str
    button: str = ""

    @classmethod
    def of(cls, form: SignedForm) -> Reply:
        """Out of the fields of a call. A tap on a button says what the button stands for."""
        sender = form.first("From")
        kind = "whatsapp" if sender.startswith("whatsapp:") else "sms"
        text = form.first("ButtonPayload") or form.first("Body")
        answers = form.first("OriginalRepliedMessageSid")
        return cls(kind, sender.removeprefix("whatsapp:"), text, answers, form.first("ButtonText"))


def _take(reply: Reply, now: datetime) -> str | None:
    """Do what a reply asks for; returns the words of the answer, None for who is no officer of ours."""
    people = officers.by_phone(reply.phone) if reply.phone else []
    if not people:
        return None
    if reply.text.strip().upper() in _STARTS:
        contacts.revive(reply.phone, reply.kind)
        return _ANSWERS["started"]
    ref = _reference(reply, people)
    if ref is None:
        return _ANSWERS["unclear"]
    theirs: list[Person] = []
    changed = 0
    for person in people:
        try:
            changed += cases.acknowledge(person, ref, now)
        except Problem:
            # not theirs to see: as if they had said nothing
            continue
        theirs.append(person)
    if not theirs:
        return _ANSWERS["unknown"]
    return _ANSWERS["acknowledged" if changed else _standing(theirs, ref)].format(ref=ref)


def _standing(people: Sequence[Person], ref: str) -> str:
    """How a case stands in which nothing was left to take on: nobody should think it theirs when it is not."""
    views = [cases.for_person(person, ref) for person in people]
    if all(view.state == "closed" for view in views):
        return "closed"
    names = {person.name for person in people}
    by = {alert.acknowledged_by for view in views for alert in view.alerts if alert.state == "acknowledged"}
    return "known" if names & by else "others"


def _reference(reply: Reply, people: Sequence[Person]) -> str | None:
    if said := _ACKNOWLEDGED.fullmatch(reply.text):
        return f"R-{said[1]}-{said[2]}"
    # a template whose button has an id without the reference still hangs on a message of ours
    if reply.answers and (_ONE.fullmatch(reply.text) or _TAPPED.search(reply.button)):
        return receipts.case_of(reply.answers, [person.id for person in people])
    return None


def _said(answer: str) -> bytes:
    return f"{_XML}<Response><Message>{escape(answer)}</Message></Response>".encode()


async def _kept(writer: Writer, work: Callable[[], T]) -> T:
    """Run ``work`` in the writer; where the store cannot take it, 503, so that the caller may come again."""
    try:
        return await writer.run(work)
    except Problem as problem:
        raise falcon.HTTPServiceUnavailable(retry_after=30) from problem


def add_routes(app: App, *, settings: Settings, store: Store, writer: Writer, clock: Clock) -> None:
    """Open the two doors."""
    signature = Signature(settings)
    app.add_route("/twilio/status", Status(signature, writer, clock))
    app.add_route("/twilio/inbound", Inbound(signature, writer, clock))
