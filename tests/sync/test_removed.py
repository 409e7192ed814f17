"""An officer leaves while messages to them wait: they hear no more, and others hear instead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest

from server.settings import Settings
from server.store import case_opening, cases, events, messages, officers, outbox, owed, reopening
from server.store.database import Store
from server.store.models import Alert, FollowUp, Message, Officer, Submission
from server.store.rosters import Rosters
from sync import Sync, routing
from sync.channels.twilio_sms import TwilioSms
from tests.conftest import Clock
from tests.sync.world import officer, publish, submit
from tests.twilio_standin import Drop, TwilioStandIn


@pytest.fixture
def twilio(clock: Clock) -> Iterator[TwilioStandIn]:
    with TwilioStandIn(clock=clock) as server:
        yield server


@pytest.fixture
def sync(store: Store, clock: Clock, twilio: TwilioStandIn) -> Iterator[Sync]:
    publish(clock())
    settings = Settings(home=store.home, **twilio.settings)  # type: ignore[arg-type]
    channels = {"twilio_sms": TwilioSms(settings, timeout=2)}
    running = Sync(store, settings, clock, channels, "twilio_sms", random=Random(1), gap=0.0)
    yield running
    running.close()


def owe(store: Store, clock: Clock) -> None:
    with store.transaction():
        routing.route(owed.unrouted(), "twilio_sms", Rosters(clock()))


def remove(store: Store, person: officers.Person, clock: Clock) -> None:
    with store.transaction():
        officers.remove(person.slug, clock())


@pytest.mark.parametrize("meanwhile", [False, True], ids=["owed", "decided"])
def test_what_a_removed_officer_was_owed_goes_to_who_comes_next(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn, meanwhile: bool
) -> None:
    """Also where it was decided whom to tell, but nothing written yet, when they left."""
    leaver = officer("disnaker", "35.07", clock())
    province = officer("disnaker", "35", clock())
    _, ref = submit(store, ["D08"], clock())
    rosters = Rosters(clock())
    decided = routing.decide(owed.unrouted(), "twilio_sms", rosters)
    if meanwhile:
        remove(store, leaver, clock)
    with store.transaction():
        routing.owe(decided, rosters)
    if meanwhile:
        sync.run_once()  # whoever would send it finds that they have left
    else:
        remove(store, leaver, clock)
    sync.run_once()
    assert [m.to for m in twilio.messages] == [province.phone]
    rows = {m["officer"]: (m["state"], m["error"]) for m in messages.listing()}
    assert rows == {leaver.slug: ("expired", "officer removed"), province.slug: ("sent", None)}
    assert [e["verb"] for e in events.of(ref)] == ["message.withdrawn"]


def test_who_was_told_already_is_not_told_again_when_another_is_removed(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    stays = officer("disnaker", "35.07", clock())
    ref = submit(store, ["D24"], clock())[1]
    sync.run_once()
    ppa = officer("ppa", "35.07", clock())
    nation = officer("ppa", "ID", clock())
    owe(store, clock)
    remove(store, ppa, clock)
    sync.run_once()
    assert [m.to for m in twilio.messages] == [stays.phone, nation.phone]
    assert all(ref in m.body for m in twilio.messages)
    assert not Alert.select().where(Alert.owed).exists()


def test_what_a_removed_officer_was_told_before_is_not_owed_to_others(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    leaver = officer("disnaker", "35.07", clock())
    for role in ("p4mi", "bp3mi"):
        officer(role, "35.07", clock())
    instance, _ = submit(store, ["D08"], clock())
    sync.run_once()
    submit(store, ["D08", "D05"], clock(), edits=instance)
    owe(store, clock)
    remove(store, leaver, clock)
    assert {a.indicator for a in Alert.select().where(Alert.owed)} == {"D05"}
    heir = officer("disnaker", "35.07", clock())
    sync.run_once()
    assert [m.body.split(" R-")[0] for m in twilio.messages if m.to == heir.phone] == ["PMI KRITIS D05 +1"]


def test_an_alert_that_was_acknowledged_is_not_passed_on(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    leaver = officer("disnaker", "35.07", clock())
    other = officer("disnaker", "35", clock())
    _, ref = submit(store, ["D08"], clock())
    owe(store, clock)
    cases.acknowledge(other, ref, clock())
    remove(store, leaver, clock)
    sync.run_once()
    assert twilio.messages == []


def test_a_restricted_alert_of_a_removed_officer_waits_for_another_of_ppa(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    leaver = officer("ppa", "35.07", clock())
    officer("admin", "ID", clock())
    submit(store, ["R05"], clock())
    owe(store, clock)
    remove(store, leaver, clock)
    sync.run_once()
    assert twilio.messages == []
    assert routing.unreachable(Rosters(clock())) == [{"area": "35.07", "role": "ppa", "cases": 1}]
    heir = officer("ppa", "35", clock())
    sync.run_once()
    assert [m.to for m in twilio.messages] == [heir.phone]


def test_a_message_owed_to_somebody_removed_at_that_moment_is_withdrawn_when_it_is_claimed(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    leaver = officer("disnaker", "35.07", clock())
    province = officer("disnaker", "35", clock())
    submit(store, ["D08"], clock())
    owe(store, clock)
    # as two transactions leave it that did not see each other
    Officer.update(removed_at=clock()).where(Officer.id == leaver.id).execute()
    (waiting,) = outbox.due(clock())
    with store.transaction():
        assert outbox.claim(waiting, clock()) is None
    sync.run_once()
    assert [m.to for m in twilio.messages] == [province.phone]
    assert outbox.due(clock()) == []


@pytest.mark.parametrize("arrived", [True, False])
def test_an_unsure_message_to_a_removed_officer_is_asked_for_and_passed_on_only_if_it_did_not_go(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn, arrived: bool
) -> None:
    leaver = officer("disnaker", "35.07", clock())
    province = officer("disnaker", "35", clock())
    submit(store, ["D08"], clock())
    twilio.next(Drop(accepted=arrived))
    sync.run_once()
    assert [m.state for m in Message.select()] == ["sending"]
    remove(store, leaver, clock)
    clock.at += timedelta(hours=1)
    sync.run_once()
    sync.run_once()
    assert [m.to for m in twilio.messages] == [leaver.phone if arrived else province.phone]


def test_alerts_that_moved_to_another_case_of_the_chain_are_passed_on_too(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    leaver = officer("disnaker", "35.07", clock())
    province = officer("disnaker", "35", clock())
    first, early = submit(store, ["R14"], clock())
    second, _ = submit(store, ["D08"], clock())
    owe(store, clock)
    with store.transaction():
        row = Submission.get(Submission.instance_id == second)
        case_opening.join_chain(row.form_id, second, first, clock())
        Submission.update(root=first).where(Submission.id == row.id).execute()
    remove(store, leaver, clock)
    sync.run_once()
    (text,) = [m.body for m in twilio.messages if m.to == province.phone]
    assert early in text
    assert text.startswith("PMI TINGGI D08 +1")


def test_what_a_removed_officer_had_taken_on_is_offered_again_also_after_a_follow_up(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    leaver, colleague = officer("ppa", "35.07", clock()), officer("ppa", "35.07", clock())
    instance, ref = submit(store, ["R05"], clock())
    sync.run_once()
    cases.acknowledge(leaver, ref, clock())
    FollowUp.create(submission=Submission.get(instance_id=instance), case=1, role="ppa")
    clock.at += timedelta(hours=3)
    remove(store, leaver, clock)
    assert [a.state for a in Alert.select()] == ["open"]
    sync.run_once()
    assert [m.to for m in twilio.messages[2:]] == [colleague.phone], "who heard of it before"
    assert "belum ada yang menangani" in twilio.messages[-1].body
    (released,) = reopening.of_case(ref, ["R05"], store)
    assert (released.left, released.ends[0].acknowledged_by) == (True, leaver.name)
    assert reopening.of_case(ref, ["D08"], store) == [], "nobody else learns of it"
    assert cases.acknowledge(colleague, ref, clock()) == 1
    clock.at += timedelta(hours=3)
    sync.run_once()
    assert len(twilio.messages) == 3
