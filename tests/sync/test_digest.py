"""The weekly digest: once a week, on the morning of where its reader is, of what waits and is theirs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from server.store import cases, messages
from server.store.database import Store
from server.store.models import Message
from server.store.rosters import Rosters
from sync import digest
from tests.conftest import Clock
from tests.sync.test_escalation import _published, later, told, work
from tests.sync.world import officer, submit

__all__ = ["_published"]

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
EAST = "53.01.04.1001"


def summed_up(clock: Clock) -> dict[str, str]:
    """Who gets a digest now -> its text."""
    before = {m["id"] for m in messages.listing()}
    for summary in digest.summaries(Rosters(clock())):
        digest.owe(summary, "console", Rosters(clock()))
    return {m["officer"]: m["body"] for m in messages.listing() if m["id"] not in before}


def test_the_weekly_digest_comes_once_on_the_first_working_day_and_counts_what_is_ones_own(
    store: Store, clock: Clock
) -> None:
    here, there = officer("disnaker", "35.07", clock()), officer("disnaker", "12", clock())
    officer("ppa", "35.07", clock())
    refs = [submit(store, ["D02", "R05"], clock())[1] for _ in range(2)]
    submit(store, ["D02"], clock(), village="12.01.01.1001")
    work(store, clock)
    before = len(told())
    clock.at = datetime(2026, 11, 23, 0, 59, tzinfo=UTC)  # Monday, a minute to eight
    for _ in range(2):
        for summary in digest.summaries(Rosters(clock())):
            digest.owe(summary, "console", Rosters(clock()))
        later(clock, minutes=1)
    for summary in digest.summaries(Rosters(clock())):
        digest.owe(summary, "console", Rosters(clock()))
    bodies = {m["officer"]: m["body"] for m in messages.listing()[before:]}
    assert len(messages.listing()) == before + 2
    assert (
        bodies[here.slug] == f"PMI mingguan: 2 kasus terbuka (2 SEDANG): {refs[0]}, {refs[1]}. Buka dasbor."
    )
    assert there.slug in bodies


def test_it_comes_at_eight_of_its_reader_and_what_came_since_or_was_answered_is_not_in_it(
    store: Store, clock: Clock
) -> None:
    west, east = officer("disnaker", "35.07", clock()), officer("disnaker", "53.01", clock())
    waits, answered, gone = (submit(store, ["D02"], clock()) for _ in range(3))
    submit(store, ["D02"], clock(), village=EAST)
    cases.acknowledge(west, answered[1], clock())
    submit(store, ["D08"], clock(), edits=gone[0])
    clock.at = MONDAY - timedelta(minutes=1)
    assert summed_up(clock) == {}
    clock.at = MONDAY  # eight in the morning WITA
    assert set(summed_up(clock)) == {east.slug}
    clock.at = MONDAY + timedelta(minutes=59)
    assert summed_up(clock) == {}
    clock.at = MONDAY + timedelta(hours=1, minutes=30)
    late = submit(store, ["D02"], clock())[1]
    assert summed_up(clock) == {
        west.slug: f"PMI mingguan: 1 kasus terbuka (1 SEDANG): {waits[1]}. Buka dasbor."
    }
    clock.at = MONDAY + timedelta(days=6, hours=12)  # Sunday evening is of the same week
    assert summed_up(clock) == {}
    clock.at = MONDAY + timedelta(days=8)  # nobody worked on Monday: it is made up for, once
    assert late in summed_up(clock)[west.slug]
    assert summed_up(clock) == {}
    assert {m.severity for m in Message.select().where(Message.kind == "digest")} == {"medium"}
