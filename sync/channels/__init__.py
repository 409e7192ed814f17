"""Ways to reach a person, one folder each, all behind the same three questions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from server.store.claims import Claimed


class Trouble(StrEnum):
    """What only the administrator can mend. They are told of each once a day."""

    ACCOUNT = "account"
    SENDER = "sender"
    SPAM = "spam"
    TEMPLATE = "template"
    ADDRESS = "address"
    CAP = "cap"
    DOWN = "down"
    OTHER = "other"


class Remedy(StrEnum):
    """What to do with a message that a carrier refused or did not deliver."""

    RETRY = "retry"
    """The same way again: at the pauses of a ladder where there is one, then the next way; else again and again."""
    NEXT = "next"
    """This way is of no use for this message: the next one, or the next person."""
    ELSEWHERE = "elsewhere"
    """Another way now, where there is one; this one again once somebody has mended it."""


@dataclass(frozen=True)
class Meaning:
    """What a carrier's code means.

    ``pauses``: after each failure on this way so long, then it is given up. ``dead``: mark the address.
    ``others_too``: once given up, the next person hears as well, though this one has ways left. ``crowded``: the
    whole channel should pause. ``pause``: not before then.
    """

    text: str
    remedy: Remedy = Remedy.RETRY
    pauses: tuple[timedelta, ...] = ()
    dead: bool = False
    others_too: bool = False
    crowded: bool = False
    trouble: Trouble | None = None
    pause: timedelta | None = None


class TransportError(Exception):
    """The carrier did not take a message, or nobody knows whether it did.

    ``reason`` is kept with the message and logged: it names what happened (``twilio 21211: not a valid
    number``), never the number or the text. ``unsure``: it may have got through. ``retry_after``: the carrier's
    own word on when to come again.
    """

    def __init__(
        self,
        reason: str,
        meaning: Meaning | None = None,
        *,
        code: str = "",
        unsure: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.meaning = meaning or Meaning(reason)
        self.code = code
        self.unsure = unsure
        self.retry_after = retry_after


class Channel(Protocol):
    """A carrier. Calls block, for less than the lease of a claim, and may come from several threads."""

    name: str

    def send(self, message: Claimed) -> str:
        """Hand the message to the carrier; returns the carrier's id. Raises :class:`TransportError`."""

    def find(self, message: Claimed) -> str | None:
        """The carrier's id of a message that an earlier attempt may have handed over, or None.

        Raises :class:`TransportError` (``unsure``) where the carrier cannot be asked.
        """

    def meaning(self, code: str) -> Meaning:
        """What a code in a receipt means."""


def masked(recipient: str) -> str:
    """A number or address as logs may show it: ``+628*******01``."""
    return recipient[:4] + "*" * max(len(recipient) - 6, 0) + recipient[-2:]
