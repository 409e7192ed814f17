"""SQLite's one writer at a time: processes queue for it."""

from __future__ import annotations

import fcntl
import threading
import time
from pathlib import Path

from server.store.turns import locked

SOON = 5.0
"""Seconds after which a thread that has not come to the lock never will."""


def test_who_waits_is_before_who_comes_back_at_once(tmp_path: Path) -> None:
    file, after = tmp_path / "lock", tmp_path / "next"
    order: list[str] = []

    def wait() -> None:
        with locked(file, after):
            order.append("who waited")

    def waits() -> bool:
        with after.open("w") as looking:
            try:
                fcntl.flock(looking, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    for _ in range(20):
        order.clear()
        with locked(file, after):
            waiting = threading.Thread(target=wait, daemon=True)
            waiting.start()
            given_up = time.monotonic() + SOON
            while not waits():
                assert time.monotonic() < given_up, "who wants a turn does not queue for it"
                time.sleep(0.001)
        with locked(file, after):
            order.append("who came back")
        waiting.join(SOON)
        assert order == ["who waited", "who came back"]
