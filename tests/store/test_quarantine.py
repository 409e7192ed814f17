"""Nobody fills the disk with what could not be taken: a desk's bounds, and what they are not to stop."""

from __future__ import annotations

import pytest

from forms.problems import Problem, Problems
from server.store import desks, officers, quarantine
from server.store.attachments import NewFile
from server.store.database import Store
from server.store.desks import KnownDesk
from server.store.models import Quarantine
from server.store.officers import Person
from server.store.quarantine import Came
from tests.conftest import Clock


@pytest.fixture
def desk(store: Store, clock: Clock) -> KnownDesk:
    return _desk(store, clock, "35.07.01.2001")


def _desk(store: Store, clock: Clock, village: str) -> KnownDesk:
    with store.transaction():
        return desks.add(village, None, store.keys, clock())[0]


@pytest.fixture
def overseer(store: Store, clock: Clock) -> Person:
    with store.transaction():
        return officers.add("Petugas Contoh", "province", "35", clock())[0]


def came(desk: KnownDesk, number: int, form_id: str = "", *files: NewFile) -> Came:
    return Came(form_id, "", f"id{number}", desk.id, None, b"<%d" % number, list(files))


def test_a_desk_that_sends_no_end_of_what_cannot_be_taken_is_stopped_and_others_are_not(
    store: Store, monkeypatch: pytest.MonkeyPatch, clock: Clock, desk: KnownDesk, overseer: Person
) -> None:
    monkeypatch.setattr(quarantine, "MOST_UNREADABLE", 3)
    monkeypatch.setattr(quarantine, "MOST", 2)

    def hold(reason: str, what: Came) -> bool:
        with store.transaction():
            return quarantine.hold(reason, what, store, clock()).files_kept

    assert [hold("xml.unreadable", came(desk, n)) for n in range(5)] == [True, True, True, False, False]
    assert hold("xml.unreadable", came(desk, 0))  # a retry of what is there
    assert all(hold("form.unknown", came(desk, n, "entah")) for n in range(2))
    with pytest.raises(Problem) as full:
        hold("form.unknown", came(desk, 2, "entah"))
    assert full.value.kind.status == 503
    assert Quarantine.select().count() == 5

    assert hold("form.unknown", came(_desk(store, clock, "35.07.01.2002"), 3, "entah")), "another desk"
    with store.transaction():
        oldest = quarantine.entries()[-1]
        quarantine.discard(oldest, overseer, "bukan data", store, clock())
    assert hold("xml.unreadable", came(desk, 4)), "what is decided waits no more"


def test_ever_more_files_of_what_was_decided_have_an_end_too(
    store: Store, monkeypatch: pytest.MonkeyPatch, clock: Clock, desk: KnownDesk, overseer: Person
) -> None:
    def send(number: int) -> None:
        file = NewFile(f"foto-{number}.jpg", f"{number:064d}", 400, "image/jpeg")
        with store.transaction():
            quarantine.hold("form.unknown", came(desk, 1, "entah", file), store, clock())

    send(1)
    with store.transaction():
        [entry] = quarantine.entries()
        quarantine.discard(entry, overseer, "bukan data", store, clock())
    monkeypatch.setattr(quarantine, "MOST_BYTES", 1_000)
    send(2)
    with pytest.raises(Problem) as full:
        send(3)
    assert full.value.problem is Problems.QUARANTINE_FULL


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_what_waits_of_a_desk_is_counted_without_reading_all_that_it_sent(
    store: Store, clock: Clock, desk: KnownDesk
) -> None:
    """Every phone of the country would wait meanwhile: a desk may have two gigabytes there."""
    asked: list[tuple[str, object]] = []
    store.db.query_hooks.append(lambda event: asked.append((event.sql, event.params)))
    with store.transaction():
        for reason in ("form.closed", "xml.unreadable", "form.closed"):  # the last is one that came before
            quarantine.hold(reason, came(desk, 1, reason), store, clock())
    store.db.query_hooks.clear()
    counted = [(sql, values) for sql, values in asked if "SUM(" in sql]
    assert len(counted) == 3
    for sql, values in counted:
        [(*_, step)] = store.db.execute_sql(f"explain query plan {sql}", values)
        assert "COVERING INDEX" in step
