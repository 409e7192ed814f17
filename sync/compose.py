"""Writing messages: one SMS segment, in the alphabet of GSM, without personal data.

Nothing personal can get in, because nothing that could hold it comes in. A text is made of

- the indicator's own text, which this module takes from the form's published definition by its code;
- a case reference (:class:`Ref`), which is letters and digits of a fixed pattern;
- a kecamatan, or a wider area (:class:`Place`), given by its code alone, whose name this module looks up;
- levels out of a fixed list, and small numbers.

There is no argument for free text. Rules: DOMAIN 5.2 and 7; alphabet and septets: 3GPP TS 23.038.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import gsm0338

from server.store import areas

SEGMENT = 160
"""Septets in a message of one part."""
KEC_LENGTH = 18
"""Longest name of a kecamatan in a message; the texts in the workbooks are measured with it."""

_REF = re.compile(r"R-\d{6}-\d{4,9}\Z")
_CODE = re.compile(r"[A-Z]\d{2}\Z")
_PLACE = re.compile(r"(ID|\d{2}(\.\d{2}){0,2})\Z")
_IN_KECAMATAN = "Kec {kec}"
_MOST = 99
"""Beyond this a count says no more: ``99+``. It also keeps a number that is no count out of a text."""
_LEVELS = {"critical": "KRITIS", "high": "TINGGI", "medium": "SEDANG"}
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_CODEC = gsm0338.Codec()
_PLAIN = {"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "•": "-"}


@dataclass(frozen=True)
class Text:
    """A message as it goes out. ``segments`` is what the carrier will charge for."""

    body: str
    segments: int


@dataclass(frozen=True)
class Ref:
    """A case reference, ``R-350712-0417``. Raises ValueError for anything else."""

    value: str

    def __post_init__(self) -> None:
        if not _REF.match(self.value):
            raise ValueError("not a case reference")


@dataclass(frozen=True)
class Place:
    """A kecamatan by its code, ``35.07.12``; the regency, province or nation of a case that an officer's phone opened
    for their area as a whole. Raises ValueError for anything else, so for a village.
    """

    code: str

    def __post_init__(self) -> None:
        if not _PLACE.match(self.code):
            raise ValueError("not the code of a kecamatan, nor of a wider area")

    @property
    def wider(self) -> bool:
        """Is it more than a kecamatan?"""
        return len(self.code) < len("35.07.12")

    @property
    def name(self) -> str:
        """Its name in the table of areas; empty where it is not there."""
        return areas.names([self.code]).get(self.code, "").replace("Kabupaten ", "Kab ")


class Occasion(StrEnum):
    """Why somebody is written to about a case."""

    ALERT = "alert"
    ESCALATION = "escalation"
    REMINDER = "reminder"


_OCCASIONS = {
    Occasion.ESCALATION: "PMI {level} {code} {{ref}} Kec {{kec}}: belum ada yang menangani. "
    "Anda diminta bertindak. Buka dasbor.",
    Occasion.REMINDER: "PMI {level} {code} {{ref}} Kec {{kec}}: sudah diterima, belum ada tindak lanjut. "
    "Isi tindak lanjut atau tutup kasus. Buka dasbor.",
}
"""What is said instead of the indicator's own text. A level and a code are filled in, then the rest."""

_NOTICES = {
    "account": "PMI sistem: akun pengirim pesan ditolak operator. Pesan menunggu. Periksa akun dan saldo.",
    "sender": "PMI sistem: nama atau nomor pengirim belum terdaftar atau diblokir. Pesan menunggu. "
    "Periksa pendaftaran.",
    "spam": "PMI sistem: operator menganggap pesan sebagai spam. Periksa teks dan pendaftaran pengirim.",
    "template": "PMI sistem: templat WhatsApp tidak diterima. Pesan lewat jalur lain. Periksa templat.",
    "address": "PMI sistem: nomor atau surel seorang petugas tidak dapat dipakai. Perbarui datanya.",
    "cap": "PMI sistem: batas jumlah atau biaya pesan tercapai. Yang KRITIS tetap dikirim, lainnya digabung.",
    "down": "PMI sistem: satu jalur pengiriman tidak berfungsi. Peringatan dicoba lewat jalur lain. Periksa jalur itu.",
    "other": "PMI sistem: operator menolak pesan. Pesan menunggu. Periksa pengaturan.",
}
_LOOK = " Jalankan: posmigran doctor"


def compose(
    form: Mapping[str, Any],
    code: str,
    severity: str,
    ref: Ref,
    place: Place,
    more: int = 0,
    occasion: Occasion = Occasion.ALERT,
) -> Text:
    """The text about a case: that of its gravest indicator to tell of, and how many there are besides.

    ``form`` is the published definition in which the indicator ``code`` stands with its texts; without a text
    there, a plain one is made. Raises ValueError for a code or level that is none, or a negative ``more``.
    """
    if not _CODE.match(code) or severity not in _LEVELS:
        raise ValueError("not an indicator and its level")
    if occasion is Occasion.ALERT:
        sms = _of_indicator(form, code) or fallback_text(code, severity)
    else:
        sms = _OCCASIONS[occasion].format(level=_LEVELS[severity], code=code)
    if place.wider:
        sms = sms.replace(_IN_KECAMATAN, "{kec}")
    return fill(sms, ref.value, place.name, more)


