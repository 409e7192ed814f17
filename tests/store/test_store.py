"""The store on both engines: schema, areas, scopes, the writer's promises."""

from __future__ import annotations

import asyncio
import csv
import threading

import peewee
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playhouse.schema_diff import diff_models

from forms.problems import Problem, Problems
from server.store import areas, counters
from server.store.database import Store, Writer
from server.store.models import TABLES, Area, Counter, Event
from server.store.statements import Insert, Select
from tests.conftest import Clock, Home


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


def test_work_that_is_prepared_first_is_written_with_what_was_prepared(store: Store) -> None:
    """What fails in the preparing is told to the one who asked, and written by nobody."""
    writer = Writer(store)

    def cannot() -> str:
        raise Problem(Problems.NOT_FOUND)

    def write(name: str) -> int:
        assert store.db.in_transaction()
        return counters.increment(name)

    async def ask() -> tuple[int, BaseException | int]:
        good = writer.run_prepared(lambda: "good", write)
        first, second = await asyncio.gather(good, writer.run_prepared(cannot, write), return_exceptions=True)
        assert isinstance(first, int)
        return first, second

    first, second = asyncio.run(ask())
    writer.close()
    assert first == 1
    assert isinstance(second, Problem)
    assert counters.current("good") == 1


def test_work_that_fails_undoes_itself_and_nothing_else(store: Store, clock: Clock) -> None:
    writer = Writer(store)
    started, go = threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        go.wait(10)

    def fail() -> None:
        Counter.create(name="lost", value=1)
        raise Problem_for_test

    class Problem_for_test(Exception):  # noqa: N801, N818
        pass

    outcomes: dict[str, object] = {}

    def ask(name: str, work: object) -> None:
        try:
            outcomes[name] = writer.wait(work)  # type: ignore[arg-type]
        except (Problem, Problem_for_test) as error:
            outcomes[name] = type(error).__name__

    threads = [threading.Thread(target=ask, args=("hold", hold))]
    threads[0].start()
    started.wait(10)
    for name, work in (
        ("kept", lambda: Counter.create(name="kept", value=1) and "yes"),
        ("fails", fail),
        ("also kept", lambda: Counter.create(name="also", value=1) and "yes"),
    ):
        threads.append(threading.Thread(target=ask, args=(name, work)))
        threads[-1].start()
    go.set()
    for thread in threads:
        thread.join()
    writer.close()
    assert outcomes["kept"] == outcomes["also kept"] == "yes"
    assert outcomes["fails"] == "Problem_for_test"
    assert {c.name for c in Counter.select()} == {"kept", "also"}


def test_a_commit_that_fails_is_told_to_everybody_who_waited(store: Store) -> None:
    writer = Writer(store)
    store.db.execute_sql("create table parent (id integer primary key)")
    store.db.execute_sql(
        "create table child (parent integer references parent deferrable initially deferred)"
    )

    def orphan() -> None:
        store.db.execute_sql("insert into child values (7)")

    with pytest.raises(Problem) as caught:
        writer.wait(orphan)
    assert caught.value.kind.code == "store.unavailable"
    assert writer.wait(lambda: Event.select().count()) == 0
    writer.close()


def test_a_statement_built_once_fails_as_any_other(store: Store) -> None:
    insert = Insert(Counter)
    insert.many([{"name": "one", "value": 1}])
    with pytest.raises(peewee.IntegrityError), store.transaction():
        insert.many([{"name": "one", "value": 2}])
    nowhere = peewee.Table("nowhere", ("value",))
    with pytest.raises((peewee.OperationalError, peewee.ProgrammingError)), store.transaction():
        Select(lambda: nowhere.select().bind(store.db)).first()


def test_the_writer_outlives_what_fails_after_a_commit(store: Store) -> None:
    class Failing:
        def committed(self) -> None:
            raise OSError("too many open files")

        def close(self) -> None: ...

    writer = Writer(store, after=Failing())
    assert [writer.wait(lambda: counters.increment("kept")) for _ in range(2)] == [1, 2]
    writer.close()


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)
def test_work_that_crossed_another_process_s_is_done_again(home: Home, store: Store) -> None:
    for name in ("a", "b"):
        counters.increment(name)
    writer, go, done = Writer(store), threading.Event(), []
    add = "update counter set value = value + 1 where name = %s"
    waiting = "select count(*) from pg_locks where not granted"
    works = (lambda: go.wait(10), lambda: counters.increment("a"), lambda: counters.increment("b"))

    async def together() -> None:
        asked = [asyncio.ensure_future(writer.run(work)) for work in works]
        await asyncio.sleep(0)
        go.set()
        done.extend(await asyncio.gather(*asked))

    with psycopg.connect(home.url) as other, psycopg.connect(home.url, autocommit=True) as looking:
        other.execute("set deadlock_timeout = '1min'")  # the writer is the one to notice
        other.execute(add, ["b"])
        thread = threading.Thread(target=lambda: asyncio.run(together()))
        thread.start()
        while looking.execute(waiting).fetchone() == (0,):
            assert thread.is_alive()
        other.execute(add, ["a"])  # waits for the writer, which waits for this
        other.commit()
    thread.join(20)
    writer.close()
    assert len(done) == 3
    assert (counters.current("a"), counters.current("b")) == (3, 3)
