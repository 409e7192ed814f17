"""How fast somebody may try passwords. One number a key, in the database: a restart forgets nothing.

Each attempt costs some seconds, and the seconds run off by themselves. Whoever owes less than a limit may try
at once; beyond it, attempts are slowed to one every so many seconds (the "generic cell rate algorithm").
Nobody is ever locked out, and a successful sign-in gives its cost back.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import Case as Switch
from peewee import Value

from forms.problems import Problem, Problems
from server.store.fields import to_micros
from server.store.models import Counter

_PREFIX = "try:"


@dataclass(frozen=True)
class Allowance:
    """What may be tried under ``key`` (a keyed hash, never a name): ``burst`` at once, then one ``every``."""

    key: str
    burst: int
    every: timedelta

    @property
    def name(self) -> str:
        """The row's name; 40 characters at most."""
        return _PREFIX + self.key[:36]


def network(address: str) -> str:
    """The address, or the /64 of an IPv6 one, since a single customer has all of that."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(parsed) if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))


def check(allowances: Sequence[Allowance], now: datetime) -> None:
    """Raises :class:`Problem` (SIGN_IN_SLOWED) where one of them is used up. Writes nothing."""
    rows = Counter.select().where(Counter.name.in_([a.name for a in allowances]))
    owed = {row.name: row.value - to_micros(now) for row in rows}
    for allowance in allowances:
        cost = allowance.every // timedelta(microseconds=1)
        wait = owed.get(allowance.name, 0) - (allowance.burst - 1) * cost
        if wait > 0:
            raise Problem(Problems.SIGN_IN_SLOWED, seconds=math.ceil(wait / 1_000_000))


def take(allowances: Sequence[Allowance], now: datetime) -> None:
    """Note one attempt under each, before it is made. Raises as :func:`check`. Call inside a transaction.

    One statement decides, so that attempts made side by side, even by two processes, cannot pass together.
    """
    at = to_micros(now)
    _sweep(at)
    for allowance in allowances:
        cost = allowance.every // timedelta(microseconds=1)
        later = Switch(None, [(Counter.value > at, Counter.value)], Value(at)) + cost
        taken = (
            Counter.insert(name=allowance.name, value=at + cost)
            .on_conflict(
                conflict_target=[Counter.name],
                update={Counter.value: later},
                where=Counter.value <= at + (allowance.burst - 1) * cost,
            )
            .returning(Counter.value)
            .execute()
        )
        if not list(taken):
            check([allowance], now)


def give_back(allowances: Sequence[Allowance], now: datetime) -> None:
    """The attempt was a right one: it costs nothing."""
    for allowance in allowances:
        Counter.update(value=Counter.value - allowance.every // timedelta(microseconds=1)).where(
            Counter.name == allowance.name
        ).execute()
    _sweep(to_micros(now))


def _sweep(at: int) -> None:
    """Rows that have run off say nothing any more."""
    Counter.delete().where(Counter.name.startswith(_PREFIX) & (Counter.value < at)).execute()
