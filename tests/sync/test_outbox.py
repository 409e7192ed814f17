"""Sending through a carrier that misbehaves, over real HTTP: nothing lost, nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from server.settings import Settings
from server.store import events, messages, outbox, owed
from server.store.claims import Claimed, Setup
from server.store.database import Store
from server.store.models import Delivery, Message
from server.store.rosters import Rosters
from server.store.writer import Writer
from sync import routing
from sync.channels.console import Console
from sync.channels.twilio_sms import TwilioSms
from sync.outbox import Policy
from sync.scheduler import Sync
from tests.conftest import Clock
from tests.sync.world import officer, publish, submit
from tests.twilio_standin import Answer, Behaviour, Drop, Hold, TwilioStandIn

LATER = timedelta(hours=1)
TRIES = 3


@pytest.fixture
def twilio(clock: Clock) -> Iterator[TwilioStandIn]:
    with TwilioStandIn(clock=clock) as server:
        yield server


def process(store: Store, clock: Clock, twilio: TwilioStandIn, **settings: str) -> Sync:
    """A sync process of its own, as far as the store and the carrier can tell."""
    configured = Settings(
        **{"home": store.home, "public_url": "https://desa.example.org", **twilio.settings, **settings}  # type: ignore[arg-type]
    )
    channel = TwilioSms(configured, timeout=2)
    return Sync(
        store,
        configured,
        clock,
        {"twilio_sms": channel, "console": Console()},
        "twilio_sms",
        random=Random(1),
        policy=Policy(threads=4, tries=TRIES),
        gap=0.0,
    )


@pytest.fixture
def sync(store: Store, clock: Clock, twilio: TwilioStandIn) -> Iterator[Sync]:
    publish(clock())
    running = process(store, clock, twilio)
    yield running
    running.close()


def one_message(store: Store, clock: Clock) -> str:
    officer("disnaker", "35.07", clock())
    return submit(store, ["D08"], clock())[1]


def only() -> dict[str, Any]:
    (row,) = messages.listing()
    return row


def test_a_message_goes_out_with_a_callback_that_names_only_our_number_of_it(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    ref = one_message(store, clock)
    done = {"cases": 1, "owed": 1, "sent": 1}
    assert {what: count for what, count in sync.run_once().items() if count} == done
    row = only()
    (taken,) = twilio.messages
    assert (row["state"], row["provider_id"], row["attempts"]) == ("sent", taken.sid, 1)
    assert taken.body == f"PMI TINGGI D08 {ref} Kec Donomulyo: periksa hari ini. Buka dasbor."
    assert taken.to == row["to"]
    assert taken.status_callback == f"https://desa.example.org/twilio/status?m={row['id']}&a=1"
    assert sync.run_once()["sent"] == 0


def test_a_messaging_service_takes_the_place_of_a_sender(
    store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    publish(clock())
    running = process(store, clock, twilio, TWILIO_FROM="", TWILIO_MESSAGING_SERVICE_SID="MG" + "1" * 32)
    one_message(store, clock)
    running.run_once()
    running.close()
    assert twilio.messages[0].sender == "MG" + "1" * 32


@pytest.mark.parametrize(
    "behaviour",
    [Drop(accepted=False), Answer(429, 20429), Answer(500), Answer(503, 20503), Answer(400, 21611)],
)
def test_what_did_not_go_is_sent_later_and_once(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn, behaviour: Behaviour
) -> None:
    one_message(store, clock)
    twilio.next(behaviour)
    assert sync.run_once()["sent"] == 0
    assert sync.run_once()["sent"] == 0, "not again at once"
    clock.at += LATER
    assert sync.run_once()["sent"] == 1
    assert len(twilio.messages) == 1
    assert only()["error"] is None


def test_a_message_whose_answer_was_lost_is_found_and_not_sent_again(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    one_message(store, clock)
    twilio.next(Drop(accepted=True))
    sync.run_once()
    assert only()["state"] == "sending"
    clock.at += timedelta(seconds=20)
    sync.run_once()
    assert twilio.calls["GET", 200] == 0, "the carrier is given time to know"
    clock.at += LATER
    sync.run_once()
    assert len(twilio.messages) == 1
    assert (only()["state"], only()["provider_id"]) == ("sent", twilio.messages[0].sid)


def test_it_is_found_though_it_is_still_queued_and_behind_pages_of_others(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    one_message(store, clock)
    twilio.dated = False
    twilio.next(Drop(accepted=True))
    sync.run_once()
    (taken,) = twilio.messages
    for number in range(120):
        moment = clock() + timedelta(seconds=number)
        twilio.messages.append(replace(taken, sid=f"SM{number}", body="other", date_created=moment))
    clock.at += LATER
    sync.run_once()
    assert only()["provider_id"] == taken.sid
    assert len(twilio.messages) == 121


def test_while_the_carrier_cannot_be_asked_an_unsure_message_is_not_sent_again(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_message(store, clock)
    twilio.next(Drop(accepted=True))
    sync.run_once()
    with monkeypatch.context() as broken:
        broken.setattr(twilio, "account", "AC-somebody-else")
        for _ in range(3):
            clock.at += LATER
            sync.run_once()
    assert only()["state"] == "sending"
    clock.at += LATER
    sync.run_once()
    assert only()["state"] == "sent"
    assert len(twilio.messages) == 1


def test_a_process_that_died_between_the_call_and_noting_the_id_leaves_no_second_message(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    one_message(store, clock)
    sync.run_once()
    # as the row stood at the moment of the death
    Message.update(
        state="sending", provider_id=None, sent_at=None, claimed_until=clock() + timedelta(minutes=2)
    ).execute()
    assert sync.run_once()["sent"] == 0, "the lease still holds"
    clock.at += LATER
    sync.run_once()
    assert len(twilio.messages) == 1
    assert only()["provider_id"] == twilio.messages[0].sid


def test_a_refused_number_fails_for_good_and_on_the_record_without_quoting_it(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    ref = one_message(store, clock)
    twilio.next(Answer(400, 21211))
    sync.run_once()
    row = only()
    assert (row["state"], row["error"]) == ("failed", "twilio 21211: not a valid number")
    assert [e["verb"] for e in events.of(ref)] == ["message.failed", "message.handed_on"]
    clock.at += LATER
    assert sync.run_once()["sent"] == 0
    written = "".join(capsys.readouterr())
    assert "message.refused" in written
    assert row["to"] not in written


def test_a_fault_of_the_account_waits_for_the_administrator_and_then_goes_by_itself(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    one_message(store, clock)
    twilio.next(Answer(401, 20003), Answer(400, 21612))
    for _ in range(2):
        sync.run_once()
        clock.at += LATER
    assert "administrator=True" in "".join(capsys.readouterr())
    assert sync.run_once()["sent"] == 1


def test_the_carrier_says_how_long_to_wait(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    one_message(store, clock)
    twilio.next(Answer(429, 20429, retry_after=1800))
    sync.run_once()
    clock.at += timedelta(minutes=29)
    assert sync.run_once()["sent"] == 0
    clock.at += timedelta(minutes=8)
    assert sync.run_once()["sent"] == 1


def test_a_message_two_days_late_expires_on_the_record(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    ref = one_message(store, clock)
    twilio.next(*[Answer(500)] * TRIES)
    for _ in range(TRIES):
        sync.run_once()
        clock.at += LATER
    clock.at += timedelta(hours=48)
    sync.run_once()
    assert only()["state"] == "expired"
    assert [e["verb"] for e in events.of(ref)] == ["message.expired"]
    assert twilio.messages == []


def test_what_a_clock_that_jumps_days_ahead_makes_too_late_is_written_anew(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    one_message(store, clock)
    with store.transaction():
        routing.route(owed.unrouted(), "twilio_sms", Rosters(clock()))
    clock.at += timedelta(days=400)
    one_message(store, clock)
    twilio.next(Answer(429, 20429))
    sync.run_once()
    clock.at += timedelta(days=400)
    for _ in range(2):
        sync.run_once()
    went = {m["ref"] for m in messages.listing() if m["state"] == "sent"}
    assert went == {m["ref"] for m in messages.listing()}
    assert len(went) == 2


@pytest.mark.parametrize("back", [timedelta(minutes=10), timedelta(days=400)])
def test_a_new_message_goes_at_once_although_the_clock_was_set_back_after_it_was_owed(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn, back: timedelta
) -> None:
    one_message(store, clock)
    with store.transaction():
        routing.route(owed.unrouted(), "twilio_sms", Rosters(clock()))
    clock.at -= back
    assert sync.run_once()["sent"] == 1


def test_a_clock_set_back_keeps_no_message_waiting_until_it_has_caught_up(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    one_message(store, clock)
    twilio.next(Answer(429, 20429))
    sync.run_once()
    clock.at -= timedelta(days=400)
    assert sync.run_once()["sent"] == 1
    # as a process that died in a call leaves it
    Message.update(state="sending", provider_id=None, claimed_until=clock() + messages.LEASE).execute()
    clock.at -= timedelta(days=1)
    assert sync.run_once()["sent"] == 1
    assert len(twilio.messages) == 1


def test_a_message_that_fails_while_the_clock_is_behind_still_waits_its_pause(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    one_message(store, clock)
    with store.transaction():
        routing.route(owed.unrouted(), "twilio_sms", Rosters(clock()))
    clock.at -= LATER
    twilio.next(Answer(429, 20429))
    assert [sync.run_once()["sent"] for _ in range(2)] == [0, 0]
    clock.at += LATER / 2
    assert sync.run_once()["sent"] == 1


def test_a_carrier_that_asks_for_a_day_is_asked_again_within_the_hour(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    one_message(store, clock)
    twilio.next(Answer(429, 20429, retry_after=86_400))
    assert [sync.run_once()["sent"] for _ in range(2)] == [0, 0]
    clock.at += LATER
    assert sync.run_once()["sent"] == 1


def test_a_poisoned_message_pushes_only_itself_back(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer("disnaker", "35.07", clock())
    for _ in range(3):
        submit(store, ["D08"], clock())
    with store.transaction():
        routing.route(owed.unrouted(), "twilio_sms", Rosters(clock()))
        first = min(m["id"] for m in messages.listing())

    def poisoned(self: TwilioSms, message: Claimed) -> dict[str, str]:
        if message.id == first:
            raise ZeroDivisionError
        return {"body": message.body}

    monkeypatch.setattr(TwilioSms, "content", poisoned)
    assert sync.run_once()["sent"] == 2
    assert [m["state"] for m in messages.listing()] == ["sending", "sent", "sent"]


def test_a_slow_call_holds_up_nobody_else(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    officer("disnaker", "35.07", clock())
    for _ in range(4):
        submit(store, ["D08"], clock())
    release, others = threading.Event(), threading.Event()
    twilio.next(Hold(release))

    def watch(moment: str, taken: object) -> None:
        if len(twilio.messages) == 4:
            others.set()

    twilio.watch = watch
    running = threading.Thread(target=sync.run_once)
    running.start()
    assert others.wait(20), "the other three were held up"
    release.set()
    running.join()
    assert {m["state"] for m in messages.listing()} == {"sent"}

    release.clear()
    submit(store, ["D08"], clock())
    twilio.next(Hold(release))
    others.clear()
    twilio.watch = lambda *_: others.set()
    sync._route()
    sync._messages()
    assert others.wait(20)
    closing = threading.Thread(target=sync.close)
    closing.start()
    closing.join(0.1)
    assert closing.is_alive(), "it waits for the call"
    release.set()
    closing.join()
    assert [m["state"] for m in messages.listing()] == ["sent"] * 5


def test_two_processes_send_each_message_once(
    sync: Sync, store: Store, clock: Clock, twilio: TwilioStandIn
) -> None:
    other = process(store, clock, twilio)
    officer("disnaker", "35.07", clock())
    for _ in range(12):
        submit(store, ["D08"], clock())
    threads = [threading.Thread(target=p.run_once) for p in (sync, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sync.run_once()  # what the two took out of each other's hands while routing
    other.close()
    assert len(twilio.messages) == 12
    assert twilio.twice() == []


def test_of_two_who_claim_a_message_at_once_one_gets_it(store: Store, clock: Clock) -> None:
    publish(clock())
    officer("disnaker", "35.07", clock())
    for _ in range(10):
        submit(store, ["D08"], clock())
    with store.transaction():
        routing.route(owed.unrouted(), "console", Rosters(clock()))
    ids = outbox.due(clock())
    together = threading.Barrier(2)
    got: list[int] = []

    def claimant() -> None:
        writer = Writer(store)
        for message_id in ids:
            together.wait()
            claimed = writer.wait(lambda i=message_id: outbox.claim(i, clock()))  # type: ignore[misc]
            if claimed is not None:
                got.append(claimed.id)
        writer.close()

    threads = [threading.Thread(target=claimant) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(ids)
    clock.at += LATER
    assert outbox.claim(ids[0], clock()) is not None, "the lease ran out"
    assert outbox.claim(ids[0], clock()) is None


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_process_that_was_overtaken_spoils_nothing_of_the_others(store: Store, clock: Clock) -> None:
    publish(clock())
    officer("disnaker", "35.07", clock())
    submit(store, ["D05"], clock())
    with store.transaction():
        routing.route(owed.unrouted(), "console", Rosters(clock()))
    (message_id,) = outbox.due(clock())
    slow = outbox.claim(message_id, clock())
    clock.at += LATER
    quick = outbox.claim(message_id, clock())
    assert isinstance(slow, Claimed)
    assert isinstance(quick, Claimed)
    assert outbox.begin_again(quick, clock(), outbox.BY_SMS.limits)
    assert outbox.sent(slow, "SM1", clock())
    assert Message.get().state == "sending", "the other one is at it"
    assert outbox.sent(quick, "SM2", clock())
    assert Message.get().state == "sent"
    numbered = Delivery.select().order_by(Delivery.number)
    assert [d.provider_id for d in numbered] == ["SM1", "SM2"], "receipts of both find their way"


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_whoever_was_held_up_while_asking_leaves_the_message_to_others(store: Store, clock: Clock) -> None:
    publish(clock())
    officer("disnaker", "35.07", clock())
    submit(store, ["D05"], clock())
    shown: list[Claimed] = []

    class Slow(Console):
        def find(self, message: Claimed) -> str | None:
            clock.at += Policy().lease / 2
            return None

    sync = Sync(
        store, Settings(home=store.home), clock, {"console": Slow(shown.append)}, "console", random=Random(1)
    )
    with store.transaction():
        routing.route(owed.unrouted(), "console", Rosters(clock()))
    assert outbox.claim(outbox.due(clock())[0], clock(), setup=Setup({"sms": "console"})) is not None
    clock.at += LATER
    sync.run_once()
    sync.close()
    assert shown == []
    assert [m["state"] for m in messages.listing()] == ["sending"]


def test_the_console_shows_the_text_but_not_the_number(
    store: Store, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(clock())
    shown: list[Claimed] = []
    settings = Settings(home=store.home)
    running = Sync(store, settings, clock, {"console": Console(shown.append)}, "console", random=Random(1))
    ref = one_message(store, clock)
    running.run_once()
    running.close()
    written = "".join(capsys.readouterr())
    assert ref in written
    assert shown[0].body == only()["body"]
    assert only()["to"] not in written
    assert only()["provider_id"] == f"console-{only()['id']}"


def test_retries_wait_longer_each_time_and_never_march_in_step() -> None:
    policy = Policy()
    spread = [[policy.pause(n, Random(seed)).total_seconds() for seed in range(50)] for n in range(1, 30)]
    assert all(min(a) * 3 == pytest.approx(max(a), rel=0.2) for a in spread)
    middles = [sum(a) / len(a) for a in spread]
    assert middles == sorted(middles)
    assert middles[3] == pytest.approx(8 * middles[0])
    assert max(spread[-1]) <= 1.5 * policy.longest_retry.total_seconds()
