"""Rosters and supervisors, steps of alerts, assignments and reminders, and how jobs fare.

Columns are added by plain ``ALTER TABLE``, see 0003.
"""

from peewee import *
from server.store.fields import UtcField

COLUMNS = (
    ("officer", "supervisor_id", "integer references officer (id) on delete restrict"),
    ("officer", "last_resort", None),
    ("alert", "escalate_at", "bigint"),
    ("alert", "rung", "integer not null default 0"),
    ("alert", "remind_at", "bigint"),
    ("alert", "reminded", "integer not null default 0"),
    ("alert", "assigned_to_id", "integer references officer (id) on delete restrict"),
    ("alert", "assigned_at", "bigint"),
    ("job_run", "succeeded_at", "bigint"),
    ("job_run", "failures", "integer not null default 0"),
)
INDEXES = (("alert_escalates", "escalate_at"), ("alert_reminds", "remind_at"))


def up(migrator, db):
    postgresql = "Postgres" in type(db).__name__
    flag = "boolean not null default false" if postgresql else "integer not null default 0"
    for table, column, kind in COLUMNS:
        db.execute_sql(f"alter table {table} add column {column} {kind or flag}")
    for name, column in INDEXES:
        db.execute_sql(f"create index {name} on alert ({column}) where {column} is not null")

    class Officer(Model):
        class Meta:
            database = db
            table_name = 'officer'

    class Alert(Model):
        class Meta:
            database = db
            table_name = 'alert'

    class Duty(Model):
        role = CharField(max_length=12)
        area = CharField(max_length=13)
        officer = ForeignKeyField(Officer, on_delete='RESTRICT', index=False)
        deputy = ForeignKeyField(Officer, null=True, on_delete='RESTRICT', index=False)
        instead_of = ForeignKeyField(Officer, null=True, on_delete='RESTRICT', index=False)
        starts_at = UtcField()
        ends_at = UtcField()
        noted_at = UtcField()
        noted_by = TextField()
        class Meta:
            database = db
            table_name = 'duty'
            indexes = ((('role', 'area', 'ends_at'), False),)

    class Leave(Model):
        officer = ForeignKeyField(Officer, on_delete='RESTRICT', index=False)
        deputy = ForeignKeyField(Officer, null=True, on_delete='RESTRICT', index=False)
        starts_at = UtcField()
        ends_at = UtcField()
        noted_at = UtcField()
        noted_by = TextField()
        class Meta:
            database = db
            table_name = 'leave'
            indexes = ((('officer', 'ends_at'), False),)

    class Office(Model):
        role = CharField(max_length=12)
        area = CharField(max_length=13)
        supervisor = ForeignKeyField(Officer, on_delete='RESTRICT', index=False)
        class Meta:
            database = db
            table_name = 'office'
            indexes = ((('role', 'area'), True),)

    class DayOff(Model):
        area = CharField(max_length=13)
        day = DateField()
        name = TextField()
        class Meta:
            database = db
            table_name = 'day_off'
            indexes = ((('area', 'day'), True),)

    class Step(Model):
        alert = ForeignKeyField(Alert, on_delete='CASCADE')
        officer = ForeignKeyField(Officer, on_delete='RESTRICT', index=False)
        why = CharField(max_length=16)
        at = UtcField()
        due_at = UtcField(null=True)
        by = ForeignKeyField(Officer, null=True, on_delete='RESTRICT', index=False)
        class Meta:
            database = db
            table_name = 'alert_step'

    db.create_tables([Duty, Leave, Office, DayOff, Step])


def down(migrator, db):
    for table in ('alert_step', 'day_off', 'office', 'leave', 'duty'):
        migrator.migrate(migrator.drop_table(table))
    for name, _ in INDEXES:
        db.execute_sql(f"drop index {name}")
    for table, column, _ in reversed(COLUMNS):
        db.execute_sql(f"alter table {table} drop column {column}")
