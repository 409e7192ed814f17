"""The alerts that are owed, found by their index: the one before was written otherwise than the question is.

SQLite uses an index of some rows only where the question says the same in the same words, so every round of sync read
all alerts that there ever were. With the time until which one was put off, nothing else need be read.
"""

from peewee import *


def up(migrator, db):
    owed = "owed = 1" if isinstance(db, SqliteDatabase) else "owed"
    db.execute_sql("drop index alert_owed")
    db.execute_sql(f"create index alert_owed on alert (route_after) where {owed}")


def down(migrator, db):
    owed = "owed = 1" if isinstance(db, SqliteDatabase) else "owed"
    db.execute_sql("drop index alert_owed")
    db.execute_sql(f"create index alert_owed on alert (id) where {owed}")
