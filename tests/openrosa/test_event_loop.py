"""Nothing blocks the event loop: no query and no file of the home is touched in its thread.

Hundreds of slow phones hang on that one thread; a single query in it would keep all of them waiting.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from server.app import create_app
from server.openrosa import door
from server.openrosa.memory import HELD, STREAMS, Memory
from server.settings import Settings
from server.store import desks
from server.store.database import Store
from tests.openrosa.conftest import again
from tests.phone.collect import Collect
from tests.phone.listing import AuthenticationRequiredError

_watched: list[tuple[str, Path, list[str]]] = []
"""(name of the loop's thread, home, what was touched there); audit hooks cannot be taken off again."""


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event in ("open", "os.remove", "os.rename", "sqlite3.connect") and _watched:
        thread, home, touched = _watched[-1]
        if (
            threading.current_thread().name == thread
            and isinstance(args[0], str)
            and args[0].startswith(str(home))
        ):
            touched.append(f"{event} {args[0].removeprefix(str(home))}")


sys.addaudithook(_audit)


class Watched:
    """The application in a thread of this process, with everything noted that its loop's thread touches."""

    def __init__(self, store: Store) -> None:
        self.touched: list[str] = []
        _watched.append(("event loop", store.home, self.touched))

        def noted(event: Any) -> None:
            if threading.current_thread().name == "event loop":
                self.touched.append(event.sql)

        store.db.query_hooks.append(noted)

        app = create_app(Settings(home=store.home), store, lambda: datetime.now(UTC))
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app.entry, log_level="warning", lifespan="on"))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="event loop")
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        _watched.pop()


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """Where the application counts what it holds of uploads."""
    counted = Memory()
    monkeypatch.setattr(door, "Memory", lambda: counted)
    return counted


@pytest.fixture
def watched(published: Store, memory: Memory) -> Iterator[Watched]:
    running = Watched(published)
    yield running
    running.stop()


def test_no_query_and_no_file_in_the_thread_of_the_event_loop(
    watched: Watched, published: Store, filled: dict[str, bytes], memory: Memory
) -> None:
    with published.transaction():
        _, credentials = desks.add("35.07.01.2001", None, published.keys, datetime.now(UTC))
    for phone in (
        Collect(f"{watched.url}/desk/{credentials.token}"),
        Collect(watched.url, credentials.username, credentials.password),
    ):
        phone.sync()
        assert phone.submit(again(filled["broker without a letter"]), {"foto.jpg": b"x" * 700_000}).sent
        assert not phone.submit(b"<cut").sent
        large = again(filled["clean departure"]).replace(b"</meta>", b"<x>" + b"x" * 300_000 + b"</x></meta>")
        assert [phone.submit(large).status for _ in range(2)] == [201, 201]
        assert phone.submit(large.replace(b"xx", b"xy")).status == 201  # held: other bytes under a known id
    memory.places -= STREAMS  # as many others as may be are sending large ones
    late = httpx.post(
        f"{watched.url}/desk/{credentials.token}/submission",
        files={"xml_submission_file": ("a.xml", again(large))},
    )
    assert (late.status_code, late.headers["Retry-After"]) == (503, "30")
    assert b"aman di HP" in late.content
    assert phone.submit(again(filled["clean departure"])).status == 201
    memory.places += STREAMS
    stranger = Collect(f"{watched.url}/desk/{'a' * 48}")
    for xml in (filled["clean departure"], large):
        with pytest.raises(AuthenticationRequiredError):
            stranger.submit(again(xml))
    with httpx.Client(base_url=watched.url, headers={"Origin": watched.url}) as browser:
        for path in ("/healthz", "/metrics", "/", "/masuk", "/unduh", "/kasus/R-350701-0001", "/nirgendwo"):
            browser.get(path)
    assert watched.touched == []
    assert (memory.free, memory.places) == (HELD, STREAMS)
