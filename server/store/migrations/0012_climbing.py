"""Alerts that people were told of before there was anybody to be told next: from here on they climb like all others.

Without a time they would wait for ever. Times count from the upgrade, for whoever was told has had no word of any;
they are those of DOMAIN 5.2 in plain days, since a migration knows no working days.
"""

import time

from peewee import *

HOUR = 3_600_000_000  # microseconds
ANSWER = {"critical": 4 * HOUR, "high": 48 * HOUR}
FOLLOW_UP = {"critical": 24 * HOUR, "high": 72 * HOUR}


def up(migrator, db):
    now = time.time_ns() // 1000
    mark = "?" if isinstance(db, SqliteDatabase) else "%s"
    flag = "0" if isinstance(db, SqliteDatabase) else "false"
    for column, state, times in (("escalate_at", "open", ANSWER), ("remind_at", "acknowledged", FOLLOW_UP)):
        for severity, patience in times.items():
            db.execute_sql(
                f"update alert set {column} = {mark} where state = {mark} and severity = {mark}"
                f" and {column} is null and rung = 0 and reminded = 0 and owed = {flag} and digest = {flag}",
                (now + patience, state, severity),
            )


def down(migrator, db):
    pass
