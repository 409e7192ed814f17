"""What became of a quarantined upload: who decided it when and why, the submission that it is; how much it holds.

Columns are added by plain ``ALTER TABLE``: on SQLite the migrator would rebuild the table.
"""

COLUMNS = (
    ("size", "bigint not null default 0"),
    ("decided_at", "bigint"),
    ("decided_by", "text"),
    ("note", None),
    ("submission_id", "integer references submission (id) on delete set null"),
)


def up(migrator, db):
    postgresql = "Postgres" in type(db).__name__
    for name, kind in COLUMNS:
        kind = kind or ("bytea" if postgresql else "blob")
        db.execute_sql(f"alter table quarantine add column {name} {kind}")
    db.execute_sql("update quarantine set size = length(xml)")
    db.execute_sql("create index quarantine_submission_id on quarantine (submission_id)")
    db.execute_sql("create index quarantine_held on quarantine (id) where state = 'held'")


def down(migrator, db):
    db.execute_sql("drop index quarantine_held")
    db.execute_sql("drop index quarantine_submission_id")
    for name, _ in COLUMNS:
        db.execute_sql(f"alter table quarantine drop column {name}")
