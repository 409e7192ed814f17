"""The cover, the data dictionary, and what people read on the proof sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from exports.report import disclosure
from exports.report.order import Order
from exports.report.sheets import Block, Column, Kind, Sheet
from exports.report.tables import ALL
from exports.report.tallies import Cases, Moves
from exports.values import Cell
from server.store import areas

ZONE_WORDS = {"Asia/Jakarta": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}
READERS = {
    None: "pengelola server",
    "disnaker": "Disnaker",
    "p4mi": "P4MI",
    "bp3mi": "BP3MI",
    "ppa": "UPTD PPA",
    "dinsos": "Dinas Sosial",
    "province": "pemerintah provinsi",
    "admin": "pengelola",
}
_TYPES: Mapping[Kind, str] = {
    "text": "teks",
    "code": "teks (kode)",
    "count": "bilangan",
    "money": "bilangan",
    "number": "angka",
    "share": "persen",
    "date": "tanggal",
    "moment": "tanggal dan jam",
    "papers": "bilangan",
    "small": "bilangan",
}


@dataclass(frozen=True)
class Cover:
    """What the cover shows: key figures, facts by name, a table of contents, definitions, a warning."""

    title: str
    area: str
    period: str
    variant: str
    figures: Sequence[tuple[str, Cell, str]]
    facts: Sequence[tuple[str, str]]
    contents: Sequence[tuple[str, str]]
    definitions: Sequence[tuple[str, str]]
    warning: str


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """``2 Desember 2026 pukul 08.15 WIB``."""
    text = format_datetime(moment, "d MMMM y 'pukul' HH.mm", tzinfo=zone, locale="id")
    return f"{text} {ZONE_WORDS.get(zone.key, zone.key)}"


def title_of(order: Order) -> str:
    """The report's title."""
    return "Laporan Bulanan Pelindungan Pekerja Migran Indonesia"


def variant_of(order: Order) -> str:
    """What kind of report it is, in words."""
    if order.public:
        return "Untuk umum: tanpa data pribadi, angka kecil tidak ditampilkan"
    return "TERBATAS: memuat jawaban tentang kekerasan" if order.restricted else "Untuk dinas"


def area_title(order: Order, name: str) -> str:
    """``Provinsi Jawa Timur``; regencies and cities bear their kind in their name already."""
    kinds = {2: "Provinsi ", 8: "Kecamatan ", 13: f"{areas.kind(order.area).capitalize()} "}
    return "Republik Indonesia" if order.area == areas.NATION else f"{kinds.get(len(order.area), '')}{name}"


def cover(
    order: Order, area: str, sheets: Sequence[Sheet], out: Moves, back: Moves, cases: Cases, late: int
) -> Cover:
    """The cover of a report."""
    zone = areas.zone(order.area, order.default_zone)
    finished = order.made_at >= order.span.ends(order.area)
    facts = [
        ("Wilayah", f"{area_title(order, area)} (kode {order.area})"),
        ("Periode", order.period if finished else f"{order.period} (bulan belum selesai)"),
        ("Dibuat", local_time(order.made_at, zone)),
        ("Dibuat oleh", order.by),
        ("Hak baca", READERS.get(order.reader.role, str(order.reader.role))),
        ("Jenis", variant_of(order)),
        (
            "Jam dan bulan",
            "menurut waktu setempat di tiap provinsi (WIB, WITA, WIT)"
            if order.area == areas.NATION
            else f"menurut waktu setempat, {ZONE_WORDS.get(zone.key, zone.key)}",
        ),
    ]
    if not order.public:
        facts += [
            ("Jumlah baris", f"register keberangkatan {out.number}, register kepulangan {back.number}"),
            (
                "Data bulan lain",
                f"{late} data diterima bulan ini untuk bulan lain; ada di laporan bulan itu",
            ),
        ]
    grave = None if order.public and disclosure.small(cases.grave_open) else cases.grave_open
    figures: list[tuple[str, Cell, str]] = [
        ("Berangkat", _told(out.margins.told(ALL)), "orang"),
        ("Pulang", _told(back.margins.told(ALL)), "orang"),
        ("Kasus baru", _told(cases.new.told(ALL)), "kasus"),
        ("Kasus selesai", _told(cases.finished.told(ALL)), "kasus"),
        ("Terbuka > 30 hari", _told(cases.long_open.told(ALL)), "kasus"),
        ("Kritis terbuka", _told(grave), "kasus"),
    ]
    return Cover(
        title_of(order),
        area_title(order, area),
        order.period,
        variant_of(order),
        figures,
        facts,
        [
            *((sheet.name, sheet.title) for sheet in sheets),
            ("Kamus Data", "Arti, sumber, dan satuan kolom"),
        ],
        _definitions(order),
        _warning(order),
    )


