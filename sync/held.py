"""Uploads that wait in quarantine are told to those who decide on them: once a day, without a word of what is in them.

Nobody judged what lies there, so somebody in danger may be among it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from server.settings import Quiet
from server.store import areas, contacts, hours, messages, officers, quarantine
from server.store.cases import OVERSEERS
from server.store.messages import NewMessage
from server.store.officers import Person
from sync.compose import held
from sync.notices import OF_USE


def tell(
    now: datetime, channel: str, quiet: Quiet, timezone: str, kinds: Collection[str] = contacts.KINDS
) -> int:
    """Owe the overseers nearest to each desk with something waiting a notice, unless they got one today.

    Whoever cannot be reached by one of the ``kinds`` of channel, which are those set up, does not count. Call inside
    a transaction. Returns how many messages were owed.
    """
    counts: dict[int, int] = {}
    people: dict[int, Person] = {}
    for village, waiting in quarantine.by_village().items():
        for person in _overseers(village, kinds):
            people[person.id] = person
            counts[person.id] = counts.get(person.id, 0) + waiting
    return sum(_owe(people[i], counts[i], now, channel, quiet, timezone) for i in sorted(people))


def _overseers(village: str, kinds: Collection[str]) -> list[Person]:
    found = [person for role in OVERSEERS for person in officers.reachable(role, village, kinds)]
    return found or contacts.reached(officers.administrators(), kinds)


def _owe(person: Person, count: int, now: datetime, channel: str, quiet: Quiet, timezone: str) -> int:
    zone = areas.zone(person.area, timezone)
    text = held(count)
    due_at = hours.send_at("high", zone, now, quiet)
    new = NewMessage(
        person.id,
        (),
        channel,
        person.phone or person.email or "",
        text.body,
        text.segments,
        due_at,
        severity="high",
        expires_at=due_at + OF_USE,
        kind="notice",
        key=f"held:{due_at.astimezone(zone):%Y-%m-%d}:{person.id}",
    )
    return int(messages.write(None, new, now) is not None)
