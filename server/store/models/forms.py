"""Published forms and editions of attached lists."""

from __future__ import annotations

from peewee import BlobField, BooleanField, CharField, IntegerField, JSONField, TextField

from server.store.fields import UtcField
from server.store.models.base import Base


class PublishedForm(Base):
    """One published version of a form. Its bytes never change (COLLECT 4.3).

    A ``draft`` is seen by draft desks only and never ``current``. A ``closed`` form is on no phone's list;
    what was filled in before still arrives, and counts unless the form is ``holding``: then staff decide.
    """

    form_id = TextField()
    version = TextField()
    title = TextField()
    hash = CharField(32)
    xform = TextField()
    definition = JSONField()
    workbook = BlobField()
    published_at = UtcField()
    current = BooleanField(default=True)
    draft = BooleanField(default=False)
    closed = BooleanField(default=False)
    holding = BooleanField(default=False)

    class Meta:
        """Peewee's options."""

        table_name = "form_version"
        indexes = ((("form_id", "version"), True),)


class AttachedList(Base):
    """One edition of an attached list (negara.csv ...). Editions are kept: verdicts name theirs.

    ``valid_from`` is since when it counts, ``set_at`` when and by whom it was given; ``set_by`` is ``shipped`` for
    the lists that come with this software, which a newer release may replace.
    """

    filename = TextField()
    edition = IntegerField()
    content = BlobField()
    hash = CharField(32)
    valid_from = UtcField()
    set_at = UtcField()
    set_by = TextField()

    class Meta:
        """Peewee's options."""

        indexes = ((("filename", "edition"), True),)
