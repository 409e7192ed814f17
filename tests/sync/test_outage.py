"""The carrier is down for six hours: afterwards each recipient gets one current message a case, not the backlog."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from server.store import cases, messages
from server.store.database import Store
from tests.conftest import Clock
from tests.sync.test_ways import on_sqlite, opened, person
from tests.sync.world import submit

QUARTER = timedelta(minutes=15)


@on_sqlite
def test_after_six_hours_each_recipient_gets_one_current_message_a_case(store: Store, clock: Clock) -> None:
    none = {"TWILIO_WHATSAPP_FROM": "", "TWILIO_WHATSAPP_CONTENT_SID": ""}
    clock.at -= timedelta(hours=4)  # eight in the morning, where all of this happens
    with opened(store, clock, **none) as office:
        people = {role: person(office, "sms", role=role) for role in ("disnaker", "p4mi", "bp3mi", "ppa")}
        above = person(office, "sms", role="province", area="35")
        office.twilio.down = True
        first, worse = submit(store, ["D08"], clock())
        _, steady = submit(store, ["D05"], clock())
        _, answered = submit(store, ["D05"], clock())
        for half_hour in range(12):
            if half_hour == 3:
                submit(store, ["D08", "D05"], clock(), edits=first)
            if half_hour == 5:
                with store.transaction():
                    for role in ("disnaker", "p4mi", "bp3mi"):
                        cases.acknowledge(people[role], answered, clock())
            office.send(2 * QUARTER)
        assert office.twilio.messages == []
        calls = office.twilio.calls["POST", 503]
        office.twilio.down = False
        for _ in range(6):
            office.send(QUARTER / 3)

        got = Counter(
            (m.to, next(r for r in (worse, steady, answered) if r in m.body)) for m in office.twilio.messages
        )
        assert set(got.values()) == {1}, "one message a case and recipient"
        named = {people[role].phone for role in ("disnaker", "p4mi", "bp3mi")}
        for ref in (worse, steady):
            assert named <= {to for to, of in got if of == ref}
        assert {to for to, of in got} <= named | {above.phone}
        assert answered not in {of for _, of in got}, "what somebody answered meanwhile is no news"
        now_grave = [m.body for m in office.twilio.messages if worse in m.body]
        assert all("PMI KRITIS D05" in body for body in now_grave), "as things stand now"
        (both,) = [
            m.body for m in office.twilio.messages if worse in m.body and m.to == people["disnaker"].phone
        ]
        assert f"D05 +1 {worse}" in both
        assert calls < 12 * 12, "an outage is no storm"
        assert not [m for m in messages.listing() if m["state"] in ("owed", "sending")]
