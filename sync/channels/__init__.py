"""Ways to reach a person, one folder each, all behind the same two questions."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from server.store.messages import Claimed


class TransportError(Exception):
    """The carrier did not take a message, or nobody knows whether it did.

    ``reason`` is kept with the message and logged: it names what happened (``twilio 21211: not a valid
    number``), never the number or the text. ``permanent``: it will not go this way. ``unsure``: it may have
    got through. ``administrator``: somebody must mend the account or the settings first. ``retry_after``: not
    before then.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        unsure: bool = False,
        administrator: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.unsure = unsure
        self.administrator = administrator
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


def masked(recipient: str) -> str:
    """A number as logs may show it: ``+628*******01``."""
    return recipient[:4] + "*" * max(len(recipient) - 6, 0) + recipient[-2:]
