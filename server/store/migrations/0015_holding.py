"""A closed form may hold what still arrives, for staff to decide."""


def up(migrator, db):
    flag = "boolean not null default false" if "Postgres" in type(db).__name__ else "integer not null default 0"
    db.execute_sql(f"alter table form_version add column holding {flag}")


def down(migrator, db):
    db.execute_sql("alter table form_version drop column holding")
