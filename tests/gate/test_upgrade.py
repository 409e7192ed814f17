"""A home from before drafts and list histories keeps what it has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from playhouse.migrations import Runner

from server.store import editions
from server.store.database import MIGRATIONS, Store
from server.store.sealing import Keys


def test_an_older_home_keeps_its_rows_and_its_lists_count_since_ever(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'old.sqlite3'}", tmp_path, Keys.make(tmp_path))
    Runner(store.db, str(MIGRATIONS)).up("0002_entities")
    moment = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 1_000_000
    for edition in (1, 2):
        row = ("fee.csv", edition, b"name\n", "0" * 32, moment + edition)
        store.db.execute_sql(
            "insert into attached_list (filename, edition, content, hash, valid_from) values (?, ?, ?, ?, ?)",
            row,
        )
    submission = (
        *("uuid:1", "coba", "1", "uuid:1", 1, "35", "35.07", "35.07.01", "35.07.01.2001", moment),
        *(b"", "0" * 64, "{}", b"", "[]", "{}"),
    )
    columns = (
        "instance_id, form_id, version, root, current, province, regency, district, village, received_at, "
        "xml, xml_hash, answers, sealed, indicators, verdict"
    )
    store.db.execute_sql(
        f"insert into submission ({columns}) values ({', '.join('?' * len(submission))})", submission
    )
    store.db.execute_sql(
        "insert into attachment (submission_id, filename, expected) values (1, 'foto.jpg', 1)"
    )

    assert store.migrate()[0] == "0003_drafts_and_list_history"

    assert store.db.execute_sql("select count(*) from attachment").fetchone() == (1,)
    assert store.db.execute_sql("select draft from submission").fetchone() == (0,)
    first, second = editions.dated("fee.csv")
    assert first.valid_from == editions.ALWAYS
    assert (first.set_at, second.set_by) == (datetime(2026, 11, 1, 0, 0, 0, 1, tzinfo=UTC), editions.SHIPPED)
    assert second.valid_from == datetime(2026, 11, 1, 0, 0, 0, 2, tzinfo=UTC)
    store.release()
