"""ODK Collect on the wire: its form list, its downloads, its submissions.

Written after Collect's own sources (v2026.3). :class:`CollectError` is raised exactly where Collect would
show an error, with one difference: what Collect swallows although it harms the officer later (a form without
its lists, a hash that is not that of the bytes) is an error here too, because a test must see it.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import secrets
import ssl
import string
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_plus, urlsplit

from lxml import etree

from tests.phone.digest import DigestError
from tests.phone.entity_lists import EntityLists, list_name
from tests.phone.listing import (
    AuthenticationRequiredError,
    CollectError,
    ListedForm,
    MediaFile,
    check_xform,
    read_form_list,
    read_manifest,
)
from tests.phone.settings_code import read_settings
from tests.phone.wire import Reply, Wire

USER_AGENT: Final = (
    "org.odk.collect.android/v2026.3.3 Dalvik/2.1.0 (Linux; U; Android 13; SM-A127F Build/TP1A)"
)
DEFAULT_POST_LIMIT: Final = 10_000_000  # bytes of files in one POST where the server names no limit
MOST_ATTACHMENTS: Final = 101  # in one POST
CONTENT_TYPES: Final = {
    "3gp": "video/3gpp",
    "amr": "audio/amr",
    "csv": "text/csv",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogv": "video/ogg",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain",
    "webm": "video/webm",
    "xml": "text/xml",
}


class StoredForm(NamedTuple):
    """A form on the phone: its XForm, its attached files by name, and the list entry that it came by.

    ``entity_lists`` are the names of the lists that it shares with other forms; their files are not kept.
    """

    xform: str
    media: Mapping[str, bytes]
    listed: ListedForm
    entity_lists: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubmitResult:
    """How sending ended: ``sent`` as Collect marks it, the ``message`` that it shows, how many POSTs."""

    sent: bool
    status: int
    message: str
    posts: int


@dataclass
class Collect:
    """One phone with one project. ``now`` is the phone's clock (UTC)."""

    server_url: str
    username: str = ""
    password: str = ""
    device_id: str = field(default_factory=lambda: f"collect:{_random(16)}")
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    tls: ssl.SSLContext | None = None
    forms: dict[str, StoredForm] = field(default_factory=dict)
    decisions: dict[str, str] = field(default_factory=dict)
    """What the last sync found: New, OnDevice, UpdatedMedia, UpdatedHash, UpdatedVersion or Deleted."""

    def __post_init__(self) -> None:
        self.wire = Wire(self.username, self.password, urlsplit(self.server_url).hostname or "", tls=self.tls)
        self._redirected: dict[str, str] = {}
        self.entities = EntityLists()

    @classmethod
    def from_settings(cls, settings: str) -> Collect:
        """Scan a settings QR code's text; :class:`CollectError` where Collect calls the code invalid."""
        try:
            general = read_settings(settings)["general"]
        except ValueError as fault:
            raise CollectError(f"invalid settings: {fault}") from fault
        if not general.get("server_url"):
            raise CollectError("the settings name no server_url: the phone would use the demo server")
        return cls(general["server_url"], general.get("username", ""), general.get("password", ""))

    def form_list(self) -> list[ListedForm]:
        """Fetch the form list."""
        url = self.server_url.rstrip("/") + "/formList"
        return read_form_list(self._openrosa(url), url)

    def manifest(self, form: ListedForm) -> list[MediaFile]:
        """Fetch a form's manifest; empty for a form that has none."""
        if form.manifest_url is None:
            return []
        return read_manifest(self._openrosa(form.manifest_url), form.manifest_url)

    def download_form(self, form: ListedForm) -> str:
        """Fetch a form's XML and look at it as Collect does before storing it."""
        if form.hash is None:
            raise CollectError(f"missing form hash of {form.form_id}")
        body = self._file(form.download_url)
        if hashlib.md5(body, usedforsecurity=False).hexdigest() != form.hash:
            raise CollectError(
                f"{form.form_id}: the listed hash is not that of the bytes; it would vanish at syncs"
            )
        check_xform(body, form)
        return body.decode("utf-8")

    def download_media(self, file: MediaFile) -> bytes:
        """Fetch an attached file; the hash must be that of the bytes unless it is an entity list."""
        body = self._file(file.download_url)
        if file.kind is None and hashlib.md5(body, usedforsecurity=False).hexdigest() != file.hash:
            raise CollectError(
                f"{file.name}: the listed hash is not that of the bytes; it would load at every sync"
            )
        return body

    def sync(self) -> dict[str, StoredForm]:
        """Make the phone match the server exactly, as a desk's phone does by itself; all its forms as opened."""
        listed = self.form_list()
        manifests = {form.form_id: self.manifest(form) for form in listed}
        gone = set(self.forms) - set(manifests)
        self.decisions = dict.fromkeys(gone, "Deleted")
        for form_id in gone:
            del self.forms[form_id]
        for form in listed:
            manifest = manifests[form.form_id]
            decision = self._decide(form, manifest)
            self.decisions[form.form_id] = decision
            if decision != "OnDevice":
                old = self.forms.get(form.form_id)
                held = {_md5(content): content for content in old.media.values()} if old else {}
                media = {
                    file.name: held[file.hash] if file.hash in held else self.download_media(file)
                    for file in manifest
                    if file.kind is None
                }
                lists = tuple(self._entity_list(file) for file in manifest if file.kind is not None)
                self.forms[form.form_id] = StoredForm(self.download_form(form), media, form, lists)
        return {form_id: self.opened(form_id) for form_id in self.forms}

    def opened(self, form_id: str) -> StoredForm:
        """A form as it is opened: its entity lists stand among its files as they are on the phone now."""
        stored = self.forms[form_id]
        lists = {f"{name}.csv": self.entities.csv(name) for name in stored.entity_lists}
        return stored._replace(media={**lists, **stored.media})  # a plain file of that name wins

    def _entity_list(self, file: MediaFile) -> str:
        name = list_name(file.name)
        self.entities.receive(name, file.hash, lambda: self.download_media(file))
        unsure = self.entities.unsure(name)
        if unsure and file.integrity_url is not None:
            ids = quote(",".join(unsure), safe="")
            self.entities.forget(name, self._openrosa(f"{file.integrity_url}?id={ids}"))
        return name

    def _decide(self, form: ListedForm, manifest: Sequence[MediaFile]) -> str:
        old = self.forms.get(form.form_id)
        if old is None:
            return "New"
        if _md5(old.xform.encode()) == form.hash:
            held = {_md5(content) for content in old.media.values()}
            fresh = all(file.hash in held for file in manifest if not file.name.endswith(".zip"))
            return "OnDevice" if fresh else "UpdatedMedia"
        if form.hash is None:
            return "OnDevice"
        return "UpdatedHash" if old.listed.version == form.version else "UpdatedVersion"

    # --- sending ---

    def submit(
        self, xml: bytes, attachments: Mapping[str, bytes] | None = None, *, file_name: str | None = None
    ) -> SubmitResult:
        """Send a finished form with its files; :class:`CollectError` where the HEAD before it ends all.

        ``file_name`` is the XML's; by default the form's name and the time, as Collect names instances.
        """
        url, limit = self._before_posting(xml)
        batches = _batches(len(xml), attachments or {}, limit)
        shown = ""
        for number, names in enumerate(batches, start=1):
            more = number < len(batches)
            headers, body = self._post(xml, {n: (attachments or {})[n] for n in names}, file_name, more=more)
            try:
                reply = self.wire.exchange("POST", url, headers, body)
            except (OSError, http.client.HTTPException, DigestError) as fault:
                return SubmitResult(False, 0, str(fault), number)
            result = _outcome(reply, number)
            shown = result.message
            if not result.sent:
                return result
        return SubmitResult(True, reply.status, shown, len(batches))

    def submit_twice(
        self, xml: bytes, attachments: Mapping[str, bytes] | None = None
    ) -> tuple[SubmitResult, SubmitResult]:
        """Send the same POST twice at once, as OkHttp does when a connection dies under it; both outcomes."""
        url, _ = self._before_posting(xml)
        headers, body = self._post(xml, attachments or {}, None, more=False)
        first, second = self.wire.send_twice(url, headers, body)
        return _outcome(first, 1), _outcome(second, 1)

    def submit_cut_off(
        self, xml: bytes, attachments: Mapping[str, bytes] | None = None, *, missing: int = 1
    ) -> SubmitResult | None:
        """Begin a POST whose last ``missing`` bytes never leave the phone; None where the server hung up.

        Cut in the body, under the full Content-Length. For XML that is cut but sent as if whole, call
        :meth:`submit` with the cut XML.
        """
        url, _ = self._before_posting(xml)
        headers, body = self._post(xml, attachments or {}, None, more=False)
        reply = self.wire.send_part(url, headers, body, max(len(body) - missing, 0))
        return None if reply is None else _outcome(reply, 1)

    def _before_posting(self, xml: bytes) -> tuple[str, int]:
        """HEAD the submission address: (where to POST, how many bytes of files in one POST)."""
        address = self._with_device(self._submission_url(xml))
        if address in self._redirected:
            return self._redirected[address], DEFAULT_POST_LIMIT
        try:
            reply = self.wire.exchange("HEAD", address, self._headers())
        except (OSError, http.client.HTTPException, DigestError) as fault:
            raise CollectError(f"cannot reach {address}: {fault}") from fault
        if reply.status == 401:
            raise AuthenticationRequiredError(address)
        if reply.status == 204:
            location = reply.header("Location")
            if location is not None:
                target = unquote_plus(location)
                if (urlsplit(target).hostname or "") != urlsplit(address).hostname:
                    raise CollectError(f"redirected to {target}, which is not the same host")
                query = urlsplit(address).query
                self._redirected[address] = (
                    target if urlsplit(target).query or not query else f"{target}?{query}"
                )
            stated = reply.header("X-OpenRosa-Accept-Content-Length") or ""
            limit = int(stated) if re.fullmatch(r"-?\d+", stated.strip()) else DEFAULT_POST_LIMIT
            return self._redirected.get(address, address), limit
        if 200 <= reply.status < 300:
            raise CollectError(f"{reply.status} to HEAD: is {address} an OpenRosa submission endpoint?")
        return address, DEFAULT_POST_LIMIT

    def _submission_url(self, xml: bytes) -> str:
        form = self._form_of(xml)
        if form is not None:
            found = re.search(r"<submission\b[^>]*\baction=\"([^\"]+)\"", form.xform)
            if found:
                return found[1].strip()
        return self.server_url.removesuffix("/") + "/submission"

    def _form_of(self, xml: bytes) -> StoredForm | None:
        found = re.search(rb"<[\w:.-]+[^>]*?\sid=\"([^\"]+)\"", xml)
        return self.forms.get(found[1].decode()) if found else None

    def _post(
        self, xml: bytes, attachments: Mapping[str, bytes], file_name: str | None, *, more: bool
    ) -> tuple[dict[str, str], bytes]:
        boundary = str(uuid.uuid4())
        if file_name is None:
            form = self._form_of(xml)
            # Collect's file name comes from the form's name, letters and digits only
            stem = re.sub(r"[^\w]+", " ", form.listed.name).strip() if form else "form"
            file_name = f"{stem}_{self.now():%Y-%m-%d_%H-%M-%S}.xml"
        parts = [_part("xml_submission_file", file_name, "text/xml", xml)]
        for name, content in attachments.items():
            kind = CONTENT_TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
            parts.append(_part(name, name, kind, content))
        if more:
            parts.append(_part("*isIncomplete*", None, None, b"yes"))
        dashes = f"--{boundary}".encode()
        body = b"".join(dashes + b"\r\n" + part + b"\r\n" for part in parts) + dashes + b"--\r\n"
        headers = self._headers() | {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(body)),
        }
        return headers, body

    # --- asking ---

    def _headers(self) -> dict[str, str]:
        # Collect prints a 12-hour clock without am or pm: wrong by 12 hours each afternoon
        stamp = self.now().astimezone(UTC).strftime("%a, %d %b %Y %I:%M:%S GMT")
        return {"User-Agent": USER_AGENT, "X-OpenRosa-Version": "1.0", "Date": stamp}

    def _with_device(self, url: str) -> str:
        return f"{url}{'&' if '?' in url else '?'}deviceID={quote(self.device_id, safe='')}"

    def _get(self, url: str) -> Reply:
        try:
            reply = self.wire.get(self._with_device(url), self._headers())
        except (OSError, http.client.HTTPException, DigestError) as fault:
            raise CollectError(f"cannot reach {url}: {fault}") from fault
        return reply

    def _file(self, url: str) -> bytes:
        reply = self._get(url)
        if reply.status != 200:
            raise CollectError(f"server error {reply.status} at {url}")
        return reply.body

    def _openrosa(self, url: str) -> bytes:
        reply = self._get(url)
        if reply.status == 401:
            raise AuthenticationRequiredError(url)
        if reply.status == 404:
            raise CollectError(f"unreachable: 404 at {url}")
        if reply.status != 200:
            raise CollectError(f"server error {reply.status} at {url}")
        kind = reply.header("Content-Type")
        if kind is not None and "text/xml" not in kind.lower():
            raise CollectError(f"a network proxy? Content-Type {kind} at {url}")
        if reply.header("X-OpenRosa-Version") is None:
            raise CollectError(f"{url} does not correctly implement the OpenRosa API: no X-OpenRosa-Version")
        return reply.body


