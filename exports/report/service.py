"""Sheets 10 and 11: what became of messages, and what villages reported."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from exports.labels import AreaNames
from exports.report import disclosure
from exports.report.cells import notes, share, told, unit_column
from exports.report.order import Order, short
from exports.report.people import said
from exports.report.sheets import Block, Column, Sheet
from exports.report.tables import ALL, Crossed, Margins
from exports.report.tallies import Cases, Moves, middle
from exports.values import Cell, local
from server.store import recaps, village_reports
from server.store.village_reports import VillageReport

_ARRIVED, _FAILED, _OTHER = "delivered", "failed", "other"
_SENT: Final = {"sent", "delivered", "failed", "read"}
_CODE: Final = re.compile(r"\b[0-9]{5}\b")
REPORT_FORM: Final = "laporan_bulanan"


def messages(order: Order, cases: Cases, codes: Collection[str]) -> Sheet:
    """Sheet 10: messages about the indicators that the reader may know of."""
    units = order.units
    margins = Margins(list(units))
    table = Crossed(margins, [_ARRIVED, _FAILED, _OTHER])
    errors: dict[str, Counter[str]] = {unit: Counter() for unit in (*units, ALL)}
    for message in recaps.sent(order.span):
        if not message.indicators & set(codes) or message.state not in _SENT:
            continue
        unit = order.unit_of(message.village)
        state = {"delivered": _ARRIVED, "read": _ARRIVED, "failed": _FAILED}.get(message.state, _OTHER)
        margins.counts["f", unit] += 1
        table.add("f", unit, state)
        if state == _FAILED:
            code = _CODE.search(message.error or "")
            for place in (unit, ALL):
                errors[place][code[0] if code else "lain"] += 1
    if order.public:
        disclosure.protect_tables(margins, [table])

    def row(unit: str) -> list[Cell]:
        sent, arrived = margins.told(unit, ["f"]), table.told(unit, _ARRIVED, ["f"])
        return [
            told(sent),
            told(arrived),
            share(arrived, sent),
            told(table.told(unit, _FAILED, ["f"])),
            None if order.public else _listed(errors[unit]),
            middle(cases.hours[unit], public=order.public),
        ]

    columns = [
        unit_column(order),
        Column(
            "sent",
            "Pesan terkirim",
            width=10,
            meaning="Pesan tentang kasus (SMS, WhatsApp, atau e-mail) yang diserahkan ke operator.",
            source="kotak keluar",
            unit="pesan",
        ),
        Column(
            "arrived",
            "Sampai",
            width=9,
            meaning="Pesan yang menurut operator sampai. Sampai belum tentu dibaca.",
            source="laporan operator",
            unit="pesan",
        ),
        Column(
            "share", "% sampai", "share", 9, meaning="Sampai dibagi terkirim.", source="dihitung", unit="%"
        ),
        Column(
            "failed",
            "Gagal",
            width=8,
            meaning="Pesan yang akhirnya gagal.",
            source="laporan operator",
            unit="pesan",
        ),
        Column(
            "errors",
            "Gagal per kode",
            "text",
            30,
            meaning="Kode kesalahan operator dan banyaknya, misalnya 30003 (4).",
            source="laporan operator",
        ),
        Column(
            "hours",
            "Median waktu tanggap (jam)",
            "number",
            14,
            meaning="Median jam sampai diterima petugas, dari kasus yang dibuka bulan ini dan sudah diterima.",
            source="kasus",
            unit="jam",
        ),
    ]
    return Sheet(
        "10 Kinerja Alert",
        "Kinerja Alert dan Waktu Tanggap",
        [
            Block(
                "pmi_kinerja_alert",
                "",
                columns,
                [[name, *row(code)] for code, name in units.items()],
                total=["Jumlah", *row(ALL)],
                filtered=True,
            )
        ],
        notes(order)[1:],
        signed=True,
    )


def _listed(errors: Counter[str]) -> Cell:
    return "; ".join(f"{code} ({count})" for code, count in errors.most_common()) or None


def villages(order: Order, out: Moves, back: Moves, names: AreaNames) -> Sheet:
    """Sheet 11. In a public report what a village counted stands without the register's own counts beside it."""
    found = village_reports.newest(REPORT_FORM, order.span)
    codes = sorted(found.keys() | village_reports.with_desk(order.span))
    names.fetch(part for code in codes for part in (code, code[:8], code[:5]))
    columns = [
        Column(
            "village", "Kode desa", "code", 14, meaning="Kode desa Kemendagri.", source="wilayah Kemendagri"
        ),
        Column(
            "village_name", "Desa/Kelurahan", "text", 20, meaning="Nama desa.", source="wilayah Kemendagri"
        ),
        Column("district", "Kecamatan", "text", 17, meaning="Nama kecamatan.", source="wilayah Kemendagri"),
        Column(
            "regency", "Kab/Kota", "text", 22, meaning="Nama kabupaten/kota.", source="wilayah Kemendagri"
        ),
        Column(
            "came",
            "Laporan masuk",
            "text",
            9,
            meaning="ya bila laporan bulan ini sudah diterima; yang terakhir berlaku.",
            source="laporan_bulanan",
        ),
        Column(
            "at",
            "Diterima",
            "moment",
            15,
            meaning="Waktu server menerima, menurut jam setempat.",
            source="server",
        ),
        Column(
            "sessions",
            "Sosialisasi",
            width=11,
            meaning="Berapa kali sosialisasi.",
            source="laporan_bulanan: infog/sessions",
            unit="kali",
        ),
        Column(
            "part_m",
            "L",
            width=6,
            group="Peserta",
            meaning="Peserta sosialisasi.",
            source="laporan_bulanan: infog/part_m, part_f",
            unit="orang",
        ),
        Column("part_f", "P", width=6, group="Peserta", unit="orang"),
        Column(
            "letters_m",
            "L",
            width=6,
            group="Surat izin",
            meaning="Surat izin keluarga yang diketahui kepala desa.",
            source="laporan_bulanan: letterg/letters_m, letters_f",
            unit="surat",
        ),
        Column("letters_f", "P", width=6, group="Surat izin", unit="surat"),
    ]
    if not order.public:
        columns += [
            column
            for key, group, verb, source in (
                ("out", "Berangkat", "berangkat", "depg/dep_m, dep_f"),
                ("back", "Pulang", "pulang", "retg/ret_m, ret_f"),
            )
            for column in (
                Column(
                    f"{key}_said",
                    "Laporan",
                    width=8,
                    group=group,
                    meaning=f"Yang {verb} menurut laporan desa.",
                    source=f"laporan_bulanan: {source}",
                    unit="orang",
                ),
                Column(
                    f"{key}_known",
                    "Register",
                    width=8,
                    group=group,
                    meaning=f"Yang {verb} menurut register bulan ini.",
                    source="register",
                    unit="orang",
                ),
                Column(
                    f"{key}_gap",
                    "Selisih",
                    width=8,
                    group=group,
                    meaning="Laporan desa dikurangi register: perlu dicocokkan bila tidak nol.",
                    source="dihitung",
                    unit="orang",
                ),
            )
        ]
    return Sheet(
        "11 Laporan Desa",
        "Laporan Bulanan Desa",
        [
            Block(
                "pmi_laporan_desa",
                "",
                columns,
                _village_rows(order, codes, found, out, back, names),
                filtered=True,
                empty="Belum ada meja desa dan belum ada laporan desa.",
            )
        ],
        [
            *notes(order)[1:],
            "Termuat: desa yang punya meja desa pada bulan ini, dan desa lain yang mengirim laporan.",
        ],
        signed=True,
        frozen=2,
    )


