"""The channel of pilots, tests and the demo: messages are written to the log instead of sent."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from server.store.claims import Claimed
from sync.channels import Meaning, masked

log = structlog.get_logger()


class Console:
    """Writes each message to the log; ``show`` gets it as well. The recipient's number is masked."""

    name = "console"

    def __init__(self, show: Callable[[Claimed], None] | None = None) -> None:
        self._show = show

    def send(self, message: Claimed) -> str:
        """Write the message down."""
        log.info("sms", message=message.id, to=masked(message.recipient), body=message.body)
        if self._show is not None:
            self._show(message)
        return f"console-{message.id}"

    def find(self, message: Claimed) -> str | None:
        """A log cannot be asked: better twice on a screen than never."""
        return None

    def meaning(self, code: str) -> Meaning:
        """A log sends no receipts."""
        return Meaning("not written")
