"""How the OpenRosa door speaks: headers, the response envelope, lists of forms and files.

Numbers in comments are those of the project's notes on what ODK Collect does on the wire.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import falcon.asgi

from forms.problems import Problem
from server.openrosa.envelope import envelope

XML = "text/xml; charset=utf-8"  # application/xml fails in Collect (2.6)


def openrosa_headers(response: falcon.asgi.Response, accept_length: int) -> None:
    """What every answer of this door carries, errors too (2.7).

    ``accept_length``: bytes a POST that phones are told to stay under (5.4); a single file above it still comes
    whole (5.10).
    """
    response.set_header("X-OpenRosa-Version", "1.0")
    response.set_header("X-OpenRosa-Accept-Content-Length", str(accept_length))
    response.set_header("Content-Language", "id")


@dataclass(frozen=True)
class Document:
    """Something to download: ``tag`` changes with ``body``, which may be empty where the phone has it."""

    tag: str
    body: bytes
    content_type: str = XML

    @classmethod
    def of(cls, body: bytes) -> Document:
        """XML that is its own tag."""
        return cls(md5(body), body)


def say(response: falcon.asgi.Response, status: int, message: str, *, nature: str = "") -> None:
    """Answer with the OpenRosa envelope."""
    response.status = status
    response.content_type = XML
    response.set_header("Cache-Control", "no-store")
    response.data = envelope(message, nature)


def refuse(response: falcon.asgi.Response, problem: Problem) -> None:
    """Answer a problem, in the officer's language."""
    say(response, problem.kind.status, problem.text("id"), nature=f"error {problem.kind.code}")


def cached(response: falcon.asgi.Response, document: Document, *, known: bool) -> None:
    """Answer with something that phones revalidate at each sync; ``known``: they have it, so 304 (2.21).

    Never ``max-age``: Collect would show stale lists.
    """
    response.set_header("ETag", f'"{document.tag}"')
    response.set_header("Cache-Control", "private, no-cache")
    if known:
        response.status = 304
        return
    response.content_type = document.content_type
    response.data = document.body


def has(request: falcon.asgi.Request, tag: str) -> bool:
    """Does the client say that it has what this tag stands for?"""
    asked = request.get_header("If-None-Match")
    return asked is not None and (
        asked.strip() == "*" or tag in [t.strip().removeprefix("W/").strip('"') for t in asked.split(",")]
    )


def md5(body: bytes) -> str:
    """Lower-case hex MD5, which is what OpenRosa calls a hash (2.11)."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class FormEntry:
    """A form as the list names it; URLs are absolute and percent-encoded (2.15)."""

    form_id: str
    title: str
    version: str
    hash: str
    download_url: str
    manifest_url: str | None


def form_list(entries: Iterable[FormEntry]) -> bytes:
    """The form list; field order as ODK Central's."""
    parts = [
        "<?xml version='1.0' encoding='UTF-8' ?><xforms xmlns=\"http://openrosa.org/xforms/xformsList\">"
    ]
    for e in entries:
        parts.append(
            f"<xform><formID>{escape(e.form_id)}</formID><name>{escape(e.title or e.form_id)}</name>"
            f"<version>{escape(e.version)}</version><hash>md5:{e.hash}</hash>"
            f"<downloadUrl>{escape(e.download_url)}</downloadUrl>"
            + (f"<manifestUrl>{escape(e.manifest_url)}</manifestUrl>" if e.manifest_url else "")
            + "</xform>"
        )
    parts.append("</xforms>")
    return "".join(parts).encode()


@dataclass(frozen=True)
class FileEntry:
    """A file as the manifest names it. ``integrity_url`` is set for entity lists, and only for those (3.2)."""

    filename: str
    hash: str
    download_url: str
    integrity_url: str | None


def manifest(files: Iterable[FileEntry]) -> bytes:
    """The manifest of a form."""
    parts = [
        "<?xml version='1.0' encoding='UTF-8' ?><manifest xmlns=\"http://openrosa.org/xforms/xformsManifest\">"
    ]
    for f in files:
        parts.append(
            ('<mediaFile type="entityList">' if f.integrity_url else "<mediaFile>")
            + f"<filename>{escape(f.filename)}</filename><hash>md5:{f.hash}</hash>"
            f"<downloadUrl>{escape(f.download_url)}</downloadUrl>"
            + (f"<integrityUrl>{escape(f.integrity_url)}</integrityUrl>" if f.integrity_url else "")
            + "</mediaFile>"
        )
    parts.append("</manifest>")
    return "".join(parts).encode()


def integrity(entities: Iterable[tuple[str, bool]]) -> bytes:
    """What became of entities, from (id, whether it is gone) (3.12)."""
    rows = "".join(
        f"<entity id={quoteattr(uuid)}><deleted>{'true' if gone else 'false'}</deleted></entity>"
        for uuid, gone in entities
    )
    return f"<?xml version='1.0' encoding='UTF-8' ?><data><entities>{rows}</entities></data>".encode()
