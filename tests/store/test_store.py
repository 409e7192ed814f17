"""The store on both engines: schema, areas, scopes, counters."""

from __future__ import annotations

import csv
import threading

import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playhouse.schema_diff import diff_models

from forms.problems import Problem
from server.store import areas, counters
from server.store.database import Store
from server.store.models import TABLES, Area, Counter
from server.store.statements import Insert, Select
from server.store.writer import Writer


def test_migrations_lead_to_exactly_the_models(store: Store) -> None:
    assert not diff_models(store.db, list(TABLES))


def test_migrating_again_changes_nothing(store: Store) -> None:
    assert store.migrate() == []


def test_all_areas_of_indonesia_are_there(store: Store) -> None:
    by_level = dict.fromkeys(areas.LEVELS, 0)
    for (code,) in Area.select(Area.code).tuples():
        by_level[len(code)] += 1
    assert by_level == {2: 38, 5: 514, 8: 7_285, 13: 83_762}


def test_a_desks_list_holds_the_villages_of_its_regency_only(store: Store) -> None:
    lines = areas.desa_csv("35.07").decode().splitlines()
    assert lines[0] == "name,label,kec,kec_label,jenis"
    assert len(lines) > 300
    assert all(line.startswith("35.07.") for line in lines[1:])


def test_two_villages_of_one_name_in_one_kecamatan_are_told_apart(store: Store) -> None:
    oesao = [line for line in areas.desa_csv("53.01").decode().splitlines() if ",Oesao" in line]
    assert len({line.split(",")[1] for line in oesao}) == len(oesao) == 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    code=st.sampled_from(
        ["ID", "35", "35.07", "35.07.01", "35.07.01.2001", "3", "35.0", "", "99", "35%", "35.07."]
    )
)
def test_a_scope_holds_exactly_what_it_covers(store: Store, code: str) -> None:
    from server.store.models import Desk

    if not Desk.select().exists():
        for number, village in enumerate(
            ["35.07.01.2001", "35.07.02.2001", "35.08.01.2001", "12.01.01.2001"]
        ):
            Desk.create(
                slug=f"d{number}", name="x", **areas.split(village), token_hash=str(number), created_at=0
            )
    found = {d.village for d in Desk.select().where(areas.scope(Desk, code))}
    assert found == {d.village for d in Desk.select() if areas.covers(code, d.village)}
    if code not in ("ID", "35", "35.07", "35.07.01", "35.07.01.2001"):
        assert found == set()


def test_no_two_villages_of_a_regency_look_alike_on_the_phone(store: Store) -> None:
    for regency in ("35.07", "35.08", "53.01", "11.08"):
        lines = csv.DictReader(areas.desa_csv(regency).decode().splitlines())
        labels = [line["label"] for line in lines]
        assert len(labels) == len(set(labels)), regency
    assert "Banjarejo, Kec. Donomulyo" in areas.desa_csv("35.07").decode()


def test_an_unknown_village_is_refused_with_its_code(store: Store) -> None:
    with pytest.raises(Problem, match=r"35\.07\.01\.9999"):
        areas.require("35.07.01.9999", village=True)


def test_counters_never_give_a_number_twice(store: Store) -> None:
    writers = [Writer(store) for _ in range(2)]
    given_out: list[int] = []
    threads = [
        threading.Thread(
            target=lambda w=w: given_out.extend(
                w.wait(lambda: counters.increment("case:x")) for _ in range(25)
            )
        )
        for w in writers
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in writers:
        writer.close()
    assert sorted(given_out) == list(range(1, 101))


def test_a_statement_built_once_fails_as_any_other(store: Store) -> None:
    insert = Insert(Counter)
    insert.many([{"name": "one", "value": 1}])
    with pytest.raises(peewee.IntegrityError), store.transaction():
        insert.many([{"name": "one", "value": 2}])
    nowhere = peewee.Table("nowhere", ("value",))
    with pytest.raises((peewee.OperationalError, peewee.ProgrammingError)), store.transaction():
        Select(lambda: nowhere.select().bind(store.db)).first()
