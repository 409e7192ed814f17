"""A home with many submissions in it, made quickly: copies of some that really came, written by SQL.

Each copy is another interview in another village, so that indexes are as large and as scattered as after years.
The sealed values of copies open for nobody (they are bound to their originals): they take up room, which is what
they are for.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from server.store.entities import WORKERS
from server.store.models import Entity
from server.store.sealing import Keys
from server.store.statements import Insert

_PLACE = {
    "province": "substr(v.code, 1, 2)",
    "regency": "substr(v.code, 1, 5)",
    "district": "substr(v.code, 1, 8)",
    "village": "v.code",
}
# what a copy has of its own, by table; k is its number, and v its village
_OWN: dict[str, dict[str, str]] = {
    "submission": {
        "id": "t.id + k.of_submission",
        "instance_id": "t.instance_id || ':' || k.n",
        "root": "t.root || ':' || k.n",
        **_PLACE,
    },
    "register": {
        "submission_id": "t.submission_id + k.of_submission",
        "nik_key": "lower(hex(randomblob(32)))",
        "phone_key": "lower(hex(randomblob(32)))",
        **_PLACE,
    },
    "risk_case": {
        "id": "t.id + k.of_risk_case",
        "ref": "t.ref || ':' || k.n",
        "root": "t.root || ':' || k.n",
        "submission_id": "t.submission_id + k.of_submission",
        **_PLACE,
    },
    "alert": {"id": "t.id + k.of_alert", "case_id": "t.case_id + k.of_risk_case"},
    "entity": {
        "id": "t.id + k.of_entity",
        "uuid": "substr(t.uuid, 1, 28) || printf('%08x', t.id + k.of_entity)",
        **_PLACE,
    },
    "entity_version": {
        "id": "t.id + k.of_entity_version",
        "entity_id": "t.entity_id + k.of_entity",
        "submission_id": "t.submission_id + k.of_submission",
    },
}


def multiply(file: Path, count: int, copied: int = 1_000) -> int:
    """Fill up to ``count`` submissions with copies of the first ``copied``; returns how many there are.

    No server may run.
    """
    with sqlite3.connect(file, isolation_level=None) as db:
        db.execute("pragma synchronous=off")
        db.execute("pragma cache_size=-200000")
        db.execute("begin immediate")
        _number_copies(db, count, copied)
        # nobody is left to be told: sync would look again after what the measures before this one owe
        db.execute("update alert set owed = 0")
        for table, own in _OWN.items():
            _copy(db, table, own, copied)
        db.execute("drop table copies")
        db.execute("drop table villages")
        db.execute("commit")
        db.execute("pragma wal_checkpoint(truncate)")
        (stored,) = db.execute("select count(*) from submission").fetchone()
    db.close()
    # what was written without waiting for the disk would be written while the next measure runs
    with file.open("rb") as whole:
        os.fsync(whole.fileno())
    return int(stored)


def _number_copies(db: sqlite3.Connection, count: int, copied: int) -> None:
    (there,) = db.execute("select count(*) from submission").fetchone()
    db.execute("create temp table villages as select code from area where length(code) = 13")
    (villages,) = db.execute("select count(*) from villages").fetchone()
    steps = {
        table: db.execute(f"select max(id) from {table}").fetchone()[0]
        for table, own in _OWN.items()
        if "id" in own
    }
    columns = ", ".join(f"of_{table}" for table in steps)
    db.execute(f"create temp table copies (n integer primary key, place, {columns})")
    marks = ", ".join("?" * (len(steps) + 2))
    db.executemany(
        f"insert into copies values ({marks})",
        (
            (n, (n * 397) % villages + 1, *(n * step for step in steps.values()))
            for n in range(1, -(-(count - there) // copied) + 1)
        ),
    )


def _copy(db: sqlite3.Connection, table: str, own: dict[str, str], copied: int) -> None:
    columns = [row[1] for row in db.execute(f"pragma table_info({table})")]
    values = ", ".join(own.get(column, f"t.{column}") for column in columns)
    # a row belongs to one of the first submissions, by itself or by what it hangs on
    belongs = {
        "submission": "t.id",
        "entity": "(select submission_id from entity_version where entity_id = t.id)",
        "alert": "(select submission_id from risk_case where id = t.case_id)",
    }.get(table, "t.submission_id")
    db.execute(
        f"create temp table originals as select * from {table} t "
        f"where {belongs} in (select id from submission order by id limit {copied})"
    )
    db.execute(
        f"insert into {table} ({', '.join(columns)}) select {values} from copies k "
        "join villages v on v.rowid = k.place cross join originals t"
    )
    db.execute("drop table originals")


def add_workers(count: int, village: str, keys: Keys) -> None:
    """That many workers of a village. Call inside a transaction of the open store."""
    now = datetime.now(UTC)
    insert = Insert(Entity)
    for number in range(count):
        worker = str(uuid.uuid4())
        said: dict[str, Any] = {
            "label": f"Warga {number}",
            "properties": {"name_full": f"Warga {number}", "status": "berangkat"},
        }
        insert.many(
            [
                {
                    "list": WORKERS,
                    "uuid": worker,
                    "province": village[:2],
                    "regency": village[:5],
                    "district": village[:8],
                    "village": village,
                    "version": 1,
                    "conflict": False,
                    "shared": True,
                    "sealed": keys.seal(orjson.dumps(said), worker),
                    "created_at": now,
                    "updated_at": now,
                }
            ]
        )
