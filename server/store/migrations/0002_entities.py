"""Entities: workers who are known again."""

from peewee import *
from server.store.fields import UtcField


def up(migrator, db):
    class Submission(Model):
        class Meta:
            database = db
            table_name = 'submission'

    class Entity(Model):
        list = TextField()
        uuid = CharField(max_length=36)
        province = CharField(max_length=2)
        regency = CharField(max_length=5)
        district = CharField(max_length=8)
        village = CharField(max_length=13)
        version = IntegerField()
        conflict = BooleanField()
        sealed = BlobField()
        created_at = UtcField()
        updated_at = UtcField()
        deleted_at = UtcField(null=True)
        class Meta:
            database = db
            table_name = 'entity'
            indexes = ((('list', 'uuid'), True), (('list', 'province', 'village'), False))

    class EntityVersion(Model):
        entity = ForeignKeyField(Entity, on_delete='CASCADE', index=False)
        version = IntegerField()
        submission = ForeignKeyField(Submission, on_delete='CASCADE')
        origin = CharField(max_length=8)
        base_version = IntegerField()
        trunk_version = IntegerField()
        branch_id = CharField(max_length=36, null=True)
        sealed = BlobField()
        created_at = UtcField()
        class Meta:
            database = db
            table_name = 'entity_version'
            indexes = ((('entity', 'version'), True),)

    class EntityBacklog(Model):
        list = TextField()
        uuid = CharField(max_length=36)
        branch_id = CharField(max_length=36)
        base_version = IntegerField()
        submission = ForeignKeyField(Submission, on_delete='CASCADE')
        village = CharField(max_length=13)
        sealed = BlobField()
        held_at = UtcField(index=True)
        class Meta:
            database = db
            table_name = 'entity_backlog'
            indexes = ((('uuid', 'branch_id', 'base_version'), False),)

    db.create_tables([Entity, EntityVersion, EntityBacklog])


def down(migrator, db):
    migrator.migrate(migrator.drop_table('entity_backlog'))
    migrator.migrate(migrator.drop_table('entity_version'))
    migrator.migrate(migrator.drop_table('entity'))
