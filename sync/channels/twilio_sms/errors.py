"""What Twilio's error codes mean for a message (DOMAIN 7, whose sources are named there)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Meaning:
    """What to do. ``permanent``: no way to this number; ``administrator``: somebody must mend something."""

    text: str
    permanent: bool = False
    administrator: bool = False
    retry_after: timedelta | None = None


# Until somebody has mended the account, a message waits; it is tried now and then, so that it goes by itself.
_MENDING = timedelta(minutes=15)
_SLOWLY = timedelta(minutes=1)

MEANINGS: dict[int, Meaning] = {
    20003: Meaning("the account or its token is refused", administrator=True, retry_after=_MENDING),
    20404: Meaning("no such account", administrator=True, retry_after=_MENDING),
    20429: Meaning("too many requests", retry_after=_SLOWLY),
    21211: Meaning("not a valid number", permanent=True),
    21212: Meaning("the sender is not valid", administrator=True, retry_after=_MENDING),
    21408: Meaning("sending to this country is switched off", administrator=True, retry_after=_MENDING),
    21606: Meaning("the sender cannot send SMS", administrator=True, retry_after=_MENDING),
    21608: Meaning("trial account: the number is not verified", administrator=True, retry_after=_MENDING),
    21609: Meaning("the public URL is not valid for receipts", administrator=True, retry_after=_MENDING),
    21610: Meaning("the recipient has unsubscribed", permanent=True),
    21611: Meaning("the sender's queue is full", retry_after=_SLOWLY),
    21612: Meaning("the sender is not registered for this route", administrator=True, retry_after=_MENDING),
    21614: Meaning("not a mobile number", permanent=True),
    30001: Meaning("the sender's queue is full", retry_after=_SLOWLY),
    30002: Meaning("the account is suspended or without funds", administrator=True, retry_after=_MENDING),
    30003: Meaning("the phone is off or without signal", retry_after=timedelta(minutes=30)),
    30004: Meaning("blocked", permanent=True),
    30005: Meaning("unknown or inactive number", permanent=True),
    30006: Meaning("a landline, or a network that cannot be reached", permanent=True),
    30007: Meaning("taken for spam", permanent=True, administrator=True),
    30008: Meaning("unknown reason", retry_after=_SLOWLY),
    30036: Meaning("expired in the carrier's queue", retry_after=_SLOWLY),
    30042: Meaning("the sender's name is blocked", administrator=True, retry_after=_MENDING),
}
"""Codes of the API's answers and of receipts alike."""


def meaning_of(code: int | None, status: int) -> Meaning:
    """What a code means; for one that is not known, the HTTP status decides."""
    known = MEANINGS.get(code or 0)
    if known is not None:
        return known
    if status in (401, 403):
        return MEANINGS[20003]
    if status == 404:
        return MEANINGS[20404]
    if status >= 500:
        return Meaning("the carrier has a fault")
    # Refused for a reason nobody has written down yet: about the account as likely as about the number.
    return Meaning("refused", administrator=True, retry_after=_MENDING)
