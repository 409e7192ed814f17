"""What is wrong with an expression, in Indonesian: what our own reader says, and JavaRosa in ODK Validate."""

from __future__ import annotations

import re
from typing import Final

_KNOWN: Final[tuple[tuple[str, str], ...]] = (
    # our own reader (forms/xpath)
    (r"there is no function (\S+?)\(\)", "tidak ada fungsi {0}(). Periksa ejaannya"),
    (r"(\S+?)\(\) takes (.+?), not (\d+)", "fungsi {0}() memerlukan {1}, bukan {2}"),
    (r"(\S+?)\(\) takes text", "fungsi {0}() memerlukan teks, bukan angka, tanggal, atau benar/salah"),
    (r"(\S+?)\(\) needs a path as argument (\d+)", "isian ke-{1} fungsi {0}() harus nama pertanyaan"),
    (r"(\S+?)\(\) can only be answered by the phone", "fungsi {0}() hanya jalan di HP"),
    (r"the string (.+) is never closed", "teks {0} tidak ditutup dengan tanda kutip"),
    (r"(.+) stands where a value was expected", "{0} berdiri di tempat yang seharusnya nilai"),
    (r"(.+) was expected, not (.+)", "seharusnya {0}, bukan {1}"),
    (r"the expression ends where a value was expected", "rumus terputus: nilai terakhir belum ditulis"),
    (r"an operator is missing before (.+)", "tanda hitung atau kata and/or belum ada sebelum {0}"),
    (r"cannot understand (.+)", "{0} tidak dimengerti"),
    (r"nested (?:deeper than|too deeply)|more than \d+ operators|longer than", "rumus terlalu panjang atau bertingkat"),
    (r"the list (\S+) is missing", "daftar {0} tidak dilampirkan"),
    (r"the list (\S+) has no such column", "daftar {0} tidak punya kolom itu"),
    (r"is repeated: one value was asked for", "isian ini berulang: sebut isian ke berapa"),
    (r"the path goes up past the root", "tanda .. terlalu banyak: naik melewati pertanyaan teratas"),
    (r"regular expression", "pola pada regex() tidak terbaca"),
    (r"format-date\(\) does not know the escape (\S+)", "format-date() tidak mengenal {0}"),
    (r"is not supported|must be followed by a path|cannot start with|takes one name in quotes",
     "HP tidak mengenal cara menulis ini. Pakai ${{nama}}"),
    # JavaRosa
    (r"something is missing or too much", "ada yang kurang atau kelebihan"),
    (r"mismatched brackets or parentheses", "tanda kurung tidak berpasangan"),
    (r"cannot handle function '([^']+)'\W+requires (.+?) arguments\W+(?:only |but )?(\d+) provided",
     "fungsi {0} memerlukan {1} isian, baru ada {2}"),
    (r"cannot handle function '([^']+)'", "fungsi {0} tidak dikenal HP, atau isiannya tidak cocok"),
    (r"type mismatch for function '([^']+)'", "isian fungsi {0} salah jenis"),
    (r"type mismatch,? ?not a nodeset", "fungsi ini memerlukan nama pertanyaan, bukan nilai"),
    (r'The value "(.*)" can\'t be converted to a date', "nilai \"{0}\" bukan tanggal (tulis seperti 2026-11-21)"),
    (r'The value "(.*)" can\'t be converted to a number', 'nilai "{0}" bukan angka'),
    (r"type mismatch", "jenis nilainya tidak cocok"),
    (r"Instance referenced by instance\(([^)]*)\).* does not exist", "daftar '{0}' tidak dilampirkan"),
    (r"Couldn't understand the expression starting at this point: (.+)", "tidak terbaca mulai dari sini: {0}"),
    (r"unsupported construct", "HP tidak mengenal cara menulis ini. Pakai ${{nama}}"),
    (r"Cannot invoke|cannot be cast", "hasilnya bukan nilai yang dapat dipakai"),
    (r"XPath nodeset has more than one node|referencing a repeat", "isian ini berulang: sebut isian ke berapa"),
    (r"did not end within (\d+) seconds", "tidak selesai dalam {0} detik"),
)  # fmt: skip
_PATTERNS: Final = tuple((re.compile(pattern, re.IGNORECASE), pesan) for pattern, pesan in _KNOWN)


def in_indonesian(said: str) -> str:
    """The same in Indonesian; what is not known is passed on as it is, and called English."""
    for pattern, pesan in _PATTERNS:
        found = pattern.search(said)
        if found:
            return pesan.format(*(_in_words(part or "") for part in found.groups()))
    return f"(bahasa Inggris) {said}" if said else "sebabnya tidak disebut"


_WORDS: Final = {
    "or": "atau",
    "and": "dan",
    "to": "sampai",
    "no": "tanpa",
    "at least": "paling sedikit",
    "more": "lebih",
    "argument": "isian",
    "arguments": "isian",
    "a name": "nama",
    "the end": "akhir rumus",
}


def _in_words(part: str) -> str:
    """The few English words inside of what a message quotes; quoted pieces of the author stay as they are."""
    if part.startswith(("'", '"')):
        return part
    words = re.compile(r"\b(" + "|".join(sorted(_WORDS, key=len, reverse=True)) + r")\b")
    return words.sub(lambda found: _WORDS[found[0]], part)
