"""What a submission chose from lists that are made for each phone: the rows that judging it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from forms.form import Form
from forms.instance import Instance
from forms.known_rows import KnownRows
from forms.lists import ListTable
from forms.schema import Schema
from server.store import case_list, entity_lists, published
from server.store.case_list import CASE_LIST
from server.store.database import Store
from server.store.desks import KnownDesk
from server.store.editions import AREA_LIST
from server.store.entity_lists import Reader

Choices = Mapping[str, tuple[str, ...]]
"""The lists of cases and entities that a form chooses from, by instance id: paths of the questions that choose."""


def choices_of(form: Form, schema: Schema) -> Choices:
    """Which questions of a form choose a case or an entity."""
    given = {*published.given_lists(form), AREA_LIST}
    made = [PurePath(name).stem for name in form.media if name.endswith(".csv") and name not in given]
    return {name: tuple(f.path for f in schema.questions() if f.list_name == name) for name in made}


def rows_chosen(choices: Choices, instance: Instance, desk: KnownDesk, store: Store) -> dict[str, ListTable]:
    """The rows that a submission chose, by instance id, as far as its desk may speak for them."""
    tables: dict[str, ListTable] = {}
    for name, paths in choices.items():
        keys = {node.text.strip() for path in paths for node in instance.index.get(path, ()) if node.text}
        tables[name] = _table(name, sorted(keys), desk, store)
    return tables


def _table(name: str, keys: list[str], desk: KnownDesk, store: Store) -> KnownRows:
    if f"{name}.csv" == CASE_LIST:
        rows = [case_list.case_row(key, desk.speaks_for, desk.role) for key in keys]
        return KnownRows(name, case_list.COLUMNS, [row for row in rows if row is not None])
    reader = Reader(desk.speaks_for, unshared=desk.knows_unshared)
    found = [entity_lists.properties_of(name, key, reader, store) for key in keys]
    known = [entity for entity in found if entity is not None]
    columns = list(dict.fromkeys(column for entity in known for column in entity)) or ["name"]
    return KnownRows(name, columns, [[entity.get(column, "") for column in columns] for entity in known])


def followed_case(form_id: str, answers: Mapping[str, Any]) -> str | None:
    """The reference of the case that a follow-up is about, as chosen or typed; None for other forms."""
    place = answers.get("loc")
    if form_id != FOLLOW_UP or not isinstance(place, dict):
        return None
    ref = place.get("case_id") or place.get("case_ref")
    return ref.strip().upper() if isinstance(ref, str) and ref.strip() else None


FOLLOW_UP = "tindak_lanjut"
