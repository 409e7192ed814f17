"""Twilio's webhooks over real sockets: believed only when signed, harmless twice, late and out of order."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import falcon.asgi
import httpx
import pytest
import uvicorn
from twilio.request_validator import RequestValidator

from server.settings import Settings
from server.store import cases, messages, officers, receipts
from server.store.database import Store
from server.store.models import Delivery, Message
from server.store.writer import Writer
from server.webhooks import add_routes
from server.webhooks.twilio import SignedForm
from sync.channels.twilio_sms import TwilioSms
from sync.scheduler import Sync
from tests.conftest import Clock
from tests.sync.world import officer, publish, submit
from tests.twilio_standin import Drop, Taken, TwilioStandIn

PUBLIC = "https://desa.example.org/posmigran"
"""What the world calls; the proxy before the server takes the first part of the path away."""


@dataclass
class Door:
    """A running server with the webhooks, and what tests do with it."""

    url: str
    twilio: TwilioStandIn
    sync: Sync

    def post(
        self, path: str, params: dict[str, str], *, public: str = PUBLIC, token: str | None = None
    ) -> int:
        """A call as Twilio signs it, or as somebody with another ``token`` would."""
        signer = self.twilio if token is None else TwilioStandIn(token=token)
        headers = signer.signed(public + path, params)
        return httpx.post(self.url + path, data=params, headers=headers).status_code

    def receipt(self, taken: Taken, status: str, code: int | None = None) -> int:
        """A receipt of the stand-in's, through the proxy."""
        assert taken.status_callback is not None
        assert taken.status_callback.startswith(PUBLIC)
        return self.twilio.send_receipt(taken, status, code, via=self.url, strip="/posmigran")


def configured(store: Store, twilio: TwilioStandIn, **settings: str) -> Settings:
    return Settings(**{"home": store.home, "public_url": PUBLIC, **twilio.settings, **settings})  # type: ignore[arg-type]


def serve(settings: Settings, store: Store, writer: Writer, clock: Clock) -> tuple[uvicorn.Server, str]:
    app: falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response] = falcon.asgi.App()
    add_routes(app, settings=settings, store=store, writer=writer, clock=clock)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    return server, f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def door(store: Store, clock: Clock) -> Iterator[Door]:
    publish(clock())
    with TwilioStandIn(clock=clock) as twilio:
        settings = configured(store, twilio)
        writer = Writer(store)
        server, url = serve(settings, store, writer, clock)
        channels = {"twilio_sms": TwilioSms(settings, timeout=2)}
        sync = Sync(store, settings, clock, channels, "twilio_sms", random=Random(1))
        yield Door(url, twilio, sync)
        sync.close()
        server.should_exit = True
        writer.close()


def sent(door: Door, store: Store, clock: Clock) -> Taken:
    officer("disnaker", "35.07", clock())
    submit(store, ["D08"], clock())
    door.sync.run_once()
    (taken,) = door.twilio.messages
    return taken


def state() -> str:
    (row,) = messages.listing()
    return str(row["state"])


def test_receipts_tell_what_became_of_a_message(door: Door, store: Store, clock: Clock) -> None:
    taken = sent(door, store, clock)
    assert door.receipt(taken, "sent") == 204
    assert state() == "sent"
    assert door.receipt(taken, "delivered") == 204
    assert state() == "delivered"


def test_of_a_field_that_comes_twice_both_values_are_signed() -> None:
    form = SignedForm({"MediaUrl": ["a", "b"], "Body": ["1"]})
    signer = RequestValidator("token")
    signature = signer.compute_signature(PUBLIC, form)
    assert signer.validate(PUBLIC, form, signature)
    assert not signer.validate(PUBLIC, SignedForm({"MediaUrl": ["a"], "Body": ["1"]}), signature)


@pytest.mark.parametrize(
    "order", [("delivered", "sent", "queued"), ("sent", "delivered", "delivered", "sent")]
)
def test_receipts_late_twice_and_out_of_order_end_in_the_same_place(
    door: Door, store: Store, clock: Clock, order: tuple[str, ...]
) -> None:
    taken = sent(door, store, clock)
    assert [door.receipt(taken, status) for status in order] == [204] * len(order)
    assert state() == "delivered"
    assert Delivery.get().status == "delivered"


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)  # on SQLite one waits for the other to end
def test_of_two_receipts_at_the_same_moment_none_is_lost(door: Door, store: Store, clock: Clock) -> None:
    taken = sent(door, store, clock)

    def other_worker() -> None:
        with store.transaction():
            receipts.receipt(taken.sid, "delivered", None, clock())
        store.release()

    with store.transaction():
        receipts.receipt(taken.sid, "sent", None, clock())
        other = threading.Thread(target=other_worker)
        other.start()
        waiting = "select count(*) from pg_locks where not granted"
        while other.is_alive() and not store.db.execute_sql(waiting).fetchone()[0]:
            pass  # until the other one has read what was there before, and wants to write
    other.join()
    assert state() == "delivered"


def test_a_message_that_was_not_delivered_says_why(door: Door, store: Store, clock: Clock) -> None:
    taken = sent(door, store, clock)
    door.receipt(taken, "undelivered", 30005)
    door.sync.run_once()
    (row,) = messages.listing()
    assert (row["state"], row["error"]) == ("failed", "twilio 30005: unknown or inactive number")


