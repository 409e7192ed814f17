"""What those who send and the store say to each other about a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from server.settings import Quiet
from server.store import hours
from server.store.spending import Limits


@dataclass(frozen=True)
class Claimed:
    """A message that this process alone may send now. ``ref`` is empty where it is of no case.

    ``unsure``: an earlier attempt may have got through. ``removed``: its officer left since that attempt, so the
    carrier may be asked, but nothing more is to be sent. ``since`` is when it was first handed over; ``known``
    are the carrier's ids of other messages to this recipient. ``retries`` counts failures on this way, ``ways``
    are those that are left, this one among them. ``broke`` names a cap that it breaks, being critical.
    ``trying_since`` is when it was first handed over by any way, or should have been.
    """

    id: int
    ref: str
    channel: str
    recipient: str
    body: str
    created_at: datetime
    attempts: int
    unsure: bool
    removed: bool
    kind: str = "alert"
    severity: str = "high"
    segments: int = 1
    expires_at: datetime | None = None
    since: datetime | None = None
    known: frozenset[str] = frozenset()
    retries: int = 0
    ways: int = 1
    bounced: str | None = None
    broke: str | None = None
    trying_since: datetime | None = None


@dataclass(frozen=True)
class Capped:
    """A message that a cap keeps from going by itself: a digest is to tell of it. ``cap`` names which."""

    id: int
    cap: str


@dataclass(frozen=True)
class Setup:
    """What this installation sends with: the channels set up, by their kind, the caps, and the hours at night."""

    channels: Mapping[str, str]
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    quiet: Quiet = hours.NIGHT


Action = Literal["retry", "unsure", "finish", "elsewhere"]


@dataclass(frozen=True)
class Verdict:
    """What is to become of a message that a carrier did not take, or not deliver.

    ``retry`` the same way at ``due_at``; ``unsure``: ask at ``due_at``; ``finish`` this way and take the next, or
    give up and let others hear; ``elsewhere``: another way now, where there is one, else this one at ``due_at``.
    ``dead``: nothing gets through to that address. ``counts``: it is one more failure on this way. ``hand_on``:
    others are owed it already, though this person has ways left. ``charged``: the carrier did take it. ``unsure``:
    nobody knows whether it went this way, and it goes another way all the same.
    """

    action: Action
    error: str
    due_at: datetime
    code: str = ""
    dead: bool = False
    counts: bool = False
    hand_on: bool = False
    charged: bool = False
    unsure: bool = False


@dataclass(frozen=True)
class Settled:
    """What a verdict did: the message's new state, whether others are owed it, whether an address was marked."""

    state: str
    handed_on: bool = False
    marked: bool = False
