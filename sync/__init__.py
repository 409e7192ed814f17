"""The scheduler, the outbox and its channels. Takes no HTTP requests."""

from __future__ import annotations

from sync.scheduler import Sync, build_sync, stop_on_signals

__all__ = ["Sync", "build_sync", "stop_on_signals"]
