"""Sheets 4 to 7: people by country, sector, scheme and age."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from exports.report.cells import BLUE, notes, pair, sexes, share, told, triple, unit_column
from exports.report.order import Order
from exports.report.people import AGES, NOT_LISTED
from exports.report.sheets import Block, Chart, Column, Sheet
from exports.report.tables import ALL, OTHER, SEXES, UNKNOWN, Crossed
from exports.report.tallies import Moves
from exports.values import Cell

Named = Callable[[str], str]
"""From a code to what people call it."""


def crossed(
    order: Order, table: Crossed, words: Named, name: str, title: str, meaning: str, source: str
) -> Block:
    """Areas down, categories across, each with L, P and Jml, and all of them at the end."""
    columns = [unit_column(order)]
    for number, category in enumerate(table.categories):
        columns += triple(category, words(category), meaning if number == 0 else "", source)
    columns += triple("all", "Semua", "Semua orang pada baris ini.", source)

    def row(unit: str) -> list[Cell]:
        cells = [cell for category in table.categories for cell in sexes(table.told, unit, category)]
        return [*cells, *sexes(table.told, unit, ALL)]

    return Block(
        name,
        title,
        columns,
        [[unit_name, *row(code)] for code, unit_name in order.units.items()],
        total=["Jumlah", *row(ALL)],
    )


def ranking(table: Crossed, words: Named, name: str, title: str, header: str, chart: str) -> Block:
    """The categories down, the largest first, for the whole area, with their share."""
    whole = table.told(ALL, ALL)
    rows = [
        [words(category), *sexes(table.told, ALL, category), share(table.told(ALL, category), whole)]
        for category in table.categories
    ]
    return Block(
        name,
        title,
        [
            Column("name", header, "text", 24, meaning=header, source="daftar pilihan formulir"),
            Column("m", "L", width=6, unit="orang"),
            Column("f", "P", width=6, unit="orang"),
            Column(
                "all",
                "Jml",
                width=7,
                meaning="Orang di seluruh wilayah laporan.",
                source="dihitung",
                unit="orang",
            ),
            Column("share", "Bagian", "share", 8, meaning="Bagian dari semua.", source="dihitung", unit="%"),
        ],
        rows,
        total=["Jumlah", *sexes(table.told, ALL, ALL), share(whole, whole)],
        charts=[Chart("bar", chart, "name", ["all"], colors=[BLUE])] if rows else [],
    )


def countries(order: Order, out: Moves, back: Moves, words: Named) -> Sheet:
    """Sheet 4."""
    to, came = out.tables["country"], back.tables["country"]
    return Sheet(
        "4 Rekap Negara",
        "Rekapitulasi menurut Negara",
        [
            ranking(
                to,
                words,
                "pmi_negara_tujuan",
                "A. Negara tujuan yang berangkat",
                "Negara tujuan",
                "Negara tujuan terbanyak",
            ),
            crossed(
                order,
                to,
                words,
                "",
                f"B. Negara tujuan menurut {order.unit.lower()}",
                "Berangkat ke negara ini; 10 terbanyak, sisanya Lainnya.",
                "berangkat: jobg/country",
            ),
            crossed(
                order,
                came,
                words,
                "",
                f"C. Negara asal kepulangan menurut {order.unit.lower()}",
                "Pulang dari negara ini; 10 terbanyak, sisanya Lainnya.",
                "pulang: tripg/country",
            ),
        ],
        notes(order, out, back),
        signed=True,
    )


def sectors(order: Order, out: Moves, words: Named) -> Sheet:
    """Sheet 5."""
    table = out.tables["sector"]
    kinds = {"company": "Badan usaha (formal)", "indiv": "Perseorangan (informal)", UNKNOWN: "Tidak tahu"}
    return Sheet(
        "5 Rekap Sektor",
        "Rekapitulasi menurut Sektor Pekerjaan",
        [
            ranking(
                table, words, "pmi_sektor", "A. Sektor pekerjaan yang berangkat", "Sektor", "Sektor terbanyak"
            ),
            crossed(
                order,
                table,
                words,
                "",
                f"B. Sektor menurut {order.unit.lower()}",
                "Berangkat untuk bekerja di sektor ini; 10 terbanyak, sisanya Lainnya.",
                "berangkat: jobg/sector",
            ),
            crossed(
                order,
                out.tables["employer"],
                lambda c: kinds[c],
                "pmi_rekap_pemberi_kerja",
                f"C. Pemberi kerja menurut {order.unit.lower()}",
                "Formal: badan usaha. Informal: pemberi kerja perseorangan.",
                "berangkat: jobg/employer_type",
            ),
        ],
        notes(order, out),
        signed=True,
    )


def schemes(order: Order, out: Moves, words: Named, company_names: Named) -> Sheet:
    """Sheet 6."""
    return Sheet(
        "6 Rekap Skema dan P3MI",
        "Rekapitulasi menurut Skema Penempatan dan P3MI",
        [
            _companies(order, out, company_names),
            crossed(
                order,
                out.tables["scheme"],
                words,
                "",
                f"B. Skema menurut {order.unit.lower()}",
                "Berangkat dengan skema ini.",
                "berangkat: recg/scheme",
            ),
        ],
        [*notes(order, out), "Berindikator: ada indikator risiko pada orang itu; bukan penilaian atas P3MI."],
        signed=True,
    )


def _companies(order: Order, out: Moves, words: Named) -> Block:
    lines = out.p3mi

    def count(code: str, sexes: Sequence[str]) -> int | None:
        found = [lines[sex].told(code) for sex in lines if sex in sexes]
        return None if None in found else sum(n for n in found if n is not None)

    def flagged(code: str) -> int | None:
        whole, number = count(code, ("m", "f", "")), out.p3mi_flagged[code]
        if order.public and (whole is None or 0 < number < 5 or 0 < whole - number < 5):
            return None
        return number

    codes = sorted(lines["m"].counts, key=lambda c: (-(count(c, ("m", "f", "")) or 0), c))
    rows: list[Sequence[Cell]] = [
        [
            {NOT_LISTED: "(tidak ada di daftar)", UNKNOWN: "(tidak disebut)"}.get(code) or words(code),
            *(told(count(code, [sex])) for sex in SEXES),
            told(count(code, ("m", "f", ""))),
            told(flagged(code)),
            share(flagged(code), count(code, ("m", "f", ""))),
        ]
        for code in codes
    ]
    everyone = sum(sum(line.counts.values()) for line in lines.values())
    total: list[Cell] | None = None
    if not order.public and rows:
        number = sum(out.p3mi_flagged.values())
        sums = [sum(lines[sex].counts.values()) for sex in SEXES]
        total = ["Jumlah", *sums, everyone, number, share(number, everyone)]
    return Block(
        "pmi_rekap_p3mi",
        "A. P3MI",
        [
            Column(
                "name",
                "P3MI",
                "text",
                34,
                meaning="Perusahaan penempatan yang disebut.",
                source="berangkat: recg/p3mi",
            ),
            Column("m", "L", width=6, unit="orang"),
            Column("f", "P", width=6, unit="orang"),
            Column(
                "all",
                "Jml",
                width=7,
                meaning="Orang yang berangkat lewat P3MI ini.",
                source="dihitung",
                unit="orang",
            ),
            Column(
                "flagged",
                "Berindikator",
                width=11,
                meaning="Di antaranya dengan paling sedikit satu indikator.",
                source="penilaian server",
                unit="orang",
            ),
            Column(
                "share",
                "% berindikator",
                "share",
                12,
                meaning="Berindikator dibagi jumlah.",
                source="dihitung",
                unit="%",
            ),
        ],
        rows,
        total=total,
        empty="Tidak ada yang berangkat lewat P3MI pada bulan ini.",
    )


def ages(order: Order, out: Moves, back: Moves) -> Sheet:
    """Sheet 7."""
    blocks = []
    for letter, moves, verb, name in (
        ("A", out, "berangkat", "pmi_kelompok_umur"),
        ("B", back, "pulang", "pmi_kelompok_umur_pulang"),
    ):
        table = moves.tables["age"]
        used = [*(group for group, _, _ in AGES), UNKNOWN]
        columns = [unit_column(order)]
        for number, group in enumerate(used):
            words = "Tidak tercatat" if group == UNKNOWN else f"{group} th"
            columns += pair(group, words, f"Umur pada hari {verb}." if number == 0 else "")
        columns += triple("all", "Semua", "Semua orang pada baris ini.", "dihitung")

        def row(unit: str, table: Crossed = table, used: Sequence[str] = used) -> list[Cell]:
            cells = [told(table.told(unit, group, [sex])) for group in used for sex in SEXES]
            return [*cells, *sexes(table.told, unit, ALL)]

        blocks.append(
            Block(
                name,
                f"{letter}. Kelompok umur yang {verb}",
                columns,
                [[unit_name, *row(code)] for code, unit_name in order.units.items()],
                total=["Jumlah", *row(ALL)],
            )
        )
    return Sheet(
        "7 Kelompok Umur",
        "Rekapitulasi menurut Kelompok Umur",
        blocks,
        notes(order, out, back),
        signed=True,
        frozen=1,
    )


def choice_words(labels: Mapping[str, str] | Named) -> Named:
    """Labels of choices, with words for what is no choice."""
    find = labels if callable(labels) else lambda code: labels.get(code, code)
    return lambda code: {OTHER: "Lainnya", UNKNOWN: "Tidak tercatat"}.get(code) or find(code)
