"""Cases, their alerts, the outbox and what became of each handing-over to a carrier."""

from __future__ import annotations

from peewee import BigIntegerField, BooleanField, CharField, ForeignKeyField, IntegerField, TextField

from server.store.fields import UtcField
from server.store.models.base import Base
from server.store.models.people import Officer
from server.store.models.submissions import Submission


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
    ``escalate_at`` is when the next person is told unless somebody acknowledges before, ``rung`` how far up the
    alert has come (:mod:`server.store.steps`). ``remind_at`` is when whoever took it on is reminded of the
    follow-up, ``reminded`` how often they were. ``assigned_to`` is who was asked to take it on.
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
    escalate_at = UtcField(null=True)
    rung = IntegerField(default=0)
    remind_at = UtcField(null=True)
    reminded = IntegerField(default=0)
    assigned_to = ForeignKeyField(Officer, null=True, on_delete="RESTRICT", index=False)
    assigned_at = UtcField(null=True)

    class Meta:
        """Peewee's options."""

        indexes = ((("case", "indicator"), True),)


class Message(Base):
    """The outbox: one text to one person, of a case or (digests, notices) of none. ``round`` counts within a case.

    ``claimed_until`` is a lease: a sync process that died leaves its message to be examined after that.
    ``severity`` is the gravest that the text tells of; ``expires_at`` when it would only mislead. ``key`` names
    what must exist once only (a week's digest). ``channel`` and ``recipient`` are the way that it takes now,
    ``retries`` counts failures on that way, ``bounced`` is the carrier's word that the outbox has yet to judge.
    ``handed_on_at``: when others were owed it, because this person cannot be reached. ``folded`` is the digest
    that tells of it instead.
    """

    case = ForeignKeyField(Case, null=True, on_delete="CASCADE", index=False)
    officer = ForeignKeyField(Officer, on_delete="RESTRICT", index=False)
    round = IntegerField(default=1)
    kind = CharField(12, default="alert")
    severity = CharField(8, default="high")
    key = CharField(80, null=True, unique=True)
    indicators = TextField()
    channel = CharField(20)
    recipient = TextField()
    body = TextField()
    segments = IntegerField()
    state = CharField(10, default="owed")
    created_at = UtcField()
    due_at = UtcField()
    expires_at = UtcField(null=True)
    claimed_until = UtcField(null=True)
    attempts = IntegerField(default=0)
    retries = IntegerField(default=0)
    bounced = TextField(null=True)
    provider_id = TextField(null=True, index=True)
    error = TextField(null=True)
    sent_at = UtcField(null=True)
    delivered_at = UtcField(null=True)
    read_at = UtcField(null=True)
    handed_on_at = UtcField(null=True)
    folded = ForeignKeyField("self", null=True, on_delete="SET NULL", index=False)

    class Meta:
        """Peewee's options."""

        indexes = ((("case", "officer", "round"), True), (("state", "due_at"), False))


class Delivery(Base):
    """One handing-over of a message to a carrier: written before the call, completed after it and by receipts.

    ``outcome`` is null while nobody knows; then ``taken``, ``refused``, ``finished`` (this way is of no use for
    this message) or ``unsure`` (nobody could say, and another way was taken). ``status`` is the carrier's last
    receipt, ``cost`` millionths of the currency.
    """

    message = ForeignKeyField(Message, on_delete="CASCADE", index=False)
    number = IntegerField()
    channel = CharField(20)
    recipient = TextField()
    began_at = UtcField()
    ended_at = UtcField(null=True)
    outcome = CharField(10, null=True)
    provider_id = TextField(null=True, index=True)
    status = CharField(20, null=True)
    error = TextField(null=True)
    segments = IntegerField()
    cost = BigIntegerField(default=0)

    class Meta:
        """Peewee's options."""

        indexes = ((("message", "number"), True),)


class FollowUp(Base):
    """A submission that says what became of a case. ``role`` is that of the officer who sent it, null for a desk's."""

    submission = ForeignKeyField(Submission, on_delete="CASCADE", unique=True)
    case = ForeignKeyField(Case, on_delete="CASCADE")
    role = CharField(12, null=True)


# Most alerts are not owed: this index holds only the few that are asked for. "= true" and not the column alone, in
# the index as in the question: SQLite knows them for the same only where both are written alike.
Alert.add_index(Alert.index(Alert.route_after, where=Alert.owed == True, name="alert_owed"))  # noqa: E712 - SQL
Alert.add_index(
    Alert.index(Alert.escalate_at, where=Alert.escalate_at.is_null(False), name="alert_escalates")
)
Alert.add_index(Alert.index(Alert.remind_at, where=Alert.remind_at.is_null(False), name="alert_reminds"))
