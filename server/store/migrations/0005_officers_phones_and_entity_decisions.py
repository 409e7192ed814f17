"""Phones of officers, telephone numbers of desks, who agreed to share, decisions on entities, follow-ups of cases.

Columns by plain ``ALTER TABLE``, as in 0003.
"""

from peewee import *
from server.store.fields import UtcField


def up(migrator, db):
    postgresql = "Postgres" in type(db).__name__
    db.execute_sql("alter table desk add column officer_id integer references officer (id) on delete restrict")
    db.execute_sql("alter table desk add column phone text")
    flag = "boolean not null default true" if postgresql else "integer not null default 1"
    db.execute_sql(f"alter table entity add column shared {flag}")
    # what the newest submission that was asked said; one that tells of consent and not of sharing said no
    answer = "s.answers #>> '{{loc,{}}}'" if postgresql else "json_extract(s.answers, '$.loc.{}')"
    asked = f"{answer.format('consent')} is not null"
    said = f"coalesce({answer.format('consent_share')}, 'no') = 'yes'"
    db.execute_sql(
        f"update entity set shared = coalesce((select {said} from entity_version v"
        f" join submission s on s.id = v.submission_id where v.entity_id = entity.id and {asked}"
        f" order by v.version desc limit 1), {'true' if postgresql else '1'})"
    )

    class Entity(Model):
        class Meta:
            database = db
            table_name = 'entity'

    class Submission(Model):
        class Meta:
            database = db
            table_name = 'submission'

    class Case(Model):
        class Meta:
            database = db
            table_name = 'risk_case'

    class EntityDecision(Model):
        entity = ForeignKeyField(Entity, on_delete='CASCADE')
        version = IntegerField()
        verb = CharField(max_length=10)
        actor = TextField()
        at = UtcField()
        sealed = BlobField()
        class Meta:
            database = db
            table_name = 'entity_decision'

    class FollowUp(Model):
        submission = ForeignKeyField(Submission, on_delete='CASCADE', unique=True)
        case = ForeignKeyField(Case, on_delete='CASCADE')
        role = CharField(max_length=12, null=True)
        class Meta:
            database = db
            table_name = 'follow_up'

    db.create_tables([EntityDecision, FollowUp])


def down(migrator, db):
    migrator.migrate(migrator.drop_table('follow_up'))
    migrator.migrate(migrator.drop_table('entity_decision'))
    for table, column in (("desk", "officer_id"), ("desk", "phone"), ("entity", "shared")):
        db.execute_sql(f"alter table {table} drop column {column}")
