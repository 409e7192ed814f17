"""Sheets 8 and 9: risk indicators, and the course of twelve months."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from babel.dates import format_date

from exports.report import disclosure
from exports.report.cells import AMBER, BLUE, RED, ROSE, notes, share, told
from exports.report.order import Order
from exports.report.people import sex_of
from exports.report.sheets import Block, Chart, Column, Sheet
from exports.report.tables import ALL, SEXES, Line, Sex
from exports.report.tallies import Cases, Moves, middle
from exports.values import Cell
from exports.words import word
from forms.form import Indicator
from server.store import recaps

Outcomes = Mapping[tuple[str, str], int]
"""How many alerts ended how: by (indicator, result)."""


def indicators(order: Order, parts: Sequence[tuple[Moves, Mapping[str, Indicator], Outcomes]]) -> Sheet:
    """Sheet 8. ``parts``: of each form the people, its indicators as the reader may see them, and outcomes."""
    units = order.units
    columns = [
        Column("code", "Kode", "code", 7, meaning="Kode indikator risiko.", source="formulir"),
        Column("name", "Indikator", "text", 38, meaning="Nama indikator.", source="formulir"),
        Column("level", "Tingkat", "text", 8, meaning="kritis, tinggi, atau sedang.", source="formulir"),
        Column("m", "L", width=6, unit="orang"),
        Column("f", "P", width=6, unit="orang"),
        Column(
            "all",
            "Jml",
            width=7,
            meaning="Orang dengan indikator ini pada bulan laporan.",
            source="penilaian server",
            unit="orang",
        ),
        Column(
            "share",
            "% formulir",
            "share",
            9,
            meaning="Jml dibagi semua orang dari formulir yang sama.",
            source="dihitung",
            unit="%",
        ),
        Column(
            "verified",
            "Terverifikasi",
            width=11,
            meaning="Alert yang ditutup sebagai benar.",
            source="kasus",
            unit="alert",
        ),
        Column(
            "false",
            "Alarm keliru",
            width=8,
            meaning="Alert yang ditutup sebagai tidak terbukti.",
            source="kasus",
            unit="alert",
        ),
        *(
            Column(
                code,
                name,
                width=4.6,
                meaning="Orang dengan indikator ini, per wilayah." if number == 0 else "",
                source="penilaian server",
                unit="orang",
                upright=True,
            )
            for number, (code, name) in enumerate(units.items())
        ),
    ]
    rows: list[Sequence[Cell]] = []
    for moves, known, ended in parts:
        for code, indicator in sorted(known.items()):
            found = moves.indicators[code]
            everyone = found.units.told(ALL)
            rows.append(
                [
                    code,
                    indicator.label.get("id", code),
                    word(indicator.severity, "id"),
                    *(told(found.sexes.told(sex)) for sex in ("m", "f")),
                    told(everyone),
                    share(everyone, moves.margins.told(ALL)),
                    *(_ended(order, ended, code, result) for result in ("verified", "false_alarm")),
                    *(told(found.units.told(unit)) for unit in units),
                ]
            )
    return Sheet(
        "8 Indikator Risiko",
        "Indikator Risiko menurut Wilayah",
        [
            Block(
                "pmi_indikator_risiko",
                "",
                columns,
                rows,
                filtered=True,
                charts=[Chart("bar", "Orang menurut indikator", "code", ["all"], colors=[AMBER])],
            )
        ],
        [
            *notes(order, *(moves for moves, _, _ in parts)),
            "Indikator adalah tanda untuk diperiksa, bukan bukti. Satu orang dapat memiliki beberapa indikator. "
            "Indikator terbatas tidak termuat."
            if not order.restricted
            else "Indikator adalah tanda untuk diperiksa, bukan bukti. Satu orang dapat memiliki beberapa indikator.",
        ],
        signed=True,
        frozen=2,
    )


def _ended(order: Order, ended: Outcomes, code: str, result: str) -> Cell:
    count = ended.get((code, result), 0)
    return told(None if order.public and disclosure.small(count) else count)


def trend(order: Order, out: Moves, back: Moves, cases: Cases) -> Sheet:
    """Sheet 9. The month itself is told as in sheet 3, the eleven before it each by itself."""
    people: dict[str, Counter[tuple[str, Sex]]] = {}
    for form_id in ("berangkat", "pulang"):
        people[form_id] = Counter()
        for (month_of, sex), number in recaps.by_month(form_id, order.year).items():
            people[form_id][month_of, sex_of(sex)] += number

    def moved(form_id: str, moves: Moves, key: str) -> Cell:
        if key == f"{order.month:%Y-%m}":
            return told(moves.margins.told(ALL))
        by_sex = [people[form_id][key, sex] for sex in SEXES]
        if not order.public:
            return sum(by_sex) + people[form_id][key, ""]
        # as that month's own report told it: a sum that it hid would tell the sex that is few from the other
        return told(None if any(map(disclosure.small, by_sex)) else sum(by_sex))

    rows: list[Sequence[Cell]] = []
    for month in order.months:
        key = f"{month:%Y-%m}"
        graves = Line({level: cases.gravest[key][level] for level in ("critical", "high", "medium")})
        if order.public:
            # cases of medium gravity are not shown, but they are what is left of the sum in sheet 3
            disclosure.protect_line(graves, untold=["medium"])
        rows.append(
            [
                str(format_date(month, "MMM y", locale="id")),
                moved("berangkat", out, key),
                moved("pulang", back, key),
                told(graves.told("critical")),
                told(graves.told("high")),
                middle(cases.days[key], public=order.public),
            ]
        )
    columns = [
        Column("month", "Bulan", "text", 14, meaning="Bulan.", source="laporan"),
        Column(
            "out",
            "Berangkat",
            width=12,
            meaning="Orang yang berangkat pada bulan itu.",
            source="berangkat: depg/depart_date",
            unit="orang",
        ),
        Column(
            "back",
            "Pulang",
            width=12,
            meaning="Orang yang pulang pada bulan itu.",
            source="pulang: tripg/return_date",
            unit="orang",
        ),
        Column(
            "critical",
            "Kasus kritis",
            width=12,
            meaning="Kasus yang dibuka pada bulan itu, tingkat tertinggi kritis.",
            source="kasus",
            unit="kasus",
        ),
        Column(
            "high",
            "Kasus tinggi",
            width=12,
            meaning="Kasus yang dibuka pada bulan itu, tingkat tertinggi tinggi.",
            source="kasus",
            unit="kasus",
        ),
        Column(
            "days",
            "Median hari selesai",
            "number",
            14,
            meaning="Median hari dari kasus dibuka sampai ditutup, untuk kasus yang ditutup pada bulan itu.",
            source="kasus",
            unit="hari",
        ),
    ]
    return Sheet(
        "9 Tren 12 Bulan",
        "Tren 12 Bulan",
        [
            Block(
                "pmi_tren",
                "",
                columns,
                rows,
                charts=[
                    Chart(
                        "line",
                        "Berangkat dan pulang per bulan",
                        "month",
                        ["out", "back"],
                        colors=[BLUE, ROSE],
                    ),
                    Chart(
                        "column",
                        "Kasus baru per bulan",
                        "month",
                        ["critical", "high"],
                        stacked=True,
                        colors=[RED, AMBER],
                    ),
                ],
            )
        ],
        [
            *notes(order),
            "Data dari HP yang lama tanpa sinyal dapat datang belakangan: angka bulan lalu dapat bertambah.",
        ],
        signed=True,
    )
