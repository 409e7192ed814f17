"""Entities, such as the workers of the list ``pmi``: what submissions make of them.

Rules after the ODK entities spec and what ODK Central does (COLLECT 7.4 to 7.12). Phones change entities while
offline: each change says on which version it builds, and changes of one phone form a branch. They may come in
any order, so a change whose predecessor is missing waits in the backlog. Nothing here ever refuses a
submission: what cannot be applied is a code in its verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson

from forms.entities import Block, is_uuid
from server.store import areas, submissions
from server.store.chains import in_chain
from server.store.database import Store
from server.store.models import Entity, EntityBacklog, EntityVersion, Submission
from server.store.statements import Insert, Select

WORKERS = "pmi"
"""The entity list of workers."""
LONGEST_HELD = timedelta(days=5)
"""After so long an update is applied without its predecessor, as in ODK Central."""

Origin = Literal["create", "update", "forced"]


_insert_entity = Insert(Entity)
_insert_version = Insert(EntityVersion)
_known = Select(
    lambda list_name, uuid: Entity.select(Entity.id).where((Entity.list == list_name) & (Entity.uuid == uuid))
)
_waiting = Select(
    lambda uuid, list_name: EntityBacklog.select(EntityBacklog.id).where(
        (EntityBacklog.uuid == uuid) & (EntityBacklog.list == list_name)
    )
)


@dataclass(frozen=True)
class Sender:
    """Whose word a block is: the submission, its village, and the area that its desk may speak for.

    ``shared``: did the person agree that their data leave the desk? None where they were not asked.
    """

    submission_id: int
    village: str
    speaks_for: str
    shared: bool | None = None


class _RefusedError(Exception):
    """A block cannot be applied; the argument is a code that says why."""


@dataclass(frozen=True)
class _Base:
    """What a block would be applied to: an entity at hand (None: none yet), and the version it builds on.

    ``wait`` says that the version it builds on has not come yet.
    """

    entity: Any
    version: int = 0
    wait: bool = False
    late: bool = False
    """A creation whose entity was made by force from a later update."""


def take(asked: Sequence[Block], sender: Sender, store: Store, now: datetime) -> list[tuple[int, str]]:
    """Apply the blocks of a new submission, all or none.

    Returns what was wrong as (number of the block from 1, code); empty where all was applied or put into the
    backlog. Call inside the submission's transaction.
    """
    store.lock(*(f"entity:{block.uuid}" for block in asked))
    faults: list[tuple[int, str]] = []
    bases: list[_Base] = []
    for number, block in enumerate(asked, start=1):
        try:
            if any(block.uuid == other.uuid for other in asked[: number - 1]):
                raise _RefusedError("entity.twice")
            bases.append(_base(block, sender))
        except _RefusedError as refused:
            faults.append((number, str(refused)))
    if faults:
        return faults
    for block, base in zip(asked, bases, strict=True):
        if base.wait:
            _hold(block, sender, store, now)
        else:
            _apply(block, base, sender, store, now)
            _release(block, store, now)
    return []


def taken(form_id: str, root: str) -> bool:
    """Has any version of this submission (an original and its edits) been taken before?"""
    chain = Submission.select(Submission.id).where(in_chain(form_id, root))
    return bool(
        EntityVersion.select().where(EntityVersion.submission.in_(chain)).exists()
        or EntityBacklog.select().where(EntityBacklog.submission.in_(chain)).exists()
    )


def _base(block: Block, sender: Sender) -> _Base:
    """What a block builds on. Raises :class:`_RefusedError`."""
    if not is_uuid(block.uuid):
        raise _RefusedError("entity.id")
    if block.branch_id and not is_uuid(block.branch_id):
        raise _RefusedError("entity.branch")
    if block.trunk_version and not block.branch_id:
        raise _RefusedError("entity.branch")
    entity = _find(block.list, block.uuid)
    if entity is not None:
        if not areas.covers(sender.speaks_for, entity.village):
            raise _RefusedError("entity.area")
        if entity.deleted_at is not None:
            raise _RefusedError("entity.deleted")
    if block.create and (entity is None or not block.update):
        if not block.label:
            raise _RefusedError("entity.label")
        if entity is not None and not _made_by_force(entity):
            raise _RefusedError("entity.exists")
        return _Base(entity, late=entity is not None)
    if not block.branch_id:
        if entity is None:
            raise _RefusedError("entity.unknown")
        if not 1 <= block.base_version <= entity.version:
            raise _RefusedError("entity.base")
        return _Base(entity, block.base_version)
    if block.trunk_version > (entity.version if entity is not None else 0):
        raise _RefusedError("entity.trunk")
    if not block.base_version:
        raise _RefusedError("entity.base")
    if entity is None:
        return _Base(None, wait=True)
    if block.base_version in (1, block.trunk_version):  # where the branch begins
        return _Base(entity, block.base_version)
    before = (
        EntityVersion.select(EntityVersion.version)
        .where(
            (EntityVersion.entity == entity.id)
            & (EntityVersion.branch_id == block.branch_id)
            & (EntityVersion.base_version == block.base_version - 1)
        )
        .order_by(EntityVersion.version.desc())
        .tuples()
        .first()
    )
    return _Base(entity, before[0]) if before is not None else _Base(entity, wait=True)


def _find(list_name: str, uuid: str) -> Any:
    # most entities that a submission names are new: that is found out without Peewee's slower queries
    known = _known.first(list_name, uuid)
    return Entity.get_by_id(known[0]) if known is not None else None


def _made_by_force(entity: Any) -> bool:
    origins = {
        origin
        for (origin,) in EntityVersion.select(EntityVersion.origin)
        .where(EntityVersion.entity == entity.id)
        .tuples()
    }
    return "forced" in origins and "create" not in origins


def _apply(
    block: Block, base: _Base, sender: Sender, store: Store, now: datetime, *, forced: bool = False
) -> None:
    """Write the next version of an entity, or its first."""
    entity = base.entity
    said: dict[str, Any] = {"label": block.label, "properties": dict(block.properties)}
    origin: Origin = "forced" if forced else "create" if entity is None or base.late else "update"
    if entity is None:
        version, conflict = 1, forced
        sealed = _seal(said, block.uuid, store)
        entity_id = _insert_entity.one(
            {
                "list": block.list,
                "uuid": block.uuid,
                **areas.split(sender.village),
                "version": version,
                "conflict": conflict,
                "shared": sender.shared is not False,
                "sealed": sealed,
                "created_at": now,
                "updated_at": now,
            }
        )
    else:
        entity_id, version = entity.id, entity.version + 1
        conflict = entity.conflict or forced or base.version != entity.version
        former = unseal(entity, store)
        # A creation that comes late is older than what was made without it: it only fills gaps.
        merged = _merged(said, former) if base.late else _merged(former, said)
        sealed = _seal(merged, block.uuid, store)
        shared = entity.shared if sender.shared is None or base.late else sender.shared
        Entity.update(version=version, conflict=conflict, shared=shared, sealed=sealed, updated_at=now).where(
            Entity.id == entity_id
        ).execute()
    _insert_version.many(
        [
            {
                "entity": entity_id,
                "version": version,
                "submission": sender.submission_id,
                "origin": origin,
                "base_version": block.base_version,
                "trunk_version": block.trunk_version,
                "branch_id": block.branch_id or None,
                "sealed": sealed,
                "created_at": now,
            }
        ]
    )


def _merged(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    return {
        "label": newer["label"] or older["label"],
        "properties": {**older["properties"], **newer["properties"]},
    }


def _hold(block: Block, sender: Sender, store: Store, now: datetime) -> None:
    EntityBacklog.insert(
        list=block.list,
        uuid=block.uuid,
        branch_id=block.branch_id,
        base_version=block.base_version,
        submission=sender.submission_id,
        village=sender.village,
        sealed=_seal(asdict(block), block.uuid, store),
        held_at=now,
    ).execute()


def _release(block: Block, store: Store, now: datetime) -> None:
    """Apply what waited for this block, and then what waited for that."""
    if _waiting.first(block.uuid, block.list) is None:
        return
    # a version 1 may be built on by any branch; later ones by their own branch only
    follows = EntityBacklog.base_version == 1
    if block.branch_id:
        follows |= (EntityBacklog.branch_id == block.branch_id) & (
            EntityBacklog.base_version == block.base_version + 1
        )
    waiting = (
        EntityBacklog.select()
        .where((EntityBacklog.uuid == block.uuid) & (EntityBacklog.list == block.list) & follows)
        .order_by(EntityBacklog.base_version, EntityBacklog.id)
    )
    for row in list(waiting):
        if not EntityBacklog.delete().where(EntityBacklog.id == row.id).execute():
            continue  # released meanwhile, by what another one of these set free
        held, sender = _held(row, store)
        try:
            base = _base(held, sender)
        except _RefusedError as refused:
            note_faults(row.submission_id, [(1, str(refused))])
            continue
        _apply(held, base, sender, store, now)
        _release(held, store, now)


def _held(row: Any, store: Store) -> tuple[Block, Sender]:
    block = Block(**orjson.loads(store.keys.unseal(bytes(row.sealed), row.uuid)))
    submission = Submission.get_by_id(row.submission_id)
    desk = submission.desk
    # what its desk may speak for: the entity was not known when it came, so that could not be looked at
    speaks_for = row.village[:5] if desk is None else desk.village if desk.officer_id else desk.regency
    shared = submissions.agreed(submission)
    return block, Sender(row.submission_id, row.village, speaks_for, shared)


def force_held(store: Store, now: datetime, longest: timedelta = LONGEST_HELD) -> int:
    """Apply the updates that have waited too long; returns how many. Call inside a transaction.

    An update goes upon the newest version, or makes the entity where there is none. Either way people should
    look at it: the entity is marked as in conflict.
    """
    late = (
        EntityBacklog.select()
        .where(EntityBacklog.held_at <= now - longest)
        .order_by(EntityBacklog.uuid, EntityBacklog.branch_id, EntityBacklog.base_version, EntityBacklog.id)
    )
    applied = 0
    for row in list(late):
        store.lock(f"entity:{row.uuid}")
        if not EntityBacklog.delete().where(EntityBacklog.id == row.id).execute():
            continue  # released by the one before it, or by another process
        applied += 1
        block, sender = _held(row, store)
        entity = _find(block.list, block.uuid)
        if entity is None and not block.label:
            note_faults(row.submission_id, [(1, "entity.label")])
            continue
        if entity is not None and (
            entity.deleted_at is not None or not areas.covers(sender.speaks_for, entity.village)
        ):
            note_faults(row.submission_id, [(1, "entity.deleted" if entity.deleted_at else "entity.area")])
            continue
        _apply(block, _Base(entity), sender, store, now, forced=True)
        _release(block, store, now)
    return applied


def note_faults(submission_id: int, faults: Sequence[tuple[int, str]]) -> None:
    """Keep with a submission, as ``entity_errors`` of its verdict, which of its blocks failed and why."""
    verdict = Submission.get_by_id(submission_id).verdict
    noted = [*verdict.get("entity_errors", []), *([number, code] for number, code in faults)]
    Submission.update(verdict={**verdict, "entity_errors": noted}).where(
        Submission.id == submission_id
    ).execute()


def _seal(content: dict[str, Any], uuid: str, store: Store) -> bytes:
    return store.keys.seal(orjson.dumps(content), uuid)


def unseal(entity: Any, store: Store) -> dict[str, Any]:
    """The ``label`` and ``properties`` of an entity's row."""
    content: dict[str, Any] = orjson.loads(store.keys.unseal(bytes(entity.sealed), entity.uuid))
    return content
