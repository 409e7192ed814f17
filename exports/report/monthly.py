"""Sheet 3: the month of each area in one line."""

from __future__ import annotations

from collections.abc import Callable

from exports.report.cells import BLUE, ROSE, notes, pair, sexes, told, triple, unit_column
from exports.report.order import Order
from exports.report.sheets import Block, Chart, Column, Sheet
from exports.report.tables import ALL, SEXES, Line
from exports.report.tallies import Cases, Moves
from exports.values import Cell


def monthly(order: Order, out: Moves, back: Moves, cases: Cases) -> Sheet:
    """Sheet 3."""
    status, reason = out.tables["status"], back.tables["reason"]
    groups: list[tuple[list[Column], Callable[[str], list[Cell]]]] = [
        (
            triple("out", "Berangkat", "Orang yang berangkat pada bulan ini.", "berangkat: depg/depart_date"),
            lambda unit: sexes(out.margins.told, unit),
        ),
        (
            [
                *pair("proc", "Prosedural", "Indikasi: berskema, visa kerja, perjanjian kerja, jalur resmi."),
                *pair(
                    "nonproc",
                    "Nonprosedural",
                    "Indikasi: visa bukan kerja, jalur tidak resmi, atau negara bukan tujuan penempatan.",
                ),
                Column(
                    "dk",
                    "Belum jelas",
                    width=8,
                    meaning="Jawaban belum cukup.",
                    source="dihitung",
                    unit="orang",
                ),
            ],
            lambda unit: [
                *(told(status.told(unit, name, [sex])) for name in ("proc", "nonproc") for sex in SEXES),
                told(status.told(unit, "dk")),
            ],
        ),
        (
            triple("back", "Pulang", "Orang yang pulang pada bulan ini.", "pulang: tripg/return_date"),
            lambda unit: sexes(back.margins.told, unit),
        ),
        (
            [
                Column(
                    "deport",
                    "Deportasi",
                    width=9,
                    meaning="Di antara yang pulang: dideportasi.",
                    source="pulang: tripg/return_reason, return_mode",
                    unit="orang",
                ),
                Column(
                    "death",
                    "Meninggal",
                    width=9.5,
                    meaning="Di antara yang pulang: meninggal dunia.",
                    source="pulang: tripg/return_reason, return_mode",
                    unit="orang",
                ),
                Column(
                    "refused",
                    "Tidak bersedia didata",
                    width=9,
                    meaning="Hanya dihitung; tidak ada di register dan rekap lain.",
                    source="loc/consent",
                    unit="orang",
                ),
            ],
            lambda unit: [
                *(told(reason.told(unit, name)) for name in ("deport", "death")),
                _both(out.refused, back.refused, unit),
            ],
        ),
        (
            [
                Column(
                    "new",
                    "Baru",
                    width=7,
                    group="Kasus",
                    meaning="Kasus yang dibuka pada bulan ini.",
                    source="kasus",
                    unit="kasus",
                ),
                Column(
                    "finished",
                    "Selesai",
                    width=7.5,
                    group="Kasus",
                    meaning="Kasus yang seluruhnya ditutup pada bulan ini.",
                    source="kasus",
                    unit="kasus",
                ),
                Column(
                    "long",
                    "Terbuka > 30 hari",
                    width=9.5,
                    group="Kasus",
                    meaning="Kasus yang pada akhir bulan terbuka lebih dari 30 hari.",
                    source="kasus",
                    unit="kasus",
                ),
            ],
            lambda unit: [told(line.told(unit)) for line in (cases.new, cases.finished, cases.long_open)],
        ),
    ]
    columns = [unit_column(order), *(column for group, _ in groups for column in group)]

    def row(unit: str) -> list[Cell]:
        return [cell for _, make in groups for cell in make(unit)]

    block = Block(
        "pmi_rekap_bulanan",
        "",
        columns,
        [[name, *row(code)] for code, name in order.units.items()],
        total=["Jumlah", *row(ALL)],
        charts=[
            Chart(
                "column",
                f"Berangkat dan pulang menurut {order.unit.lower()}",
                "unit",
                ["out_all", "back_all"],
                colors=[BLUE, ROSE],
            ),
        ],
        filtered=True,
    )
    return Sheet(
        f"3 Rekap Bulanan {order.unit.replace('/', '-')}",
        f"Rekapitulasi Bulanan menurut {order.unit}",
        [block],
        [
            *notes(order, out, back),
            "Prosedural dan nonprosedural adalah indikasi dari jawaban formulir, bukan penetapan. "
            "Yang nonprosedural bukan pelanggar.",
        ],
        signed=True,
        frozen=1,
    )


def _both(first: Line, second: Line, unit: str) -> Cell:
    one, other = first.told(unit), second.told(unit)
    return told(one + other if one is not None and other is not None else None)
