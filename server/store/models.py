"""The tables. Queries live in the modules named after their nouns, not here.

Areas are Kemendagri codes as text. Rows that a person's rights limit carry the codes of all levels
(``province`` ... ``village``), so that a scope is equality on either engine. Every index costs each submission a
page of the disk's flush, so there is one by area (province and time) and the few that identity needs.
"""

from __future__ import annotations

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    CompositeKey,
    DatabaseProxy,
    DateField,
    DecimalField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    TextField,
)

from server.store.fields import UtcField

database = DatabaseProxy()
"""Bound late, by :class:`server.store.database.Store`."""


class Base(Model):
    """What all tables share: the database that is bound late."""

    class Meta:
        """Peewee's options."""

        database = database
        legacy_table_names = False


class Area(Base):
    """An administrative area of any level (ODbL data, see forms/library/wilayah)."""

    code = CharField(13, primary_key=True)
    parent = CharField(8, index=True)
    name = TextField()


class Counter(Base):
    """Numbers that only go up: case references by kecamatan, revisions of what phones can see."""

    name = CharField(40, primary_key=True)
    value = BigIntegerField()


class PublishedForm(Base):
    """One published version of a form. Its bytes never change (COLLECT 4.3).

    A ``draft`` is seen by draft desks only and never ``current``. A ``closed`` form is on no phone's list;
    what was filled in before still arrives.
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


class Desk(Base):
    """A village desk: the phones of one village, with one set of credentials.

    No secret is stored: token and password derive from the home's key, the desk and its generation.
    A ``draft`` desk tries forms: it gets their drafts, and nothing that it sends counts.
    """

    slug = CharField(40, unique=True)
    name = TextField()
    province = CharField(2)
    regency = CharField(5, index=True)
    district = CharField(8)
    village = CharField(13, index=True)
    generation = IntegerField(default=1)
    token_hash = CharField(64, unique=True)
    created_at = UtcField()
    revoked_at = UtcField(null=True)
    draft = BooleanField(default=False)


class Officer(Base):
    """A person who answers alerts or reads registers. ``area`` is a code of any level, or ``ID``."""

    slug = CharField(60, unique=True)
    name = TextField()
    role = CharField(12)
    area = CharField(13, index=True)
    phone = TextField(null=True)
    email = TextField(null=True, unique=True)
    password_hash = TextField(null=True)
    created_at = UtcField()
    removed_at = UtcField(null=True)


class Session(Base):
    """A sign-in; the cookie's value is stored as a hash only."""

    token_hash = CharField(64, primary_key=True)
    officer = ForeignKeyField(Officer, on_delete="CASCADE")
    created_at = UtcField()
    expires_at = UtcField()


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
    """A file that a submission names. ``sha256`` is null until it has arrived."""

    submission = ForeignKeyField(Submission, on_delete="CASCADE")
    filename = TextField()
    expected = BooleanField()
    sha256 = CharField(64, null=True)
    size = BigIntegerField(null=True)
    content_type = TextField(null=True)
    received_at = UtcField(null=True)

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


class Case(Base):
    """What a submission with risk indicators opens: a reference without personal data, and its alerts."""

    ref = CharField(20, unique=True)
    form_id = TextField()
    root = TextField()
    submission = ForeignKeyField(Submission, on_delete="RESTRICT", index=False)
    province = CharField(2)
    regency = CharField(5)
    district = CharField(8)
    village = CharField(13)
    opened_at = UtcField()

    class Meta:
        """Peewee's options. ``case`` is a reserved word in SQL."""

        table_name = "risk_case"
        indexes = (
            (("form_id", "root"), True),
            (("province", "opened_at"), False),
        )


class Alert(Base):
    """One indicator of a case. ``owed`` is true from the submission's transaction until it was routed.

    ``recipients`` are roles joined by ``+``; ``restricted`` alerts exist for those roles alone.
    ``gone_at`` marks an indicator that an edit no longer shows: noted, never dropped. ``route_after`` is set
    while somebody whom the alert names cannot be reached: when to look for them again.
    """

    case = ForeignKeyField(Case, on_delete="CASCADE", index=False)
    indicator = CharField(12)
    severity = CharField(8)
    recipients = TextField()
    digest = BooleanField()
    restricted = BooleanField()
    state = CharField(12, default="open")
    owed = BooleanField(default=True)
    route_after = UtcField(null=True)
    opened_at = UtcField()
    acknowledged_at = UtcField(null=True)
    acknowledged_by = ForeignKeyField(Officer, null=True, on_delete="RESTRICT", index=False)
    closed_at = UtcField(null=True)
    closed_by = ForeignKeyField(Officer, null=True, on_delete="RESTRICT", index=False)
    result = TextField(null=True)
    gone_at = UtcField(null=True)

    class Meta:
        """Peewee's options."""

        indexes = ((("case", "indicator"), True),)


