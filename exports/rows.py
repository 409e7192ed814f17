"""From submissions to rows of the tables, a submission at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import partial
from typing import Any

from exports.labels import AreaNames, Labels
from exports.options import Options
from exports.tables import MAIN, Column, Layout, is_meta
from exports.values import Cell, Convert, as_sent, chosen, converter, local, mask_nik, part_of_place
from exports.visible import Version, Visible, relative
from exports.words import Lang, word
from forms.consent import agreed, asked_to_share
from forms.form import SEVERITIES
from forms.instance import UNKNOWN
from forms.schema import Field
from server.store import areas
from server.store.records import Record

Row = list[Cell]


@dataclass
class _Plan:
    """Where the answers of a group go, by name: to columns, a group's plan, a repeat's table and plan."""

    columns: dict[str, tuple[tuple[int, Convert], ...]] = field(default_factory=dict)
    groups: dict[str, _Plan] = field(default_factory=dict)
    repeats: dict[str, tuple[int, _Plan]] = field(default_factory=dict)


@dataclass(frozen=True)
class _VersionPlan:
    """How submissions of one version become rows. ``asks_to_share``: the names down to that question."""

    shown: _Plan
    blanked: _Plan
    asks_to_share: tuple[str, ...] | None
    indicators: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class _About:
    """What is known of a submission besides its answers."""

    record: Record
    case: tuple[str, str] | None
    plan: _VersionPlan
    zone: tzinfo
    hidden: bool
    held: tuple[str, ...]


class Rows:
    """Makes rows. ``versions`` oldest first; a submission of a version not among them counts as newest."""

    def __init__(
        self,
        versions: Sequence[Version],
        layout: Layout,
        visible: Visible,
        names: AreaNames,
        options: Options,
    ) -> None:
        self._layout = layout
        self._visible = visible
        self._names = names
        self._lang: Lang = options.lang
        self._central = options.central
        self._choices = options.choices
        self._labels = None if options.choices == "code" else Labels(options.lang, names)
        self._tables = {table.path: number for number, table in enumerate(layout.tables)}
        self._columns: list[dict[str, list[tuple[int, Column]]]] = []
        for table in layout.tables:
            by_path: dict[str, list[tuple[int, Column]]] = {}
            for slot, column in enumerate(table.columns):
                if column.source == "question":
                    by_path.setdefault(column.key, []).append((slot, column))
            self._columns.append(by_path)
        slots = layout.tables[0].slots()
        self._facts = [(slot, self._fact(key)) for (source, key), slot in slots.items() if source == "meta"]
        self._indicators = {key: slot for (source, key), slot in slots.items() if source == "indicator"}
        self._plans = {v.form.version: self._plan_of(v) for v in versions}
        self._newest = self._plans[versions[-1].form.version]
        self._repeat_keys = [
            {key: slot for (source, key), slot in table.slots().items() if source == "meta"}
            for table in layout.tables
        ]

    def of(self, record: Record, case: tuple[str, str] | None) -> list[tuple[int, Row]]:
        """The rows of a submission: (number of the table, cells), the form's own row first.

        ``case`` is the reference and state of its case, as far as the reader may know of it.
        """
        zone = areas.zone(record.village)
        plan = self._plans.get(record.version, self._newest)
        hidden = not self._visible.reader.sees_unshared and not self.shares(record)
        held = tuple(code for code in record.indicators if code in self._visible.indicators)
        main: Row = [None] * len(self._layout.tables[0].columns)
        about = _About(record, case, plan, zone, hidden, held)
        for slot, fact in self._facts:
            main[slot] = fact(about)
        for code, slot in plan.indicators:
            main[slot] = 1 if code in held else 0
        found: list[tuple[int, Row]] = [(0, main)]
        answers = plan.blanked if hidden else plan.shown
        self._fill(main, answers, record.answers, zone, record.instance_id, record.instance_id, "", found)
        return found

    def shares(self, record: Record) -> bool:
        """Did the person agree to their data being passed on, or does the form not ask?"""
        plan = self._plans.get(record.version, self._newest)
        return agreed(record.answers, plan.asks_to_share) is not False

    def _fill(
        self,
        row: Row,
        plan: _Plan,
        answers: Mapping[str, Any],
        zone: tzinfo,
        instance_id: str,
        row_key: str,
        way: str,
        found: list[tuple[int, Row]],
    ) -> None:
        columns = plan.columns
        for name, answer in answers.items():
            if answer is None:
                continue
            targets = columns.get(name)
            if targets is not None:
                for slot, convert in targets:
                    row[slot] = convert(answer, zone)
            elif name in plan.groups:
                if isinstance(answer, dict):
                    below = plan.groups[name]
                    self._fill(row, below, answer, zone, instance_id, row_key, f"{way}/{name}", found)
            elif name in plan.repeats and isinstance(answer, list):
                table, below = plan.repeats[name]
                width = len(self._layout.tables[table].columns)
                slots = self._repeat_keys[table]
                for number, item in enumerate(answer, start=1):
                    key = f"{row_key}{way}/{name}[{number}]"
                    detail: Row = [None] * width
                    if self._central:
                        detail[slots["PARENT_KEY"]], detail[slots["KEY"]] = row_key, key
                    else:
                        detail[slots["number"]], detail[slots["key"]] = number, instance_id
                        detail[slots["parent"]], detail[slots["row_key"]] = row_key, key
                    found.append((table, detail))
                    self._fill(detail, below, item, zone, instance_id, key, "", found)

    def _fact(self, key: str) -> Callable[[_About], Cell]:
        """How a column about the submission itself is filled."""
        lang, names = self._lang, self._names
        facts: dict[str, Callable[[_About], Cell]] = {
            "key": lambda a: a.record.instance_id,
            "received": lambda a: local(a.record.received_at, a.zone),
            "zone": lambda a: a.zone.tzname(a.record.received_at.replace(tzinfo=None)),
            "village": lambda a: a.record.village,
            "village_name": lambda a: names.name(a.record.village),
            "district": lambda a: names.name(a.record.village[:8]),
            "regency": lambda a: names.name(a.record.village[:5]),
            "version": lambda a: a.record.version,
            "desk": lambda a: a.record.desk,
            "case": lambda a: a.case[0] if a.case else None,
            "case_state": lambda a: word(a.case[1], lang) if a.case else None,
            "indicators": lambda a: ", ".join(a.held),
            "severity": lambda a: self._gravest(a.held) if a.held else None,
            "state": lambda a: self._state(a.record),
            "hidden": lambda a: word("yes", lang) if a.hidden else None,
            "extra": lambda a: _unknown(a.record.answers) if a.record.strange else None,
            "SubmissionDate": lambda a: _universal(a.record),
            "meta/instanceID": lambda a: a.record.instance_id,
            "meta/instanceName": partial(self._given_name, "meta/instanceName"),
            "meta/entity/label": partial(self._given_name, "meta/entity/label"),
            "KEY": lambda a: a.record.instance_id,
            "SubmitterID": lambda a: a.record.desk,
            "SubmitterName": lambda a: a.record.desk,
            "AttachmentsPresent": lambda a: _present(a.record),
            "AttachmentsExpected": lambda a: len(a.record.files),
            "Status": lambda a: None,
            "ReviewState": lambda a: "edited" if a.record.edited else None,
            "DeviceID": lambda a: a.record.device_id if self._visible.reader.everything else None,
            "Edits": lambda a: a.record.edits,
            "FormVersion": lambda a: a.record.version,
        }
        return facts[key]

    def _given_name(self, path: str, about: _About) -> Cell:
        """What a submission calls itself or its entity, unless that would tell who somebody is."""
        hidden = about.hidden and "identity" in self._visible.of_path(path)
        return None if hidden else about.record.names.get(path)

    def _gravest(self, codes: Sequence[str]) -> Cell:
        found = {self._visible.indicators[code].severity for code in codes}
        return next((word(severity, self._lang) for severity in SEVERITIES if severity in found), None)

    def _state(self, record: Record) -> str:
        present, expected = _present(record), len(record.files)
        whole = (
            word("complete", self._lang)
            if present == expected
            else word("missing_files", self._lang, present=present, expected=expected)
        )
        return f"{whole}, {word('edited', self._lang)}" if record.edited else whole

    def _plan_of(self, version: Version) -> _VersionPlan:
        return _VersionPlan(
            shown=self._plan(version.schema.fields, MAIN, blank=False),
            blanked=self._plan(version.schema.fields, MAIN, blank=True),
            asks_to_share=asked_to_share(version.schema),
            indicators=tuple(
                (i.code, self._indicators[i.code])
                for i in version.form.indicators
                if i.code in self._indicators
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
                columns = self._columns[table].get(path, ())
                if columns:
                    plan.columns[found.name] = tuple(
                        (slot, self._converter(found, column)) for slot, column in columns
                    )
        return plan

    def _converter(self, question: Field, column: Column) -> Convert:
        convert, path = self._open_converter(question, column), relative(question.path)
        if not self._visible.held(path):
            return convert

        def told(answer: Any, zone: tzinfo) -> Any:
            shown = self._visible.withhold(path, answer)
            return convert(shown, zone) if shown is not None else None

        return told

    def _open_converter(self, question: Field, column: Column) -> Convert:
        part = column.part
        if self._visible.masks(relative(question.path)):
            return lambda answer, zone: mask_nik(answer)
        if part.startswith("="):
            return partial(chosen, part[1:])
        if part.startswith("@"):
            return partial(part_of_place, int(part[1:]))
        if self._central and (self._choices == "code" or question.select is None):
            return as_sent
        plain = part == "#code" or self._labels is None
        label = (
            self._labels.of(question) if self._labels is not None and question.select and not plain else None
        )
        return converter(question, label, numeric=column.numeric)


def needed_areas(record: Record) -> tuple[str, str, str]:
    """The areas whose names a row shows."""
    return record.village, record.village[:8], record.village[:5]


def _present(record: Record) -> int:
    return sum(1 for sha256 in record.files.values() if sha256 is not None)


def _universal(record: Record) -> str:
    """A moment as ODK Central writes it: UTC, with milliseconds."""
    return (
        f"{record.received_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{record.received_at.microsecond // 1000:03}Z"
    )


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
