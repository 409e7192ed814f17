"""Compiled forms and attached lists, kept at hand.

A published version never changes, so what was read once stays right; lists are asked for again whenever the
store's count of publications has moved.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePath

from forms.form import Form, Indicator
from forms.judge import Judge
from forms.lists import ListTable
from forms.schema import Schema
from server.store import counters, published

_LISTS_STAY = timedelta(seconds=1)
"""How long lists are used without asking; an interview is hours older than its arrival anyway."""


@dataclass(frozen=True)
class ShelvedForm:
    """A form with what its submissions are read and judged by."""

    form: Form
    schema: Schema
    judge: Judge
    indicators: dict[str, Indicator]


@dataclass(frozen=True)
class ShelvedLists:
    """All attached lists as they stand: tables by instance id (``negara``), edition numbers by file name."""

    revision: int
    tables: dict[str, ListTable]
    editions: dict[str, int]


class Shelf:
    """Safe for several threads: at worst something is read twice."""

    def __init__(self) -> None:
        self._forms: dict[tuple[str, str], ShelvedForm] = {}
        self._lists = ShelvedLists(-1, {}, {})
        self._asked_at = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()

    def form(self, form_id: str, version: str) -> ShelvedForm | None:
        """A published version, or None where there is none."""
        found = self._forms.get((form_id, version))
        if found is None:
            form = published.get_form(form_id, version)
            if form is None:
                return None
            with self._lock:  # compiling takes CPU: not by all threads at once after a start
                found = self._forms.get((form_id, version))
                if found is None:
                    found = ShelvedForm(
                        form, Schema.from_xform(form.xform), Judge(form), {i.code: i for i in form.indicators}
                    )
                    self._forms[form_id, version] = found
        return found

    def lists(self, now: datetime) -> ShelvedLists:
        """The newest edition of every attached list, as of a second ago at most."""
        if timedelta(0) < now - self._asked_at < _LISTS_STAY:
            return self._lists
        self._asked_at = now
        revision = counters.current(counters.PUBLISHED)
        if self._lists.revision != revision:
            newest = published.newest_lists()
            tables = {
                PurePath(name).stem: ListTable.from_csv(PurePath(name).stem, edition.content)
                for name, edition in newest.items()
            }
            self._lists = ShelvedLists(revision, tables, {name: e.number for name, e in newest.items()})
        return self._lists
