"""How a person can be reached: kinds of channel in their order, less the addresses that carriers gave up on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from forms.problems import Problem, Problems
from server.store.models import DeadAddress, Officer

if TYPE_CHECKING:
    from server.store.officers import Person

KINDS = ("whatsapp", "sms", "email")
"""Kinds of channel, in the order in which somebody is reached who has none of their own."""


@dataclass(frozen=True)
class Way:
    """A kind of channel and the address there: a number in E.164, or an e-mail address."""

    kind: str
    address: str


def kind_of(channel: str) -> str:
    """The kind of a channel by its name: SMS for all that say no other (``twilio_sms``, ``console``)."""
    return next((kind for kind in KINDS if channel.endswith(kind)), "sms")


def order(channels: str) -> str:
    """An order of kinds as it is kept, from ``"sms, whatsapp"``; empty stays empty, for the usual order.

    Raises :class:`Problem` (SETTING_INVALID) naming the option.
    """
    kinds = channels.replace(",", " ").lower().split()
    if not set(kinds) <= set(KINDS) or len(set(kinds)) != len(kinds):
        raise Problem(Problems.SETTING_INVALID, name="--channels", detail="each once, of " + " ".join(KINDS))
    return " ".join(kinds)


def ways(person: Person, without: Collection[Way] = ()) -> list[Way]:
    """All that may reach a person, best first. Empty: somebody else must be told."""
    return living([person], without)[person.id]


def living(people: Iterable[Person], without: Collection[Way] = ()) -> dict[int, list[Way]]:
    """:func:`ways` of several people, by their id, in one query."""
    found = {person.id: _written(person) for person in people}
    addresses = {way.address for ways in found.values() for way in ways}
    marked = DeadAddress.select(DeadAddress.kind, DeadAddress.address)
    dead = {Way(*row) for row in marked.where(DeadAddress.address.in_(list(addresses))).tuples()}
    return {i: [w for w in ways if w not in dead and w not in without] for i, ways in found.items()}


def reached(people: Sequence[Person], kinds: Collection[str] = KINDS) -> list[Person]:
    """Those with an address that works, by one of the ``kinds`` of channel that are set up."""
    ways = living(people)
    return [person for person in people if any(way.kind in kinds for way in ways[person.id])]


def _written(person: Person) -> list[Way]:
    kinds = person.channels or KINDS
    addresses = {"whatsapp": person.phone, "sms": person.phone, "email": person.email}
    return [Way(kind, address) for kind in kinds if (address := addresses[kind])]


def mark_dead(way: Way, code: str, now: datetime) -> bool:
    """Nothing gets through to this address: use it no more. False where that was known."""
    made = (
        DeadAddress.insert(kind=way.kind, address=way.address, code=code, at=now)
        .on_conflict_ignore()
        .execute()
    )
    return bool(made)


def revive(address: str, kind: str | None = None) -> int:
    """An address works after all, or was written down anew; returns how many marks were taken off."""
    of = DeadAddress.address == address
    return int(DeadAddress.delete().where(of if kind is None else of & (DeadAddress.kind == kind)).execute())


def given_up() -> list[dict[str, Any]]:
    """Officers in service with an address that carriers gave up on, for ``doctor``: name of record, kind, code."""
    rows = (
        DeadAddress.select(DeadAddress.kind, DeadAddress.code, Officer.slug)
        .join(Officer, on=(Officer.phone == DeadAddress.address) | (Officer.email == DeadAddress.address))
        .where(Officer.removed_at.is_null())
        .order_by(Officer.slug, DeadAddress.kind)
        .tuples()
    )
    return [{"officer": slug, "kind": kind, "code": code} for kind, code, slug in rows]
