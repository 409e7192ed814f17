"""The carrier is down for six hours: afterwards each person hears once of each case, as things stand then."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from server.settings import Settings
from server.store import cases, messages
from server.store.database import Store
from sync.channels.twilio_sms import TwilioSms
from sync.scheduler import Sync
from tests.conftest import Clock
from tests.sync.world import officer, publish, submit
from tests.twilio_standin import TwilioStandIn


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_after_six_hours_without_the_carrier_each_person_gets_one_current_message_a_case(
    store: Store, clock: Clock
) -> None:
    publish(clock())
    with TwilioStandIn(clock=clock) as twilio:
        settings = Settings(home=store.home, **twilio.settings)  # type: ignore[arg-type]
        channels = {"twilio_sms": TwilioSms(settings, timeout=2)}
        sync = Sync(store, settings, clock, channels, "twilio_sms", random=Random(1), gap=0)
        for role in ("disnaker", "p4mi", "bp3mi"):
            officer(role, "35.07", clock())
        officer("province", "35", clock())
        answering = officer("disnaker", "35.07", clock())
        begun = clock()
        twilio.down = True
        worsening, open_ref = submit(store, ["D05"], clock())
        _, answered = submit(store, ["D08"], clock())
        while clock() < begun + timedelta(hours=6):
            sync.run_once()
            clock.at += timedelta(minutes=20)
            if clock() == begun + timedelta(hours=2):
                submit(store, ["D05", "D08"], clock(), edits=worsening)
                cases.acknowledge(answering, answered, clock())
        twilio.down = False
        for _ in range(12):
            sync.run_once()
            clock.at += timedelta(minutes=5)
        sync.close()
        heard = [(m.to, m.body.split()[3]) for m in twilio.messages]
    told = [(m["to"], m["ref"]) for m in messages.listing() if m["state"] in ("sent", "delivered")]
    assert len(told) == len(set(told)) == len(heard)
    assert {ref for _, ref in told} == {open_ref}, "what somebody took on meanwhile is told to nobody else"
    assert len(told) == 5
