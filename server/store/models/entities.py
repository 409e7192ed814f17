"""Things that are known again."""

from __future__ import annotations

from peewee import BlobField, BooleanField, CharField, ForeignKeyField, IntegerField, TextField

from server.store.fields import UtcField
from server.store.models.base import Base
from server.store.models.submissions import Submission


class Entity(Base):
    """Something that is known again, such as a worker of the list ``pmi``: what phones of its village choose from.

    ``sealed`` holds label and properties, for all of it may identify a person; only what it is found by is open.
    ``list`` and ``uuid`` are the phone's words. ``conflict``: somebody changed it without knowing its newest
    version. ``shared``: nobody said that this person's data must stay with the desk. Areas are those of the
    submission that created it.
    """

    list = TextField()
    uuid = CharField(36)
    province = CharField(2)
    regency = CharField(5)
    district = CharField(8)
    village = CharField(13)
    version = IntegerField()
    conflict = BooleanField()
    shared = BooleanField(default=True)
    sealed = BlobField()
    created_at = UtcField()
    updated_at = UtcField()
    deleted_at = UtcField(null=True)

    class Meta:
        """Peewee's options."""

        indexes = ((("list", "uuid"), True),)


class EntityVersion(Base):
    """One version of an entity, and the submission that made it. ``sealed`` holds label and properties after it.

    ``origin`` is ``create``, ``update``, ``forced`` for an update that was applied although what it builds on
    never came, or ``resolved`` where a person has put the content of an earlier version in force again; then
    ``submission`` is that version's. ``base_version``, ``trunk_version`` and ``branch_id`` are the phone's
    (COLLECT 7.7 to 7.10).
    """

    entity = ForeignKeyField(Entity, on_delete="CASCADE", index=False)
    version = IntegerField()
    submission = ForeignKeyField(Submission, on_delete="CASCADE")
    origin = CharField(8)
    base_version = IntegerField()
    trunk_version = IntegerField()
    branch_id = CharField(36, null=True)
    sealed = BlobField()
    created_at = UtcField()

    class Meta:
        """Peewee's options."""

        indexes = ((("entity", "version"), True),)


class EntityBacklog(Base):
    """An update that came before the one it builds on, sealed as it stood in its submission."""

    list = TextField()
    uuid = CharField(36)
    branch_id = CharField(36)
    base_version = IntegerField()
    submission = ForeignKeyField(Submission, on_delete="CASCADE")
    village = CharField(13)
    sealed = BlobField()
    held_at = UtcField(index=True)

    class Meta:
        """Peewee's options."""

        indexes = ((("uuid", "branch_id", "base_version"), False),)


class EntityDecision(Base):
    """What a person decided about an entity, and why: ``resolved`` a conflict, or ``deleted`` it.

    ``sealed`` holds the reason: people write names into such fields.
    """

    entity = ForeignKeyField(Entity, on_delete="CASCADE")
    version = IntegerField()
    verb = CharField(10)
    actor = TextField()
    at = UtcField()
    sealed = BlobField()


# Phones ask at every sync whether their list has changed: this holds all that the answer needs.
Entity.add_index(
    Entity.index(
        Entity.list,
        Entity.province,
        Entity.village,
        Entity.deleted_at,
        Entity.shared,
        Entity.version,
        Entity.updated_at,
        name="entity_state",
    )
)
