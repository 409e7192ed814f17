"""Which questions an attachment answers, and an index of the few that have not come.

Columns are added by plain ``ALTER TABLE``: on SQLite the migrator would rebuild the table.
"""


def up(migrator, db):
    db.execute_sql("alter table attachment add column question text")
    db.execute_sql("create index attachment_missing on attachment (submission_id) where sha256 is null")


def down(migrator, db):
    db.execute_sql("drop index attachment_missing")
    db.execute_sql("alter table attachment drop column question")
