"""Taking turns, in the kernel's keeping: a lock that no process takes past another one that waits for it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(file: Path, after: Path) -> Iterator[None]:
    """Hold the lock of ``file``, got while holding that of ``after``. Both are made where they are missing.

    Two, because the kernel gives a lock that became free to whoever asks first, which is mostly the one who just
    gave it back. Who has ``after`` is next for ``file``, and who comes back at once has to queue for ``after``.
    """
    queueing = _wait_for(after)
    try:
        held = _wait_for(file)
    finally:
        os.close(queueing)
    try:
        yield
    finally:
        os.close(held)


def _wait_for(file: Path) -> int:
    """A descriptor that holds the file's lock; closing it gives the lock back."""
    # one of its own each time: that is what the kernel tells holders apart by
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
