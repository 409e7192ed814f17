"""A gateway is down for hours: whoever has another way is told by that, else somebody who has one; never silence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.store import messages, receipts
from server.store.database import Store
from server.store.models import Delivery
from tests.conftest import Clock
from tests.sync.test_ways import SOON, Office, of_case, office, on_sqlite, opened, person, ways
from tests.sync.world import submit
from tests.twilio_standin import Answer, Drop

__all__ = ["office"]

MINUTE = timedelta(minutes=1)
NO_WHATSAPP = {"TWILIO_WHATSAPP_FROM": "", "TWILIO_WHATSAPP_CONTENT_SID": ""}


def outcomes(channel: str) -> set[str | None]:
    return {d.outcome for d in Delivery.select().where(Delivery.channel == channel)}


def work(office: Office) -> None:
    """A round by the clock, and one more for what it routed, until all of it is done."""
    for _ in range(2):
        office.sync._messages()
        for sending in list(office.sync._outbox._in_hand.values()):
            sending.result()


def test_while_twilio_is_down_alerts_go_by_e_mail_after_minutes_and_never_again_by_sms(
    office: Office,
) -> None:
    who = person(office, "sms email")
    office.twilio.down = True
    _, grave = submit(office.store, ["D05"], office.clock())
    _, high = submit(office.store, ["D08"], office.clock())
    for _ in range(4):
        office.send(MINUTE)
    assert office.mail.mails == [], "a gateway that stumbles is back in a minute"
    office.send(2 * MINUTE)
    assert [m["Subject"] for m in office.mail.mails] == [f"PMI {grave}"]
    office.send(20 * MINUTE)
    assert len(office.mail.mails) == 1
    office.send(6 * MINUTE)
    assert [m["Subject"] for m in office.mail.mails] == [f"PMI {grave}", f"PMI {high}"]
    assert outcomes("twilio_sms") == {"unsure"}, "of a 503 nobody knows whether it went"
    _, later = submit(office.store, ["D05"], office.clock())
    office.send()
    assert office.mail.mails[-1]["Subject"] == f"PMI {later}", "a gateway known to be down is not waited for"

    office.twilio.down = False
    for _ in range(4):
        office.send(SOON)
    assert office.told() == ways("email", "email", "email", of=who)
    assert {m["state"] for m in messages.listing()} == {"sent"}


@on_sqlite
@pytest.mark.parametrize("refusal", [Answer(429, 20429), Answer(429, 20429, retry_after=3600)])
def test_a_gateway_that_says_for_long_that_it_is_busy_is_no_reason_to_wait(
    office: Office, refusal: Answer
) -> None:
    who = person(office, "whatsapp sms email")
    office.twilio.next(*[refusal] * 30)
    submit(office.store, ["D05"], office.clock())
    for _ in range(8):
        office.send(MINUTE)
    assert office.told() == ways("email", of=who)


@on_sqlite
def test_a_mail_server_that_puts_us_off_is_no_reason_to_wait(office: Office) -> None:
    who = person(office, "email sms")
    office.mail.answers["MAIL"] = "451 not now"
    submit(office.store, ["D05"], office.clock())
    for _ in range(8):
        office.send(MINUTE)
    assert office.told() == ways("sms", of=who)


@on_sqlite
def test_what_twilio_took_before_it_went_down_is_found_when_it_is_back_and_not_sent_again(
    office: Office,
) -> None:
    who = person(office, "sms email")
    office.mail.answers["MAIL"] = "451 not now"
    _, ref = submit(office.store, ["D05"], office.clock())
    office.twilio.next(Drop(accepted=True))
    office.send()
    office.twilio.down = True
    for _ in range(8):
        office.send(MINUTE)
    assert office.told() == ways("sms", of=who)
    assert outcomes("twilio_sms") == {"unsure"}
    assert "email" in {d.channel for d in Delivery.select()}, "both ways are tried in turn"
    office.twilio.down = False
    for _ in range(4):
        office.send(3 * MINUTE)
    assert office.told() == ways("sms", of=who)
    assert [m["state"] for m in of_case(ref)] == ["sent"]
    assert outcomes("twilio_sms") == {"taken"}


@on_sqlite
def test_what_twilio_never_got_goes_by_sms_where_the_mail_server_fails_too(office: Office) -> None:
    who = person(office, "sms email")
    office.mail.answers["MAIL"] = "451 not now"
    office.twilio.down = True
    submit(office.store, ["D05"], office.clock())
    for _ in range(8):
        office.send(MINUTE)
    office.twilio.down = False
    for _ in range(4):
        office.send(3 * MINUTE)
    assert office.told() == ways("sms", of=who)
    assert "unsure" not in outcomes("twilio_sms")


@on_sqlite
def test_a_receipt_of_what_nobody_could_ask_for_ends_the_matter(office: Office) -> None:
    person(office, "sms email")
    office.mail.answers["MAIL"] = "451 not now"
    _, ref = submit(office.store, ["D05"], office.clock())
    office.twilio.next(Drop(accepted=True))
    office.send()
    office.twilio.down = True
    for _ in range(8):
        office.send(MINUTE)
    del office.mail.answers["MAIL"]
    (message,) = messages.listing()
    (first,) = office.twilio.messages
    with office.store.transaction():
        assert receipts.receipt(first.sid, "delivered", None, office.clock(), message["id"], 1)
    office.send(SOON)
    assert office.mail.mails == []
    assert [m["state"] for m in of_case(ref)] == ["delivered"]


@on_sqlite
def test_none_waits_its_turn_while_a_channel_is_only_probed(office: Office) -> None:
    person(office, "sms email")
    first = person(office, "email sms", area="35.08")
    office.twilio.down = True
    refs = [submit(office.store, ["D05"], office.clock())[1] for _ in range(12)]
    office.send()
    submit(office.store, ["D08"], office.clock(), village="35.08.01.2001")
    work(office)
    assert [m["To"] for m in office.mail.mails] == [first.email], (
        "who wants e-mail first does not wait at all"
    )
    office.clock.at += 6 * MINUTE
    calls = office.twilio.calls["POST", 503]
    for _ in range(3):
        work(office)
    assert {m["Subject"] for m in office.mail.mails} >= {f"PMI {ref}" for ref in refs}
    assert office.twilio.calls["POST", 503] - calls <= 3


def test_where_nobody_has_another_way_the_next_who_has_one_is_told_and_the_administrator(
    store: Store, clock: Clock
) -> None:
    with opened(store, clock, **NO_WHATSAPP) as office:
        duty = [person(office, "sms", role=role) for role in ("disnaker", "p4mi", "bp3mi")]
        equally = person(office, "sms", area="35")
        above = person(office, "sms email", role="province", area="35")
        admin = person(office, "email", role="admin", area="ID")
        office.twilio.down = True
        _, ref = submit(store, ["D05"], clock())
        for _ in range(9):
            office.send(MINUTE)
        mails = [(m["To"], "jalur" in m.get_content()) for m in office.mail.mails]
        assert sorted(mails) == sorted([(above.email, False), (admin.email, True)])
        office.twilio.down = False
        for _ in range(6):
            office.send(MINUTE)
        assert {m.to for m in office.twilio.messages} == {p.phone for p in duty}, "theirs goes when it can"
        assert equally.phone not in {m.to for m in office.twilio.messages}
        assert office.twilio.twice() == []
        assert len(of_case(ref)) == 4
