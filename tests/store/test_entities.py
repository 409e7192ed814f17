"""What submissions make of entities, in whatever order they come and whatever they hold, on both engines."""

from __future__ import annotations

import csv
import io
import itertools
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forms.entities import declarations
from forms.form import Form
from server.intake.intake import Intake
from server.intake.upload import Upload
from server.settings import Settings
from server.store import desks, entities, entity_lists, published
from server.store.database import Store
from server.store.desks import KnownDesk
from server.store.entity_lists import Reader
from server.store.models import Desk, Entity, EntityBacklog, EntityVersion, Submission
from sync import build_sync
from tests.conftest import Clock

VILLAGE = "35.07.01.2001"
ID, BRANCH = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
XFORM = """<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"
 xmlns:entities="http://www.opendatakit.org/xforms/entities"><h:head><h:title>Uji</h:title>
<model entities:entities-version="2025.1.0"><instance><uji id="uji" version="1"><village/><name/><country/>
<members jr:template="" xmlns:jr="http://openrosa.org/javarosa"><who/><job><sector/></job>
<meta><entity dataset="family" create="1" id=""><label/></entity></meta></members>
<meta><entity dataset="pmi" create="1" update="1" id="" baseVersion="" trunkVersion="" branchId=""><label/></entity>
<instanceID/></meta></uji></instance>
<bind nodeset="/uji/name" type="string" entities:saveto="full_name"/>
<bind nodeset="/uji/country" type="string" entities:saveto="last_country"/>
<bind nodeset="/uji/members/who" type="string" entities:saveto="full_name"/>
<bind nodeset="/uji/members/job/sector" type="string" entities:saveto="sector"/>
</model></h:head><h:body><group ref="/uji/members"><repeat nodeset="/uji/members"/></group></h:body></h:html>"""


class Door:
    """Where submissions come in, without HTTP."""

    def __init__(self, store: Store, clock: Clock, village: str = VILLAGE) -> None:
        self.store, self.clock = store, clock
        self.intake = Intake(store, clock)
        with store.transaction():
            if not Desk.select().exists():
                published.publish(Form("uji", "1", "Uji", XFORM), b"", {}, clock())
            desk, _ = desks.add(village, None, store.keys, clock())
        self.desk = KnownDesk(desk.id, desk.slug, desk.name, desk.village, desk.regency, False, 1)

    def send(self, xml: str, desk: KnownDesk | None = None) -> str:
        with self.store.transaction():
            return self.intake.receive(Upload(xml.encode(), desk or self.desk, None)).state

    def errors(self) -> list[list[Any]]:
        """What the newest submission's verdict says of its entities."""
        row = Submission.select().order_by(Submission.id.desc()).first()
        found: list[list[Any]] = row.verdict.get("entity_errors", [])
        return found

    def worker(self) -> dict[str, Any]:
        (found,) = entity_lists.listing("pmi", "ID", self.store)
        return found


@pytest.fixture
def door(store: Store, clock: Clock) -> Door:
    return Door(store, clock)


def said(
    block: str,
    *,
    label: str = "Sulastri (1996)",
    answers: str = "<name>Sulastri Contoh</name><country>MY</country>",
    village: str = VILLAGE,
    meta: str = "",
    identity: str | None = None,
    members: str = "",
) -> str:
    instance = identity or f"uuid:{uuid.uuid4()}"
    return (
        f'<uji id="uji" version="1"><village>{village}</village>{answers}{members}<meta><entity dataset="pmi" {block}>'
        f"<label>{label}</label></entity><instanceID>{instance}</instanceID>{meta}</meta></uji>"
    )


def created(**more: Any) -> str:
    return said(f'create="1" id="{ID}"', **more)


def updated(
    base: object, *, trunk: object = "", branch: str = BRANCH, country: str = "HK", **more: Any
) -> str:
    return said(
        f'update="1" id="{ID}" baseVersion="{base}" trunkVersion="{trunk}" branchId="{branch}"',
        **{"label": "", "answers": f"<country>{country}</country>", **more},
    )


