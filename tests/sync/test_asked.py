"""Who took a case on, who was asked to, and who is reminded: every word of theirs counts, and none is lost."""

from __future__ import annotations

from datetime import timedelta

from server.store import (
    assignments,
    cases,
    follow_ups,
    messages,
    officers,
    results,
    roster_entries,
    withdrawals,
)
from server.store.database import Store
from server.store.models import Alert, FollowUp, Message, Submission
from tests.conftest import Clock
from tests.sync.test_escalation import _published, chain, later, told, work
from tests.sync.world import officer, submit

__all__ = ["_published"]


def test_who_is_asked_by_a_colleague_is_told_and_has_their_own_time(store: Store, clock: Clock) -> None:
    duty, asked = officer("disnaker", "35.07", clock()), officer("disnaker", "35", clock())
    _, ref = submit(store, ["D08"], clock())
    work(store, clock)
    later(clock, hours=2)
    assert assignments.assign(duty, ref, asked.slug, clock()) == 1
    work(store, clock)
    work(store, clock)
    assert told() == [duty.slug, asked.slug]
    assert chain(ref) == [("duty", duty.slug), ("assigned", asked.slug)]


def test_a_reply_of_a_colleague_takes_nothing_from_who_was_asked_and_whoever_takes_it_on_is_reminded(
    store: Store, clock: Clock
) -> None:
    first, asked, third = (officer("disnaker", "35.07", clock()) for _ in range(3))
    _, ref = submit(store, ["D08"], clock())
    work(store, clock)
    cases.acknowledge(first, ref, clock())
    later(clock, hours=10)  # ten in the evening: messages wait for the morning
    assignments.assign(first, ref, asked.slug, clock())
    work(store, clock)
    cases.acknowledge(third, ref, clock())
    waiting = Message.select().where((Message.officer == asked.id) & (Message.state == "owed"))
    assert [m.indicators for m in waiting] == ["D08"], "they were asked by name, and do not know it yet"

    _, other = submit(store, ["D08"], clock())
    work(store, clock)
    assignments.assign(first, other, asked.slug, clock())
    cases.acknowledge(third, other, clock())
    work(store, clock)
    assert {m["state"] for m in messages.listing() if m["ref"] == other} == {"expired"}
    before = len(told())
    later(clock, days=6)
    work(store, clock)
    assert {(m["officer"], m["ref"]) for m in messages.listing()[before:]} == {
        (asked.slug, ref),
        (third.slug, other),
    }


def test_what_waits_for_the_morning_is_not_sent_of_a_case_that_is_closed_by_then(
    store: Store, clock: Clock
) -> None:
    holder, colleague = officer("disnaker", "35.07", clock()), officer("disnaker", "35.07", clock())
    _, taken = submit(store, ["D08"], clock())
    work(store, clock)
    later(clock, hours=10)
    cases.acknowledge(holder, taken, clock())
    later(clock, days=5)  # Wednesday, ten in the evening: the reminder waits
    _, fresh = submit(store, ["D08"], clock())
    work(store, clock)
    waiting = Message.select().where(Message.state == "owed")
    assert {(m.case.ref, m.officer_id) for m in waiting if m.kind == "reminder"} == {(taken, holder.id)}
    assert {m.officer_id for m in waiting if m.case.ref == fresh} == {holder.id, colleague.id}
    cases.close(holder, taken, "resolved", clock())
    cases.close(holder, fresh, "false_alarm", clock())
    assert [m.kind for m in waiting.clone() if m.case.ref in (taken, fresh) and m.kind == "reminder"] == []
    assert [m.case.ref for m in waiting.clone() if m.case.ref == fresh] == []
    other_office = officer("ppa", "35.07", clock())
    _, shared = submit(store, ["D24"], clock())
    work(store, clock)
    cases.acknowledge(holder, shared, clock())
    assert [m.officer_id for m in waiting.clone() if m.case.ref == shared] == [other_office.id]


