"""Each person by their own ways, the next one when a way fails, the next person when none is left (DOMAIN 7)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from server.settings import Settings
from server.store import contacts, events, messages, officers, receipts
from server.store.contacts import Way
from server.store.database import Store
from server.store.models import Delivery, Event, Message
from server.store.officers import Person
from sync.carriers import carriers
from sync.scheduler import Sync
from tests.conftest import Clock
from tests.smtp_standin import SmtpStandIn
from tests.sync.world import officer, publish, submit
from tests.twilio_standin import Answer, Drop, Taken, TwilioStandIn

HOUR = timedelta(hours=1)
SOON = timedelta(minutes=20)
on_sqlite = pytest.mark.parametrize("home", ["sqlite"], indirect=True)


@dataclass
class Office:
    """Twilio, a mail server and the sync process between them."""

    store: Store
    clock: Clock
    twilio: TwilioStandIn
    mail: SmtpStandIn
    sync: Sync

    def send(self, after: timedelta = timedelta(0)) -> None:
        """Let time pass, then do all that is due."""
        self.clock.at += after
        self.sync.run_once()

    def receipt(self, taken: Taken, status: str, code: str | None = None) -> None:
        """As the webhook notes it."""
        with self.store.transaction():
            assert receipts.receipt(taken.sid, status, code, self.clock())

    def told(self) -> list[tuple[str, str]]:
        """(kind, address) of everything that went out, in order of Twilio's, then the mail server's."""
        by_twilio = [
            ("whatsapp" if m.to.startswith("whatsapp:") else "sms", m.to.removeprefix("whatsapp:"))
            for m in self.twilio.messages
        ]
        return by_twilio + [("email", str(mail["To"])) for mail in self.mail.mails]


@contextmanager
def opened(store: Store, clock: Clock, **more: str) -> Iterator[Office]:
    publish(clock())
    with TwilioStandIn(clock=clock) as twilio, SmtpStandIn() as mail:
        given: dict[str, Any] = {"home": store.home, **twilio.settings, **twilio.whatsapp, **mail.settings}
        settings = Settings(**{**given, **more})
        channels, sms = carriers(settings)
        sync = Sync(store, settings, clock, channels, sms, random=Random(1), gap=0.0)
        yield Office(store, clock, twilio, mail, sync)
        sync.close()


@pytest.fixture
def office(store: Store, clock: Clock) -> Iterator[Office]:
    with opened(store, clock) as made:
        yield made


def person(office: Office, channels: str = "", *, area: str = "35.07", role: str = "disnaker") -> Person:
    """An officer with a number and an e-mail address."""
    made = officer(role, area, office.clock())
    changed, _ = officers.set_contact(
        made.slug, office.clock(), email=f"{made.slug}@contoh.id", channels=channels
    )
    return changed


def of_case(ref: str) -> list[dict[str, Any]]:
    return [m for m in messages.listing() if m["ref"] == ref]


def ways(*kinds: str, of: Person) -> list[tuple[str, str]]:
    address = {"whatsapp": of.phone, "sms": of.phone, "email": of.email}
    return [(kind, str(address[kind])) for kind in kinds]


def test_a_person_is_reached_by_whatsapp_first_with_the_approved_template(office: Office) -> None:
    who = person(office)
    _, ref = submit(office.store, ["D08"], office.clock())
    office.send()
    assert office.told() == ways("whatsapp", of=who)
    (taken,) = office.twilio.messages
    assert taken.sender.startswith("whatsapp:")
    text = f"PMI TINGGI D08 {ref} Kec Donomulyo: periksa hari ini. Buka dasbor."
    assert taken.body == f"Sistem pelindungan PMI: {text}\nBalas 1 {ref} bila Anda menangani kasus ini."


def test_the_order_of_ways_is_each_persons_own(office: Office) -> None:
    by_mail, by_sms = person(office, "email sms"), person(office, "sms")
    _, ref = submit(office.store, ["D08"], office.clock())
    office.send()
    assert office.told() == ways("sms", of=by_sms) + ways("email", of=by_mail)
    (mail,) = office.mail.mails
    assert mail["Subject"] == f"PMI {ref}"
    assert mail.get_content().strip() == f"PMI TINGGI D08 {ref} Kec Donomulyo: periksa hari ini. Buka dasbor."
    assert mail["Message-ID"] == next(m for m in of_case(ref) if m["channel"] == "email")["provider_id"]


def test_when_one_way_fails_for_good_the_next_is_taken_at_once(office: Office) -> None:
    who = person(office)
    _, ref = submit(office.store, ["D08"], office.clock())
    office.twilio.next(Answer(400, 63024), Answer(400, 21211))
    office.send()
    assert office.told() == ways("email", of=who)
    (row,) = of_case(ref)
    assert (row["state"], row["attempts"]) == ("sent", 3)


@pytest.mark.parametrize("code", [63018, 63020, 63049])
def test_where_whatsapp_may_not_send_or_counts_a_template_as_marketing_the_sms_goes_at_once(
    office: Office, code: int
) -> None:
    who = person(office, "whatsapp sms")
    submit(office.store, ["D08"], office.clock())
    office.twilio.next(Answer(400, code))
    office.send()
    assert office.told() == ways("sms", of=who)
    assert contacts.ways(who)[0].kind == "whatsapp", "it is tried again for the next case"


def test_a_way_that_is_marked_is_not_tried_again_until_it_is_set_anew(office: Office) -> None:
    who = person(office)
    submit(office.store, ["D08"], office.clock())
    office.twilio.next(Answer(400, 63024), Answer(400, 21614))
    office.send()
    assert contacts.ways(who) == [Way("email", str(who.email))]
    assert [(m["kind"], m["code"]) for m in contacts.given_up()] == [("sms", "21614"), ("whatsapp", "63024")]
    posts = office.twilio.calls["POST", 400]
    submit(office.store, ["D08"], office.clock())
    office.send()
    assert office.twilio.calls["POST", 400] == posts
    officers.set_contact(who.slug, office.clock(), phone=who.phone)
    submit(office.store, ["D08"], office.clock())
    office.send()
    assert office.told() == ways("whatsapp", "email", "email", of=who)


@pytest.mark.parametrize("code", ["30005", "30006"])
def test_a_receipt_that_tells_of_a_dead_number_marks_it_and_the_next_person_hears(
    office: Office, code: str
) -> None:
    near, far = person(office, "sms"), person(office, "sms", area="35")
    _, ref = submit(office.store, ["D08"], office.clock())
    office.send()
    office.receipt(office.twilio.messages[0], "sent")
    office.receipt(office.twilio.messages[0], "undelivered", code)
    # the person has e-mail on record, but wants SMS only
    office.send()
    office.send()
    assert office.told() == ways("sms", of=near) + ways("sms", of=far)
    assert [m["state"] for m in of_case(ref)] == ["failed", "sent"]
    assert [e["verb"] for e in events.of(ref)] == ["message.failed", "message.handed_on"]
    submit(office.store, ["D08"], office.clock())
    office.send()
    assert office.told()[2:] == ways("sms", of=far), "a dead number is passed over at once"


def test_whoever_was_passed_over_hears_again_once_their_number_is_mended(office: Office) -> None:
    near = person(office, "sms")
    _, ref = submit(office.store, ["D08"], office.clock())
    office.twilio.next(Answer(400, 21211))
    office.send()
    assert of_case(ref)[0]["state"] == "failed"
    office.send(SOON)
    assert office.told() == [], "nobody is left, so the alert waits"
    officers.set_contact(near.slug, office.clock(), phone="+62 812 0000 7777")
    office.send(SOON)
    assert office.told() == [("sms", "+6281200007777")]


def test_a_phone_that_is_off_is_tried_after_half_an_hour_two_hours_and_six_then_others_hear_too(
    office: Office,
) -> None:
    office.clock.at -= 5 * HOUR  # seven in the morning, so that it ends before the night
    near, far = person(office, "sms email"), person(office, "sms", area="35")
    _, ref = submit(office.store, ["D08"], office.clock())
    Message.update(expires_at=None).execute()
    office.send()
    for pause in (0.5, 2, 6):
        Message.update(expires_at=None).execute()
        office.receipt(office.twilio.messages[-1], "undelivered", "30003")
        before = len(office.twilio.messages)
        office.send()
        office.send(pause * HOUR * 0.95)
        assert len(office.twilio.messages) == before
        office.send(pause * HOUR * 0.2)
        assert len(office.twilio.messages) == before + 1
    office.receipt(office.twilio.messages[-1], "undelivered", "30003")
    for _ in range(3):
        office.send()
    told = office.told()
    assert told[:4] == ways("sms", "sms", "sms", "sms", of=near)
    assert ways("email", of=near)[0] in told
    assert ways("sms", of=far)[0] in told
    assert "message.handed_on" in [e["verb"] for e in events.of(ref)]


@on_sqlite
@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("MAIL", "550 5.7.60 sender not allowed"),
        ("MAIL", "553 no such sender"),
        ("RCPT", "550 5.7.1 relaying denied"),
        ("DATA", "550 looks like spam"),
    ],
)
def test_what_a_mail_server_has_against_us_marks_nobodys_mailbox(
    office: Office, word: str, answer: str
) -> None:
    who = person(office, "email sms")
    office.mail.answers[word] = answer
    submit(office.store, ["D08"], office.clock())
    office.send()
    assert office.told() == ways("sms", of=who)
    assert contacts.given_up() == []


@on_sqlite
def test_a_mail_that_was_taken_is_not_sent_again_however_the_server_says_goodbye(office: Office) -> None:
    who = person(office, "email sms")
    office.mail.answers["QUIT"] = "421 too busy"
    submit(office.store, ["D08"], office.clock())
    office.send()
    office.send(SOON)
    assert office.told() == ways("email", of=who)


@on_sqlite
def test_an_unknown_reason_is_tried_once_more(office: Office) -> None:
    who = person(office, "sms email")
    submit(office.store, ["D08"], office.clock())
    office.send()
    for _ in range(2):
        office.receipt(office.twilio.messages[-1], "undelivered", "30008")
        office.send()
        office.send(timedelta(minutes=6))
    assert office.told() == ways("sms", "sms", "email", of=who)


@on_sqlite
def test_who_has_unsubscribed_gets_no_sms_but_another_channel(office: Office) -> None:
    who = person(office, "sms email")
    submit(office.store, ["D08"], office.clock())
    office.twilio.next(Answer(400, 21610))
    office.send()
    submit(office.store, ["D08"], office.clock())
    office.send()
    assert office.told() == ways("email", "email", of=who)


@on_sqlite
@pytest.mark.parametrize(("code", "trouble"), [(30007, "spam"), (30042, "sender"), (21612, "sender")])
def test_what_only_the_administrator_can_mend_is_told_to_them_once_a_day(
    office: Office, code: int, trouble: str
) -> None:
    admin = person(office, area="ID", role="admin")
    person(office, "sms")
    for _ in range(3):
        submit(office.store, ["D08"], office.clock())
    office.twilio.next(*[Answer(400, code)] * 3)
    office.send()
    office.send(SOON)
    noticed = [mail for mail in office.mail.mails if mail["To"] == admin.email]
    about = [mail.get_content() for mail in noticed if "PMI sistem" in mail.get_content()]
    assert len(about) == 1
    assert {e.subject.partition(":")[0] for e in Event.select().where(Event.verb == "carrier.trouble")} == {
        trouble
    }
    office.twilio.next(Answer(400, code))
    submit(office.store, ["D08"], office.clock())
    office.send(timedelta(days=1))
    office.send()
    assert len([m for m in office.mail.mails if "PMI sistem" in m.get_content()]) == 2


@on_sqlite
def test_while_the_account_is_out_of_order_alerts_go_by_e_mail_at_once(office: Office) -> None:
    who = person(office)
    _, ref = submit(office.store, ["D05"], office.clock())
    office.twilio.next(Answer(401, 20003), Answer(401, 20003))
    office.send()
    assert office.told() == ways("email", of=who)
    assert of_case(ref)[0]["state"] == "sent"


@on_sqlite
def test_without_another_way_it_waits_until_the_account_is_mended(office: Office) -> None:
    who = person(office, "sms")
    submit(office.store, ["D05"], office.clock())
    office.twilio.next(Answer(401, 20003), Answer(400, 30002))
    office.send()
    office.send()
    assert office.told() == []
    office.send(SOON)
    office.send(SOON)
    assert office.told() == ways("sms", of=who)


@on_sqlite
def test_an_outage_costs_a_call_now_and_then_and_not_one_for_each_message(office: Office) -> None:
    person(office, "sms")
    office.twilio.down = True
    for _ in range(25):
        submit(office.store, ["D08"], office.clock())
    for _ in range(10):
        office.sync._messages()  # as by the clock, twice a second
    office.send()
    assert office.twilio.calls["POST", 503] <= 20
    for _ in range(30):
        office.send(timedelta(seconds=40))
    assert office.twilio.calls["POST", 503] <= 60
    office.twilio.down = False
    for _ in range(12):
        office.send(SOON / 4)
    assert len({m.body for m in office.twilio.messages}) == 25
    assert office.twilio.twice() == []


def test_that_it_arrived_ends_all_retries_by_whichever_attempt(office: Office) -> None:
    who = person(office, "sms")
    _, ref = submit(office.store, ["D08"], office.clock())
    office.send()
    (first,) = office.twilio.messages
    office.receipt(first, "undelivered", "30008")
    office.send()
    assert of_case(ref)[0]["state"] == "owed"
    contacts.mark_dead(Way("sms", first.to), "30005", office.clock())
    office.receipt(first, "delivered")
    assert contacts.ways(who) == [Way("sms", first.to)], "the number works"
    office.send(HOUR)
    assert office.twilio.messages == [first]
    office.receipt(first, "undelivered", "30008")
    office.receipt(first, "read")
    assert of_case(ref)[0]["state"] == "delivered"
    row = Message.get()
    assert (row.delivered_at, row.read_at) == (office.clock() - HOUR, office.clock()), "delivered is not read"


def test_a_late_receipt_of_an_earlier_attempt_says_nothing_of_the_newer_one(office: Office) -> None:
    person(office, "sms")
    _, ref = submit(office.store, ["D08"], office.clock())
    office.send()
    office.receipt(office.twilio.messages[0], "undelivered", "30008")
    office.send()
    office.send(timedelta(minutes=6))
    assert len(office.twilio.messages) == 2
    office.receipt(office.twilio.messages[0], "failed", "30005")
    office.send()
    assert of_case(ref)[0]["state"] == "sent"
    assert [d.status for d in Delivery.select().order_by(Delivery.number)] == ["undelivered", None]


def test_of_two_messages_that_read_alike_each_is_found_as_itself(office: Office) -> None:
    """Two officers share a phone; both answers are lost, and only the first message got through."""
    first, second = person(office, "sms"), person(office, "sms")
    officers.set_contact(second.slug, office.clock(), phone=first.phone)
    _, ref = submit(office.store, ["D08"], office.clock())
    office.twilio.next(Drop(accepted=True), Drop(accepted=False))
    office.send()
    for _ in range(4):
        office.send(HOUR / 2)
    rows = of_case(ref)
    assert [m["state"] for m in rows] == ["sent", "sent"]
    assert len({m["provider_id"] for m in rows}) == len(office.twilio.messages) == 2


@on_sqlite
def test_a_whatsapp_message_whose_answer_was_lost_is_found_within_its_template(office: Office) -> None:
    person(office, "whatsapp")
    _, ref = submit(office.store, ["D05"], office.clock())
    office.twilio.next(Drop(accepted=True))
    office.send()
    office.send(SOON)
    assert [m["state"] for m in of_case(ref)] == ["sent"]
    assert len(office.twilio.messages) == 1


@on_sqlite
def test_what_is_not_critical_is_not_tried_again_at_night(office: Office) -> None:
    office.clock.at += 7.9 * HOUR  # six minutes before nine in the evening, WITA
    person(office, "sms", area="53.01")
    submit(office.store, ["D08"], office.clock(), village="53.01.04.1001")
    submit(office.store, ["D05"], office.clock(), village="53.01.04.1001")
    office.twilio.next(Answer(429, 20429), Answer(429, 20429))
    office.send()
    office.send(SOON)
    assert [m.body.split()[1] for m in office.twilio.messages] == ["KRITIS"]
    office.send(8 * HOUR)
    assert "TINGGI" not in {m.body.split()[1] for m in office.twilio.messages}
    office.send(HOUR)
    assert "TINGGI" in {m.body.split()[1] for m in office.twilio.messages}
