"""What Twilio calls back: receipts and replies, believed only with its signature."""

from __future__ import annotations

from server.webhooks.twilio import add_routes

__all__ = ["add_routes"]
