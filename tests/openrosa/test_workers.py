"""Workers who are known again: from phone to server to phone, with JavaRosa and the running server."""

from __future__ import annotations

import http.client
import uuid
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from server.store import desks, entity_lists
from server.store.case_list import kasus_csv
from server.store.database import Store
from server.store.models import Alert, Case, EntityBacklog, EntityVersion, Submission
from tests.conftest import Clock
from tests.openrosa.conftest import Running, again
from tests.phone.collect import Collect
from tests.phone.desk import DeskPhone
from tests.phone.followups import VISIT
from tests.phone.interviews import Interview, departure, homecoming
from tests.phone.javarosa import Engine, FilledForm
from tests.phone.people import Person
from tests.phone.returns import RETURNS as STORIES
from tests.server_process import command

VILLAGE = "35.07.01.2001"
NEIGHBOUR = "35.07.01.2002"  # another village of the same regency
DEPARTS, RETURNS = "berangkat", "pulang"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.fixture
def phone(running: Running, engine: Engine) -> DeskPhone:
    made = DeskPhone(running.phone(), engine)
    made.sync()
    return made


def worker(number: int = 1, village: str = VILLAGE) -> Person:
    return Person("Sulastri Contoh", "f", date(1996, 3, 1), village, number)


def leaves(phone: DeskPhone, person: Person) -> FilledForm:
    return phone.hold(departure(person, phone.engine.today()))


def comes_home(phone: DeskPhone, chosen: str, **changes: Any) -> FilledForm:
    """The return of somebody chosen from the list; the name is left to the form."""
    told = homecoming(worker(), phone.engine.today())
    answers = {**told.answers, "worker_known": "yes", "worker": chosen, "full_name": None, **changes}
    return phone.hold(replace(told, answers=answers))


def listed(store: Store, area: str = "ID") -> list[dict[str, Any]]:
    return entity_lists.listing("pmi", area, store)


def only(phone: DeskPhone) -> str:
    """The one worker on a phone who was made by it or for it: the oldest."""
    return next(iter(phone.collect.entities.lists["pmi"].entities))


def test_who_leaves_is_in_the_list_and_who_comes_home_is_updated(
    running: Running, published: Store, phone: DeskPhone
) -> None:
    assert phone.send(leaves(phone, worker())).sent
    phone.sync()
    (local,) = phone.collect.entities.lists["pmi"].entities.values()
    assert (local.label, local.version, local.offline) == ("Sulastri Contoh (1996)", 1, False)
    filled = comes_home(phone, only(phone))
    assert b"<full_name>Sulastri Contoh</full_name>" in filled.xml  # taken from the list
    assert phone.send(filled).sent
    (entity,) = command(running.server.home, "entities", "list", "pmi", "--area", VILLAGE)
    today = phone.engine.today()
    assert entity == {
        "id": only(phone),
        "label": "Sulastri Contoh (1996)",
        "version": 2,
        "village": VILLAGE,
        "properties": {
            "full_name": "Sulastri Contoh",
            "village": VILLAGE,
            "last_country": "MY",
            "status": "returned",
            "depart_date": (today - timedelta(days=760)).isoformat(),
            "return_date": (today - timedelta(days=10)).isoformat(),
            "last_contact": today.isoformat(),
        },
        "conflict": False,
    }


def test_who_left_a_moment_ago_can_be_chosen_offline_and_the_return_may_arrive_first(
    published: Store, phone: DeskPhone
) -> None:
    left = leaves(phone, worker())
    back = comes_home(phone, only(phone))
    assert phone.send(back).sent
    assert listed(published) == []
    assert EntityBacklog.select().count() == 1
    assert phone.send(left).sent
    (entity,) = listed(published)
    assert (entity["version"], entity["properties"]["status"], entity["conflict"]) == (2, "returned", False)
    assert [v.origin for v in EntityVersion.select().order_by(EntityVersion.version)] == ["create", "update"]
    assert EntityBacklog.select().count() == 0
    phone.sync()
    assert phone.collect.entities.lists["pmi"].entities[entity["id"]].version == 2


def test_a_follow_up_names_the_case_and_updates_the_worker(
    published: Store, phone: DeskPhone, filled: dict[str, bytes]
) -> None:
    phone.send(leaves(phone, worker()))
    assert phone.collect.submit(again(filled["rat port"])).sent
    phone.sync()
    ref = Case.get().ref
    answers = {**VISIT, "case_id": ref, "worker": only(phone), "departure_state": "went_proc"}
    assert phone.send(phone.hold(Interview("visit", "tindak_lanjut", answers, frozenset()))).sent
    entity = next(e for e in listed(published) if e["id"] == only(phone))
    assert (entity["version"], entity["properties"]["status"], entity["conflict"]) == (2, "abroad", False)


def test_two_phones_that_change_one_worker_unknown_to_each_other_are_in_conflict(
    running: Running, published: Store, phone: DeskPhone
) -> None:
    other = DeskPhone(running.phone(), phone.engine)
    phone.send(leaves(phone, worker()))
    phone.sync()
    other.sync()
    first, second = comes_home(phone, only(phone)), comes_home(other, only(other), country="HK")
    assert phone.send(first).sent
    assert not listed(published)[0]["conflict"]
    assert other.send(second).sent
    (entity,) = listed(published)
    assert (entity["version"], entity["conflict"], entity["properties"]["last_country"]) == (3, True, "HK")


def test_a_death_is_noted_with_the_worker(published: Store, phone: DeskPhone) -> None:
    phone.send(leaves(phone, worker()))
    died = next(story for story in STORIES if story.name == "died abroad")
    told = homecoming(worker(), phone.engine.today(), died)
    phone.send(
        phone.hold(replace(told, answers={**told.answers, "worker_known": "yes", "worker": only(phone)}))
    )
    assert listed(published)[0]["properties"]["status"] == "deceased"


