"""What the intake is given, and what it says became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from forms.problems import Problem
from server.store.attachments import NewFile
from server.store.desks import KnownDesk


@dataclass(frozen=True)
class Oversized:
    """XML above the limit: its SHA-256, and the file that holds it (None where there was no room for it)."""

    digest: str
    document: NewFile | None


@dataclass(frozen=True)
class Upload:
    """What a door hands over: the XML as it came, the files (already durable), and from whom.

    ``received_at`` is set where it came some time ago, and was held until now. ``left_out`` says why files that came
    along are not among ``files``. ``oversized`` stands in place of XML that is too large to be read.
    """

    xml: bytes
    desk: KnownDesk
    device_id: str | None
    files: list[NewFile] = field(default_factory=list)
    received_at: datetime | None = None
    left_out: Problem | None = None
    oversized: Oversized | None = None


@dataclass(frozen=True)
class Receipt:
    """What became of an upload. ``ref`` is the case's reference, where one was opened.

    ``problem`` says why it was refused, ``reason`` (a code) why it is held; ``files_kept`` whether rows name the
    files that came along, but for those at the addresses ``unnamed``. ``left_out`` says why the phone must keep files
    although the rest was taken.
    """

    state: Literal["new", "known", "quarantined", "refused"]
    instance_id: str
    ref: str | None = None
    submission_id: int | None = None
    problem: Problem | None = None
    files_kept: bool = True
    unnamed: frozenset[str] = frozenset()
    left_out: Problem | None = None
    reason: str = ""
