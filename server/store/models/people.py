"""Desks with their phones, and officers with their sign-ins."""

from __future__ import annotations

from peewee import BooleanField, CharField, CompositeKey, ForeignKeyField, IntegerField, TextField

from server.store.fields import UtcField
from server.store.models.base import Base


class Officer(Base):
    """A person who answers alerts or reads registers. ``area`` is a code of any level, or ``ID``.

    ``channels`` is the order in which they are reached (``whatsapp sms email``), empty for the usual one;
    ``contact_at`` is when their number or address last changed.
    ``supervisor`` is told where they do not answer. A ``last_resort`` is told only where nobody else is left.
    """

    slug = CharField(60, unique=True)
    name = TextField()
    role = CharField(12)
    area = CharField(13, index=True)
    phone = TextField(null=True)
    email = TextField(null=True, unique=True)
    password_hash = TextField(null=True)
    created_at = UtcField()
    removed_at = UtcField(null=True)
    channels = CharField(40, default="")
    contact_at = UtcField(null=True)
    supervisor = ForeignKeyField("self", null=True, on_delete="RESTRICT", index=False)
    last_resort = BooleanField(default=False)


class DeadAddress(Base):
    """A number or e-mail address that a carrier said is of no use, by kind of channel, and the code it gave."""

    kind = CharField(10)
    address = TextField()
    code = TextField()
    at = UtcField()

    class Meta:
        """Peewee's options."""

        primary_key = CompositeKey("kind", "address")


class Desk(Base):
    """Who phones speak for: a village desk, or an officer who follows up cases of a wider area (``officer``).

    ``village`` is the village; of an officer's phones the area, a code of any level, and the columns of smaller
    areas hold it too. No secret is stored: token and password derive from the home's key, the desk and its
    generation. A ``draft`` desk tries forms: it gets their drafts, and nothing that it sends counts. ``phone`` is
    where people of the desk are reached, for officers to call.
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
    officer = ForeignKeyField(Officer, null=True, on_delete="RESTRICT", index=False)
    phone = TextField(null=True)


class Session(Base):
    """A sign-in; the cookie's value is stored as a hash only."""

    token_hash = CharField(64, primary_key=True)
    officer = ForeignKeyField(Officer, on_delete="CASCADE")
    created_at = UtcField()
    expires_at = UtcField()
