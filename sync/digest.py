"""The weekly digest: what waits on the pages and is not urgent enough for a message of its own.

One message a person and week, on the morning of the week's first working day where they live: how many cases wait,
and the references that fit into one SMS, the oldest first. It goes to those who
are on duty for the roles that the alerts name, and counts only what is addressed to them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from server.store import hours, messages, owed
from server.store.messages import NewMessage
from server.store.officers import Person
from server.store.owed import Waits
from server.store.rosters import Rosters
from sync import ladder
from sync.compose import Ref, digest


@dataclass
class Summary:
    """What a person is told of in a week, oldest first."""

    person: Person
    waits: list[Waits] = field(default_factory=list)


def summaries(rosters: Rosters) -> list[Summary]:
    """Who is to be told of what by this week's digest, as far as it is due where they live. Reads only."""
    now = rosters.now
    found: dict[int, Summary] = {}
    for waits in owed.for_digest():
        people: dict[int, Person] = {}
        for role in waits.alert.recipients:
            _, there = ladder.first(ladder.of_role(role, waits.alert, waits.village, rosters))
            people.update((person.id, person) for person in there)
        for person in people.values():
            due = hours.digest_due(person.area, now)
            if due <= now and waits.opened_at < due:
                found.setdefault(person.id, Summary(person)).waits.append(waits)
    return [found[i] for i in sorted(found)]


def owe(summary: Summary, channel: str, rosters: Rosters) -> bool:
    """Owe somebody this week's digest; False where they have it. Call inside a transaction: the key decides."""
    person, now = summary.person, rosters.now
    levels = {waits.ref: waits.alert.severity for waits in summary.waits}
    text = digest(Counter(levels.values()), [Ref(ref) for ref in levels], weekly=True)
    send = rosters.tell_at("high", person)
    message = NewMessage(
        person.id,
        tuple(dict.fromkeys(waits.alert.indicator for waits in summary.waits)),
        channel,
        person.phone or person.email or "",
        text.body,
        text.segments,
        send,
        severity="medium",
        expires_at=hours.fresh_until("medium", send),
        kind="digest",
        key=f"digest:{person.id}:{hours.week(now, person.area)}",
    )
    return messages.write(None, message, now) is not None
