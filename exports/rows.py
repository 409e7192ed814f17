"""From submissions to rows of the tables, a submission at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from exports.labels import AreaNames, Labels
from exports.tables import MAIN, Layout, Source, is_meta
from exports.values import Cell, Convert, converter, local, mask_nik
from exports.visible import Version, Visible, relative
from exports.words import Lang, word
from forms.form import SEVERITIES
from forms.instance import UNKNOWN
from forms.schema import Field
from server.store import areas
from server.store.submissions import Record

Row = list[Cell]
CONSENT_SHARE = "consent_share"
"""The question by which a person agrees to their data being passed on (DOMAIN 2.1)."""


@dataclass
class _Plan:
    """Where the answers of a group go, by name: to a column, a group's plan, a repeat's table and plan."""

    columns: dict[str, tuple[int, Convert]] = field(default_factory=dict)
    groups: dict[str, _Plan] = field(default_factory=dict)
    repeats: dict[str, tuple[int, _Plan]] = field(default_factory=dict)


@dataclass(frozen=True)
class _VersionPlan:
    """How submissions of one version become rows. ``asks_to_share``: the names down to that question."""

    shown: _Plan
    blanked: _Plan
    asks_to_share: tuple[str, ...] | None
    indicators: frozenset[str]


class Rows:
    """Makes rows. ``versions`` oldest first; a submission of a version not among them counts as newest."""

    def __init__(
        self,
        versions: Sequence[Version],
        layout: Layout,
        visible: Visible,
        names: AreaNames,
        lang: Lang,
        *,
        codes: bool = False,
    ) -> None:
        self._layout = layout
        self._visible = visible
        self._names = names
        self._lang: Lang = lang
        self._labels = None if codes else Labels(lang, names)
        self._tables = {table.path: number for number, table in enumerate(layout.tables)}
        self._slots: list[dict[tuple[Source, str], int]] = [table.slots() for table in layout.tables]
        self._numeric = {c.key for table in layout.tables for c in table.columns if c.numeric}
        self._plans = {v.form.version: self._plan_of(v) for v in versions}
        self._newest = self._plans[versions[-1].form.version]

    def of(self, record: Record, case: tuple[str, str] | None) -> Iterator[tuple[int, Row]]:
        """The rows of a submission: (number of the table, cells), the form's own row first.

        ``case`` is the reference and state of its case, as far as the reader may know of it.
        """
        zone = areas.zone(record.village)
        plan = self._plans.get(record.version, self._newest)
        hidden = not self._visible.reader.sees_unshared and not _shares(record.answers, plan.asks_to_share)
        main: Row = [None] * len(self._layout.tables[0].columns)
        self._fill_facts(main, record, case, plan, zone, hidden)
        details: list[tuple[int, Row]] = []
        answers = plan.blanked if hidden else plan.shown
        self._fill(main, answers, record.answers, zone, record.instance_id, record.instance_id, details)
        yield 0, main
        yield from details

    def _fill(
        self,
        row: Row,
        plan: _Plan,
        answers: Mapping[str, Any],
        zone: tzinfo,
        instance_id: str,
        row_key: str,
        details: list[tuple[int, Row]],
    ) -> None:
        for name, answer in answers.items():
            if answer is None:
                continue
            column = plan.columns.get(name)
            if column is not None:
                row[column[0]] = column[1](answer, zone)
            elif name in plan.groups:
                if isinstance(answer, dict):
                    self._fill(row, plan.groups[name], answer, zone, instance_id, row_key, details)
            elif name in plan.repeats and isinstance(answer, list):
                table, below = plan.repeats[name]
                width = len(self._layout.tables[table].columns)
                for number, item in enumerate(answer, start=1):
                    key = f"{row_key}/{name}[{number}]"
                    detail: Row = [instance_id, row_key, key, number, *[None] * (width - 4)]
                    details.append((table, detail))
                    self._fill(detail, below, item, zone, instance_id, key, details)

    def _fill_facts(
        self,
        row: Row,
        record: Record,
        case: tuple[str, str] | None,
        plan: _VersionPlan,
        zone: tzinfo,
        hidden: bool,
    ) -> None:
        slots = self._slots[0]
        held = [code for code in record.indicators if code in self._visible.indicators]
        village = record.village
        facts: dict[str, Cell] = {
            "key": record.instance_id,
            "received": local(record.received_at, zone),
            "zone": record.received_at.astimezone(zone).tzname(),
            "village": village,
            "village_name": self._names.name(village),
            "district": self._names.name(village[:8]),
            "regency": self._names.name(village[:5]),
            "version": record.version,
            "desk": record.desk,
            "case": case[0] if case else None,
            "case_state": word(case[1], self._lang) if case else None,
            "indicators": ", ".join(held),
            "severity": self._gravest(held),
            "state": self._state(record),
            "hidden": word("yes", self._lang) if hidden else None,
        }
        if self._visible.reader.everything:
            facts["extra"] = _unknown(record.answers)
        for key, cell in facts.items():
            slot = slots.get(("meta", key))
            if slot is not None:
                row[slot] = cell
        for code in plan.indicators:
            row[slots["indicator", code]] = 1 if code in held else 0

    def _gravest(self, codes: list[str]) -> Cell:
        found = {self._visible.indicators[code].severity for code in codes}
        return next((word(severity, self._lang) for severity in SEVERITIES if severity in found), None)

    def _state(self, record: Record) -> str:
        present = sum(1 for sha256 in record.files.values() if sha256 is not None)
        expected = len(record.files)
        whole = (
            word("complete", self._lang)
            if present == expected
            else word("missing_files", self._lang, present=present, expected=expected)
        )
        return f"{whole}, {word('edited', self._lang)}" if record.edited else whole

    def _plan_of(self, version: Version) -> _VersionPlan:
        asked = version.schema.named(CONSENT_SHARE)
        return _VersionPlan(
            shown=self._plan(version.schema.fields, MAIN, blank=False),
            blanked=self._plan(version.schema.fields, MAIN, blank=True),
            asks_to_share=tuple(relative(asked[0].path).split("/")) if asked else None,
            indicators=frozenset(
                i.code for i in version.form.indicators if i.code in self._visible.indicators
            ),
        )

    def _plan(self, fields: Sequence[Field], table_path: str, *, blank: bool) -> _Plan:
        plan = _Plan()
        table = self._tables.get(table_path)
        for found in fields:
            path = relative(found.path)
            if found.kind == "repeat":
                if path in self._tables:
                    plan.repeats[found.name] = (
                        self._tables[path],
                        self._plan(found.children, path, blank=blank),
                    )
            elif found.kind == "group":
                if not is_meta(found):
                    plan.groups[found.name] = self._plan(found.children, table_path, blank=blank)
            elif table is not None and not (blank and "identity" in self._visible.of_path(path)):
                slot = self._slots[table].get(("question", path))
                if slot is not None:
                    plan.columns[found.name] = slot, self._converter(found)
        return plan

    def _converter(self, question: Field) -> Convert:
        if self._visible.reader.masks_nik and question.name == "nik":
            return lambda answer, zone: mask_nik(answer)
        label = self._labels.of(question) if self._labels is not None and question.select else None
        return converter(question, label, numeric=relative(question.path) in self._numeric)


def needed_areas(record: Record) -> Iterator[str]:
    """The areas whose names a row shows."""
    yield from (record.village, record.village[:8], record.village[:5])


def _shares(answers: Mapping[str, Any], path: tuple[str, ...] | None) -> bool:
    """Did the person agree to sharing? Anything but a yes is a no, where the form asks."""
    if path is None:
        return True
    found: Any = answers
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return bool(found == "yes")


def _unknown(answers: Mapping[str, Any]) -> str | None:
    """Answers that the form does not know, as JSON by where they stood; None where there are none."""
    found = dict(_unknown_at("", answers))
    return json.dumps(found, ensure_ascii=False) if found else None


def _unknown_at(place: str, answers: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, answer in answers.items():
        if name == UNKNOWN:
            yield place or "/", answer
        elif isinstance(answer, dict):
            yield from _unknown_at(f"{place}/{name}", answer)
        elif isinstance(answer, list):
            for number, item in enumerate(answer, start=1):
                if isinstance(item, dict):
                    yield from _unknown_at(f"{place}/{name}[{number}]", item)
