"""Drafts of forms and desks that try them, closed forms, and who set which edition of a list from when.

Columns are added by plain ``ALTER TABLE``: on SQLite the migrator would rebuild the table, and dropping the old one
takes along every row that refers to it.
"""


def up(migrator, db):
    postgresql = "Postgres" in type(db).__name__
    flag = "boolean not null default false" if postgresql else "integer not null default 0"
    for table, column in (
        ("form_version", "draft"),
        ("form_version", "closed"),
        ("desk", "draft"),
        ("submission", "draft"),
    ):
        db.execute_sql(f"alter table {table} add column {column} {flag}")
    db.execute_sql("alter table attached_list add column set_at bigint not null default 0")
    db.execute_sql("update attached_list set set_at = valid_from")
    db.execute_sql("update attached_list set valid_from = 0 where edition = 1")
    db.execute_sql("alter table attached_list add column set_by text not null default 'shipped'")


def down(migrator, db):
    for table, column in (
        ("form_version", "draft"),
        ("form_version", "closed"),
        ("desk", "draft"),
        ("submission", "draft"),
        ("attached_list", "set_at"),
        ("attached_list", "set_by"),
    ):
        db.execute_sql(f"alter table {table} drop column {column}")
