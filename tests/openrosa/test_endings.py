"""However keeping an upload ends, no row is without its file and nothing is held for it any more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from forms.problems import Problem, Problems
from server.openrosa.memory import HELD, Memory
from server.openrosa.multipart_body import Received
from server.openrosa.submission import Submission
from server.store.database import Store
from server.store.files import Files
from server.store.models import Quarantine
from server.store.readers import Readers
from tests.conftest import Clock


class Ending(Submission):
    """Two files came; the commit that names the first happened, and then it ended thus."""

    def __init__(self, door: Any, store: Store, clock: Clock, end: BaseException) -> None:
        super().__init__(door)
        self._store, self._clock, self._end = store, clock, end
        self.received = Received(Memory(), b"<d/>", held=4)
        self.received.memory.take(4)
        for content in (b"named", b"not named"):
            staged = Files(store.home, store.keys).stage()
            staged.write(content)
            self.received.staged.append((f"{content!r}.jpg", "image/jpeg", staged))
        self.named = self.unnamed = ""

    async def _receive(self, *_: Any) -> Received:
        return self.received

    async def _keep(self, received: Received, *_: Any) -> Any:
        (first, second), _document = received.keep()
        self.named, self.unnamed = first.sha256, second.sha256
        with self._store.transaction():
            Quarantine.insert(
                received_at=self._clock(), reason="x", form_id="f", version="1", instance_id="i", xml=b"",
                xml_hash="0", files=[{"filename": "a", "sha256": first.sha256, "size": 5, "content_type": ""}],
            ).execute()  # fmt: skip
        raise self._end


class Refused(Ending):
    """The transaction refused it, so that no row names a file."""

    async def _keep(self, received: Received, *_: Any) -> Any:
        received.keep()
        raise self._end


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("end", "left"), [(ConnectionError(), 0), (asyncio.CancelledError(), 2)], ids=["failed", "ended"]
)
def test_what_a_commit_named_that_was_not_heard_of_stays(
    published: Store, clock: Clock, end: BaseException, left: int
) -> None:
    readers = Readers(published, threads=1)
    door = SimpleNamespace(asking=lambda *_: None, speak=lambda _: None, readers=readers)
    ending = Ending(door, published, clock, end)
    request: Any = SimpleNamespace(get_param=lambda _: None)
    with pytest.raises(type(end)):
        asyncio.run(ending.on_post(request, Any))  # type: ignore[arg-type]
    readers.close()
    assert ending.received.memory.free == HELD
    files, staging = Files(published.home, published.keys), published.home / "staging"
    # whoever ended the task did not end the writer, which may yet name the second: the next sweep asks the rows
    assert len(list(staging.iterdir())) == left
    assert files.sweep() == left
    assert b"".join(files.read(ending.named)) == b"named"
    with pytest.raises(FileNotFoundError):
        files.read(ending.unnamed)


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_files_of_what_was_refused_go_without_looking_all_rows_through(
    published: Store, clock: Clock
) -> None:
    """A phone whose desk is full comes again and again, with its photographs."""
    readers = Readers(published, threads=1)
    door = SimpleNamespace(asking=lambda *_: None, speak=lambda _: None, readers=readers)
    ending = Refused(door, published, clock, Problem(Problems.QUARANTINE_FULL))
    request: Any = SimpleNamespace(get_param=lambda _: None)
    asked: list[str] = []
    published.db.query_hooks.append(lambda event: asked.append(event.sql))
    with pytest.raises(Problem):
        asyncio.run(ending.on_post(request, Any))  # type: ignore[arg-type]
    published.db.query_hooks.clear()
    readers.close()
    assert not list((published.home / "staging").iterdir())
    assert asked == []
