"""What messages cost, and the caps: segments and money by hour, month, person and case.

Counted in the database as messages are claimed, so that several sync processes share one purse. What a carrier
refused is given back: it is not charged. Hours are UTC's, months those of the installation's zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from peewee import fn

from server.store.models import Counter, Delivery, Message

MICROS = 1_000_000
"""Parts of the currency's unit in which costs are kept."""


_ZONE = ZoneInfo("Asia/Jakarta")


@dataclass(frozen=True)
class Limits:
    """The caps, 0 for none: segments an hour for one person, of a case in all, an hour, a month; cost a month.

    ``prices`` are millionths of the currency for a segment, by channel; channels without one cost nothing and
    are not counted at all.
    """

    person_hour: int = 0
    case: int = 0
    hour: int = 0
    month: int = 0
    month_cost: int = 0
    prices: Mapping[str, int] = field(default_factory=dict)
    zone: ZoneInfo = _ZONE

    def cost(self, channel: str, segments: int) -> int:
        """What so many segments cost there."""
        return self.prices.get(channel, 0) * segments


@dataclass(frozen=True)
class Purse:
    """One message as the caps see it."""

    officer_id: int
    case_id: int | None
    segments: int
    cost: int
    at: datetime


def exceeded(purse: Purse, limits: Limits) -> str | None:
    """The cap that this message would break: ``case``, ``person``, ``hour``, ``month``, ``cost``, or None."""
    names = _names(purse, limits.zone)
    used = _used(list(names.values()))
    for cap, limit in (("person", limits.person_hour), ("hour", limits.hour), ("month", limits.month)):
        if limit and used.get(names[cap], 0) + purse.segments > limit:
            return cap
    if limits.month_cost and used.get(names["cost"], 0) + purse.cost > limits.month_cost:
        return "cost"
    if limits.case and purse.case_id is not None and _of_case(purse.case_id) + purse.segments > limits.case:
        return "case"
    return None


def spend(purse: Purse, limits: Limits) -> None:
    """Count a message that is about to go. In the transaction that claims it."""
    _add(purse, limits, 1)


def give_back(purse: Purse, limits: Limits) -> None:
    """The carrier refused it: it costs nothing. ``purse.at`` is when it was counted."""
    _add(purse, limits, -1)


def _add(purse: Purse, limits: Limits, sign: int) -> None:
    for cap, name in _names(purse, limits.zone).items():
        more = sign * (purse.cost if cap == "cost" else purse.segments)
        if more:
            Counter.insert(name=name, value=more).on_conflict(
                conflict_target=[Counter.name], update={Counter.value: Counter.value + more}
            ).execute()


def _names(purse: Purse, zone: ZoneInfo) -> dict[str, str]:
    hour = f"{purse.at:%Y%m%d%H}"
    month = f"{purse.at.astimezone(zone):%Y%m}"
    return {
        "person": f"sent:{hour}:{purse.officer_id}",
        "hour": f"sent:{hour}",
        "month": f"sent:month:{month}",
        "cost": f"sent:cost:{month}",
    }


def _used(names: list[str]) -> dict[str, int]:
    return dict(Counter.select(Counter.name, Counter.value).where(Counter.name.in_(names)).tuples())


def _of_case(case_id: int) -> int:
    went = Delivery.select(fn.SUM(Delivery.segments)).join(Message).where(Message.case == case_id)
    return int(went.scalar() or 0)


def month(now: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """(segments, cost in millionths) of the month that ``now`` lies in."""
    stamp = f"{now.astimezone(zone):%Y%m}"
    used = _used([f"sent:month:{stamp}", f"sent:cost:{stamp}"])
    return used.get(f"sent:month:{stamp}", 0), used.get(f"sent:cost:{stamp}", 0)


def forget(now: datetime) -> int:
    """Sweep out the counts of hours long gone; those of months stay. Returns how many rows."""
    oldest = f"sent:{now - timedelta(days=2):%Y%m%d%H}"
    hours = (Counter.name >= "sent:0") & (Counter.name < oldest)
    return int(Counter.delete().where(hours).execute())


def by_channel() -> Iterator[tuple[str, int, int]]:
    """(channel, segments, cost in millionths) of all that was handed to carriers and not refused, ever."""
    rows = (
        Delivery.select(Delivery.channel, fn.SUM(Delivery.segments), fn.SUM(Delivery.cost))
        .group_by(Delivery.channel)
        .order_by(Delivery.channel)
    )
    for channel, segments, cost in rows.tuples():
        yield channel, int(segments), int(cost)