def test_a_reminder_that_was_lost_comes_again_and_one_for_nobody_waits_for_somebody(
    store: Store, clock: Clock
) -> None:
    holder = officer("ppa", "35.07", clock())
    _, ref = submit(store, ["R05"], clock())
    work(store, clock)
    cases.acknowledge(holder, ref, clock())
    later(clock, hours=24)
    work(store, clock)
    (_, reminder) = Message.select().order_by(Message.id)
    assert withdrawals.withdraw(reminder, clock(), withdrawals.STALE)
    work(store, clock)
    assert told() == [holder.slug] * 3, "too late to be sent, so written anew"
    officers.remove(holder.slug, clock())
    for _ in range(10):
        later(clock, days=1)
        work(store, clock)
    assert len(told()) == 3
    heir = officer("ppa", "35.07", clock())
    later(clock, days=1)
    work(store, clock)
    assert told()[3:] == [heir.slug]


def test_who_was_asked_hears_it_although_the_message_came_too_late_and_others_are_not_forgotten(
    store: Store, clock: Clock
) -> None:
    first, asked, third = (officer("disnaker", "35.07", clock()) for _ in range(3))
    _, ref = submit(store, ["D08"], clock())
    work(store, clock)
    later(clock, minutes=1)
    assignments.assign(first, ref, asked.slug, clock())
    work(store, clock)
    rows = {m.officer_id: m for m in Message.select().order_by(Message.id)}
    for person in (asked, third):
        withdrawals.withdraw(rows[person.id], clock(), withdrawals.STALE)
        work(store, clock)
    waiting = Message.select().where(Message.state == "owed")
    assert sorted(m.officer_id for m in waiting) == [first.id, asked.id, third.id]


def test_a_colleague_of_another_role_is_asked_for_what_both_may_know_of_alone(
    store: Store, clock: Clock
) -> None:
    ppa, disnaker = officer("ppa", "35.07", clock()), officer("disnaker", "35.07", clock())
    for by, to in ((ppa, disnaker), (disnaker, ppa)):
        _, ref = submit(store, ["R05", "D24", "D08"], clock())
        assert assignments.assign(by, ref, to.slug, clock()) == 1
        (asked,) = Alert.select().where(Alert.assigned_to == to.id)
        assert asked.indicator == "D24"
        Alert.delete().execute()


def test_what_another_office_reports_says_nothing_of_a_restricted_sign_and_is_not_shown_with_it(
    store: Store, clock: Clock
) -> None:
    ppa, disnaker = officer("ppa", "35.07", clock()), officer("disnaker", "35.07", clock())
    elsewhere = officer("disnaker", "35.08", clock())
    instance, ref = submit(store, ["R05", "D08"], clock())
    work(store, clock)
    for person in (ppa, disnaker):
        cases.acknowledge(person, ref, clock())
    visit = Submission.get(instance_id=instance)
    FollowUp.create(submission=visit, case=Alert.get().case, role="disnaker")
    later(clock, days=6)
    work(store, clock)
    assert sorted(told()) == sorted([disnaker.slug, ppa.slug, ppa.slug]), "the other has its follow-up"
    FollowUp.update(role="ppa").execute()
    assert [len(follow_ups.of_case(ref, person)) for person in (ppa, disnaker)] == [1, 0]
    FollowUp.update(role=None).execute()  # of the village desk
    assert [len(follow_ups.of_case(ref, person)) for person in (ppa, disnaker)] == [1, 1]
    rates = {person: [rate.indicator for rate in results.for_person(person)] for person in (ppa, disnaker)}
    assert rates == {ppa: ["R05"], disnaker: ["D08"]}
    assert results.for_person(elsewhere) == []


def test_who_supervises_the_one_on_duty_is_told_and_not_all_who_are_above(store: Store, clock: Clock) -> None:
    duty, head = officer("disnaker", "35.07", clock()), officer("disnaker", "35", clock())
    officer("disnaker", "35", clock())
    roster_entries.set_supervisor(duty.slug, head.slug)
    submit(store, ["D08"], clock())
    work(store, clock)
    later(clock, days=4)
    work(store, clock)
    assert told() == [duty.slug, head.slug]


def test_a_restricted_sign_climbs_in_messages_of_its_own(store: Store, clock: Clock) -> None:
    duty, deputy = officer("ppa", "35.07", clock()), officer("ppa", "35.07", clock())
    roster_entries.add_duty(duty.slug, clock(), clock() + timedelta(days=9), clock(), "operator")
    submit(store, ["R05", "D01", "D24"], clock())
    work(store, clock)
    later(clock, hours=4)
    work(store, clock)
    codes = [m.indicators for m in Message.select().where(Message.officer == deputy.id)]
    assert sorted(codes) == ["D01 D24", "R05"]