def test_a_forms_declarations_are_read_with_what_each_saves() -> None:
    root, member = declarations(XFORM)
    assert (root.list, root.path) == ("pmi", "/uji/meta/entity")
    assert root.saves == {"full_name": "/uji/name", "last_country": "/uji/country"}
    assert (member.list, member.container) == ("family", "/uji/members")
    assert member.saves == {"full_name": "/uji/members/who", "sector": "/uji/members/job/sector"}


def test_a_chain_made_offline_ends_the_same_in_whatever_order_it_comes(door: Door) -> None:
    for number, order in enumerate(itertools.permutations(range(4))):
        identity = f"{number:08}{ID[8:]}"
        chain = [created(), *(updated(n, country=f"C{n}") for n in (1, 2, 3))]
        for place in order:
            assert door.send(chain[place].replace(ID, identity)) == "new"
            assert not door.errors(), order
        worker = entity_lists.listing("pmi", "ID", door.store)[-1]
        assert (worker["id"], worker["version"], worker["conflict"]) == (identity, 4, False), order
        assert (worker["label"], worker["properties"]["last_country"]) == ("Sulastri (1996)", "C3"), order
        assert worker["properties"]["full_name"] == "Sulastri Contoh", order
        assert EntityBacklog.select().count() == 0, order


def test_a_branch_that_began_at_a_known_version_goes_on_from_there(door: Door) -> None:
    door.send(created())
    door.send(updated(1, branch=""))  # by a client that knows no branches
    later = updated(3, trunk=2, country="C3")
    assert door.send(later) == "new"  # its predecessor is missing
    assert door.worker()["version"] == 2
    door.send(updated(2, trunk=2, country="C2"))
    assert (door.worker()["version"], door.worker()["properties"]["last_country"]) == (4, "C3")
    assert not door.worker()["conflict"]


def test_an_update_that_does_not_know_the_newest_version_is_a_conflict_and_stays_one(door: Door) -> None:
    other = "33333333-3333-4333-8333-333333333333"
    door.send(created())
    door.send(updated(1, trunk=1, country="HK"))
    assert not door.worker()["conflict"]
    door.send(updated(1, trunk=1, branch=other, answers="<name>Sulastri Ningsih</name>"))
    door.send(updated(2, trunk=1, country="TW"))
    worker = door.worker()
    assert (worker["version"], worker["conflict"]) == (4, True)
    assert worker["properties"] == {"full_name": "Sulastri Ningsih", "last_country": "TW"}


def test_the_same_bytes_again_and_edits_of_a_submission_change_nothing_more(door: Door) -> None:
    first = created(identity="uuid:first")
    assert door.send(first) == "new"
    assert door.send(first) == "known"
    assert not door.errors()
    edit = created(identity="uuid:edit", meta="<deprecatedID>uuid:first</deprecatedID>", label="Other")
    assert door.send(edit) == "new"
    assert not door.errors()
    assert (door.worker()["version"], door.worker()["label"]) == (1, "Sulastri (1996)")


def test_an_edit_that_comes_before_what_it_edits_makes_the_worker_once(door: Door) -> None:
    door.send(created(identity="uuid:edit", meta="<deprecatedID>uuid:first</deprecatedID>", label="Edited"))
    assert door.send(created(identity="uuid:first")) == "new"
    assert not door.errors()
    assert (door.worker()["version"], door.worker()["label"]) == (1, "Edited")


HOSTILE = [
    "",
    "x' or 1=1 --",
    "11111111-1111-1111-8111-111111111111",  # not of version 4
    "11111111-1111-4111-8111-1111111111110",
    "11111111-1111-4111-8111-11111111111\u0661",
    "%00",
    "a" * 5000,
]


def test_an_id_that_is_no_uuid_is_noted_and_the_submission_kept(door: Door) -> None:
    for identity in HOSTILE:
        assert door.send(said(f'create="1" id="{identity}"')) == "new"
        assert door.errors() == [[1, "entity.id"]], identity
    assert Entity.select().count() == EntityBacklog.select().count() == 0


WRONG = [
    (created(label="  "), "entity.label"),
    (said(f'create="1" id="{ID}"', label="Other"), "entity.exists"),
    (updated(9, branch=""), "entity.base"),
    (updated("x", branch=""), "entity.base"),
    (updated("-1"), "entity.base"),
    (updated("9" * 40), "entity.base"),
    (updated(1, trunk=7), "entity.trunk"),
    (updated(1, branch="not-a-branch"), "entity.branch"),
    (updated(1, trunk=1, branch=""), "entity.branch"),
    (updated(1, branch="").replace(ID, ID.replace("1", "7", 8)), "entity.unknown"),
]


