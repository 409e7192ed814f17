"""What an export is, for people: who made it, when, for whom, and what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from exports.access import Access
from exports.options import Filters, Options
from exports.tables import Layout
from exports.values import Cell
from exports.visible import Version
from exports.words import word
from server.store import areas, published


@dataclass(frozen=True)
class Asked:
    """What was asked for, and by whom."""

    form_id: str
    versions: Sequence[Version]
    layout: Layout
    area_name: str
    filters: Filters
    options: Options
    reader: Access
    made_at: datetime
    made_by: str


def about(asked: Asked, sheets: Sequence[str], counts: Sequence[int]) -> Iterator[list[Cell]]:
    """A header, then an item a row; no cell is empty."""
    lang, layout, filters = asked.options.lang, asked.layout, asked.filters

    def say(key: str, value: Cell) -> list[Cell]:
        return [word(key, lang), value]

    newest = asked.versions[-1].form
    yield say("a_what", word("a_value", lang))
    yield say("a_form", f"{newest.title} ({asked.form_id})")
    yield say("a_versions", ", ".join(v.form.version for v in asked.versions))
    yield say("a_lists", _lists(asked))
    yield say("a_area", f"{asked.area_name} ({filters.area})")
    yield say("a_period", _period(asked))
    if filters.indicators:
        yield say("a_indicators", ", ".join(filters.indicators))
    if filters.states:
        yield say("a_states", ", ".join(word(state, lang) for state in filters.states))
    if filters.after is not None:
        yield say("a_since", word("a_since_text", lang))
    yield say("a_made", _clock(asked.made_at, filters.area))
    yield say("a_by", asked.made_by)
    yield say("a_reader", asked.reader.role or word("a_operator", lang))
    for sheet, count in zip(sheets, counts, strict=True):
        yield [word("a_rows", lang, sheet=sheet), count]
    yield say("a_choices", word(f"a_{asked.options.choices}", lang))
    yield say("a_multiple", word(f"a_{asked.options.multiple}", lang))
    if not asked.options.central:
        yield say("a_zones", word("a_zones_text", lang))
    if layout.withheld:
        kinds = ", ".join(layout.withheld_kinds)
        withheld = word("a_withheld_some", lang, count=layout.withheld, kinds=kinds)
    else:
        withheld = word("a_withheld_none", lang)
    yield say("a_withheld", withheld)
    if not asked.reader.sees_unshared:
        yield say("a_unshared", word("a_unshared_text", lang))
    if len(sheets) > 1:
        yield say("a_link", word("a_link_text", lang))
    yield say("a_secret", word("a_secret_text", lang))
    yield say("a_proof", word("a_proof_text", lang))


def _lists(asked: Asked) -> str:
    """The newest editions of the attached lists, from which labels come."""
    lang = asked.options.lang
    media = {name for version in asked.versions for name in version.form.media}
    found = published.newest_lists(media)
    said = [word("a_list", lang, file=name, number=found[name].number) for name in sorted(found)]
    return ", ".join(said) or word("a_withheld_none", lang)


def _period(asked: Asked) -> str:
    filters, lang = asked.filters, asked.options.lang
    parts = []
    if filters.start is not None:
        parts.append(word("a_from", lang, start=_clock(filters.start, filters.area)))
    if filters.end is not None:
        parts.append(word("a_until", lang, end=_clock(filters.end, filters.area)))
    return ", ".join(parts) or word("a_any", lang)


def _clock(moment: datetime, area: str) -> str:
    """A moment as clocks of an area show it, with their zone."""
    return f"{moment.astimezone(areas.zone(area)):%d-%m-%Y %H:%M %Z}"
