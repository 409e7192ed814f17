"""Areas, counters, who did what, and when jobs ran."""

from __future__ import annotations

from peewee import BigIntegerField, CharField, CompositeKey, IntegerField, JSONField, TextField

from server.store.fields import UtcField
from server.store.models.base import Base


class Area(Base):
    """An administrative area of any level (ODbL data, see forms/library/wilayah)."""

    code = CharField(13, primary_key=True)
    parent = CharField(8, index=True)
    name = TextField()


class Counter(Base):
    """Numbers that only go up: case references by kecamatan, revisions of what phones can see."""

    name = CharField(40, primary_key=True)
    value = BigIntegerField()


class Event(Base):
    """Who did what, when: acknowledgements, closings, downloads, changes by edits. Never personal answers."""

    at = UtcField()
    actor = TextField()
    verb = CharField(40)
    subject = TextField(index=True)
    detail = JSONField(null=True)


class JobRun(Base):
    """The last run of a scheduled job in one process, so that somebody can see that it runs.

    ``succeeded_at`` is when it last ended well, ``failures`` how often it failed since.
    """

    job = CharField(40)
    worker = CharField(60)
    started_at = UtcField()
    ended_at = UtcField(null=True)
    error = TextField(null=True)
    succeeded_at = UtcField(null=True)
    failures = IntegerField(default=0)

    class Meta:
        """Peewee's options."""

        primary_key = CompositeKey("job", "worker")
