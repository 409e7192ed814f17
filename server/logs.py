"""How a process logs: events with named fields, so that personal data has no place to slip in."""

from __future__ import annotations

import contextlib
import sys
import traceback
from pathlib import Path
from typing import TextIO, cast


class _StandardError:
    """Standard error as it is at the moment of writing: a logger outlives a stream that was put in its place.

    It may be a file on a disk that is full: what was to be answered must not fail for that.
    """

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return sys.stderr.write(text)
        return 0

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def where(error: BaseException) -> str:
    """The places in our code that an error came by. Its message may quote an answer and is never logged."""
    frames = traceback.extract_tb(error.__traceback__)
    return " ".join(f"{Path(f.filename).name}:{f.lineno}" for f in frames[-6:])


def configure_logs() -> None:
    """Logs are events with named fields, one line each, on standard error."""
    import structlog  # for processes that log; commands do not wait for it

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )
