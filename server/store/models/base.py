"""The database that is bound late, and what all tables share."""

from __future__ import annotations

from peewee import DatabaseProxy, Model

database = DatabaseProxy()
"""Bound late, by :class:`server.store.database.Store`."""


class Base(Model):
    """What all tables share: the database that is bound late."""

    class Meta:
        """Peewee's options."""

        database = database
        legacy_table_names = False