class Message(Base):
    """The outbox: one text to one person about one case. ``round`` counts anew when a case worsens.

    ``claimed_until`` is a lease: a sync process that died leaves its message to be examined after that.
    """

    case = ForeignKeyField(Case, on_delete="CASCADE", index=False)
    officer = ForeignKeyField(Officer, on_delete="RESTRICT", index=False)
    round = IntegerField(default=1)
    indicators = TextField()
    channel = CharField(20)
    recipient = TextField()
    body = TextField()
    segments = IntegerField()
    state = CharField(10, default="owed")
    created_at = UtcField()
    due_at = UtcField()
    claimed_until = UtcField(null=True)
    attempts = IntegerField(default=0)
    provider_id = TextField(null=True, index=True)
    error = TextField(null=True)
    sent_at = UtcField(null=True)
    delivered_at = UtcField(null=True)

    class Meta:
        """Peewee's options."""

        indexes = ((("case", "officer", "round"), True), (("state", "due_at"), False))


class Quarantine(Base):
    """Readable XML that could not be taken as it is. Kept for staff, so that no record is stuck on a phone."""

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
    state = CharField(12, default="held")

    class Meta:
        """Peewee's options. The same bytes arriving again are the same entry."""

        indexes = ((("form_id", "instance_id", "xml_hash"), True),)


class Entity(Base):
    """Something that is known again, such as a worker of the list ``pmi``: what phones of its village choose from.

    ``sealed`` holds label and properties, for all of it may identify a person; only what it is found by is open.
    ``list`` and ``uuid`` are the phone's words. ``conflict``: somebody changed it without knowing its newest
    version. Areas are those of the submission that created it.
    """

    list = TextField()
    uuid = CharField(36)
    province = CharField(2)
    regency = CharField(5)
    district = CharField(8)
    village = CharField(13)
    version = IntegerField()
    conflict = BooleanField()
    sealed = BlobField()
    created_at = UtcField()
    updated_at = UtcField()
    deleted_at = UtcField(null=True)

    class Meta:
        """Peewee's options."""

        indexes = ((("list", "uuid"), True), (("list", "province", "village"), False))


class EntityVersion(Base):
    """One version of an entity, and the submission that made it. ``sealed`` holds label and properties after it.

    ``origin`` is ``create``, ``update``, or ``forced`` for an update that was applied although what it builds on
    never came. ``base_version``, ``trunk_version`` and ``branch_id`` are the phone's (COLLECT 7.7 to 7.10).
    """

    entity = ForeignKeyField(Entity, on_delete="CASCADE", index=False)
    version = IntegerField()
    submission = ForeignKeyField(Submission, on_delete="CASCADE")
    origin = CharField(8)
    base_version = IntegerField()
    trunk_version = IntegerField()
    branch_id = CharField(36, null=True)
    sealed = BlobField()
    created_at = UtcField()

    class Meta:
        """Peewee's options."""

        indexes = ((("entity", "version"), True),)


class EntityBacklog(Base):
    """An update that came before the one it builds on, sealed as it stood in its submission."""

    list = TextField()
    uuid = CharField(36)
    branch_id = CharField(36)
    base_version = IntegerField()
    submission = ForeignKeyField(Submission, on_delete="CASCADE")
    village = CharField(13)
    sealed = BlobField()
    held_at = UtcField(index=True)

    class Meta:
        """Peewee's options."""

        indexes = ((("uuid", "branch_id", "base_version"), False),)


class Event(Base):
    """Who did what, when: acknowledgements, closings, downloads, changes by edits. Never personal answers."""

    at = UtcField()
    actor = TextField()
    verb = CharField(40)
    subject = TextField(index=True)
    detail = JSONField(null=True)


class JobRun(Base):
    """The last run of a scheduled job, so that somebody can see that it runs."""

    job = CharField(40)
    worker = CharField(60)
    started_at = UtcField()
    ended_at = UtcField(null=True)
    error = TextField(null=True)

    class Meta:
        """Peewee's options."""

        primary_key = CompositeKey("job", "worker")


# Most submissions are no edits and most alerts are not owed: these indexes hold only the few that are asked for.
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
Alert.add_index(Alert.index(Alert.id, where=Alert.owed == True, name="alert_owed"))  # noqa: E712 - SQL

TABLES: tuple[type[Base], ...] = (
    Area, Counter, PublishedForm, AttachedList, Desk, Officer, Session, Submission, Attachment, Register,
    Case, Alert, Message, Quarantine, Entity, EntityVersion, EntityBacklog, Event, JobRun,
)  # fmt: skip
