"""Phones of officers who follow up: what they list, what they may speak for, when they are off."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from server.store import desks, follow_ups, officers
from server.store.database import Store
from server.store.models import Case, Officer, Submission
from server.store.officers import Person
from tests.conftest import Clock
from tests.openrosa.conftest import Running, again
from tests.phone.collect import Collect
from tests.phone.desk import DeskPhone
from tests.phone.followups import VISIT, without
from tests.phone.interviews import Interview, departure
from tests.phone.javarosa import Engine
from tests.phone.listing import AuthenticationRequiredError
from tests.phone.people import Person as Somebody
from tests.phone.workers import VILLAGE

NEIGHBOUR, OTHER_REGENCY = "35.07.01.2002", "35.08.10.2001"
Opens = Callable[..., DeskPhone]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.fixture
def opens(running: Running, published: Store, clock: Clock, engine: Engine) -> Opens:
    """Opens the phones of a new officer: ``opens("disnaker", "35.07")``."""

    def add(role: str, area: str, within: str | None = None) -> DeskPhone:
        with published.transaction():
            person, _ = officers.add(f"Petugas {role} Contoh", role, within or area, clock())
            _, credentials = desks.add(area, None, published.keys, clock(), officer=person.slug)
        phone = DeskPhone(Collect(f"{running.server.url}/desk/{credentials.token}"), engine)
        phone.sync()
        return phone

    return add


@pytest.fixture
def village(running: Running, engine: Engine) -> DeskPhone:
    phone = DeskPhone(running.phone(), engine)
    phone.sync()
    return phone


def leaves(village: DeskPhone, name: str, number: int, place: str = VILLAGE, share: str = "yes") -> None:
    told = departure(
        Somebody(name, "f", village.engine.today().replace(year=1996), place, number), village.engine.today()
    )
    held = replace(told, answers={**told.answers, "consent_share": share})
    assert village.send(village.hold(held)).sent


def names(phone: DeskPhone) -> set[str]:
    return {e.properties["full_name"] for e in phone.collect.entities.lists["pmi"].entities.values()}


def file(phone: DeskPhone, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(phone.collect.opened("tindak_lanjut").media[name].decode().splitlines()))


def sends(phone: DeskPhone, answers: dict[str, Any]) -> Submission:
    filled = phone.hold(Interview("visit", "tindak_lanjut", answers, frozenset()))
    assert phone.send(filled).sent
    row: Submission = Submission.select().order_by(Submission.id.desc()).get()
    return row


def test_an_officers_phone_lists_the_villages_and_the_sharing_workers_of_its_area(
    village: DeskPhone, opens: Opens, published: Store
) -> None:
    leaves(village, "Sulastri Contoh", 1)
    leaves(village, "Wening Contoh", 2, NEIGHBOUR)
    leaves(village, "Rahma Contoh", 3, share="no")
    district, kecamatan = opens("disnaker", "35.07"), opens("p4mi", "35.07.01", within="35.07")
    elsewhere, ppa = opens("disnaker", "35.08"), opens("ppa", "35")

    assert names(district) == names(kecamatan) == {"Sulastri Contoh", "Wening Contoh"}
    assert names(ppa) == {"Sulastri Contoh", "Wening Contoh", "Rahma Contoh"}
    assert names(elsewhere) == set()
    village.sync()
    assert names(village) == {"Sulastri Contoh", "Rahma Contoh"}
    for phone, codes in ((district, "35.07."), (kecamatan, "35.07.01."), (ppa, "35."), (elsewhere, "35.08.")):
        rows = file(phone, "desa.csv")
        assert rows
        assert all(row["name"].startswith(codes) for row in rows)
        assert len({row["label"] for row in rows}) == len(rows), "two villages look the same"


def test_a_restricted_case_is_on_no_phone_but_those_of_its_recipients(
    running: Running, opens: Opens, published: Store, filled: dict[str, bytes]
) -> None:
    desk = running.phone()
    for name in ("rat port", "sexual violence"):
        assert desk.submit(again(filled[name])).sent
    port, assault = (case.ref for case in Case.select().order_by(Case.id))

    def listed(phone: DeskPhone) -> set[str]:
        return {row["name"] for row in file(phone, "kasus.csv")}

    assert listed(opens("disnaker", "35.07")) == {port}
    assert listed(opens("province", "35")) == {port}
    assert listed(opens("ppa", "35.07")) == {assault}
    assert listed(opens("dinsos", "35.07")) == set()
    assert listed(opens("disnaker", "35.08")) == set()


def test_a_follow_up_from_a_district_is_kept_with_its_case_and_judged_whole(
    running: Running, opens: Opens, published: Store, filled: dict[str, bytes], village: DeskPhone
) -> None:
    leaves(village, "Wening Contoh", 2, NEIGHBOUR)
    elsewhere = again(filled["rat port"]).replace(VILLAGE.encode(), NEIGHBOUR.encode())
    assert running.phone().submit(elsewhere).sent
    case = Case.get(Case.village == NEIGHBOUR)
    phone = opens("disnaker", "35.07")
    known = phone.collect.entities.lists["pmi"].entities
    worker = next(key for key, e in known.items() if e.properties["village"] == NEIGHBOUR)

    row = sends(phone, {**VISIT, "village": NEIGHBOUR, "case_id": case.ref, "worker": worker})

    assert (row.village, row.verdict["errors"], row.verdict["recalculated"]) == (NEIGHBOUR, [], [])
    assert "entity_errors" not in row.verdict
    (follow_up,) = follow_ups.of_case(case.ref)
    assert (follow_up.instance_id, follow_up.desk) == (row.instance_id, "Petugas disnaker Contoh")
    assert follow_up.answers["closeg"]["severity_now"] == "medium"
    assert "notes" not in follow_up.answers["closeg"], "what is sealed stays sealed"

    typed = without("worker", case_id=None, case_listed="no", case_ref=case.ref, worker_known="no")
    sends(phone, {**typed, "village": NEIGHBOUR})
    assert len(follow_ups.of_case(case.ref)) == 2, "a case that is on no list is named by its number"


def test_what_one_role_did_does_not_tell_another_of_a_restricted_case(
    running: Running, opens: Opens, published: Store, filled: dict[str, bytes]
) -> None:
    assert running.phone().submit(again(filled["sexual violence"])).sent
    case = Case.get()
    ppa = opens("ppa", "35.07")
    sends(
        ppa,
        without("worker", case_id=case.ref, village=VILLAGE, worker_known="no") | {"departure_state": None},
    )

    def seen(role: str) -> int:
        return len(follow_ups.of_case(case.ref, Person(1, role, role, role, "35.07", None, None)))

    assert (seen("ppa"), seen("disnaker"), seen("province")) == (1, 0, 0)


def test_a_forged_case_or_village_of_elsewhere_changes_nothing_there(
    running: Running, opens: Opens, published: Store, filled: dict[str, bytes]
) -> None:
    assert running.phone().submit(again(filled["rat port"])).sent
    case = Case.get()
    phone = opens("disnaker", "35.08")
    answers = without("worker", "case_id", village=OTHER_REGENCY, worker_known="no", case_listed="no")
    filled_in = phone.hold(
        Interview("visit", "tindak_lanjut", {**answers, "case_ref": case.ref}, frozenset())
    )
    forged = filled_in.xml.replace(OTHER_REGENCY.encode(), VILLAGE.encode())
    assert phone.collect.submit(forged).sent

    row = Submission.select().order_by(Submission.id.desc()).get()
    assert row.village == "35.08", "neither the village nor the case is theirs to speak of"
    assert follow_ups.of_case(case.ref) == []


def test_of_a_case_that_a_desk_may_not_know_the_phone_s_word_counts_and_is_marked_unchecked(
    running: Running, opens: Opens, published: Store, filled: dict[str, bytes], village: DeskPhone
) -> None:
    assert running.phone().submit(again(filled["rat port"])).sent
    village.sync()
    answers = without("worker", case_id=Case.get().ref, worker_known="no")
    held = village.hold(Interview("visit", "tindak_lanjut", answers, frozenset()))
    with published.transaction():  # it moves out of the desk's regency before the follow-up arrives
        Case.update(province="12", regency="12.01", district="12.01.01", village="12.01.01.2001").execute()
    assert village.send(held).sent
    row = Submission.select().order_by(Submission.id.desc()).get()
    assert {path for path, _ in row.verdict["errors"]} == {
        "/tindak_lanjut/case_form",
        "/tindak_lanjut/case_code",
    }
    assert row.answers["case_form"] == "berangkat"
    assert row.verdict["recalculated"] == []


def test_a_reason_of_return_that_tells_of_violence_is_sealed_and_others_are_open(
    running: Running, published: Store, filled: dict[str, bytes]
) -> None:
    hurt = again(filled["clean return"]).replace(
        b"<return_reason>end</return_reason>", b"<return_reason>abuse</return_reason>"
    )
    for xml in (again(filled["clean return"]), hurt):
        assert running.phone().submit(xml).sent
    well, harmed = Submission.select().order_by(Submission.id)
    assert well.answers["tripg"]["return_reason"] == "end"
    assert "return_reason" not in harmed.answers["tripg"]
    assert "R04" in harmed.indicators, "judged by all that was said"


def test_an_officer_who_left_or_moved_has_no_phones_any_more(
    opens: Opens, published: Store, clock: Clock
) -> None:
    phone = opens("disnaker", "35.07")
    with published.transaction():
        Officer.update(area="35.08").execute()
    with pytest.raises(AuthenticationRequiredError):
        phone.sync()
    assert {d["state"] for d in desks.listing() if d["officer"]} == {"revoked"}
    with published.transaction():
        Officer.update(area="35.07").execute()
    phone.sync()
    with published.transaction():
        officers.remove(Officer.get().slug, clock())
    with pytest.raises(AuthenticationRequiredError):
        phone.sync()
    assert {d["state"] for d in desks.listing() if d["officer"]} == {"revoked"}
