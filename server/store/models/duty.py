"""Rosters: who is on duty, who is away, who supervises an office, which days are free; and whom an alert took."""

from __future__ import annotations

from peewee import CharField, DateField, ForeignKeyField, TextField

from server.store.fields import UtcField
from server.store.models.base import Base
from server.store.models.cases import Alert
from server.store.models.people import Officer


class Duty(Base):
    """An officer on duty for their office (a role in an area) from ``starts_at`` until before ``ends_at``.

    ``deputy`` is who is told next. With ``instead_of`` it is a swap: in its time the officer stands in the place
    of that one. ``noted_by`` is an officer's name in addresses, or ``operator``.
    """

    role = CharField(12)
    area = CharField(13)
    officer = ForeignKeyField(Officer, on_delete="RESTRICT", index=False)
    deputy = ForeignKeyField(Officer, null=True, on_delete="RESTRICT", index=False)
    instead_of = ForeignKeyField(Officer, null=True, on_delete="RESTRICT", index=False)
    starts_at = UtcField()
    ends_at = UtcField()
    noted_at = UtcField()
    noted_by = TextField()

    class Meta:
        """Peewee's options."""

        indexes = ((("role", "area", "ends_at"), False),)


class Leave(Base):
    """An officer who is away from ``starts_at`` until before ``ends_at``; ``deputy`` stands in meanwhile."""

    officer = ForeignKeyField(Officer, on_delete="RESTRICT", index=False)
    deputy = ForeignKeyField(Officer, null=True, on_delete="RESTRICT", index=False)
    starts_at = UtcField()
    ends_at = UtcField()
    noted_at = UtcField()
    noted_by = TextField()

    class Meta:
        """Peewee's options."""

        indexes = ((("officer", "ends_at"), False),)


class Office(Base):
    """Who supervises an office: all officers of a role in an area."""

    role = CharField(12)
    area = CharField(13)
    supervisor = ForeignKeyField(Officer, on_delete="RESTRICT", index=False)

    class Meta:
        """Peewee's options."""

        indexes = ((("role", "area"), True),)


class DayOff(Base):
    """A day on which offices of an area are closed, beyond weekends and national holidays."""

    area = CharField(13)
    day = DateField()
    name = TextField()

    class Meta:
        """Peewee's options."""

        indexes = ((("area", "day"), True),)


class Step(Base):
    """One step of an alert on its way to somebody who acts: who was chosen, why, when. Never changed.

    ``why`` is a word of :data:`server.store.steps.WHYS`. ``due_at`` is when this alert by itself was to be told,
    ``by`` who chose, where it was a person.
    """

    alert = ForeignKeyField(Alert, on_delete="CASCADE")
    officer = ForeignKeyField(Officer, on_delete="RESTRICT", index=False)
    why = CharField(16)
    at = UtcField()
    due_at = UtcField(null=True)
    by = ForeignKeyField(Officer, null=True, on_delete="RESTRICT", index=False)

    class Meta:
        """Peewee's options."""

        table_name = "alert_step"
