"""Caps on segments and money: never a storm, nothing lost, critical never held, the administrator told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.store import cases, figures, folding, messages, officers, outbox, spending
from server.store.claims import Capped, Claimed, Setup
from server.store.contacts import Way
from server.store.database import Store
from server.store.models import Alert, Delivery, Message
from sync.outbox import _digest
from tests.conftest import Clock
from tests.sync.test_ways import HOUR, Office, of_case, on_sqlite, opened, person
from tests.sync.world import submit
from tests.twilio_standin import Answer, Drop

NONE = {"TWILIO_WHATSAPP_FROM": "", "TWILIO_WHATSAPP_CONTENT_SID": ""}
TO_EIGHT = timedelta(hours=20)
ZONE = ZoneInfo("Asia/Jakarta")


def sms(office: Office, to: str | None) -> list[str]:
    return [m.body for m in office.twilio.messages if m.to == to]


def test_beyond_a_persons_hour_the_rest_is_told_in_one_digest(store: Store, clock: Clock) -> None:
    with opened(store, clock, **NONE, cap_person="3") as office:
        who = person(office, "sms")
        admin = person(office, "email", area="ID", role="admin")
        refs = [submit(store, ["D08"], clock())[1] for _ in range(8)]
        office.send()
        assert len(sms(office, who.phone)) == 3
        office.send(timedelta(minutes=59))
        assert len(sms(office, who.phone)) == 3
        office.send(timedelta(minutes=2))
        *_, digest = sms(office, who.phone)
        assert len(sms(office, who.phone)) == 4
        assert digest == f"PMI: 5 kasus menunggu Anda (5 TINGGI): {', '.join(refs[3:])}. Buka dasbor."
        told = {ref for ref in refs if any(ref in body for body in sms(office, who.phone))}
        assert told == set(refs), "nothing is lost"
        notices = [m for m in office.mail.mails if "batas" in m.get_content()]
        assert [m["To"] for m in notices] == [admin.email]
        submit(store, ["D08"], clock())
        office.send()
        assert len(sms(office, who.phone)) == 5, "a new hour, a new allowance"


@on_sqlite
def test_a_critical_alert_passes_every_cap_and_the_administrator_hears_of_it(
    store: Store, clock: Clock
) -> None:
    caps = {"cap_person": "1", "cap_hour": "1", "cap_month": "1", "cap_case": "1"}
    with opened(store, clock, **NONE, **caps) as office:
        who = person(office, "sms", role="ppa")
        person(office, "email", area="ID", role="admin")
        refs = [submit(store, ["R05"], clock())[1] for _ in range(4)]
        office.send()
        assert [ref for ref in refs if any(ref in body for body in sms(office, who.phone))] == refs
        office.send()
        assert len([m for m in office.mail.mails if "batas" in m.get_content()]) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("caps", "waits"),
    [
        ({"cap_hour": "2"}, HOUR),
        ({"cap_month": "2"}, TO_EIGHT),
        ({"cap_month_cost": "0.9", "POSMIGRAN_SMS_COST": "0.44"}, TO_EIGHT),
    ],
)
def test_the_hour_the_month_and_money_have_caps_for_all_together(
    store: Store, clock: Clock, caps: dict[str, str], waits: timedelta
) -> None:
    with opened(store, clock, **NONE, **caps) as office:
        people = [person(office, "sms") for _ in range(3)]
        submit(store, ["D08"], clock())
        office.send()
        assert len(office.twilio.messages) == 2
        office.send(waits - timedelta(minutes=1))
        assert len(office.twilio.messages) == 2
        office.send(timedelta(minutes=2))
        assert {m.to for m in office.twilio.messages} == {p.phone for p in people}


@on_sqlite
def test_a_case_that_goes_from_hand_to_hand_has_its_own_cap(store: Store, clock: Clock) -> None:
    with opened(store, clock, **NONE, cap_case="2") as office:
        for _ in range(3):
            person(office, "sms")
        _, ref = submit(store, ["D08"], clock())
        _, other = submit(store, ["D08"], clock())
        office.send()
        assert len([m for m in office.twilio.messages if ref in m.body]) == 2
        assert len([m for m in office.twilio.messages if other in m.body]) == 2
        folded = [m["error"] for m in messages.listing() if m["state"] == "expired"]
        assert folded == ["cap case: told in a digest"] * 2


@on_sqlite
def test_what_the_carrier_refused_or_lost_costs_nothing(store: Store, clock: Clock) -> None:
    costs = {"POSMIGRAN_SMS_COST": "0.44", "cap_person": "2"}
    with opened(store, clock, **NONE, **costs) as office:
        person(office, "sms")
        _, ref = submit(store, ["D08"], clock())
        office.twilio.next(Answer(429, 20429), Answer(503))
        office.send(timedelta(minutes=2))
        Message.update(segments=2).execute()  # the carrier charges for each
        for _ in range(3):
            office.send(timedelta(minutes=2))
        (row,) = of_case(ref)
        assert (row["state"], row["cost"], row["segments"]) == ("sent", 0.88, 2)
        assert spending.month(clock(), ZONE) == (2, 880_000)
        assert sum(d.cost for d in Delivery.select()) == 880_000
        shown = {figure.name: figure.counts for figure in figures.counted()}
        assert (shown["posmigran_cost"], shown["posmigran_segments"]) == (
            {"twilio_sms": 0.88},
            {"twilio_sms": 2.0},
        )


@on_sqlite
def test_what_the_carrier_never_got_and_came_too_late_costs_nothing(store: Store, clock: Clock) -> None:
    with opened(store, clock, **NONE, POSMIGRAN_SMS_COST="0.44") as office:
        person(office, "sms")
        clock.at = datetime(2026, 11, 30, 16, 30, tzinfo=UTC)  # half an hour before December in Jakarta
        _, ref = submit(store, ["D05"], clock())
        office.twilio.next(Drop(accepted=False))
        office.send()
        assert spending.month(clock(), ZONE) == (1, 440_000)
        office.send(5 * HOUR)
        office.send()
        assert [row["state"] for row in of_case(ref)] == ["expired", "sent"]
        assert spending.month(clock(), ZONE) == (1, 440_000)
        assert spending.month(clock() - 5 * HOUR, ZONE) == (0, 0)


@on_sqlite
def test_counts_of_hours_are_swept_those_of_months_stay(store: Store, clock: Clock) -> None:
    with opened(store, clock, **NONE) as office:
        person(office, "sms")
        submit(store, ["D08"], clock())
        office.send()
        assert spending.forget(clock()) == 0
        assert spending.forget(clock() + timedelta(days=4)) == 2
        assert spending.month(clock(), ZONE) == (1, 0)


def test_who_was_told_by_a_digest_may_acknowledge_and_is_not_told_again(store: Store, clock: Clock) -> None:
    with opened(store, clock, **NONE, cap_person="1") as office:
        who = person(office, "sms")
        submit(store, ["D08"], clock())
        _, ref = submit(store, ["D08"], clock())
        office.send()
        with store.transaction():
            cases.acknowledge(who, ref, clock())
        office.send(HOUR)
        office.send(HOUR)
        assert len(sms(office, who.phone)) == 2
        Alert.update(owed=True, state="open").execute()  # for somebody else's sake
        office.send()
        assert len(sms(office, who.phone)) == 2
        assert Message.select().where(Message.state == "owed").count() == 0


@on_sqlite
def test_a_digest_that_grows_while_it_is_claimed_goes_with_all_of_it(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(store, clock, **NONE, cap_person="1") as office:
        person(office, "sms")
        for _ in range(2):
            submit(store, ["D08"], clock())
        office.send()
        digest = Message.get(Message.kind == "digest").id
        _, late = submit(store, ["D08"], clock())
        office.sync._route()
        capped = Capped(Message.get(Message.state == "owed", Message.kind == "alert").id, "person")
        setup, ways_left = office.sync._outbox._setup, outbox._ways_left
        clock.at += HOUR

        def meanwhile(row: Message, setup: Setup) -> list[Way]:
            monkeypatch.undo()
            assert folding.fold(capped, _digest, clock(), setup.quiet)
            return ways_left(row, setup)

        monkeypatch.setattr(outbox, "_ways_left", meanwhile)
        with store.transaction():
            assert outbox.claim(digest, clock(), setup=setup) is None
            claimed = outbox.claim(digest, clock(), setup=setup)
        assert isinstance(claimed, Claimed)
        assert late in claimed.body


@pytest.mark.parametrize("why", ["gone", "unreachable"])
def test_what_a_digest_was_to_tell_goes_to_others_where_its_person_cannot_be_told(
    store: Store, clock: Clock, why: str
) -> None:
    with opened(store, clock, **NONE, cap_person="1") as office:
        who = person(office, "sms")
        heir = person(office, "sms", area="35")
        submit(store, ["D08"], clock())
        held = [submit(store, ["D08"], clock())[1] for _ in range(2)]
        office.send()
        assert sms(office, heir.phone) == []
        if why == "gone":
            with store.transaction():
                officers.remove(who.slug, clock())
        else:
            office.twilio.next(Answer(400, 21211))
        for _ in range(4):
            office.send(HOUR)
        told = " ".join(sms(office, heir.phone))
        assert [ref for ref in held if ref in told] == held
