"""Who hears that uploads wait in quarantine: those who decide on them, once a day, and nothing of what is in them."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from server.settings import Quiet
from server.store import desks, officers, quarantine
from server.store.database import Store
from server.store.models import Message
from server.store.quarantine import Came
from sync import held, notices
from sync.channels import Trouble
from sync.compose import SEGMENT, septets
from sync.compose import held as text_of
from tests.conftest import Clock
from tests.sync.world import VILLAGE

SECRET = "Sulastri"


def hold(store: Store, clock: Clock, number: int, village: str = VILLAGE) -> None:
    with store.transaction():
        known = [d["desk"] for d in desks.listing() if d["village"] == village]
        desk = desks.by_username(known[0]) if known else desks.add(village, None, store.keys, clock())[0]
        assert desk is not None
        came = Came(
            "berangkat", "9", f"uuid:{SECRET}{number}", desk.id, None, f"<{SECRET}>{number}".encode(), []
        )
        quarantine.hold("form.unknown", came, store, clock())


def tell(store: Store, clock: Clock) -> list[tuple[str, str]]:
    """Look once; returns who is told what by messages made just now."""
    before = {m.id for m in Message.select()}
    with store.transaction():
        held.tell(clock(), "console", Quiet(), "Asia/Jakarta")
    return sorted((m.officer.slug, m.body) for m in Message.select() if m.id not in before)


def test_the_overseers_of_the_desk_s_area_hear_of_it_once_a_day_as_long_as_it_waits(
    store: Store, clock: Clock
) -> None:
    with store.transaction():
        for name, role, area in (
            ("Provinsi Jatim", "province", "35"),
            ("Pengelola Malang", "admin", "35.07"),
            ("Pengelola Pusat", "admin", "ID"),
            ("Provinsi Banten", "province", "36"),
            ("Disnaker Malang", "disnaker", "35.07"),
        ):
            officers.add(name, role, area, clock(), phone=f"+62 812 0000 {len(name):04d}")
    assert tell(store, clock) == []
    hold(store, clock, 1)
    hold(store, clock, 2)
    first = tell(store, clock)
    assert [slug for slug, _ in first] == ["pengelola-malang", "provinsi-jatim"]
    assert all("2 kiriman" in body and SECRET not in body for _, body in first)
    hold(store, clock, 3)
    clock.at += timedelta(hours=3)
    assert tell(store, clock) == []
    clock.at += timedelta(days=1)
    assert ["3 kiriman" in body for _, body in tell(store, clock)] == [True, True]
    message = Message.select().order_by(Message.id.desc()).get()
    assert (message.kind, message.case_id, message.indicators) == ("notice", None, "")


def test_an_administrator_with_an_e_mail_address_alone_hears_of_it_where_nobody_else_does(
    store: Store, clock: Clock
) -> None:
    with store.transaction():
        officers.add("Pengelola", "admin", "ID", clock(), email="pengelola@contoh.example")
    hold(store, clock, 1)
    assert [slug for slug, _ in tell(store, clock)] == ["pengelola"]


def test_who_can_be_reached_only_by_a_channel_that_is_not_set_up_is_passed_by(
    store: Store, clock: Clock
) -> None:
    with store.transaction():
        officers.add("Provinsi", "province", "35", clock(), email="provinsi@contoh.example")
        officers.add("Pengelola", "admin", "ID", clock(), phone="+62 812 0000 0001")
        notices.tell(Trouble.CAP, "hour", clock(), ZoneInfo("Asia/Jakarta"), {"email"})
    assert not Message.select().exists(), "the administrator has no e-mail address"
    hold(store, clock, 1)
    with store.transaction():
        held.tell(clock(), "console", Quiet(), "Asia/Jakarta", {"sms"})
    assert [message.officer.slug for message in Message.select()] == ["pengelola"]


def test_nobody_is_woken_for_it(store: Store, clock: Clock) -> None:
    with store.transaction():
        officers.add("Provinsi", "province", "35", clock(), phone="+62 812 0000 0001")
    clock.at = clock.at.replace(hour=18)  # one o'clock at night in Jakarta
    hold(store, clock, 1)
    assert len(tell(store, clock)) == 1
    due = Message.get().due_at
    assert due - clock() == timedelta(hours=5)
    clock.at = due
    assert tell(store, clock) == []  # the same day


@pytest.mark.parametrize("count", [1, 12, 10_000_000])
def test_the_text_is_one_segment(count: int) -> None:
    assert septets(text_of(count).body) <= SEGMENT
