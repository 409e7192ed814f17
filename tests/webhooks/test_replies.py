"""An officer answers by WhatsApp: by words, by the button, by a 1 to the message itself. All have the page's effect."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import httpx
import pytest

from server.store import cases, contacts, officers
from server.store.contacts import Way
from server.store.database import Store
from server.store.models import Delivery
from server.store.officers import Person
from server.store.writer import Writer
from sync.channels.twilio_whatsapp import TwilioWhatsapp
from sync.scheduler import Sync
from tests.conftest import Clock
from tests.sync.world import officer, publish, submit
from tests.twilio_standin import TwilioStandIn
from tests.webhooks.test_twilio import PUBLIC, Door, configured, serve

on_sqlite = pytest.mark.parametrize("home", ["sqlite"], indirect=True)


@pytest.fixture
def door(store: Store, clock: Clock) -> Iterator[Door]:
    publish(clock())
    with TwilioStandIn(clock=clock) as twilio:
        settings = configured(store, twilio, **twilio.whatsapp)
        writer = Writer(store)
        server, url = serve(settings, store, writer, clock)
        channel = TwilioWhatsapp(settings, timeout=2)
        sync = Sync(store, settings, clock, {channel.name: channel}, channel.name, random=Random(1))
        yield Door(url, twilio, sync)
        sync.close()
        server.should_exit = True
        writer.close()


def says(door: Door, phone: str | None, body: str, **more: str) -> str:
    """What whoever writes from that number by WhatsApp hears."""
    params = {"From": f"whatsapp:{phone}", "Body": body, "MessageSid": "SM" + "a" * 32, **more}
    headers = door.twilio.signed(PUBLIC + "/twilio/inbound", params)
    answer = httpx.post(door.url + "/twilio/inbound", data=params, headers=headers)
    assert answer.status_code == 200
    return answer.text.partition("<Response>")[2].removeprefix("<Message>").partition("</Message>")[0]


def state(person: Person, ref: str) -> str:
    return cases.for_person(person, ref).state


@pytest.mark.parametrize("words", ["1 {ref}", "1{ref}", " 1.  {ref} ", "1\n{ref}.", "1 {apart}", "1 {small}"])
@on_sqlite
def test_words_acknowledge_however_they_are_typed(door: Door, store: Store, clock: Clock, words: str) -> None:
    person = officer("disnaker", "35.07", clock())
    _, ref = submit(store, ["D08"], clock())
    said = words.format(ref=ref, apart=ref.replace("-", " "), small=ref.lower())
    assert says(door, person.phone, said) == f"{ref}: tercatat, Anda yang menangani. Buka dasbor."
    assert state(person, ref) == "acknowledged"
    assert says(door, person.phone, said) == f"{ref}: sudah tercatat, Anda yang menangani. Buka dasbor."


@on_sqlite
def test_who_comes_second_hears_that_a_colleague_has_it_and_at_last_that_it_is_closed(
    door: Door, store: Store, clock: Clock
) -> None:
    first, second = officer("disnaker", "35.07", clock()), officer("disnaker", "35.07", clock())
    _, ref = submit(store, ["D08"], clock())
    cases.acknowledge(first, ref, clock())
    assert says(door, second.phone, f"1 {ref}") == f"{ref}: sudah ditangani petugas lain. Buka dasbor."
    cases.close(first, ref, "verified", clock())
    assert says(door, second.phone, f"1 {ref}") == f"{ref}: sudah ditutup. Buka dasbor."


def test_the_button_and_a_1_to_the_message_itself_acknowledge_its_case(
    door: Door, store: Store, clock: Clock
) -> None:
    person = officer("disnaker", "35.07", clock())
    _, first = submit(store, ["D08"], clock())
    _, second = submit(store, ["D08"], clock())
    door.sync.run_once()
    says(door, person.phone, "Saya tangani", ButtonPayload=f"1 {first}", ButtonText="Saya tangani")
    assert (state(person, first), state(person, second)) == ("acknowledged", "open")
    told = next(d for d in Delivery.select() if d.message.case.ref == second)
    says(door, person.phone, "1", OriginalRepliedMessageSid=told.provider_id)
    assert state(person, second) == "acknowledged"


@pytest.mark.parametrize(("text", "state_then"), [("Saya tangani", "acknowledged"), ("Bukan saya", "open")])
@on_sqlite
def test_a_button_that_names_no_case_speaks_for_the_message_that_it_hangs_on(
    door: Door, store: Store, clock: Clock, text: str, state_then: str
) -> None:
    person = officer("disnaker", "35.07", clock())
    _, ref = submit(store, ["D08"], clock())
    door.sync.run_once()
    tapped = {"OriginalRepliedMessageSid": Delivery.get().provider_id, "ButtonText": text}
    says(door, person.phone, text, ButtonPayload="tombol_1", **tapped)
    assert state(person, ref) == state_then


@on_sqlite
def test_a_1_that_answers_somebody_elses_message_acknowledges_nothing(
    door: Door, store: Store, clock: Clock
) -> None:
    person, colleague = officer("disnaker", "35.07", clock()), officer("disnaker", "35.07", clock())
    _, ref = submit(store, ["D08"], clock())
    door.sync.run_once()
    theirs = next(d for d in Delivery.select() if d.recipient == person.phone)
    assert "contoh" in says(door, colleague.phone, "1", OriginalRepliedMessageSid=theirs.provider_id)
    assert state(person, ref) == "open"


@on_sqlite
def test_who_is_not_an_officer_hears_nothing_whatever_they_write(
    door: Door, store: Store, clock: Clock
) -> None:
    person = officer("disnaker", "35.07", clock())
    _, ref = submit(store, ["D08"], clock())
    removed = officer("disnaker", "35.07", clock())
    officers.remove(removed.slug, clock())
    for phone in ("+6281200009999", removed.phone, "", "+628"):
        for words in (f"1 {ref}", "1", "halo", "START"):
            assert says(door, phone, words) == ""
    assert state(person, ref) == "open"


@on_sqlite
def test_a_case_of_others_and_one_that_is_none_sound_the_same(door: Door, store: Store, clock: Clock) -> None:
    officer("disnaker", "35.07", clock())
    elsewhere, otherwise = officer("disnaker", "35.08", clock()), officer("dinsos", "35.07", clock())
    _, ref = submit(store, ["D08"], clock())
    _, restricted = submit(store, ["R05"], clock())
    for person in (elsewhere, otherwise):
        said = {says(door, person.phone, f"1 {r}") for r in (ref, restricted, "R-350701-99999")}
        assert len(said) == 1


@on_sqlite
def test_who_writes_start_is_sent_messages_again(door: Door, store: Store, clock: Clock) -> None:
    person = officer("disnaker", "35.07", clock())
    contacts.mark_dead(Way("whatsapp", str(person.phone)), "21610", clock())
    contacts.mark_dead(Way("sms", str(person.phone)), "30005", clock())
    assert "dikirim lagi" in says(door, person.phone, "Start")
    assert [way.kind for way in contacts.ways(person)] == ["whatsapp"]


@on_sqlite
def test_the_log_of_a_reply_holds_neither_number_nor_words(
    door: Door, store: Store, clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    person = officer("disnaker", "35.07", clock())
    _, ref = submit(store, ["D08"], clock())
    says(door, person.phone, f"1 {ref}")
    says(door, person.phone, "Siti Aminah 3507120000000001")
    says(door, "+6281200009999", "Siti Aminah")
    written = "".join(capfd.readouterr())
    assert "inbound" in written
    for secret in (person.phone, "+6281200009999", "81200009999", "Siti", "350712000", ref):
        assert str(secret) not in written
