"""Writing the text of an alert: one SMS segment, in the alphabet of GSM, without personal data.

Nothing personal can get in because nothing personal comes in: the only arguments are an indicator's own text
(from the form's workbook), the case reference, the name of a kecamatan and a number. Rules: DOMAIN 5.2 and 7;
alphabet and septets: 3GPP TS 23.038.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import gsm0338

SEGMENT = 160
"""Septets in a message of one part."""
KEC_LENGTH = 18
"""Longest name of a kecamatan in a message; the texts in the workbooks are measured with it."""

_REF = re.compile(r"R-\d{6}-\d{4,}\Z")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_CODEC = gsm0338.Codec()
_PLAIN = {"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "•": "-"}


@dataclass(frozen=True)
class Text:
    """A message as it goes out. ``segments`` is what the carrier will charge for."""

    body: str
    segments: int


def compose(sms: str, ref: str, kec: str, more: int = 0) -> Text:
    """Fill in an indicator's text.

    ``sms`` holds ``{ref}`` and ``{kec}``; any other placeholder is dropped, since nothing could fill it.
    ``more`` counts further indicators of the case: ``+2`` before the reference. Where all of it is too long,
    the kecamatan is cut first, then the end of the text; never the reference. Raises ValueError for a ``ref``
    that is not a case reference or a negative ``more``.
    """
    if not _REF.match(ref):
        raise ValueError("not a case reference")
    if more < 0:
        raise ValueError("fewer than no further indicators")
    counted = f"+{more} {ref}" if more else ref
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
    level = {"critical": "KRITIS", "high": "TINGGI"}.get(severity, "SEDANG")
    return f"PMI {level} {code} {{ref}} Kec {{kec}}. Buka dasbor."


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