def test_who_refuses_or_is_not_listed_leaves_no_trace_in_the_list(published: Store, phone: DeskPhone) -> None:
    today = phone.engine.today()
    refused = {"consent": "no", "village": VILLAGE, "visit_date": today, "info_source": "worker"}
    nobody = phone.hold(Interview("refused", DEPARTS, refused, frozenset()))
    assert b"Contoh" not in nobody.xml
    assert phone.send(nobody).sent
    assert phone.send(phone.hold(homecoming(worker(), today))).sent  # an empty list is not even asked about
    phone.send(leaves(phone, worker()))
    unlisted = homecoming(worker(2), today)
    assert phone.send(phone.hold(replace(unlisted, answers={**unlisted.answers, "worker_known": "no"}))).sent
    assert [e["version"] for e in listed(published)] == [1]


def test_the_same_departure_twice_at_once_makes_one_worker(published: Store, phone: DeskPhone) -> None:
    filled = leaves(phone, worker())
    first, second = phone.collect.submit_twice(filled.xml)
    assert first.status == second.status == phone.send(filled).status == 201
    assert [e["version"] for e in listed(published)] == [1]
    assert "entity_errors" not in Submission.get().verdict


def test_a_desk_gets_the_workers_of_its_own_village_and_forgets_others(
    running: Running, published: Store, phone: DeskPhone, clock: Clock
) -> None:
    with published.transaction():
        _, credentials = desks.add(NEIGHBOUR, None, published.keys, clock())
    neighbour = DeskPhone(Collect(f"{running.server.url}/desk/{credentials.token}"), phone.engine)
    neighbour.sync()
    for number, village in enumerate((VILLAGE, NEIGHBOUR), start=1):
        assert phone.send(leaves(phone, worker(number, village))).sent
    assert len(phone.collect.entities.lists["pmi"].entities) == 2
    for asking, village in ((phone, VILLAGE), (neighbour, NEIGHBOUR)):
        asking.sync()
        kept = asking.collect.entities.lists["pmi"].entities
        assert [e.properties["village"] for e in kept.values()] == [village]


def test_a_worker_whose_departure_was_not_sent_yet_survives_a_sync(phone: DeskPhone) -> None:
    leaves(phone, worker())
    phone.sync()
    assert phone.collect.entities.lists["pmi"].entities[only(phone)].offline


def test_the_manifest_names_the_list_with_its_type_and_a_hash_that_moves_with_it(
    running: Running, phone: DeskPhone
) -> None:
    def file() -> Any:
        form = next(f for f in phone.collect.form_list() if f.form_id == RETURNS)
        return next(f for f in phone.collect.manifest(form) if f.name == "pmi.csv")

    before = file()
    assert (before.kind, before.integrity_url) == ("entityList", f"{running.url}/entities/pmi/integrity")
    assert b"__trunkVersion" not in phone.collect.download_media(before)
    assert file().hash == before.hash
    phone.send(leaves(phone, worker()))
    after = file()
    assert after.hash != before.hash
    assert _get(after.download_url, after.hash) == (304, b"")
    assert _get(after.download_url, before.hash)[0] == 200


def test_integrity_tells_what_to_forget_and_says_nothing_of_strangers(
    running: Running, phone: DeskPhone
) -> None:
    phone.send(leaves(phone, worker()))
    known, stranger = only(phone), str(uuid.uuid4())
    url = f"{running.url}/entities/pmi/integrity"
    status, body = _get(f"{url}?id={known}%2C{stranger}&deviceID=x")
    assert status == 200
    assert f'<entity id="{known}"><deleted>false</deleted></entity>'.encode() in body
    assert stranger.encode() not in body
    assert known.encode() in _get(url)[1]
    assert _get(f"{running.url}/entities/entah/integrity")[0] == 404
    assert _get(f"{running.server.url}/desk/{'a' * 48}/entities/pmi/integrity")[0] == 401


def test_a_phone_may_ask_about_thousands_of_its_entities_in_one_address(
    running: Running, phone: DeskPhone
) -> None:
    phone.send(leaves(phone, worker()))
    asked = "%2C".join([*(str(uuid.uuid4()) for _ in range(9_999)), only(phone)])
    status, body = _get(f"{running.url}/entities/pmi/integrity?id={asked}&deviceID=x")
    assert status == 200
    assert body.count(b"<entity ") == 1
    assert f'<entity id="{only(phone)}"><deleted>false'.encode() in body


def test_the_cases_of_a_desk_are_those_of_its_village_without_names_and_without_restricted_ones(
    running: Running, published: Store, filled: dict[str, bytes]
) -> None:
    phone = running.phone()
    for name in ("rat port", "sexual violence", "broker without a letter"):
        assert phone.submit(again(filled[name])).sent
    elsewhere = again(filled["rat port"]).replace(VILLAGE.encode(), NEIGHBOUR.encode())
    assert phone.submit(elsewhere).sent
    port, assault, broker, _ = (case.ref for case in Case.select().order_by(Case.id))
    Alert.update(state="closed").where(Alert.case == Case.get(Case.ref == broker)).execute()
    header, *rows = kasus_csv(VILLAGE).decode().splitlines()
    assert header == "name,label,ref,village,form,opened"
    (row,) = rows
    assert row.startswith(f"{port},{port} ")
    assert f",{VILLAGE},berangkat,20" in row
    assert assault not in row
    assert "D19" not in row


def _get(url: str, tag: str | None = None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    headers = {"X-OpenRosa-Version": "1.0", **({"If-None-Match": f'"{tag}"'} if tag else {})}
    connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()
