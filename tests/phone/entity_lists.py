"""The entity lists of a phone, as Collect keeps them: fetched, merged, changed offline, forgotten.

Written after Collect's own sources (v2026.3). :class:`CollectError` is raised where Collect would fail.
"""

from __future__ import annotations

import csv
import io
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from lxml import etree

from tests.phone.listing import CollectError, parse

ENTITIES: Final = "{http://www.opendatakit.org/xforms/entities}"
NEEDED: Final = ("name", "label", "__version")
OFFLINE_VERSIONS: Final = ("2024.1", "2025.1")


@dataclass(frozen=True)
class LocalEntity:
    """One entity on the phone. ``trunk_version`` is None until a server knows it; ``offline`` likewise."""

    label: str
    version: int
    properties: Mapping[str, str]
    trunk_version: int | None
    branch_id: str
    offline: bool


@dataclass
class LocalList:
    """A list on the phone with the hash that the server last named for it."""

    hash: str | None = None
    entities: dict[str, LocalEntity] = field(default_factory=dict)


class EntityLists:
    """All lists of one phone. A list exists once some form with it attached was fetched."""

    def __init__(self) -> None:
        self.lists: dict[str, LocalList] = {}

    def receive(self, name: str, file_hash: str, fetch: Callable[[], bytes]) -> bool:
        """Bring a list up to date; returns whether it had to be fetched. The hash is not looked into."""
        local = self.lists.setdefault(name, LocalList())
        if local.hash == file_hash:
            return False
        self._merge(local, fetch())
        local.hash = file_hash
        return True

    @staticmethod
    def _merge(local: LocalList, content: bytes) -> None:
        named = set()
        for row in _rows(content):
            known = local.entities.get(row["name"])
            named.add(row["name"])
            version = int(row["__version"])
            if known is not None and known.version > version:
                local.entities[row["name"]] = replace(known, offline=False)
            elif known is None or known.version < version or known.version != known.trunk_version:
                properties = {k: v for k, v in row.items() if k not in NEEDED and not k.startswith("__")}
                local.entities[row["name"]] = LocalEntity(
                    row["label"], version, properties, version, str(uuid.uuid4()), offline=False
                )
        for identity in [i for i, e in local.entities.items() if not e.offline and i not in named]:
            del local.entities[identity]

    def unsure(self, name: str) -> list[str]:
        """Ids that the server is asked about: those that it has never listed."""
        return [identity for identity, e in self.lists[name].entities.items() if e.offline]

    def forget(self, name: str, integrity: bytes) -> None:
        """Drop what an integrity answer calls deleted."""
        root = parse(integrity, "integrity")
        if etree.QName(root).localname != "data":
            raise CollectError(f"integrity: the root is {root.tag}")
        for entity in root.iterfind("{*}entities/{*}entity"):
            deleted = entity.findtext("{*}deleted")
            if deleted not in ("true", "false"):
                raise CollectError(f"integrity: deleted is {deleted!r}")
            if deleted == "true":
                self.lists[name].entities.pop(entity.get("id") or "", None)

    def csv(self, name: str) -> bytes:
        """The list as a form sees it: with the columns that only the phone knows."""
        entities = self.lists[name].entities
        columns = list(dict.fromkeys(p for e in entities.values() for p in e.properties))
        out = io.StringIO(newline="")
        write = csv.writer(out, lineterminator="\n")
        write.writerow([*NEEDED, "__trunkVersion", "__branchId", *columns])
        for identity, e in entities.items():
            trunk = "" if e.trunk_version is None else e.trunk_version
            known = [e.properties.get(c, "") for c in columns]
            write.writerow([identity, e.label, e.version, trunk, e.branch_id, *known])
        return out.getvalue().encode()

    def finalized(self, xform: str, xml: bytes) -> None:
        """Create and update at once what a finished form says, before anything is sent."""
        form, instance = etree.fromstring(xform.encode()), etree.fromstring(xml)
        version = re.search(r'entities-version="([^"]*)"', xform)
        if version is None or not version[1].startswith(OFFLINE_VERSIONS):
            return
        saves = {
            bind.get("nodeset", ""): bind.get(f"{ENTITIES}saveto", "")
            for bind in form.iter("{*}bind")
            if bind.get(f"{ENTITIES}saveto")
        }
        for entity in instance.iterfind(".//{*}meta/{*}entity"):
            meta = entity.getparent()
            container = meta.getparent() if meta is not None else None
            local = self.lists.get(entity.get("dataset") or "")
            if local is None or container is None:
                continue
            properties = {
                saves[path]: node.text or "" for node in container.iter("*") if (path := _path(node)) in saves
            }
            self._apply(local, entity, entity.findtext("{*}label") or "", properties)

    @staticmethod
    def _apply(local: LocalList, entity: etree._Element, label: str, properties: dict[str, str]) -> None:
        identity = entity.get("id") or ""
        try:
            if uuid.UUID(identity).version != 4:
                return
        except ValueError:
            return
        known = local.entities.get(identity)
        if known is not None and entity.get("update") in ("1", "true", "TRUE"):
            local.entities[identity] = replace(
                known,
                label=label or known.label,
                version=known.version + 1,
                properties={**known.properties, **properties},
            )
        elif known is None and label and entity.get("create") in ("1", "true", "TRUE"):
            local.entities[identity] = LocalEntity(
                label, 1, properties, None, str(uuid.uuid4()), offline=True
            )


def list_name(filename: str) -> str:
    """The name of an entity list: its file's up to the first ``.csv``."""
    return filename.partition(".csv")[0]


def _rows(content: bytes) -> list[dict[str, str]]:
    text = content.decode("utf-8-sig")
    header = text.partition("\n")[0]
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in header else ","))
    for row in rows:
        missing = [column for column in NEEDED if row.get(column) is None]
        if missing:
            raise CollectError(f"an entity list's row lacks {', '.join(missing)}: it would load for ever")
        if not re.fullmatch(r"-?\d+", row["__version"]):
            raise CollectError(f"__version is {row['__version']!r}: Collect crashes")
    return rows


def _path(node: etree._Element) -> str:
    names: list[str] = []
    at: etree._Element | None = node
    while at is not None:
        names.append(etree.QName(at).localname)
        at = at.getparent()
    return "/" + "/".join(reversed(names))
