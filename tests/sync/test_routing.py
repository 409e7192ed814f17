"""Who is told: roles, levels, stand-ins, restricted alerts, worsening cases."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forms.form import ROLES
from server.staff import words
from server.store import areas, case_list, cases, escalations, events, messages, officers, owed
from server.store.database import Store
from server.store.models import Alert, Case, Message
from server.store.officers import Person
from server.store.rosters import Rosters
from sync import escalation, routing
from sync.compose import Ref
from sync.compose import compose as honest
from sync.routing import Routed
from tests.conftest import Clock
from tests.sync.world import INDICATORS, officer, publish, submit


@pytest.fixture(autouse=True)
def _published(store: Store, clock: Clock) -> None:
    publish(clock())


def routed(store: Store, clock: Clock, *, again: bool = False) -> int:
    with store.transaction():
        return routing.route(owed.unrouted(now=None if again else clock()), "console", Rosters(clock())).owed


def told() -> dict[str, list[str]]:
    """Slug of an officer -> texts, up to the reference."""
    found: dict[str, list[str]] = {}
    for m in messages.listing():
        found.setdefault(m["officer"], []).append(str(m["body"]).split(" R-")[0])
    return found


def still_owed() -> set[str]:
    return {a.indicator for a in Alert.select().where(Alert.owed)}


def test_each_role_is_told_at_the_nearest_level_that_has_anybody(store: Store, clock: Clock) -> None:
    near = officer("disnaker", "35.07", clock())
    officer("disnaker", "35", clock())
    nearest = officer("p4mi", "35.07.01", clock())
    officer("p4mi", "35.07", clock())
    nation = officer("ppa", "ID", clock())
    submit(store, ["D01"], clock())
    routed(store, clock)
    assert set(told()) == {near.slug, nearest.slug, nation.slug}
    assert not still_owed()


def test_a_person_gets_one_message_with_the_gravest_code_and_a_sensitive_one_before_others(
    store: Store, clock: Clock
) -> None:
    disnaker = officer("disnaker", "35.07", clock())
    ppa = officer("ppa", "35.07", clock())
    for role in ("p4mi", "bp3mi", "dinsos"):
        officer(role, "35.07", clock())
    submit(store, ["D08", "D24", "D02", "R05", "D05"], clock())
    routed(store, clock)
    assert told()[disnaker.slug] == ["PMI KRITIS D05 +2"]
    assert told()[ppa.slug] == ["PMI KRITIS R05 +1"]


def test_somebody_with_an_email_alone_is_told_where_email_is_set_up_and_passed_by_where_it_is_not(
    store: Store, clock: Clock
) -> None:
    by_email, _ = officers.add("Sari Contoh", "disnaker", "35.07", clock(), email="sari@contoh.example")
    further = officer("disnaker", "35", clock())
    for kinds, expected in (({"sms"}, further), ({"sms", "email"}, by_email)):
        _, ref = submit(store, ["D08"], clock())
        with store.transaction():
            routing.route(owed.unrouted(), "console", Rosters(clock(), kinds=kinds))
        assert [m["officer"] for m in messages.listing() if m["ref"] == ref] == [expected.slug]
    assert messages.listing()[-1]["to"] == "sari@contoh.example"


def test_an_alert_whose_only_person_cannot_be_reached_is_said_to_wait(store: Store, clock: Clock) -> None:
    officers.add("Sari Contoh", "disnaker", "35.07", clock(), email="sari@contoh.example")
    submit(store, ["D08"], clock())
    by_sms = Rosters(clock(), kinds={"sms"})
    with store.transaction():
        routing.route(owed.unrouted(), "console", by_sms)
    assert still_owed() == {"D08"}
    assert routing.unreachable(by_sms) == [{"area": "35.07", "role": "disnaker", "cases": 1}]


def test_nobody_but_ppa_hears_or_can_count_a_restricted_alert(store: Store, clock: Clock) -> None:
    for role in ROLES:
        if role != "ppa":
            officer(role, "35.07", clock())
            officer(role, "ID", clock())
    submit(store, ["R05", "D08"], clock())
    routed(store, clock)
    assert all("R05" not in t and "+" not in t for texts in told().values() for t in texts)
    assert still_owed() == {"R05"}
    _, secret = submit(store, ["R05"], clock())
    assert {role: secret in case_list.kasus_csv("35.07", role).decode() for role in (None, *ROLES)} == {
        role: role == "ppa" for role in (None, *ROLES)
    }
    Case.delete().where(Case.ref == secret).execute()
    assert routing.unreachable(Rosters(clock())) == [{"area": "35.07", "role": "ppa", "cases": 1}]
    submit(store, ["R05"], clock())
    for hours in (0, 23, 2):
        clock.at += timedelta(hours=hours)
        routed(store, clock, again=True)
    said = [(e["verb"], e["detail"]["roles"]) for e in events.of("35.07")]
    assert said == [("alert.unreachable", ["ppa"])] * 2, "once a day, however many cases wait"


def test_a_restricted_alert_waits_until_there_is_somebody_and_is_then_sent_once(
    store: Store, clock: Clock
) -> None:
    officer("disnaker", "35.07", clock())
    submit(store, ["R05", "D08"], clock())
    routed(store, clock)
    before = told()
    assert routed(store, clock) == 0  # put off: not looked at in every round
    ppa = officer("ppa", "35", clock())
    clock.at += timedelta(minutes=1)
    assert routed(store, clock) == 1
    assert told() == {**before, ppa.slug: ["PMI KRITIS R05"]}
    assert not still_owed()
    assert routing.unreachable(Rosters(clock())) == []


def test_province_then_administrator_stand_in_for_a_role_that_has_nobody(store: Store, clock: Clock) -> None:
    disnaker = officer("disnaker", "35.07", clock())
    admin = officer("admin", "ID", clock())
    officer("province", "12", clock())
    submit(store, ["D24"], clock())
    routed(store, clock)
    assert set(told()) == {disnaker.slug, admin.slug}
    province = officer("province", "35", clock())
    submit(store, ["D24"], clock())
    routed(store, clock)
    assert len(told()[admin.slug]) == 1
    assert len(told()[province.slug]) == 1


def test_one_missing_role_neither_loses_the_alert_nor_tells_the_others_again(
    store: Store, clock: Clock
) -> None:
    disnaker = officer("disnaker", "35.07", clock())
    submit(store, ["D24"], clock())
    for _ in range(3):
        routed(store, clock, again=True)
    assert told() == {disnaker.slug: ["PMI TINGGI D24"]}
    assert still_owed() == {"D24"}
    ppa = officer("ppa", "35.07", clock())
    routed(store, clock, again=True)
    assert told() == {disnaker.slug: ["PMI TINGGI D24"], ppa.slug: ["PMI TINGGI D24"]}
    assert not still_owed()


def test_alerts_that_wait_for_somebody_never_hold_up_new_ones(store: Store, clock: Clock) -> None:
    for _ in range(25):
        submit(store, ["R05"], clock())
    disnaker = officer("disnaker", "35.07", clock())
    submit(store, ["D08"], clock())
    for _ in range(2):
        with store.transaction():
            routing.route(owed.unrouted(20, clock()), "console", Rosters(clock()))
    assert list(told()) == [disnaker.slug]


def test_the_gravest_cases_are_routed_first_page_by_page_and_none_is_left_out(
    store: Store, clock: Clock
) -> None:
    sent = [submit(store, [code], clock())[1] for code in ("D02", "D08", "R05", "D08", "R05", "D02")]
    medium, high, critical = [sent[0], sent[5]], [sent[1], sent[3]], [sent[2], sent[4]]
    pages = [page := owed.unrouted(2)]
    while page:
        pages.append(page := owed.unrouted(2, after=page[-1]))
    assert [[case.ref for case in page] for page in pages] == [critical, high, medium, []]


def test_alerts_put_off_are_looked_at_again_although_the_clock_was_set_back(
    store: Store, clock: Clock
) -> None:
    submit(store, ["D08"], clock())
    routed(store, clock)
    assert not owed.anything_unrouted(clock())
    clock.at -= timedelta(days=400)
    officer("disnaker", "35.07", clock())
    assert owed.anything_unrouted(clock())
    assert routed(store, clock) == 1


def test_what_is_for_the_digest_gets_no_message_and_is_done_with(store: Store, clock: Clock) -> None:
    officer("disnaker", "35.07", clock())
    submit(store, ["D02"], clock())
    routed(store, clock)
    assert told() == {}
    assert not still_owed()


def test_a_case_that_worsens_is_told_again_with_the_new_code(store: Store, clock: Clock) -> None:
    disnaker = officer("disnaker", "35.07", clock())
    for role in ("p4mi", "bp3mi"):
        officer(role, "35.07", clock())
    instance, _ = submit(store, ["D08"], clock())
    routed(store, clock)
    submit(store, ["D08", "D05"], clock(), edits=instance)
    routed(store, clock)
    assert told()[disnaker.slug] == ["PMI TINGGI D08", "PMI KRITIS D05 +1"]
    assert [m.round for m in Message.select().where(Message.officer == disnaker.id)] == [1, 2]


def test_what_worsens_before_the_morning_is_told_in_one_message(store: Store, clock: Clock) -> None:
    clock.at += timedelta(hours=10)
    officer("disnaker", "35.07", clock())
    first, _ = submit(store, ["D08"], clock())
    routed(store, clock)
    submit(store, ["D08", "R14"], clock(), edits=first)
    routed(store, clock, again=True)
    assert [(m["state"], m["body"].split(" R-")[0]) for m in messages.listing()] == [
        ("expired", "PMI TINGGI D08"),
        ("owed", "PMI TINGGI D08 +1"),
    ]


def test_an_edit_that_shows_nothing_new_tells_nobody(store: Store, clock: Clock) -> None:
    disnaker = officer("disnaker", "35.07", clock())
    instance, _ = submit(store, ["D08"], clock())
    routed(store, clock)
    submit(store, ["D08"], clock(), edits=instance)
    assert routed(store, clock) == 0
    assert told() == {disnaker.slug: ["PMI TINGGI D08"]}


def test_an_indicator_that_an_edit_took_away_is_no_longer_counted(store: Store, clock: Clock) -> None:
    disnaker = officer("disnaker", "35.07", clock())
    for role in ("p4mi", "bp3mi"):
        officer(role, "35.07", clock())
    instance, _ = submit(store, ["D08"], clock())
    routed(store, clock)
    submit(store, ["D05"], clock(), edits=instance)
    routed(store, clock)
    assert told()[disnaker.slug][1] == "PMI KRITIS D05"


def test_what_somebody_acknowledged_before_the_message_was_written_is_not_sent(
    store: Store, clock: Clock
) -> None:
    disnaker = officer("disnaker", "35.07", clock())
    _, ref = submit(store, ["D08"], clock())
    cases.acknowledge(disnaker, ref, clock())
    assert routed(store, clock) == 0
    assert not still_owed()


def test_what_changed_while_a_case_was_being_routed_is_looked_at_again(store: Store, clock: Clock) -> None:
    officer("disnaker", "35.07.01", clock())
    there = officer("disnaker", "35.07.02", clock())
    first, _ = submit(store, ["D08"], clock())
    before_the_edit = owed.unrouted()
    submit(store, ["D08"], clock(), village="35.07.02.2001", edits=first)
    with store.transaction():
        assert routing.route(before_the_edit, "console", Rosters(clock())).owed == 0
    assert routed(store, clock) == 1
    assert set(told()) == {there.slug}

    _, answered = submit(store, ["D08"], clock(), village="35.07.02.2001")
    before_the_answer = owed.unrouted()
    cases.acknowledge(there, answered, clock())
    with store.transaction():
        assert routing.route(before_the_answer, "console", Rosters(clock())).owed == 0


def test_two_processes_that_route_the_same_case_owe_its_messages_once(store: Store, clock: Clock) -> None:
    officer("disnaker", "35.07", clock())
    submit(store, ["D24"], clock())  # nobody of ppa: stays owed in part
    submit(store, ["D08"], clock())
    seen_by_both = owed.unrouted()
    with store.transaction():
        first = routing.route(seen_by_both, "console", Rosters(clock()))
    with store.transaction():
        second = routing.route(seen_by_both, "console", Rosters(clock()))
    assert (first, second) == (Routed(2, 2), Routed(0, 0))
    assert len(messages.listing()) == 2


def test_one_odd_case_does_not_hold_up_the_others(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    disnaker = officer("disnaker", "35.07", clock())
    _, odd = submit(store, ["D08"], clock())
    _, good = submit(store, ["D08"], clock())

    def compose(*parts: Any) -> Any:
        if Ref(odd) in parts:
            raise ValueError("odd")
        return honest(*parts)

    monkeypatch.setattr("sync.routing.compose", compose)
    assert routed(store, clock) == 1
    monkeypatch.undo()
    assert [m["ref"] for m in messages.listing()] == [good]
    assert routing.faulty(Rosters(clock())) == [odd]
    assert routed(store, clock, again=True) == 1
    assert len(told()[disnaker.slug]) == 2
    assert routing.faulty(Rosters(clock())) == []

    officer("disnaker", "35", clock())
    clock.at += timedelta(days=5)
    monkeypatch.setattr("sync.routing.compose", compose)
    for _ in range(2):  # the odd one goes to the end of the queue, however short the page
        with store.transaction():
            escalation.escalate(escalations.unanswered(clock(), 1), "console", Rosters(clock()))
    assert [m["ref"] for m in messages.listing()[2:]] == [good]


@pytest.mark.parametrize(
    ("area", "says"),
    [
        ("35.07", r"R-350700-\d{4} Kab Malang: periksa"),
        ("35", r"R-350000-\d{4} Jawa Timur: periksa"),
        ("ID", r"R-000000-\d{4} Indonesia: periksa"),
    ],
)
@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_case_that_an_officer_s_phone_opened_for_a_wider_area_is_told_and_names_that_area(
    store: Store, clock: Clock, area: str, says: str
) -> None:
    near, above = officer("disnaker", area, clock()), officer("province", "ID", clock())
    _, ref = submit(store, ["D08"], clock(), village=area)
    routed(store, clock)
    assert words.is_ref(ref)
    assert [m["officer"] for m in messages.listing()] == [near.slug]
    assert re.search(says, messages.listing()[0]["body"])
    clock.at += timedelta(days=5)
    with store.transaction():
        escalation.escalate(escalations.unanswered(clock(), 5), "console", Rosters(clock()))
    assert [m["officer"] for m in messages.listing()] == [near.slug, above.slug]


VILLAGES = ("35.07.01.2001", "35.07.02.2001", "35.08.01.2001", "12.01.01.1001")
SEATS = sorted({code for v in VILLAGES for code in areas.upwards(v)})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seats=st.lists(st.tuples(st.sampled_from(ROLES), st.sampled_from(SEATS)), max_size=12),
    submissions=st.lists(
        st.tuples(
            st.sampled_from(VILLAGES),
            st.lists(st.sampled_from(sorted(INDICATORS)), min_size=1, max_size=5, unique=True),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_officers_hear_only_of_cases_of_their_own_area_and_of_what_their_role_may_know(
    store: Store, clock: Clock, seats: list[tuple[str, str]], submissions: list[tuple[str, list[str]]]
) -> None:
    with store.db.atomic() as undo:
        people: dict[str, Person] = {p.slug: p for p in (officer(r, a, clock()) for r, a in seats)}
        places = {submit(store, codes, clock(), village=v)[1]: (v, codes) for v, codes in submissions}
        while owed.anything_unrouted(clock()):
            routing.route(owed.unrouted(now=clock()), "console", Rosters(clock()))
        listed = messages.listing()
        indicators = {m["id"]: Message.get_by_id(m["id"]).indicators.split() for m in listed}
        assert len({(m["ref"], m["officer"]) for m in listed}) == len(listed)
        for m in listed:
            person = people[m["officer"]]
            village, codes = places[m["ref"]]
            assert areas.covers(person.area, village)
            for code in indicators[m["id"]]:
                assert code in codes
                named = INDICATORS[code]
                assert cases.may_see(person.role, named.recipients, named.restricted)
        for alert in Alert.select():
            if not alert.owed and not alert.digest:
                reached = {m["officer"] for m in listed if m["ref"] == alert.case.ref}
                assert reached
        undo.rollback()


def test_a_case_whose_statement_fails_in_the_database_does_not_hold_up_the_others(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer("disnaker", "35.07", clock())
    refs = [submit(store, ["D08"], clock())[1] for _ in range(3)]
    honest_write = routing.write

    def to_nobody(case: owed.OwedCase, *rest: Any) -> messages.NewMessage:
        text = honest_write(case, *rest)
        return replace(text, officer_id=987_654) if case.ref == refs[1] else text  # no such officer

    monkeypatch.setattr(routing, "write", to_nobody)
    with contextlib.suppress(peewee.PeeweeException):
        routed(store, clock)
    assert {m["ref"] for m in messages.listing()} == {refs[0], refs[2]}
    assert still_owed() == {"D08"}, "the odd one waits for another try"


def test_a_case_that_moves_away_from_who_took_it_on_is_told_to_the_new_place(
    store: Store, clock: Clock
) -> None:
    here, there = officer("disnaker", "35.07.01", clock()), officer("disnaker", "35.07.02", clock())
    first, ref = submit(store, ["D08"], clock())
    routed(store, clock)
    with store.transaction():
        cases.acknowledge(here, ref, clock())
    submit(store, ["D08"], clock(), village="35.07.02.2001", edits=first)
    assert routed(store, clock) == 1
    assert len(told()[there.slug]) == 1
    alert = Alert.get()
    assert (alert.state, alert.acknowledged_by_id, alert.remind_at) == ("open", None, None)
    assert alert.escalate_at is not None
    assert [e["actor"] for e in events.of(ref) if e["verb"] == "case.acknowledged"] == [here.slug]


@pytest.mark.parametrize("answer", ["of both places", "closed"])
def test_a_case_that_moves_stays_with_who_looks_after_both_places_and_closed_if_it_was(
    store: Store, clock: Clock, answer: str
) -> None:
    here = officer("disnaker", "35.07" if answer == "of both places" else "35.07.01", clock())
    there = officer("disnaker", "35.07.02", clock())
    first, ref = submit(store, ["D08"], clock())
    routed(store, clock)
    with store.transaction():
        cases.acknowledge(here, ref, clock())
        if answer == "closed":
            cases.close(here, ref, "resolved", clock())
    submit(store, ["D08"], clock(), village="35.07.02.2001", edits=first)
    routed(store, clock)
    assert there.slug not in told()
    assert Alert.get().acknowledged_by_id == here.id


def test_what_reaches_nobody_is_looked_at_more_and_more_seldom_until_there_is_somebody(
    store: Store, clock: Clock
) -> None:
    submit(store, ["R05"], clock())
    looked = 0
    for _ in range(120):
        with store.transaction():
            looked += len(page := owed.unrouted(now=clock()))
            routing.route(page, "console", Rosters(clock()))
        clock.at += timedelta(minutes=1)
    assert 15 < looked < 40
    officer("ppa", "35.07", clock())
    assert len(owed.unrouted(now=clock())) == 1