def _told(count: int | None) -> Cell:
    return "*" if count is None else count


def _definitions(order: Order) -> list[tuple[str, str]]:
    return [
        (
            "Bulan",
            "Orang dihitung pada bulan ia berangkat (rencana) atau pulang; bila harinya tidak tercatat, pada bulan "
            "pendataan. Kasus dihitung pada bulan dibuka atau ditutup.",
        ),
        (
            "Nonprosedural (indikasi)",
            "Tanda dari jawaban formulir, bukan penetapan. Yang berangkat nonprosedural bukan pelanggar.",
        ),
        ("Indikator risiko", "Tanda untuk diperiksa petugas, bukan bukti dan bukan putusan."),
        ("Suntingan", "Hanya versi terakhir setiap formulir yang dihitung; uji coba tidak dihitung."),
    ]


def _warning(order: Order) -> str:
    if order.public:
        return (
            "Boleh diumumkan. Jumlah di bawah 5 orang diganti tanda *, begitu pula angka lain yang dapat dipakai "
            "menghitungnya."
        )
    text = (
        "RAHASIA. Memuat data pribadi yang dilindungi UU 27/2022. Hanya untuk yang berhak, jangan dibagikan "
        "lewat grup, simpan di tempat aman, dan hapus bila sudah tidak dipakai."
    )
    if order.restricted:
        text = (
            "TERBATAS. Memuat jawaban tentang kekerasan. Hanya untuk pendamping korban yang berwenang. "
            + text
        )
    return text


def dictionary_sheet(sheets: Sequence[Sheet]) -> Sheet:
    """The data dictionary."""
    columns = [
        Column("sheet", "Lembar", "text", 25),
        Column("column", "Kolom", "text", 26),
        Column("meaning", "Arti", "text", 52),
        Column("source", "Sumber", "text", 38),
        Column("kind", "Jenis", "text", 14),
        Column("unit", "Satuan", "text", 22),
    ]
    return Sheet(
        "Kamus Data", "Kamus Data", [Block("", "", columns, list(_dictionary(sheets)), filtered=True)]
    )


def _dictionary(sheets: Sequence[Sheet]) -> Iterator[list[Cell]]:
    """One row a column that is explained; columns that are alike are explained once."""
    for sheet in sheets:
        for block in sheet.blocks:
            for column in block.columns:
                if column.meaning:
                    alike = sum(1 for c in block.columns if c.group and c.group == column.group) > 1
                    name = f"{column.group} (L, P, Jml …)" if alike and column.key.endswith("_m") else None
                    yield [
                        sheet.name,
                        name or column.title,
                        column.meaning,
                        column.source or None,
                        _TYPES[column.kind],
                        column.unit or None,
                    ]


def proof_facts(
    order: Order, area: str, forms: Mapping[str, str], lists: Mapping[str, int]
) -> list[list[Cell]]:
    """What people read on the proof sheet: who, when, what was asked for, which forms and lists; a header first."""
    zone = areas.zone(order.area, order.default_zone)
    rows: list[list[Cell]] = [
        ["Hal", "Isi"],
        ["Dokumen", f"{title_of(order)}, {area_title(order, area)}, {order.period}"],
        ["Dibuat", local_time(order.made_at, zone)],
        ["Dibuat oleh", order.by],
        ["Hak baca", READERS.get(order.reader.role, str(order.reader.role))],
        ["Pilihan", f"wilayah {order.area}; bulan {order.month:%Y-%m}; {variant_of(order)}"],
        ["Versi formulir", "; ".join(f"{form_id} {said}" for form_id, said in forms.items()) or "tidak ada"],
        ["Edisi daftar", "; ".join(f"{name} edisi {n}" for name, n in sorted(lists.items())) or "tidak ada"],
        ["Periksa", "posmigran verify BERKAS.xlsx menyebut sel pertama yang diubah."],
    ]
    return rows
