"""pyxform's messages in Indonesian, as far as authors of forms commonly meet them."""

from __future__ import annotations

import re
from typing import Final

_KNOWN: Final[tuple[tuple[str, str], ...]] = (
    (
        r"List name not in choices sheet: (.+)",
        "daftar pilihan '{0}' tidak ada di lembar choices. Periksa namanya di kolom list_name.",
    ),
    (r"Unknown question type '(.*)'", "jenis pertanyaan '{0}' tidak dikenal. Periksa ejaannya."),
    (
        r"Could not find the name '(.*)'",
        "tidak ada pertanyaan bernama '{0}' di lembar survey. Periksa nama di ${{{0}}}.",
    ),
    (
        r"Names must begin with",
        "nama harus diawali huruf atau garis bawah, lalu huruf, angka, _ - atau titik, tanpa spasi.",
    ),
    (r"Question or group with no name", "pertanyaan atau grup ini belum punya nama. Isi kolom name."),
    (r"Question with no type", "pertanyaan ini belum punya jenis. Isi kolom type."),
    (
        r"Questions, groups, and repeats must be unique",
        "nama ini sudah dipakai di grup yang sama. Beri nama lain.",
    ),
    (r"Unmatched '(begin_\w+)'.*name '(.*)'", "'{0}' dengan nama '{1}' tidak ditutup. Tambahkan baris end."),
    (r"Unmatched '(\w+)'", "'{0}' tidak punya pasangan. Periksa baris begin dan end."),
    (r"Missing calculation", "rumus belum ada. Isi kolom calculation."),
    (r"Choices must have a name", "pilihan ini belum punya nama. Isi kolom name."),
    (r"Choice names must be unique", "nama pilihan ini ada dua kali dalam daftarnya. Beri nama lain."),
    (r"Choices should have a label", "pilihan ini belum punya label. Isi kolom label."),
    (
        r"There should be a choices sheet",
        "lembar choices tidak ada. Tambahkan dengan list_name, name, label.",
    ),
)
_KNOWN_PATTERNS: Final = tuple((re.compile(pattern), pesan) for pattern, pesan in _KNOWN)


def in_indonesian(message: str) -> str:
    """The same in Indonesian; what is not known is passed on in pyxform's own words."""
    for pattern, pesan in _KNOWN_PATTERNS:
        found = pattern.search(message)
        if found:
            return pesan.format(*found.groups())
    return f"pyxform (bahasa Inggris): {message}"
