"""Exports that are remembered, and the queue of those to be written."""

from peewee import *
from server.store.fields import UtcField


def up(migrator, db):
    class SavedExport(Model):
        owner = TextField()
        name = TextField()
        form_id = TextField()
        last_id = BigIntegerField(null=True)
        last_at = UtcField(null=True)
        request = JSONField(null=True)
        next_at = UtcField(null=True, index=True)
        created_at = UtcField()
        class Meta:
            database = db
            table_name = 'saved_export'
            indexes = ((('owner', 'name', 'form_id'), True),)

    class ExportJob(Model):
        token = CharField(max_length=32, unique=True)
        owner = TextField()
        role = TextField()
        area = CharField(max_length=13)
        form_id = TextField()
        kind = CharField(max_length=8)
        request = JSONField()
        saved = ForeignKeyField(SavedExport, null=True, on_delete='SET NULL', index=False)
        sealed = BlobField(null=True)
        state = CharField(max_length=10, default='waiting')
        done = IntegerField(default=0)
        total = IntegerField(default=0)
        attempts = IntegerField(default=0)
        ordered_at = UtcField()
        ended_at = UtcField(null=True)
        claimed_by = TextField(null=True)
        claimed_until = UtcField(null=True)
        rows = IntegerField(null=True)
        size = BigIntegerField(null=True)
        address = CharField(max_length=64, null=True)
        error = TextField(null=True)
        expires_at = UtcField(null=True)
        class Meta:
            database = db
            table_name = 'export_job'
            indexes = ((('state', 'ordered_at'), False), (('owner', 'ordered_at'), False))

    db.create_tables([SavedExport, ExportJob])


def down(migrator, db):
    migrator.migrate(migrator.drop_table('export_job'))
    migrator.migrate(migrator.drop_table('saved_export'))
