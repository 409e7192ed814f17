"""Exports that are remembered, and the queue of those to be written."""

from __future__ import annotations

from peewee import (
    BigIntegerField,
    BlobField,
    CharField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from server.store.fields import UtcField
from server.store.models.base import Base


class SavedExport(Base):
    """An export of a form that somebody makes again and again under a name.

    ``last_id`` is the number of the newest submission that an incremental one has given. ``request`` and
    ``next_at`` are set for one that is made by the clock, ``sealed`` where its files are locked with a password.
    ``owner`` is an officer's slug, or ``operator``. A report's ``form_id`` is empty: it is of more than one form.
    """

    owner = TextField()
    name = TextField()
    form_id = TextField()
    last_id = BigIntegerField(null=True)
    last_at = UtcField(null=True)
    request = JSONField(null=True)
    next_at = UtcField(null=True, index=True)
    created_at = UtcField()
    sealed = BlobField(null=True)

    class Meta:
        """Peewee's options."""

        indexes = ((("owner", "name", "form_id"), True),)


class ExportJob(Base):
    """A file to be written by the sync process, or that was. ``token`` is its name in addresses and on disk.

    ``role`` and ``area`` are those of the owner when it was ordered. ``sealed`` holds the file's password until it
    is written. ``claimed_until`` is a lease: whoever died leaves the job to another after that. ``expires_at``:
    when the file goes. ``address`` is a keyed hash of its content.
    """

    token = CharField(32, unique=True)
    owner = TextField()
    role = TextField()
    area = CharField(13)
    form_id = TextField()
    kind = CharField(8)
    request = JSONField()
    saved = ForeignKeyField(SavedExport, null=True, on_delete="SET NULL", index=False)
    sealed = BlobField(null=True)
    state = CharField(10, default="waiting")
    done = IntegerField(default=0)
    total = IntegerField(default=0)
    attempts = IntegerField(default=0)
    ordered_at = UtcField()
    ended_at = UtcField(null=True)
    claimed_by = TextField(null=True)
    claimed_until = UtcField(null=True)
    rows = IntegerField(null=True)
    size = BigIntegerField(null=True)
    address = CharField(64, null=True)
    error = TextField(null=True)
    expires_at = UtcField(null=True)

    class Meta:
        """Peewee's options."""

        indexes = ((("state", "ordered_at"), False), (("owner", "ordered_at"), False))
