"""Entity lists as phones and people get them: the workers of one village, and what became of those they hold."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from typing import Any

from peewee import fn

from server.store import areas
from server.store.database import Store
from server.store.entities import unseal
from server.store.models import Entity

_ASKED_AT_ONCE = 500  # ids in one query: older SQLite takes 999 values


def _of_village(list_name: str, village: str) -> Any:
    return (Entity.list == list_name) & areas.scope(Entity, village) & Entity.deleted_at.is_null()


def digest(list_name: str, village: str, properties: Sequence[str]) -> str:
    """32 hex digits that change with anything that :func:`csv_of` would give; one small query.

    Each change counts a version up, each coming and going changes the number and the sum of ids. The time of
    the last change tells a restored database from the one before.
    """
    row = (
        Entity.select(
            fn.COUNT(Entity.id), fn.SUM(Entity.id), fn.SUM(Entity.version), fn.MAX(Entity.updated_at)
        )
        .where(_of_village(list_name, village))
        .tuples()
        .first()
    )
    state = repr((list_name, village, tuple(properties), tuple(str(value) for value in row)))
    return hashlib.sha256(state.encode()).hexdigest()[:32]


def csv_of(list_name: str, village: str, properties: Sequence[str], store: Store) -> bytes:
    """The list of a village as Collect reads it (COLLECT 3.9): ``name,label,__version`` and the properties.

    Never ``__trunkVersion`` or ``__branchId``: those are the phone's own (3.10).
    """
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["name", "label", "__version", *properties])
    for entity in Entity.select().where(_of_village(list_name, village)).order_by(Entity.id):
        content = unseal(entity, store)
        known = content["properties"]
        write.writerow(
            [entity.uuid, content["label"], entity.version, *(known.get(name, "") for name in properties)]
        )
    return out.getvalue().encode()


def gone(list_name: str, village: str, ids: Iterable[str] | None = None) -> list[tuple[str, bool]]:
    """(id, whether a phone of the village should forget it), for those asked about or all of the village.

    An id that the server does not know is left out: its submission may still wait on that phone. What belongs
    to another village is gone for this one (ODK Central does likewise with what the asker may not see).
    """
    rows: list[tuple[str, bool]] = []
    if ids is None:
        query = Entity.select(Entity.uuid).where(_of_village(list_name, village)).order_by(Entity.id)
        return [(uuid, False) for (uuid,) in query.tuples()]
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), _ASKED_AT_ONCE):
        some = Entity.select(Entity.uuid, Entity.village, Entity.deleted_at).where(
            (Entity.list == list_name) & Entity.uuid.in_(wanted[start : start + _ASKED_AT_ONCE])
        )
        rows += [(e.uuid, e.village != village or e.deleted_at is not None) for e in some]
    return rows


def listing(list_name: str, area: str, store: Store) -> list[dict[str, Any]]:
    """The entities of a list within an area, as ``entities list`` shows them, oldest first."""
    rows = (
        Entity.select()
        .where((Entity.list == list_name) & areas.scope(Entity, area) & Entity.deleted_at.is_null())
        .order_by(Entity.id)
    )
    found = []
    for row in rows:
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