def test_what_cannot_be_applied_is_noted_and_changes_nothing(door: Door) -> None:
    door.send(created())
    before = door.worker()
    for xml, code in WRONG:
        assert door.send(xml) == "new"
        assert door.errors() == [[1, code]]
        assert door.worker() == before


def test_neither_create_nor_update_means_nothing_and_true_counts_as_one(door: Door) -> None:
    for word in ("0", "false", "", "yes"):
        door.send(said(f'create="{word}" id="{ID}"'))
        assert not door.errors()
    assert Entity.select().count() == 0
    door.send(said(f'create="true" update="true" baseVersion="" branchId="" id="{ID.upper()}"'))
    assert door.worker()["id"] == ID
    door.send(said(f'create="true" update="true" baseVersion="1" branchId="" id="{ID}"', label="Newer"))
    assert (door.worker()["version"], door.worker()["label"]) == (2, "Newer")


def test_what_was_not_relevant_stays_and_what_was_emptied_is_empty(door: Door) -> None:
    door.send(created())
    door.send(updated(1, trunk=1, answers="<name/>"))
    assert door.worker()["properties"] == {"full_name": "", "last_country": "MY"}
    assert door.worker()["label"] == "Sulastri (1996)"


def member(identity: str, who: str) -> str:
    return (
        f"<members><who>{who}</who><job><sector>s-{who}</sector></job>"
        f'<meta><entity dataset="family" create="1" id="{identity}"><label>{who}</label></entity></meta></members>'
    )


def test_each_repeat_makes_an_entity_of_its_own_and_one_that_is_wrong_spoils_all(door: Door) -> None:
    one, two = (ID.replace("1", figure, 8) for figure in "45")
    door.send(created(members=member(one, "Ani") + member("no", "Budi")))
    assert door.errors() == [[3, "entity.id"]]
    door.send(created(members=member(one, "Ani") + member(one, "Budi")))
    assert door.errors() == [[3, "entity.twice"]]
    assert Entity.select().count() == 0
    door.send(created(members=member(one, "Ani") + member(two, "Budi")))
    family = entity_lists.listing("family", VILLAGE, door.store)
    assert [(e["id"], e["properties"]) for e in family] == [
        (one, {"full_name": "Ani", "sector": "s-Ani"}),
        (two, {"full_name": "Budi", "sector": "s-Budi"}),
    ]


def test_a_desk_of_another_regency_can_neither_change_nor_take_over_a_worker(
    door: Door, clock: Clock
) -> None:
    door.send(created())
    elsewhere = Door(door.store, clock, "35.08.01.2001").desk
    before = door.worker()
    for xml in (updated(1, trunk=1), created(), updated(1, branch="")):
        door.send(xml, elsewhere)
        assert door.errors() == [[1, "entity.area"]]
    assert door.worker() == before


def test_a_list_is_the_forms_whatever_the_phone_writes(door: Door) -> None:
    door.send(created().replace('dataset="pmi"', 'dataset="family"'))
    assert door.worker()["id"] == ID
    assert entity_lists.listing("family", "ID", door.store) == []


def force(door: Door) -> int:
    with door.store.transaction():
        return entities.force_held(door.store, door.clock())


def test_after_five_days_an_update_is_applied_without_its_predecessor_and_marked(door: Door) -> None:
    door.send(created())
    for country, base in (("C4", 4), ("C3", 3)):
        door.send(updated(base, trunk=1, country=country))
    assert force(door) == 0
    door.clock.at += timedelta(days=5)
    assert force(door) == 1  # the other one follows it by itself
    worker = door.worker()
    assert (worker["version"], worker["properties"]["last_country"], worker["conflict"]) == (3, "C4", True)
    assert force(door) == EntityBacklog.select().count() == 0


def test_the_sync_process_applies_them(door: Door) -> None:
    door.send(created())
    door.send(updated(3, trunk=1))
    door.clock.at += timedelta(days=5)
    sync = build_sync(Settings(home=door.store.home), door.store, door.clock)
    assert sync.run_once()["entities"] == 1
    sync.close()
    assert door.worker()["version"] == 2