def _of_indicator(form: Mapping[str, Any], code: str) -> str:
    for indicator in form.get("indicators", ()):
        if indicator["code"] == code:
            texts = indicator["sms"]
            return str(texts.get("id") or next((t for t in texts.values() if t), ""))
    return ""


def digest(counts: Mapping[str, int], refs: Sequence[Ref], *, weekly: bool = False) -> Text:
    """Many cases in one message: how many of each level, and as many references as fit.

    ``counts`` are by level; ``weekly`` for the digest of a week, else for what a cap held back. Raises ValueError
    for another level or a negative number.
    """
    if not set(counts) <= set(_LEVELS) or min(counts.values(), default=0) < 0:
        raise ValueError("not counts by level")
    parts = [f"{_count(counts[level])} {word}" for level, word in _LEVELS.items() if counts.get(level)]
    total = _count(sum(counts.values()))
    said = f"PMI mingguan: {total} kasus terbuka" if weekly else f"PMI: {total} kasus menunggu Anda"
    head = f"{said} ({', '.join(parts)})" if parts else said
    shown: list[str] = []
    for ref in refs:
        if septets(_listed(head, [*shown, ref.value])) > SEGMENT:
            break
        shown.append(ref.value)
    return Text(_cut(_listed(head, shown)), 1)


def _listed(head: str, refs: Sequence[str]) -> str:
    return f"{head}{': ' + ', '.join(refs) if refs else ''}. Buka dasbor."


def _count(number: int) -> str:
    return str(number) if number <= _MOST else f"{_MOST}+"


def notice(trouble: str) -> Text:
    """What an administrator is told. Raises ValueError for a trouble that has no text."""
    if trouble not in _NOTICES:
        raise ValueError("no such notice")
    return Text(_NOTICES[trouble] + _LOOK, 1)


def export_ready(public_url: str) -> Text:
    """That a monthly export lies ready: where, for whoever signs in."""
    where = f": {public_url}/ekspor" if public_url else ""
    body = in_gsm(f"PMI: ekspor bulanan Anda siap diunduh. Masuk di halaman Ekspor{where}")
    return Text(body, 1 if septets(body) <= SEGMENT else 2)


def held(count: int) -> Text:
    """How many uploads wait for a decision. Raises ValueError for none."""
    if count < 1:
        raise ValueError("nothing waits")
    said = (
        f"PMI sistem: {_count(count)} kiriman HP tertahan dan belum dinilai, mungkin ada orang dalam bahaya."
    )
    return Text(f"{said} Buka dasbor, halaman Tertahan.", 1)


def fill(sms: str, ref: str, kec: str, more: int = 0) -> Text:
    """Fill in a text of a workbook, for :func:`compose`: only there is it known whose words these are.

    ``sms`` holds ``{ref}`` and ``{kec}``; any other placeholder is dropped, since nothing could fill it.
    ``more`` counts further indicators of the case: ``+2`` before the reference. Where all of it is too long,
    the kecamatan is cut first, then the end of the text; never the reference. Raises ValueError for a ``ref``
    that is not a case reference or a negative ``more``.
    """
    if not _REF.match(ref):
        raise ValueError("not a case reference")
    if more < 0:
        raise ValueError("fewer than no further indicators")
    counted = f"+{_count(more)} {ref}" if more else ref
    # Placeholders are told apart in the template alone, so that a name with braces in it is just a name.
    parts = _PLACEHOLDER.split(sms)
    names = _PLACEHOLDER.findall(sms)
    place = in_gsm(kec)[:KEC_LENGTH].rstrip()

    def filled(length: int) -> str:
        values = {"{ref}": counted, "{kec}": place[:length].rstrip()}
        pieces = [in_gsm(part) for part in parts]
        return pieces[0] + "".join(values.get(n, "") + p for n, p in zip(names, pieces[1:], strict=True))

    body = filled(len(place))
    for length in range(len(place) - 1, -1, -1):
        if septets(body) <= SEGMENT:
            break
        body = filled(length)
    body = _cut(body)
    if counted not in body:
        body = _cut(f"{counted} {body}")
    return Text(body, 1)


def _cut(body: str) -> str:
    while septets(body) > SEGMENT:
        body = body[:-1]
    return body


def fallback_text(code: str, severity: str) -> str:
    """What to say where a form's version has no text for one of its indicators: better plain than unsaid."""
    return f"PMI {_LEVELS.get(severity, 'SEDANG')} {code} {{ref}} Kec {{kec}}. Buka dasbor."


def in_gsm(text: str) -> str:
    """The text in letters of GSM: accents it lacks fall away, line ends become spaces, the rest ``?``."""
    return "".join(_letter(character) for character in text)


def _letter(character: str) -> str:
    if character in _PLAIN:
        return _PLAIN[character]
    if unicodedata.category(character) in ("Cc", "Zs", "Zl", "Zp"):
        return " "
    if _known(character):
        return character
    bare = "".join(c for c in unicodedata.normalize("NFKD", character) if _known(c) and c.isprintable())
    return bare or ("" if unicodedata.category(character) in ("Mn", "Cf") else "?")


def _known(character: str) -> bool:
    try:
        _CODEC.encode(character)
    except UnicodeEncodeError:
        return False
    return True


def septets(text: str) -> int:
    """Length on the air: characters of the extension table (``[ ] { } ~ ^ | \\ €``) count twice.

    Raises UnicodeEncodeError for what GSM does not have.
    """
    return len(_CODEC.encode(text)[0])
