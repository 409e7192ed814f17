"""What phones sent: submissions, attachments, the register, quarantine."""

from __future__ import annotations

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    DateField,
    DecimalField,
    ForeignKeyField,
    JSONField,
    TextField,
)

from server.store.fields import UtcField
from server.store.models.base import Base
from server.store.models.people import Desk


class Submission(Base):
    """What a phone sent: the evidence as it came, and the typed answers beside it.

    ``xml`` and ``sealed`` pass through :mod:`server.store.sealing`; ``answers`` holds only what is not marked
    sensitive. An edit is a row of its own with the same ``root``; only the newest is ``current``.
    ``draft`` marks what a draft desk sent: a trial that opens no case and stands in no list, register or export.
    """

    instance_id = TextField()
    form_id = TextField()
    version = TextField()
    root = TextField()
    deprecated_id = TextField(null=True)
    current = BooleanField(default=True)
    desk = ForeignKeyField(Desk, null=True, on_delete="RESTRICT", index=False)
    province = CharField(2)
    regency = CharField(5)
    district = CharField(8)
    village = CharField(13)
    received_at = UtcField()
    device_id = TextField(null=True)
    xml = BlobField()
    xml_hash = CharField(64)
    answers = JSONField()
    sealed = BlobField()
    indicators = JSONField()
    verdict = JSONField()
    draft = BooleanField(default=False)

    class Meta:
        """Peewee's options."""

        indexes = (
            (("form_id", "instance_id"), True),
            (("form_id", "province", "received_at"), False),
        )


class Attachment(Base):
    """A file that a submission names, or that came with it unasked (not ``expected``).

    ``sha256`` is null until it has arrived, then its address: a keyed SHA-256 of its content. ``question`` holds
    the paths of the questions that name it, with spaces between.
    """

    submission = ForeignKeyField(Submission, on_delete="CASCADE")
    filename = TextField()
    expected = BooleanField()
    sha256 = CharField(64, null=True)
    size = BigIntegerField(null=True)
    content_type = TextField(null=True)
    received_at = UtcField(null=True)
    question = TextField(null=True)

    class Meta:
        """Peewee's options."""

        indexes = ((("submission", "filename"), True),)


class Register(Base):
    """What recaps and pairing ask of departures and returns, as real columns. Rebuilt from the XML if need be.

    ``nik_key`` and ``phone_key`` are keyed hashes: found again, not read.
    """

    submission = ForeignKeyField(Submission, primary_key=True, on_delete="CASCADE")
    form_id = TextField()
    province = CharField(2)
    regency = CharField(5)
    district = CharField(8)
    village = CharField(13)
    consent = BooleanField()
    visit_date = DateField(null=True)
    event_date = DateField(null=True)
    sex = TextField(null=True)
    birth_date = DateField(null=True)
    country = TextField(null=True)
    sector = TextField(null=True)
    scheme = TextField(null=True)
    status = TextField(null=True)
    cost_idr = DecimalField(18, 2, null=True)
    nik_key = CharField(64, null=True, index=True)
    phone_key = CharField(64, null=True)

    class Meta:
        """Peewee's options."""

        indexes = ((("form_id", "province", "event_date"), False),)


class Quarantine(Base):
    """An upload that could not be taken as it is. Kept for staff, so that nothing gets lost between phone and desk.

    ``size`` counts the bytes of the XML and of the files that came along. What staff decided (``state``) names
    its officer, ``note`` seals their reason, ``submission`` is the one that it became or is the same as.
    """

    desk = ForeignKeyField(Desk, null=True, on_delete="RESTRICT")
    received_at = UtcField()
    reason = TextField()
    form_id = TextField()
    version = TextField()
    instance_id = TextField()
    device_id = TextField(null=True)
    xml = BlobField()
    xml_hash = CharField(64)
    files = JSONField()
    size = BigIntegerField(default=0)
    state = CharField(12, default="held")
    decided_at = UtcField(null=True)
    decided_by = TextField(null=True)
    note = BlobField(null=True)
    submission = ForeignKeyField(Submission, null=True, on_delete="SET NULL")

    class Meta:
        """Peewee's options. The same bytes arriving again are the same entry."""

        indexes = ((("form_id", "instance_id", "xml_hash"), True),)


# Most submissions are no edits, most uploads decided: these indexes hold only the few that are asked for.
Submission.add_index(
    Submission.index(
        Submission.form_id,
        Submission.root,
        where=Submission.root != Submission.instance_id,
        name="submission_edited_root",
    )
)
Submission.add_index(
    Submission.index(
        Submission.deprecated_id, where=Submission.deprecated_id.is_null(False), name="submission_edit_of"
    )
)
Attachment.add_index(
    Attachment.index(Attachment.submission, where=Attachment.sha256.is_null(), name="attachment_missing")
)
Quarantine.add_index(
    Quarantine.index(Quarantine.id, where=Quarantine.state == "held", name="quarantine_held")
)
# Each upload asks how much of its desk waits. All that this takes is here: in the table it stands behind the XML, so
# that gigabytes would be read.
Quarantine.add_index(
    Quarantine.index(
        Quarantine.desk, Quarantine.state, Quarantine.reason, Quarantine.size, name="quarantine_room"
    )
)
