"""Compiled forms and attached lists, kept at hand.

A published version never changes, so what was read once stays right; drafts and lists are looked at again whenever
the store's count of publications has moved.
"""

from __future__ import annotations

import bisect
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import PurePath

from forms.consent import asked_to_share
from forms.correction import Corrector
from forms.entities import Declaration, declarations
from forms.form import Form, Indicator
from forms.judge import Judge
from forms.list_files import is_list, read_list
from forms.lists import ListTable
from forms.schema import Schema
from server.intake.chosen import Choices, choices_of
from server.store import counters, editions, published

_ASKED_EVERY = timedelta(milliseconds=20)
"""How long what is known is used without asking whether anything was published. Under load that is once in ten or
twenty submissions. What arrives so soon after a command may still go by what counted before it."""


@dataclass(frozen=True)
class ShelvedForm:
    """A form with what its submissions are read and judged by."""

    form: Form
    schema: Schema
    judge: Judge
    indicators: dict[str, Indicator]
    entities: tuple[Declaration, ...]
    choices: Choices
    asks_to_share: tuple[str, ...] | None
    """Where the question on passing data on stands (:mod:`forms.consent`)."""

    @cached_property
    def corrector(self) -> Corrector:
        """Makes corrections of its submissions."""
        return Corrector(self.schema, self.judge)


@dataclass(frozen=True)
class ShelvedLists:
    """The attached lists that count in some span of time.

    ``tables`` are keyed by instance id (``negara``), ``editions`` are edition numbers by file name.
    """

    tables: dict[str, ListTable]
    editions: dict[str, int]


class _Editions:
    """All editions at one revision: which count when, and the tables of those that were asked for."""

    def __init__(self, revision: int, former: _Editions | None = None) -> None:
        self.revision = revision
        self._known = editions.dated() if revision >= 0 else []
        self._begins = editions.beginnings(self._known)
        self._spans: dict[int, ShelvedLists] = {}
        self._read = former.tables() if former is not None else {}  # editions never change

    def at(self, moment: datetime) -> ShelvedLists:
        span = bisect.bisect_right(self._begins, moment)
        found = self._spans.get(span)
        if found is None:
            numbers = editions.in_force(self._known, moment)
            tables = {
                PurePath(filename).stem: self._read.get((filename, number)) or _table(filename, number)
                for filename, number in numbers.items()
                if is_list(filename)
            }
            found = self._spans[span] = ShelvedLists(tables, numbers)
        return found

    def tables(self) -> dict[tuple[str, int], ListTable]:
        """The tables that were asked for, by file name and number."""
        return {
            (filename, number): lists.tables[PurePath(filename).stem]
            for lists in list(self._spans.values())
            for filename, number in lists.editions.items()
            if PurePath(filename).stem in lists.tables
        }


def _table(filename: str, number: int) -> ListTable:
    edition = published.get_list(filename, number)
    assert edition is not None  # editions are never removed
    return read_list(filename, edition.content)


class Shelf:
    """Safe for several threads: at worst something is read twice."""

    def __init__(self) -> None:
        self._forms: dict[tuple[str, str], ShelvedForm] = {}
        self._editions = _Editions(-1)
        self._holding: frozenset[str] = frozenset()
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
                    schema = Schema.from_xform(form.xform)
                    found = ShelvedForm(
                        form,
                        schema,
                        Judge(form),
                        {i.code: i for i in form.indicators},
                        declarations(form.xform),
                        choices_of(form, schema),
                        asked_to_share(schema),
                    )
                    self._forms[form_id, version] = found
        return found

    def lists(self, now: datetime, interview: datetime) -> ShelvedLists:
        """The editions that counted when the interview took place; ``now`` is the time of receipt.

        An interview of tomorrow is a phone's wrong clock: it counts as held now.
        """
        self._look(now)
        return self._editions.at(min(now, interview))

    def holds(self, form_id: str, now: datetime) -> bool:
        """Is what arrives of this form, in any version, kept for staff?"""
        self._look(now)
        return form_id in self._holding

    def _look(self, now: datetime) -> None:
        """See what was published, unless that was looked at a moment ago."""
        if timedelta(0) < now - self._asked_at < _ASKED_EVERY:
            return
        revision = counters.current(counters.PUBLISHED)
        if self._editions.revision != revision:
            self._holding = published.holding()
            # a draft that nobody has used may have been replaced
            self._forms = {k: v for k, v in self._forms.items() if published.get_form(*k) == v.form}
            self._editions = _Editions(revision, self._editions)
        self._asked_at = now
