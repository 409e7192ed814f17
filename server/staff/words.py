"""The words of the pages: Indonesian for states, roles, results, places, times, and texts of indicators."""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal

from server.store import areas, published

SEVERITIES = {"critical": "KRITIS", "high": "TINGGI", "medium": "SEDANG"}
STATES = {"open": "Menunggu", "acknowledged": "Ditangani", "closed": "Ditutup"}
FILTERS = {"menunggu": "open", "ditangani": "acknowledged", "ditutup": "closed", "semua": None}
"""The word in the address -> the state, or None for all."""

RESULTS = {
    "verified": "Benar, sudah diperiksa",
    "resolved": "Masalahnya sudah selesai",
    "referred": "Dirujuk ke lembaga lain",
    "moved": "Orangnya pindah atau sudah berangkat",
    "false_alarm": "Tidak terbukti",
    "other": "Lainnya",
}
ROLES = {
    "disnaker": "Disnaker",
    "p4mi": "P4MI",
    "bp3mi": "BP3MI",
    "ppa": "UPTD PPA",
    "dinsos": "Dinas Sosial",
    "province": "Provinsi",
    "admin": "Pengelola",
}
_FORMS = {
    "berangkat": "Keberangkatan",
    "pulang": "Kepulangan",
    "laporan_bulanan": "Laporan bulanan desa",
    "pantau_penyedia": "Pemantauan penyedia",
    "tindak_lanjut": "Tindak lanjut kasus",
}
_ZONES = {"Asia/Jakarta": "WIB", "Asia/Pontianak": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}
_OWN_PAGE = re.compile(
    r"/(kasus/R-[0-9]{6}-[0-9]{4,8}|unduh|ekspor|laporan|lampiran|daftar|meja|jaga|koreksi|tanda|tertahan(/[0-9]{1,12})?)?"
)
_REF = re.compile(r"R-[0-9]{6}-[0-9]{4,8}")


def form(form_id: str, title: str | None = None) -> str:
    """What people call a form."""
    return _FORMS.get(form_id) or title or form_id


def is_ref(text: str) -> bool:
    """Could this be a case's reference?"""
    return _REF.fullmatch(text) is not None


def own_page(path: str) -> str | None:
    """The path, if it is one of our pages to go on to after sign-in; so nobody is ever sent elsewhere."""
    return path if _OWN_PAGE.fullmatch(path) else None


def page_number(text: str) -> int:
    """The number that an address names; 1 where it names none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0 else 1


def file_size(size: int) -> str:
    """``1,2 MB``."""
    for limit, unit in ((1_000_000, "MB"), (1_000, "kB")):
        if size >= limit:
            return f"{format_decimal(size / limit, '0.#', locale='id')} {unit}"
    return f"{size} B"


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """``20 Nov 2026 12.00 WIB``."""
    text = format_datetime(moment, "d MMM y HH.mm", tzinfo=zone, locale="id")
    return f"{text} {_ZONES.get(zone.key, zone.key)}"


def day(text: str) -> str:
    """``Sen, 23 Nov 2026`` from ``2026-11-23``; a time after it stays."""
    date_text, _, time_text = text.partition(" ")
    shown = format_date(date.fromisoformat(date_text), "EEE, d MMM y", locale="id")
    return f"{shown} {time_text.replace(':', '.')}".strip()


def age(moment: datetime, now: datetime) -> str:
    """``3 jam yang lalu``."""
    if (now - moment).total_seconds() < 60:
        return "baru saja"
    return str(format_timedelta(moment - now, add_direction=True, threshold=1, locale="id"))


def phone(number: str) -> str:
    """``0812-0000-0001``, as people write a number at home; a foreign one as it is."""
    if not number.startswith("+62"):
        return number
    own = "0" + number[3:]
    return "-".join(filter(None, (own[:4], own[4:8], own[8:])))


def place(village: str, names: dict[str, str], reader_area: str) -> str:
    """``Desa Sumberrejo, Kec. Pagak``, and the regency where the reader's area has several."""
    if len(village) < 13:  # what an officer sent about their area as a whole
        return names.get(village, village)
    kind = areas.kind(village).capitalize()
    text = f"{kind} {names.get(village, village)}, Kec. {names.get(village[:8], village[:8])}"
    return text if len(reader_area) >= 5 else f"{text}, {names.get(village[:5], village[:5])}"


def place_codes(village: str) -> list[str]:
    """The areas whose names :func:`place` needs."""
    return [village, village[:8], village[:5]]


def failure(status: int) -> str:
    """A page's title where something went wrong."""
    return {
        403: "Tidak dapat dilanjutkan",
        404: "Tidak ditemukan",
        429: "Tunggu sebentar",
        503: "Server sedang sibuk",
    }.get(status, "Ada kesalahan")


class IndicatorTexts:
    """Labels and advice of indicators. A published version never changes, so they are read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}

    def find(self, form_id: str, version: str, code: str) -> tuple[str, str]:
        """(label, advice) in Indonesian. Reads the store: call in a reader.

        An edit may come under a newer version that no longer has the indicator: then any that has it will do.
        """
        known = self._of_version(form_id, version)
        if code in known:
            return known[code]
        for other in reversed(published.versions(form_id)):
            texts = self._of_version(form_id, other.version)
            if code in texts:
                return known.setdefault(code, texts[code])
        return code, ""

    def label(self, code: str) -> str:
        """The short name of an indicator in the newest published form that has it; empty if none has.

        Reads the store: call in a reader.
        """
        for listed in published.current_forms():
            texts = self._of_version(listed.form_id, listed.version)
            if code in texts:
                return texts[code][0]
        return ""

    def _of_version(self, form_id: str, version: str) -> dict[str, tuple[str, str]]:
        key = form_id, version
        if key not in self._known:
            found = published.get_form(form_id, version)
            if found is None:
                return {}
            self._known[key] = {
                i.code: (i.label.get("id", i.code), i.advice.get("id", "")) for i in found.indicators
            }
        return self._known[key]
