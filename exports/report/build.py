"""The report put together: counted, laid out in sheets, written as a workbook or into a province's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from exports.labels import AreaNames, Labels
from exports.report import cover, departures, monthly, recaps, registers, returns, risks, service, tallies
from exports.report.cells import told
from exports.report.order import Order
from exports.report.recaps import Named, choice_words
from exports.report.sheets import Sheet
from exports.report.tables import ALL
from exports.report.tallies import Cases, Moves
from exports.values import Cell
from exports.visible import Version, Visible
from forms.form import Indicator
from forms.problems import Problem, Problems
from server.store import areas, published
from server.store import recaps as rows
from server.store.database import Store

FORMS = ("berangkat", "pulang")


@dataclass
class Report:
    """A report ready to be written; the registers are read while that is done.

    ``people`` is how many departures and returns there are in it, ``proof`` what people read on the last sheet.
    """

    order: Order
    area: str
    cover: cover.Cover
    sheets: Sequence[Sheet]
    proof: list[list[Cell]]
    people: int
    facts: Mapping[str, Cell]


@dataclass
class _Form:
    """One of the two forms with what the reader may see of it."""

    versions: list[Version]
    visible: Visible
    indicators: Mapping[str, Indicator]
    words: Mapping[str, Named]


def build(order: Order, store: Store) -> Report:
    """Count a month and lay out its sheets.

    Raises :class:`Problem`: FORBIDDEN, AREA_UNKNOWN, REPORT_VARIANT, FORM_UNPUBLISHED.
    """
    order.require()
    area = areas.require(order.area)
    names = AreaNames()
    out_form, back_form = (_read(form_id, order, names) for form_id in FORMS)
    out, back = (
        tallies.count_moves(order, form_id, form.indicators)
        for form_id, form in zip(FORMS, (out_form, back_form), strict=True)
    )
    cases = tallies.count_cases(order)
    sheets = _sheets(order, store, names, out_form, back_form, out, back, cases)
    late = sum(rows.about_other_months(form_id, order.span) for form_id in FORMS)
    lists = published.newest_lists(
        sorted({m for f in (out_form, back_form) for m in f.versions[-1].form.media})
    )
    return Report(
        order,
        area,
        cover.cover(order, area, sheets, out, back, cases, late),
        sheets,
        cover.proof_facts(
            order,
            area,
            {f.versions[-1].form.form_id: f.versions[-1].form.version for f in (out_form, back_form)},
            {name: edition.number for name, edition in lists.items()},
        ),
        0 if order.public else out.number + back.number,
        _facts(order, area, out, back, cases),
    )


def _read(form_id: str, order: Order, names: AreaNames) -> _Form:
    versions = [Version.read(form) for form in published.versions(form_id)]
    if not versions:
        raise Problem(Problems.FORM_UNPUBLISHED, form_id=form_id)
    visible = Visible.of(versions, order.reader)
    if not order.restricted:
        open_ones = {code: i for code, i in visible.indicators.items() if not i.restricted}
        visible = replace(visible, indicators=open_ones, without=frozenset(("violence",)))
    labels = Labels("id", names)
    words = {}
    for version in versions:
        for field in version.schema.questions():
            if field.select is not None:
                words[field.name] = choice_words(labels.of(field))
    return _Form(versions, visible, visible.indicators, words)


def _sheets(
    order: Order,
    store: Store,
    names: AreaNames,
    out_form: _Form,
    back_form: _Form,
    out: Moves,
    back: Moves,
    cases: Cases,
) -> list[Sheet]:
    sheets = []
    if not order.public:
        sheets = [
            departures.departures(
                registers.Register(order, out_form.versions, out_form.visible, names), store
            ),
            returns.returns(registers.Register(order, back_form.versions, back_form.visible, names), store),
        ]
    outcomes = [rows.outcomes(form_id, order.span, order.sight) for form_id in FORMS]
    words = out_form.words
    return [
        *sheets,
        monthly.monthly(order, out, back, cases),
        recaps.countries(order, out, back, words["country"]),
        recaps.sectors(order, out, words["sector"]),
        recaps.schemes(order, out, words["scheme"], words["p3mi"]),
        recaps.ages(order, out, back),
        risks.indicators(
            order,
            [
                (out, out_form.indicators, outcomes[0]),
                (back, back_form.indicators, outcomes[1]),
            ],
        ),
        risks.trend(order, out, back, cases),
        service.messages(order, cases, {*out_form.indicators, *back_form.indicators}),
        service.villages(order, out, back, names),
    ]


def _facts(order: Order, area: str, out: Moves, back: Moves, cases: Cases) -> dict[str, Cell]:
    """Single values by the names that templates use for them."""
    everywhere = ALL
    facts: dict[str, Cell] = {
        "pmi_judul": cover.title_of(order),
        "pmi_wilayah": cover.area_title(order, area),
        "pmi_kode_wilayah": order.area,
        "pmi_periode": order.period,
        "pmi_bulan": order.month,
        "pmi_dibuat": cover.local_time(order.made_at, areas.zone(order.area, order.default_zone)),
        "pmi_pembuat": order.by,
        "pmi_kasus_baru": told(cases.new.told(everywhere)),
        "pmi_kasus_selesai": told(cases.finished.told(everywhere)),
        "pmi_kasus_lama": told(cases.long_open.told(everywhere)),
    }
    for name, moves in (("berangkat", out), ("pulang", back)):
        facts[f"pmi_{name}_l"] = told(moves.margins.told(everywhere, ["m"]))
        facts[f"pmi_{name}_p"] = told(moves.margins.told(everywhere, ["f"]))
        facts[f"pmi_{name}_jml"] = told(moves.margins.told(everywhere))
    return facts
