"""What only the administrator can mend is told to them: once a day, to all of them, e-mail before SMS."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from server.store import contacts, events, messages, officers
from server.store.messages import NewMessage
from sync.channels import Trouble
from sync.compose import notice

log = structlog.get_logger()

OF_USE = timedelta(hours=24)


def tell(
    trouble: Trouble,
    detail: str,
    now: datetime,
    zone: ZoneInfo,
    kinds: Collection[str] = contacts.KINDS,
) -> int:
    """Owe the administrators a notice, inside a transaction, unless they got one of this kind today.

    ``detail`` names a code or a cap for the record, nothing personal; ``kinds`` are the kinds of channel that are set
    up. Returns how many messages were owed.
    """
    text = notice(trouble)
    day = f"{now.astimezone(zone):%Y-%m-%d}"
    owed = 0
    for person in contacts.reached(officers.administrators(), kinds):
        new = NewMessage(
            person.id,
            (),
            "twilio_sms",
            person.phone or person.email or "",
            text.body,
            text.segments,
            now,
            severity="medium",
            expires_at=now + OF_USE,
            kind="notice",
            key=f"notice:{trouble}:{day}:{person.id}",
        )
        owed += messages.write(None, new, now) is not None
    if events.once(now, "system", "carrier.trouble", f"{trouble}:{day}", detail=detail):
        log.error("carrier.trouble", trouble=str(trouble), detail=detail)
    return owed