def test_a_receipt_that_overtakes_the_answer_is_not_lost_and_proves_that_it_went(
    door: Door, store: Store, clock: Clock
) -> None:
    door.twilio.next(Drop(accepted=True))
    taken = sent(door, store, clock)
    assert state() == "sending"
    assert door.receipt(taken, "delivered") == 204
    (row,) = messages.listing()
    assert (row["state"], row["provider_id"]) == ("delivered", taken.sid)


def test_a_receipt_while_the_call_is_still_under_way_keeps_its_word(
    door: Door, store: Store, clock: Clock
) -> None:
    answers = []

    def overtake(moment: str, taken: Taken) -> None:
        if moment == "accepted":
            answers.append(door.receipt(taken, "delivered"))

    door.twilio.watch = overtake
    taken = sent(door, store, clock)
    assert answers == [204]
    (row,) = messages.listing()
    assert (row["state"], row["provider_id"]) == ("delivered", taken.sid)


def test_a_receipt_for_a_message_that_is_not_ours_changes_nothing(
    door: Door, store: Store, clock: Clock
) -> None:
    taken = sent(door, store, clock)
    stranger = {"MessageSid": "SM" + "f" * 32, "MessageStatus": "failed", "ErrorCode": "30007"}
    assert taken.status_callback is not None
    path = taken.status_callback.removeprefix(PUBLIC)
    assert door.post(path, stranger) == 204
    assert door.post("/twilio/status?m=999999", stranger) == 204
    assert door.post("/twilio/status", stranger) == 204
    assert state() == "sent"


def test_without_twilios_signature_nothing_is_believed(door: Door, store: Store, clock: Clock) -> None:
    taken = sent(door, store, clock)
    params = {"MessageSid": taken.sid, "MessageStatus": "delivered"}
    assert httpx.post(door.url + "/twilio/status", data=params).status_code == 403
    assert door.post("/twilio/status", params, token="another") == 403
    assert door.post("/twilio/status", params, public="https://elsewhere.example.org") == 403
    headers = door.twilio.signed(PUBLIC + "/twilio/status", params)
    forged = {**params, "MessageStatus": "failed"}
    assert httpx.post(door.url + "/twilio/status", data=forged, headers=headers).status_code == 403
    assert httpx.post(door.url + "/twilio/status?m=1", data=params, headers=headers).status_code == 403
    assert state() == "sent"
    assert door.post("/twilio/status", params) == 204
    assert state() == "delivered"


@pytest.mark.parametrize("missing", ["TWILIO_AUTH_TOKEN", "public_url"])
def test_an_installation_without_twilio_refuses_every_call(store: Store, clock: Clock, missing: str) -> None:
    with TwilioStandIn(token="") as nobody:
        writer = Writer(store)
        settings = configured(store, nobody, **{missing: ""})
        server, url = serve(settings, store, writer, clock)
        for public in (PUBLIC, "", url):
            headers = nobody.signed(public + "/twilio/status", {"MessageSid": "SM1"})
            answer = httpx.post(url + "/twilio/status", data={"MessageSid": "SM1"}, headers=headers)
            assert answer.status_code == 403
        server.should_exit = True
        writer.close()


def test_a_body_without_end_is_refused(door: Door) -> None:
    for endless in (b"x=" + b"y" * 200_000, b"x=1&" * 600):
        assert httpx.post(door.url + "/twilio/status", content=endless).status_code == 413
    assert httpx.post(door.url + "/twilio/status").status_code == 403


def test_an_officer_acknowledges_by_replying(door: Door, store: Store, clock: Clock) -> None:
    person = officer("disnaker", "35.07", clock())
    _, ref = submit(store, ["D08"], clock())
    reply = {"From": str(person.phone), "Body": f" 1 {ref.lower()} ", "MessageSid": "SM1"}
    headers = door.twilio.signed(PUBLIC + "/twilio/inbound", reply)
    for _ in range(2):
        answer = httpx.post(door.url + "/twilio/inbound", data=reply, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/xml")
        assert answer.text.endswith("<Response/>")
    (alert,) = cases.for_person(person, ref).alerts
    assert (alert.state, alert.acknowledged_by) == ("acknowledged", person.name)


@pytest.mark.parametrize("who", ["stranger", "other district", "other role", "removed"])
def test_nobody_else_acknowledges_by_replying(door: Door, store: Store, clock: Clock, who: str) -> None:
    person = officer("disnaker", "35.07", clock())
    _, ref = submit(store, ["D08"], clock())
    other = officer(
        "dinsos" if who == "other role" else "disnaker",
        "35.08" if who == "other district" else "35.07",
        clock(),
    )
    if who in ("removed", "stranger"):
        officers.remove(other.slug, clock())
    phone = "+6281200009999" if who == "stranger" else str(other.phone)
    assert door.post("/twilio/inbound", {"From": phone, "Body": f"1 {ref}"}) == 200
    assert cases.for_person(person, ref).alerts[0].state == "open"


@pytest.mark.parametrize("said", ["", "2 {ref}", "1", "1 R-350701-99999", "{ref}", "1 {ref} lalu", "STOP"])
def test_other_words_acknowledge_nothing(door: Door, store: Store, clock: Clock, said: str) -> None:
    person = officer("disnaker", "35.07", clock())
    _, ref = submit(store, ["D08"], clock())
    body = said.format(ref=ref)
    assert door.post("/twilio/inbound", {"From": str(person.phone), "Body": body}) == 200
    assert cases.for_person(person, ref).alerts[0].state == "open"
    assert Message.select().count() == 0