def _village_rows(
    order: Order,
    codes: Sequence[str],
    found: Mapping[str, VillageReport],
    out: Moves,
    back: Moves,
    names: AreaNames,
) -> Iterator[list[Cell]]:
    for code in codes:
        place: list[Cell] = [code, *(short(names.name(part)) for part in (code, code[:8], code[:5]))]
        report = found.get(code)
        if report is None:
            row: list[Cell] = [*place, "belum", *[None] * 6]
            told_out = told_back = None
        else:
            answers = report.answers
            at = local(report.received_at, order.span.zone(code))
            counts = [_number(answers, "infog", name) for name in ("part_m", "part_f")]
            counts += [_number(answers, "letterg", name) for name in ("letters_m", "letters_f")]
            if order.public:
                counts = [
                    None if count is not None and disclosure.small(count) else count for count in counts
                ]
                shown = [told(count) for count in counts]
            else:
                shown = [count if count is not None else None for count in counts]
            row = [*place, "ya", at, _number(answers, "infog", "sessions"), *shown]
            told_out = _sum(_number(answers, "depg", "dep_m"), _number(answers, "depg", "dep_f"))
            told_back = _sum(_number(answers, "retg", "ret_m"), _number(answers, "retg", "ret_f"))
        if not order.public:
            for told_of, known in ((told_out, out.villages[code]), (told_back, back.villages[code])):
                row += [told_of, known, told_of - known if told_of is not None else None]
        yield row


def _number(answers: Mapping[str, Any], group: str, name: str) -> int | None:
    value = said(answers, group, name)
    if group == "infog" and name != "sessions" and value is None and said(answers, group, "sessions") == 0:
        return 0  # not asked where there was no session
    return value if isinstance(value, int) else None


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)