def _batches(xml_size: int, attachments: Mapping[str, bytes], limit: int) -> list[list[str]]:
    """Which attachments go in which POST: 1 to 101 each, their bytes and the XML's within ``limit``."""
    batches: list[list[str]] = [[]]
    size = xml_size
    for name, content in attachments.items():
        full = size + len(content) > limit or len(batches[-1]) >= MOST_ATTACHMENTS
        if batches[-1] and full:
            batches.append([])
            size = xml_size
        batches[-1].append(name)
        size += len(content)
    return batches


def _part(name: str, file_name: str | None, kind: str | None, content: bytes) -> bytes:
    def quoted(text: str) -> str:
        return '"' + text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A") + '"'

    head = f"Content-Disposition: form-data; name={quoted(name)}"
    if file_name is not None:
        head += f"; filename={quoted(file_name)}"
    if kind is not None:
        head += f"\r\nContent-Type: {kind}"
    return head.encode() + b"\r\n\r\n" + content


def _outcome(reply: Reply, posts: int) -> SubmitResult:
    sent = reply.status in (201, 202)
    message = ""
    if b"OpenRosaResponse" in reply.body and reply.status != 401:
        try:
            # by qualified name: Collect does not find <x:message>
            elements = etree.fromstring(reply.body).iter("*")
            found = next((e for e in elements if e.xpath("name()") == "message"), None)
            message = "" if found is None else (found.text or "").strip()
        except etree.XMLSyntaxError:
            message = ""
    if not message and not sent:
        message = {
            200: "Network login failure? Again?",
            400: "make sure the form is configured to accept submissions on the server",
        }.get(reply.status, f"{reply.reason} ({reply.status}) at {reply.url}")
    return SubmitResult(sent, reply.status, message, posts)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _random(count: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(count))
