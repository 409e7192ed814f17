"""Entity lists as phones and people get them: the workers of one village, and what became of those they hold."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from peewee import fn

from server.store import areas
from server.store.database import Store
from server.store.entities import unseal
from server.store.models import Entity

_ASKED_AT_ONCE = 500  # ids in one query: older SQLite takes 999 values


@dataclass(frozen=True)
class Reader:
    """Whose phones get a list: the area whose people they may know (empty: nobody).

    ``unshared``: also those people who did not agree that their data leave the village desk.
    """

    area: str
    unshared: bool = True


def _listed(list_name: str, reader: Reader) -> Any:
    listed = (Entity.list == list_name) & areas.scope(Entity, reader.area) & Entity.deleted_at.is_null()
    return listed if reader.unshared else listed & Entity.shared


def digest(list_name: str, reader: Reader, properties: Sequence[str]) -> str:
    """32 hex digits that change with anything that :func:`csv_of` would give; one small query.

    Each change counts a version up, each coming and going changes the number and the sum of ids. The time of
    the last change tells a restored database from the one before.
    """
    row = (
        Entity.select(
            fn.COUNT(Entity.id), fn.SUM(Entity.id), fn.SUM(Entity.version), fn.MAX(Entity.updated_at)
        )
        .where(_listed(list_name, reader))
        .tuples()
        .first()
    )
    state = repr((list_name, reader.area, tuple(properties), tuple(str(value) for value in row)))
    return hashlib.sha256(state.encode()).hexdigest()[:32]


def csv_of(list_name: str, reader: Reader, properties: Sequence[str], store: Store) -> bytes:
    """The list as Collect reads it (COLLECT 3.9): ``name,label,__version`` and the properties.

    Never ``__trunkVersion`` or ``__branchId``: those are the phone's own (3.10).
    """
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["name", "label", "__version", *properties])
    rows = (
        Entity.select(Entity.uuid, Entity.version, Entity.sealed)
        .where(_listed(list_name, reader))
        .order_by(Entity.id)
        .tuples()
    )
    unsealed, read = store.keys.unseal, orjson.loads  # ten thousand times: plain tuples, no models
    write.writerows(
        (uuid, content["label"], version, *map(content["properties"].get, properties))
        for uuid, version, content in ((u, v, read(unsealed(bytes(sealed), u))) for u, v, sealed in rows)
    )
    return out.getvalue().encode()


def properties_of(list_name: str, uuid: str, reader: Reader, store: Store) -> dict[str, str] | None:
    """One entity of a list as its row, with all of its properties; None where it is not on it."""
    entity = Entity.select().where(_listed(list_name, reader) & (Entity.uuid == uuid)).first()
    if entity is None:
        return None
    content = unseal(entity, store)
    own = {"name": entity.uuid, "label": content["label"], "__version": str(entity.version)}
    return {**content["properties"], **own}


def gone(list_name: str, reader: Reader, ids: Iterable[str] | None = None) -> list[tuple[str, bool]]:
    """(id, whether a phone should forget it), for those asked about or all of the list.

    An id that the server does not know is left out: its submission may still wait on that phone. What is on other
    lists only is gone for this one (ODK Central does likewise with what the asker may not see).
    """
    rows: list[tuple[str, bool]] = []
    if ids is None:
        query = Entity.select(Entity.uuid).where(_listed(list_name, reader)).order_by(Entity.id)
        return [(uuid, False) for (uuid,) in query.tuples()]
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), _ASKED_AT_ONCE):
        some = Entity.select(Entity.uuid, Entity.village, Entity.shared, Entity.deleted_at).where(
            (Entity.list == list_name) & Entity.uuid.in_(wanted[start : start + _ASKED_AT_ONCE])
        )
        rows += [
            (
                e.uuid,
                e.deleted_at is not None
                or not areas.covers(reader.area, e.village)
                or not (e.shared or reader.unshared),
            )
            for e in some
        ]
    return rows


def listing(list_name: str, area: str, store: Store, *, conflicts: bool = False) -> list[dict[str, Any]]:
    """The entities of a list within an area, as ``entities list`` shows them, oldest first.

    With ``conflicts`` only those that are in conflict.
    """
    found = []
    for row in _within(list_name, area, conflicts=conflicts):
        content = unseal(row, store)
        found.append(
            {
                "id": row.uuid,
                "label": content["label"],
                "version": row.version,
                "village": row.village,
                "properties": content["properties"],
                "conflict": row.conflict,
            }
        )
    return found


@dataclass(frozen=True)
class InConflict:
    """An entity that somebody should look at. ``shared`` as in :class:`server.store.models.Entity`."""

    list: str
    uuid: str
    village: str
    version: int
    shared: bool
    label: str


def conflicts(list_name: str, area: str, store: Store) -> list[InConflict]:
    """The entities of a list within an area that are in conflict, oldest first."""
    return [
        InConflict(e.list, e.uuid, e.village, e.version, e.shared, unseal(e, store)["label"])
        for e in _within(list_name, area, conflicts=True)
    ]


def _within(list_name: str, area: str, *, conflicts: bool) -> Any:
    condition = (Entity.list == list_name) & areas.scope(Entity, area) & Entity.deleted_at.is_null()
    if conflicts:
        condition &= Entity.conflict == True  # noqa: E712 - SQL
    return Entity.select().where(condition).order_by(Entity.id)
