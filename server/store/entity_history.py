"""What became of one entity: its versions, who made them, and what people decided about it, with their reasons.

People resolve conflicts that phones have made while offline, and take out what should not be on a list. Nothing is
overwritten: a decision is a row, a former version put in force again is a new version.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from forms.problems import Problem, Problems
from server.store import areas, events
from server.store.database import Store
from server.store.entities import unseal
from server.store.models import Desk, Entity, EntityDecision, EntityVersion, Submission
from server.store.sealing import Keys

Verb = Literal["resolved", "deleted", "restored"]


@dataclass(frozen=True)
class VersionView:
    """One version: what it says, what it changed against the one before, and which submission made it.

    ``desk`` is the name of the desk that sent it. ``base_version`` is the version that its phone knew; ``crossed``
    says that there was a newer one already.
    """

    version: int
    origin: str
    at: datetime
    desk: str | None
    instance_id: str
    base_version: int
    crossed: bool
    label: str
    properties: dict[str, str]
    changed: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """What a person decided at a version of the entity, and why."""

    verb: str
    version: int
    actor: str
    at: datetime
    reason: str


@dataclass(frozen=True)
class EntityView:
    """An entity with all that is known of it, versions and decisions oldest first."""

    list: str
    uuid: str
    village: str
    version: int
    conflict: bool
    shared: bool
    deleted_at: datetime | None
    label: str
    properties: dict[str, str]
    versions: tuple[VersionView, ...]
    decisions: tuple[Decision, ...]


def find(list_name: str, uuid: str, area: str, store: Store) -> EntityView:
    """An entity within an area, deleted ones among them. Raises :class:`Problem` (ENTITY_UNKNOWN)."""
    entity = _require(list_name, uuid, area)
    content = unseal(entity, store)
    return EntityView(
        list=entity.list,
        uuid=entity.uuid,
        village=entity.village,
        version=entity.version,
        conflict=entity.conflict,
        shared=entity.shared,
        deleted_at=entity.deleted_at,
        label=content["label"],
        properties=content["properties"],
        versions=_versions(entity, store.keys),
        decisions=tuple(
            Decision(
                d.verb, d.version, d.actor, d.at, store.keys.unseal(bytes(d.sealed), entity.uuid).decode()
            )
            for d in EntityDecision.select()
            .where(EntityDecision.entity == entity.id)
            .order_by(EntityDecision.id)
        ),
    )


def _versions(entity: Any, keys: Keys) -> tuple[VersionView, ...]:
    rows = (
        EntityVersion.select(EntityVersion, Submission, Desk)
        .join(Submission)
        .left_outer_join(Desk)
        .where(EntityVersion.entity == entity.id)
        .order_by(EntityVersion.version)
    )
    views: list[VersionView] = []
    before: dict[str, str] = {}
    for row in rows:
        content = json.loads(keys.unseal(bytes(row.sealed), entity.uuid))
        now = {"label": content["label"], **content["properties"]}
        changed = tuple(name for name in {**before, **now} if before.get(name, "") != now.get(name, ""))
        desk = row.submission.desk
        views.append(
            VersionView(
                version=row.version,
                origin=row.origin,
                at=row.created_at,
                desk=desk.name if desk is not None else None,
                instance_id=row.submission.instance_id,
                base_version=row.base_version,
                # what a phone changed offline counts up from its own version: only the server's tells (7.9)
                crossed=row.origin == "forced"
                or (row.origin == "update" and 0 < row.base_version < row.version - 1),
                label=content["label"],
                properties=content["properties"],
                changed=changed,
            )
        )
        before = now
    return tuple(views)


def resolve(
    list_name: str,
    uuid: str,
    area: str,
    reason: str,
    actor: str,
    store: Store,
    now: datetime,
    *,
    version: int | None = None,
    seen: int | None = None,
) -> None:
    """Say that a conflict was looked at. With ``version`` what that version says counts again, as a new version.

    ``seen`` is the newest version that the decision was made upon, None where it is about whatever is newest.
    Call inside a transaction. Raises :class:`Problem`: ENTITY_UNKNOWN, REASON_MISSING, ENTITY_NO_CONFLICT (also
    where somebody else was quicker), ENTITY_NEWER, ENTITY_VERSION_UNKNOWN.
    """
    reason = _reason(reason)
    entity = _held(list_name, uuid, area, store)
    if entity.conflict and seen not in (None, entity.version):
        raise Problem(Problems.ENTITY_NEWER, version=entity.version)
    after: dict[str, Any] = {"conflict": False, "updated_at": now}
    again = None
    if version is not None and version != entity.version:
        again = EntityVersion.get_or_none(
            (EntityVersion.entity == entity.id) & (EntityVersion.version == version)
        )
        if again is None:
            raise Problem(Problems.ENTITY_VERSION_UNKNOWN, version=version, newest=entity.version)
        after |= {"version": entity.version + 1, "sealed": bytes(again.sealed)}
    settled = Entity.update(after).where(
        (Entity.id == entity.id)
        & (Entity.version == entity.version)
        & (Entity.conflict == True)  # noqa: E712 - SQL
        & Entity.deleted_at.is_null()
    )
    if not settled.execute():
        raise Problem(Problems.ENTITY_NO_CONFLICT)
    if again is not None:
        EntityVersion.insert(
            entity=entity.id,
            version=entity.version + 1,
            submission=again.submission_id,
            origin="resolved",
            base_version=version,
            trunk_version=0,
            branch_id=None,
            sealed=bytes(again.sealed),
            created_at=now,
        ).execute()
    _decide("resolved", entity, reason, actor, store, now)


def delete(
    list_name: str,
    uuid: str,
    area: str,
    reason: str,
    actor: str,
    store: Store,
    now: datetime,
    *,
    seen: int | None = None,
) -> None:
    """Take an entity off its list: phones forget it at their next sync. Its versions stay.

    Call inside a transaction; ``seen`` as for :func:`resolve`. Raises :class:`Problem`: ENTITY_UNKNOWN,
    REASON_MISSING, ENTITY_NEWER, ENTITY_DELETED.
    """
    reason = _reason(reason)
    entity = _held(list_name, uuid, area, store)
    if seen not in (None, entity.version):
        raise Problem(Problems.ENTITY_NEWER, version=entity.version)
    gone = Entity.update(deleted_at=now, updated_at=now).where(
        (Entity.id == entity.id) & Entity.deleted_at.is_null()
    )
    if not gone.execute():
        raise Problem(Problems.ENTITY_DELETED)
    _decide("deleted", entity, reason, actor, store, now)


def restore(
    list_name: str, uuid: str, area: str, reason: str, actor: str, store: Store, now: datetime
) -> None:
    """Put a deleted entity on its list again.

    Call inside a transaction. Raises :class:`Problem`: ENTITY_UNKNOWN, REASON_MISSING, ENTITY_NOT_DELETED.
    """
    reason = _reason(reason)
    entity = _held(list_name, uuid, area, store)
    back = Entity.update(deleted_at=None, updated_at=now).where(
        (Entity.id == entity.id) & Entity.deleted_at.is_null(False)
    )
    if not back.execute():
        raise Problem(Problems.ENTITY_NOT_DELETED)
    _decide("restored", entity, reason, actor, store, now)


def _decide(verb: Verb, entity: Any, reason: str, actor: str, store: Store, now: datetime) -> None:
    EntityDecision.insert(
        entity=entity.id,
        version=entity.version,
        verb=verb,
        actor=actor,
        at=now,
        sealed=store.keys.seal(reason.encode(), entity.uuid),
    ).execute()
    events.record(now, actor, f"entity.{verb}", entity.uuid, list=entity.list, version=entity.version)


def _held(list_name: str, uuid: str, area: str, store: Store) -> Any:
    """The entity, for this transaction alone: no phone changes it meanwhile."""
    store.lock(f"entity:{uuid.strip().lower()}")
    return _require(list_name, uuid, area)


def _require(list_name: str, uuid: str, area: str) -> Any:
    entity = Entity.get_or_none(
        (Entity.list == list_name) & (Entity.uuid == uuid.strip().lower()) & areas.scope(Entity, area)
    )
    if entity is None:
        raise Problem(Problems.ENTITY_UNKNOWN)
    return entity


def _reason(text: str) -> str:
    said = " ".join(text.split())[:1000]
    if len(said) < 3:
        raise Problem(Problems.REASON_MISSING)
    return said
