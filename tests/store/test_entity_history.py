"""Conflicts that people settle, entries that they take out and put back: nothing is overwritten, on both engines."""

from __future__ import annotations

import threading

import pytest

from forms.problems import Problem
from server.intake.upload import Upload
from server.store import desks, entity_history, entity_lists
from server.store.entity_lists import Reader
from server.store.models import EntityDecision, Event
from tests.conftest import Clock
from tests.store.test_entities import ID, VILLAGE, Door, created, door, updated  # noqa: F401 - door is a fixture

OTHER = "33333333-3333-4333-8333-333333333333"


@pytest.fixture
def crossed(door: Door) -> Door:  # noqa: F811
    """Two phones have changed one worker, each from version 1."""
    door.send(created())
    door.send(updated(1, country="HK"))
    door.send(updated(1, branch=OTHER, country="TW"))
    return door


def resolve(crossed: Door, reason: str = "Ditanyakan ke desa", **more: int) -> None:
    with crossed.store.transaction():
        entity_history.resolve("pmi", ID, "35.07", reason, "petugas", crossed.store, crossed.clock(), **more)


def test_a_conflict_shows_who_crossed_whom_and_what_each_changed(crossed: Door) -> None:
    view = entity_history.find("pmi", ID, "35", crossed.store)
    assert [(v.version, v.origin, v.crossed, v.changed) for v in view.versions] == [
        (1, "create", False, ("label", "full_name", "last_country")),
        (2, "update", False, ("last_country",)),
        (3, "update", True, ("last_country",)),
    ]
    assert [v.properties["last_country"] for v in view.versions] == ["MY", "HK", "TW"]
    assert [e.uuid for e in entity_lists.conflicts("pmi", "35.07", crossed.store)] == [ID]
    assert entity_lists.conflicts("pmi", "35.08", crossed.store) == []


def test_resolving_in_favour_of_an_older_version_makes_it_the_newest_and_phones_get_it(crossed: Door) -> None:
    before = entity_lists.digest("pmi", Reader(VILLAGE), ("last_country",))
    resolve(crossed, version=2)
    worker = crossed.worker()
    assert (worker["version"], worker["conflict"], worker["properties"]["last_country"]) == (4, False, "HK")
    assert entity_lists.digest("pmi", Reader(VILLAGE), ("last_country",)) != before
    view = entity_history.find("pmi", ID, "ID", crossed.store)
    assert [v.origin for v in view.versions] == ["create", "update", "update", "resolved"]
    (decision,) = view.decisions
    assert (decision.verb, decision.actor, decision.reason) == ("resolved", "petugas", "Ditanyakan ke desa")


def test_a_change_made_upon_the_settled_version_is_no_conflict(crossed: Door) -> None:
    resolve(crossed)
    crossed.send(updated(3, trunk=3, country="SG", branch="44444444-4444-4444-8444-444444444444"))
    worker = crossed.worker()
    assert (worker["properties"]["last_country"], worker["conflict"]) == ("SG", False)


def test_only_the_first_of_two_who_settle_a_conflict_does(crossed: Door) -> None:
    resolve(crossed)
    with pytest.raises(Problem) as refused:
        resolve(crossed, version=1)
    assert refused.value.kind.code == "entity.no_conflict"
    assert crossed.worker()["version"] == 3
    assert EntityDecision.select().count() == 1


def test_what_a_phone_sent_while_somebody_decided_is_not_overwritten_unseen(crossed: Door) -> None:
    crossed.send(updated(1, branch="44444444-4444-4444-8444-444444444444", country="SG"))
    for decide in (entity_history.resolve, entity_history.delete):
        with pytest.raises(Problem) as refused, crossed.store.transaction():
            decide("pmi", ID, "35.07", "Salah ketik", "petugas", crossed.store, crossed.clock(), seen=3)
        assert refused.value.kind.code == "entity.newer"
    worker = crossed.worker()
    assert (worker["version"], worker["conflict"], worker["properties"]["last_country"]) == (4, True, "SG")
    resolve(crossed, seen=4, version=2)
    assert crossed.worker()["properties"]["last_country"] == "HK"


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)  # SQLite has one writer
def test_what_a_phone_is_sending_at_that_moment_is_not_deleted_unseen(crossed: Door) -> None:
    told: list[str] = []

    def delete() -> None:
        try:
            with crossed.store.transaction():
                entity_history.delete(
                    "pmi", ID, "35.07", "Salah ketik", "petugas", crossed.store, crossed.clock(), seen=3
                )
        except Problem as problem:
            told.append(problem.kind.code)
        finally:
            crossed.store.release()

    staff = threading.Thread(target=delete)
    newer = updated(1, branch="44444444-4444-4444-8444-444444444444", country="SG")
    with crossed.store.transaction():
        crossed.intake.receive(Upload(newer.encode(), crossed.desk, None))
        staff.start()
        while not crossed.store.db.execute_sql("select 1 from pg_locks where not granted").fetchone():
            assert staff.is_alive()
    staff.join(20)
    assert told == ["entity.newer"]
    assert entity_history.find("pmi", ID, "35.07", crossed.store).deleted_at is None


@pytest.mark.parametrize(
    ("area", "uuid", "reason", "version", "code"),
    [
        ("35.08", ID, "Ditanyakan", None, "entity.unknown"),
        ("35.07", OTHER, "Ditanyakan", None, "entity.unknown"),
        ("35.07", ID, " ", None, "request.reason"),
        ("35.07", ID, "Ditanyakan", 9, "entity.version"),
    ],
)
def test_what_cannot_be_settled_changes_nothing(
    area: str, uuid: str, reason: str, version: int | None, code: str, crossed: Door
) -> None:
    with pytest.raises(Problem) as refused, crossed.store.transaction():
        entity_history.resolve(
            "pmi", uuid, area, reason, "petugas", crossed.store, crossed.clock(), version=version
        )
    assert refused.value.kind.code == code
    assert crossed.worker()["conflict"]
    assert EntityDecision.select().count() == 0


def test_a_phone_that_only_tries_forms_lists_nobody(crossed: Door) -> None:
    with crossed.store.transaction():
        added, _ = desks.add(VILLAGE, None, crossed.store.keys, crossed.clock(), draft=True)
    trial = desks.by_id(added.id)
    assert trial is not None
    for desk, listed in ((trial, False), (added, False), (crossed.desk, True)):
        assert (ID.encode() in entity_lists.csv_of("pmi", Reader(desk.knows), (), crossed.store)) is listed


def test_a_deleted_worker_leaves_the_phones_keeps_its_versions_and_can_come_back(
    crossed: Door, clock: Clock
) -> None:
    given = ("pmi", ID, "35.07", "Tercatat dua kali", "petugas", crossed.store, clock())
    with crossed.store.transaction():
        entity_history.delete(*given)
    assert entity_lists.gone("pmi", Reader(VILLAGE), [ID]) == [(ID, True)]
    assert ID.encode() not in entity_lists.csv_of("pmi", Reader(VILLAGE), (), crossed.store)
    crossed.send(updated(3, trunk=3, country="SG"))
    assert crossed.errors() == [[1, "entity.deleted"]]
    assert len(entity_history.find("pmi", ID, "35.07", crossed.store).versions) == 3
    with pytest.raises(Problem, match="already"), crossed.store.transaction():
        entity_history.delete(*given)
    with crossed.store.transaction():
        entity_history.restore(*given)
    assert entity_lists.gone("pmi", Reader(VILLAGE), [ID]) == [(ID, False)]
    assert "Tercatat" not in str([e.detail for e in Event.select()]), "reasons are sealed"
