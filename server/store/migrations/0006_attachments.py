"""Which questions an attachment answers, an index of the few that have not come, and one that tells what state an
entity list is in without reading its rows.

Columns are added by plain ``ALTER TABLE``: on SQLite the migrator would rebuild the table.
"""


def up(migrator, db):
    db.execute_sql("alter table attachment add column question text")
    db.execute_sql("create index attachment_missing on attachment (submission_id) where sha256 is null")
    db.execute_sql("drop index entity_list_province_village")
    db.execute_sql(
        "create index entity_state on entity (list, province, village, deleted_at, shared, version, updated_at)"
    )


def down(migrator, db):
    db.execute_sql("drop index entity_state")
    db.execute_sql("create index entity_list_province_village on entity (list, province, village)")
    db.execute_sql("drop index attachment_missing")
    db.execute_sql("alter table attachment drop column question")
