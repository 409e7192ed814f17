"""Who did what, when. Subjects are references and codes, never personal answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from server.store.models import Event


def record(at: datetime, actor: str, verb: str, subject: str, **detail: Any) -> None:
    """Note that ``actor`` (an officer, ``desk:...`` or ``system``) did ``verb`` to ``subject``."""
    Event.insert(at=at, actor=actor, verb=verb, subject=subject, detail=detail or None).execute()


def once(at: datetime, actor: str, verb: str, subject: str, **detail: Any) -> bool:
    """As :func:`record`, unless that verb is noted of that subject already; returns whether it was new."""
    if Event.select().where((Event.subject == subject) & (Event.verb == verb)).exists():
        return False
    record(at, actor, verb, subject, **detail)
    return True


def since(at: datetime, verb: str) -> list[dict[str, Any]]:
    """What was noted under one verb since then, oldest first."""
    rows = Event.select().where((Event.verb == verb) & (Event.at >= at)).order_by(Event.id)
    return [{"at": e.at, "subject": e.subject, "detail": e.detail} for e in rows]


def of(subject: str) -> list[dict[str, Any]]:
    """What happened to one subject, oldest first."""
    return [
        {"at": e.at, "actor": e.actor, "verb": e.verb, "detail": e.detail}
        for e in Event.select().where(Event.subject == subject).order_by(Event.id)
    ]
