"""Monthly exports may be locked with a password, which is kept sealed."""


def up(migrator, db):
    kind = "bytea" if "Postgres" in type(db).__name__ else "blob"
    db.execute_sql(f"alter table saved_export add column sealed {kind}")


def down(migrator, db):
    db.execute_sql("alter table saved_export drop column sealed")
