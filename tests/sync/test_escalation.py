"""Who is told next: rosters, nights, escalation, reminders, digests. And that none of it ever gives R05 away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from forms.form import ROLES
from forms.problems import Problem
from server.store import (
    areas,
    cases,
    escalations,
    events,
    hours,
    messages,
    officers,
    owed,
    roster_entries,
    steps,
)
from server.store.database import Store
from server.store.models import Alert, FollowUp, Message, Officer, Step, Submission
from server.store.officers import Person
from server.store.rosters import Rosters
from sync import escalation, ladder, routing
from tests.conftest import Clock
from tests.sync.world import INDICATORS, VILLAGE, officer, publish, submit

FOR_EVER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _published(store: Store, clock: Clock) -> None:
    publish(clock())


def work(store: Store, clock: Clock) -> None:
    """What the sync process does in a round, without sending."""
    with store.transaction():
        while page := owed.unrouted(now=clock()):
            routing.route(page, "console", Rosters(clock()))
        escalation.escalate(escalations.unanswered(clock(), 100), "console", Rosters(clock()))
        escalation.remind(escalations.not_followed_up(clock(), 100), "console", Rosters(clock()))


def later(clock: Clock, **step: float) -> None:
    clock.at += timedelta(**step)


def told() -> list[str]:
    """Slugs in the order in which messages were owed."""
    return [m["officer"] for m in messages.listing()]


def chain(ref: str) -> list[tuple[str, str]]:
    names = dict(Officer.select(Officer.name, Officer.slug).tuples())
    return [(step["why"], names[step["officer"]]) for step in steps.listing(ref)]


def test_a_critical_case_nobody_answers_climbs_from_duty_to_the_last_resort(
    store: Store, clock: Clock
) -> None:
    duty, deputy = officer("ppa", "35.07", clock()), officer("ppa", "35.07", clock())
    province, nation = officer("ppa", "35", clock()), officer("ppa", "ID", clock())
    last = officers.set_last_resort("ppa", "Cadangan", "+62 812 0000 7777", clock())
    roster_entries.add_duty(duty.slug, clock(), FOR_EVER, clock(), "operator")
    _, ref = submit(store, ["R05"], clock())
    work(store, clock)
    assert told() == [duty.slug]
    assert Message.get().expires_at == clock() + timedelta(hours=4), "then it is written anew"
    later(clock, hours=3, minutes=59)
    work(store, clock)
    assert told() == [duty.slug]
    later(clock, minutes=1)
    for number, expected in enumerate((deputy, province, nation, last), 2):
        work(store, clock)
        assert told()[-1] == expected.slug
        assert len(told()) == number
        work(store, clock)
        assert len(told()) == number, "each step once"
        later(clock, hours=1)
    assert chain(ref) == [
        ("duty", duty.slug),
        ("deputy", deputy.slug),
        ("supervisor", province.slug),
        ("nation", nation.slug),
        ("last_resort", last.slug),
    ]
    work(store, clock)
    assert escalations.nobody_answered() == 1
    assert set(told()[5:]) == {duty.slug, last.slug}
    for _ in range(5):
        later(clock, days=1)
        work(store, clock)
    assert len(told()) == 5 + 3 * 2, "once a day for three days"
    assert [e["verb"] for e in events.of(ref)] == ["alert.unanswered"]


def test_a_critical_case_nobody_answers_comes_to_the_bp3mi_contact_with_the_supervisor(
    store: Store, clock: Clock
) -> None:
    duty, head = officer("disnaker", "35.07", clock()), officer("disnaker", "35", clock())
    p4mi, ppa, contact = (officer(role, "35", clock()) for role in ("p4mi", "ppa", "bp3mi"))
    roster_entries.set_supervisor(duty.slug, head.slug)
    _, ref = submit(store, ["D01", "D08"], clock())
    _, secret = submit(store, ["R05"], clock())
    work(store, clock)
    assert contact.slug not in told()
    with pytest.raises(Problem):
        cases.for_person(contact, ref)
    later(clock, hours=4)
    work(store, clock)
    bodies = {(m["officer"], m["body"].split(" Kec")[0]) for m in messages.listing()[4:] if m["ref"] == ref}
    assert bodies == {(head.slug, f"PMI KRITIS D01 +1 {ref}"), (contact.slug, f"PMI KRITIS D01 {ref}")}
    assert [a.indicator for a in cases.for_person(contact, ref).alerts] == ["D01"], (
        "and not what is the others'"
    )
    with pytest.raises(Problem):
        cases.for_person(contact, secret)
    cases.acknowledge(contact, ref, clock())
    assert {a.state for a in cases.for_person(p4mi, ref).alerts} == {"acknowledged"}
    assert ppa.slug in told()


def test_an_answer_ends_the_climb(store: Store, clock: Clock) -> None:
    duty = officer("disnaker", "35.07", clock())
    officer("province", "35", clock())
    _, ref = submit(store, ["D08"], clock())
    work(store, clock)
    cases.acknowledge(duty, ref, clock())
    later(clock, days=2)
    work(store, clock)
    assert told() == [duty.slug]


def test_a_high_alert_waits_two_working_days_over_a_weekend(store: Store, clock: Clock) -> None:
    officer("disnaker", "35.07", clock())  # Friday 20 November, noon
    officer("province", "35", clock())
    submit(store, ["D08"], clock())
    work(store, clock)
    later(clock, days=3, hours=23)  # Tuesday, eleven in the morning
    work(store, clock)
    assert len(told()) == 1
    later(clock, hours=1)
    work(store, clock)
    assert len(told()) == 2
    for _ in range(3):
        later(clock, days=2)
        work(store, clock)
    assert len(told()) == 2, "at the top, only what is critical is told again"


def test_at_night_only_what_is_critical_goes_out_by_the_clock_of_where_the_reader_is(
    store: Store, clock: Clock
) -> None:
    clock.at = datetime(2026, 11, 20, 13, 30, tzinfo=UTC)  # 20:30 WIB, 21:30 WITA
    west, east = officer("disnaker", "35.07", clock()), officer("disnaker", "53.01", clock())
    p4mi, bp3mi = officer("p4mi", "53", clock()), officer("bp3mi", "53", clock())
    for village in (VILLAGE, "53.01.04.1001"):
        submit(store, ["D08"], clock(), village=village)
    submit(store, ["D05"], clock(), village="53.01.04.1001")
    work(store, clock)
    due = {(m.officer_id, m.severity): m.due_at for m in Message.select()}
    assert due[west.id, "high"] == clock()
    assert due[east.id, "high"] == datetime(2026, 11, 20, 22, 0, tzinfo=UTC)  # six in the morning there
    assert {due[p.id, "critical"] for p in (east, p4mi, bp3mi)} == {clock()}


def test_somebody_on_leave_is_not_told_but_their_deputy(store: Store, clock: Clock) -> None:
    away, deputy, other = (officer("disnaker", "35.07", clock()) for _ in range(3))
    roster_entries.add_duty(away.slug, clock(), FOR_EVER, clock(), "operator")
    roster_entries.add_leave(away.slug, clock(), FOR_EVER, clock(), "operator", deputy=deputy.slug)
    submit(store, ["D08"], clock())
    work(store, clock)
    assert told() == [deputy.slug]
    assert other.slug not in told()


def test_a_swap_holds_for_its_days_alone(store: Store, clock: Clock) -> None:
    first, second, third = (officer("disnaker", "35.07", clock()) for _ in range(3))
    roster_entries.add_duty(first.slug, clock(), FOR_EVER, clock(), "operator")
    roster_entries.add_duty(third.slug, clock() + timedelta(days=2), FOR_EVER, clock(), "operator")
    roster_entries.add_duty(
        second.slug, clock(), clock() + timedelta(days=1), clock(), "operator", instead_of=first.slug
    )
    submit(store, ["D08"], clock())
    work(store, clock)
    assert told() == [second.slug]
    later(clock, days=1)
    submit(store, ["D08"], clock())
    work(store, clock)
    assert told() == [second.slug, first.slug]


def test_who_took_a_case_on_is_reminded_until_a_follow_up_comes(store: Store, clock: Clock) -> None:
    duty, head = officer("ppa", "35.07", clock()), officer("ppa", "35", clock())
    instance, ref = submit(store, ["R05"], clock())
    work(store, clock)
    cases.acknowledge(duty, ref, clock())
    later(clock, hours=24)
    work(store, clock)
    assert told() == [duty.slug] * 2
    assert messages.listing()[-1]["body"].startswith(f"PMI KRITIS R05 {ref} Kec Donomulyo: sudah")
    later(clock, hours=24)
    work(store, clock)
    assert sorted(told()[2:]) == sorted([duty.slug, head.slug])
    FollowUp.create(submission=Submission.get(instance_id=instance), case=1, role="ppa")
    Submission.update(received_at=clock()).execute()
    later(clock, hours=24)
    work(store, clock)
    assert len(told()) == 4


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_reminders_come_three_times_and_a_report_of_before_ends_none_of_them(
    store: Store, clock: Clock
) -> None:
    duty, head = officer("ppa", "35.07", clock()), officer("ppa", "35", clock())
    instance, ref = submit(store, ["R05"], clock())
    FollowUp.create(submission=Submission.get(instance_id=instance), case=1, role="ppa")
    later(clock, hours=1)
    work(store, clock)
    cases.acknowledge(duty, ref, clock())
    days = []
    for _ in range(5):
        before = len(told())
        later(clock, hours=24)
        work(store, clock)
        days.append(sorted(told()[before:]))
    both = sorted([duty.slug, head.slug])
    assert days == [[duty.slug], both, both, [], []]


def test_working_days_leave_out_weekends_feasts_and_days_noted_as_free(store: Store) -> None:
    thursday = datetime(2026, 12, 24, 3, 0, tzinfo=UTC)  # the day before Christmas, ten in the morning WIB
    assert hours.working_days(thursday, 2, "35.07") == datetime(2026, 12, 29, 3, 0, tzinfo=UTC)
    roster_entries.add_day_off("35", thursday.date() + timedelta(days=4), "Cuti bersama")
    assert hours.working_days(thursday, 2, "35.07") == datetime(2026, 12, 30, 3, 0, tzinfo=UTC)
    assert hours.working_days(thursday, 2, "12.01") == datetime(2026, 12, 29, 3, 0, tzinfo=UTC)
    assert hours.next_step_by("high", thursday, "12.01") == datetime(2026, 12, 28, 3, 0, tzinfo=UTC)
    assert hours.follow_up_by("high", thursday, "12.01") == datetime(2026, 12, 30, 3, 0, tzinfo=UTC)


VILLAGES = ("35.07.01.2001", "35.08.01.2001", "12.01.01.1001")
SEATS = sorted({code for v in VILLAGES for code in areas.upwards(v)})
CODES = st.sets(st.sampled_from(["R05", "D05", "D24", "D02"]), min_size=1)
MEMBER = st.integers(1, 4)
PERSON = st.tuples(
    st.sampled_from(ROLES),
    st.sampled_from(SEATS),
    st.booleans(),  # on the roster
    st.booleans(),  # on leave
    st.integers(-1, 7),  # who is their supervisor
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # to make a failing example smaller would take minutes: it has eight people at most
    phases=[phase for phase in Phase if phase is not Phase.shrink],
)
@given(people=st.lists(PERSON, max_size=8), resort=st.booleans(), codes=CODES)
@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_somebody_is_always_told_and_of_r05_none_but_ppa(
    store: Store, clock: Clock, people: list[Any], resort: bool, codes: set[str]
) -> None:
    with store.db.atomic() as undo:
        made = [officer(role, area, clock()) for role, area, *_ in people]
        if resort:
            for role in ("admin", "ppa"):
                officers.set_last_resort(role, "Cadangan", "+62 812 0000 7777", clock())
        for person, (_, _, on_duty, away, head) in zip(made, people, strict=True):
            if on_duty:
                roster_entries.add_duty(person.slug, clock(), FOR_EVER, clock(), "operator")
            if away:
                roster_entries.add_leave(person.slug, clock(), FOR_EVER, clock(), "operator")
            if 0 <= head < len(made):
                Officer.update(supervisor=made[head].id).where(Officer.id == person.id).execute()
        start = clock()
        submit(store, sorted(codes), clock())
        for _ in range(12):
            while page := owed.unrouted(now=clock()):
                routing.route(page, "console", Rosters(clock()))
            escalation.escalate(escalations.unanswered(clock(), 100), "console", Rosters(clock()))
            later(clock, days=4)
        by_id: dict[int, Person] = {p.id: p for p in map(officers.person, Officer.select())}
        for message in Message.select():
            person, told_of = by_id[message.officer_id], message.indicators.split()
            assert areas.covers(person.area, VILLAGE)
            assert all(
                cases.may_see(person.role, INDICATORS[c].recipients, INDICATORS[c].restricted)
                for c in told_of
            )
            assert "R05" not in told_of or person.role == "ppa"
        for alert in Alert.select().where(~Alert.digest):
            reached = {s.officer_id for s in Step.select().where(Step.alert == alert.id)}
            fit = [p for p in by_id.values() if areas.covers(p.area, VILLAGE)]
            named = [p for p in fit if p.role in alert.recipients.split("+")]
            stand_ins = [] if alert.restricted else [p for p in fit if p.role in cases.OVERSEERS]
            assert reached or not (named or stand_ins)
            if resort:
                assert reached
            if alert.restricted and (named or resort):
                assert {by_id[i].role for i in reached} == {"ppa"}
        clock.at = start
        undo.rollback()


@settings(max_examples=60, deadline=None)
@given(
    watches=st.lists(
        st.tuples(st.integers(1, 4), st.none() | st.integers(1, 4), st.none() | st.integers(1, 4)), max_size=5
    ),
    absent=st.dictionaries(MEMBER, st.none() | MEMBER),
)
def test_a_roster_puts_nobody_on_duty_who_is_away_and_leaves_nobody_out_who_is_there(
    watches: list[Any], absent: dict[int, int | None]
) -> None:
    from server.store.rosters import Absence, Watch, arrange

    members = [Person(i, f"p{i}", f"P{i}", "ppa", "35.07", "+62", None) for i in range(1, 5)]
    known = {p.id: p for p in members}
    on_duty, following = arrange(
        members, known, [Watch(*w) for w in watches], {i: Absence(d) for i, d in absent.items()}
    )
    duty, deputies = {p.id for p in on_duty}, {p.id for p in following}
    assert not duty & set(absent)
    assert not deputies & set(absent)
    assert not duty & deputies
    assert bool(duty) == bool(set(known) - set(absent))


def test_the_ladder_of_a_restricted_alert_knows_no_supervisor_of_another_role(
    store: Store, clock: Clock
) -> None:
    duty, boss = officer("ppa", "35.07", clock()), officer("province", "35", clock())
    colleague, away = officer("ppa", "35.07", clock()), officer("ppa", "35", clock())
    roster_entries.set_supervisor(duty.slug, boss.slug)
    roster_entries.set_supervisor(colleague.slug, away.slug)
    Officer.update(area="12").where(Officer.id == away.id).execute()  # to another province since
    submit(store, ["R05", "D24"], clock())
    (case,) = owed.unrouted()
    for alert in case.known:
        above = {p.id for rung in ladder.of_role("ppa", alert, VILLAGE, Rosters(clock())) for p in rung}
        assert (boss.id in above) == (not alert.restricted)
        assert away.id not in above
