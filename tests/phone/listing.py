"""What Collect reads out of form lists, manifests and forms, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from lxml import etree

FORM_LIST_NS: Final = "http://openrosa.org/xforms/xformsList"
MANIFEST_NS: Final = "http://openrosa.org/xforms/xformsManifest"


class CollectError(Exception):
    """What Collect would report to its user instead of going on."""


class AuthenticationRequiredError(CollectError):
    """Collect would ask for user name and password."""


@dataclass(frozen=True)
class ListedForm:
    """One entry of the form list. ``hash`` is bare hex, None where Collect would take it for absent."""

    form_id: str
    name: str
    version: str | None
    hash: str | None
    download_url: str
    manifest_url: str | None


@dataclass(frozen=True)
class MediaFile:
    """One entry of a manifest; ``kind`` is ``entityList``, ``approvalEntityList`` or None."""

    name: str
    hash: str
    download_url: str
    kind: str | None
    integrity_url: str | None


def read_form_list(body: bytes, url: str) -> list[ListedForm]:
    """Read a form list. One bad entry invalidates it all."""
    root = _root(body, url, "xforms", FORM_LIST_NS)
    return [
        ListedForm(
            form_id=_needed(entry, "formID"),
            name=_needed(entry, "name"),
            version=_text(entry, "version") or None,
            hash=_form_hash(entry),
            download_url=_url(_needed(entry, "downloadUrl")),
            manifest_url=_url(manifest) if (manifest := _text(entry, "manifestUrl")) else None,
        )
        for entry in _children(root, "xform", FORM_LIST_NS)
    ]


def read_manifest(body: bytes, url: str) -> list[MediaFile]:
    """Read a manifest. One bad entry invalidates it all."""
    root = _root(body, url, "manifest", MANIFEST_NS)
    files = []
    for entry in _children(root, "mediaFile", MANIFEST_NS):
        hashed = _needed(entry, "hash")
        if not hashed.startswith("md5:"):
            raise CollectError(f"hash {hashed!r}: Collect cuts four characters off, whatever they are")
        kind = entry.get("type")
        files.append(
            MediaFile(
                name=PurePosixPath(_needed(entry, "filename")).name,
                hash=hashed[4:],
                download_url=_url(_needed(entry, "downloadUrl")),
                kind=kind if kind in ("entityList", "approvalEntityList") else None,
                integrity_url=_text(entry, "integrityUrl") or None,
            )
        )
    return files


def _root(body: bytes, url: str, name: str, namespace: str) -> etree._Element:
    root = parse(body, url)
    tag = etree.QName(root)
    if tag.localname != name or (tag.namespace or "").lower() != namespace.lower():
        raise CollectError(f"{url}: the root is {root.tag}")
    return root


def parse(body: bytes, what: str) -> etree._Element:
    """Parse as kXML does: always UTF-8, whatever the declaration says, and nothing before it."""
    try:
        text = re.sub(r"^<\?xml[^>]*\?>", "", body.decode("utf-8"))
        if not text.lstrip("\r\n\t ").startswith("<") or body[:1] != b"<":
            raise CollectError(f"{what}: not XML from its first byte")
        return etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    except (UnicodeDecodeError, etree.XMLSyntaxError) as fault:
        raise CollectError(f"{what}: {fault}") from fault


def _children(parent: etree._Element, name: str, namespace: str) -> list[etree._Element]:
    return [
        child
        for child in parent.iterchildren("*")
        if etree.QName(child).localname.lower() == name.lower()
        and (etree.QName(child).namespace or "").lower() == namespace.lower()
    ]


def _text(entry: etree._Element, name: str) -> str | None:
    """Text of a field; None where it is absent. A comment inside a field loses its value, as in Collect."""
    child = entry.find(f"{{{etree.QName(entry).namespace}}}{name}")
    if child is None or len(child):
        return None
    return (child.text or "").strip()


def _needed(entry: etree._Element, name: str) -> str:
    value = _text(entry, name)
    if not value:
        raise CollectError(f"an entry has no {name}: the whole answer is invalid")
    return value


def _form_hash(entry: etree._Element) -> str | None:
    value = _text(entry, "hash")
    if value == "":
        raise CollectError("an empty hash crashes Collect")
    if value is None or not value.startswith("md5:"):
        return None
    return value[4:]


def _url(url: str) -> str:
    """Check a link as ``new URL(u).toURI()`` does, with a host that Java takes for one."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "_" in parts.hostname:
        raise CollectError(f"not a usable link: {url}")
    if re.search(r'[\s\[\]|"\\<>^`{}]', url) or re.search(r"%(?![0-9A-Fa-f]{2})", url):
        raise CollectError(f"not percent-encoded: {url}")
    return url


def check_xform(body: bytes, listed: ListedForm) -> None:
    """Look at a downloaded form as Collect does before it stores it; raises :class:`CollectError`."""
    root = parse(body, listed.form_id)
    title = root.find("{*}head/{*}title")
    model = root.find("{*}head/{*}model")
    instance = None if model is None else model.find("{*}instance/*")
    if title is None or not (title.text or "").strip() or instance is None or root.find("{*}body") is None:
        raise CollectError(
            f"{listed.form_id}: form parsing error (title, model, body or instance is missing)"
        )
    if instance.get("id") != listed.form_id:
        raise CollectError(f"listed as {listed.form_id}, but the form calls itself {instance.get('id')}")
    if (instance.get("version") or None) != listed.version:
        raise CollectError(
            f"{listed.form_id}: listed version {listed.version}, form's {instance.get('version')}"
        )