def test_a_worker_whose_departure_never_came_is_made_of_the_update_and_completed_when_it_does(
    door: Door,
) -> None:
    door.send(updated(1, label="Sulastri (1996)"))
    door.clock.at += timedelta(days=6)
    force(door)
    assert door.worker()["properties"] == {"last_country": "HK"}
    door.send(created(label="Older"))
    worker = door.worker()
    assert not door.errors()
    assert (worker["version"], worker["label"], worker["conflict"]) == (2, "Sulastri (1996)", True)
    assert worker["properties"] == {"full_name": "Sulastri Contoh", "last_country": "HK"}
    door.send(created())
    assert door.errors() == [[1, "entity.exists"]]


def test_an_update_without_a_label_cannot_make_a_worker_and_says_so(door: Door) -> None:
    door.send(updated(1))
    door.clock.at += timedelta(days=6)
    assert force(door) == 1
    assert door.errors() == [[1, "entity.label"]]
    assert Entity.select().count() == EntityBacklog.select().count() == 0


def test_nothing_of_a_worker_lies_readable_in_the_database(door: Door) -> None:
    door.send(created())
    door.send(updated(5))
    readable = repr([list(table.select().dicts()) for table in (Entity, EntityVersion, EntityBacklog)])
    assert "Sulastri" not in readable
    assert "HK" not in readable


def test_a_form_without_entities_costs_no_statement_more(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[str] = []
    monkeypatch.setattr(door.store.db, "query_hooks", [lambda event: run.append(event.sql)])
    plain = XFORM.replace("http://www.opendatakit.org/xforms/entities", "urn:x").replace(
        'id="uji"', 'id="polos"'
    )
    with door.store.transaction():
        published.publish(Form("polos", "1", "Polos", plain), b"", {}, door.clock())
    door.send(created().replace('id="uji"', 'id="polos"'))
    assert [sql for sql in run if "submission" in sql.lower()]
    assert not [sql for sql in run if "entity" in sql.lower()]
    assert Entity.select().count() == 0


# --- the list of a village

PLACES = ["35.07.01.2001", "35.07.01.2002", "35.07.02.2001", "35.08.01.2001", "12.01.01.2001"]
CHANGES = st.lists(
    st.tuples(st.sampled_from(PLACES), st.integers(0, 5), st.sampled_from(["create", "update", "delete"])),
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_a_village_gets_its_own_workers_alone_and_a_new_hash_exactly_when_they_change(
    door: Door, changes: list[tuple[str, int, str]]
) -> None:
    with door.store.transaction():
        for table in (EntityVersion, EntityBacklog, Entity):
            table.delete().execute()
    before = {place: _list(door, place) for place in PLACES}
    for place, number, what in changes:
        identity = f"11111111-1111-4111-8111-{PLACES.index(place):06}{number:06}"
        if what == "delete":
            with door.store.transaction():
                Entity.update(deleted_at=door.clock()).where(Entity.uuid == identity).execute()
        else:
            block = created() if what == "create" else updated(1, branch="")
            door.send(
                block.replace(ID, identity).replace(VILLAGE, place),
                replace(door.desk, village=place, regency=place[:5]),
            )
        after = {place: _list(door, place) for place in PLACES}
        for asked in PLACES:
            assert (before[asked][0] == after[asked][0]) == (before[asked][1] == after[asked][1])
            alive = Entity.select().where((Entity.village == asked) & Entity.deleted_at.is_null())
            rows = list(csv.DictReader(io.StringIO(after[asked][1].decode())))
            assert {row["name"] for row in rows} == {e.uuid for e in alive}
            theirs = entity_lists.gone("pmi", Reader(asked), [e.uuid for e in Entity.select()])
            assert {uuid for uuid, gone in theirs if not gone} == {row["name"] for row in rows}
        before = after


def _list(door: Door, village: str) -> tuple[str, bytes]:
    properties = ("full_name", "last_country")
    return (
        entity_lists.digest("pmi", Reader(village), properties),
        entity_lists.csv_of("pmi", Reader(village), properties, door.store),
    )
