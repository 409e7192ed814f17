"""Policy lists on the command line, on both engines."""

from __future__ import annotations

from pathlib import Path

from server.store.database import Store
from tests.conftest import Clock, Home
from tests.gate import small
from tests.server_process import command


def test_a_list_is_set_shown_and_its_history_told(
    home: Home, store: Store, clock: Clock, tmp_path: Path
) -> None:
    small.published(store, tmp_path, clock())
    file = tmp_path / "new.csv"
    file.write_bytes(small.FEES_BANNED)
    done = command(home, "lists", "set", "fee", str(file), "--valid-from", "2026-01-01", "--by", "Rini")
    assert (done["list"], done["edition"], done["changed"]) == ("fee.csv", 2, {"visa": ["banned"]})
    assert (done["valid_from"], done["in_force"]) == ("2025-12-31T17:00:00+00:00", True)
    history = command(home, "lists", "history", "fee")
    assert [(e["edition"], e["valid_from"], e["set_by"]) for e in history] == [
        (1, None, "operator"),
        (2, "2025-12-31T17:00:00+00:00", "Rini"),
    ]
    assert command(home, "lists", "show", "fee")["rows"][0]["banned"] == "1"
