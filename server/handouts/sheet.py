"""The sheet of paper that a village desk gets: A5, one page a desk, with its code and the four steps.

Whoever holds the sheet can send in the desk's name: it is as secret as a password.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import segno
from reportlab.lib.pagesizes import A5
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from server.handouts import pictures

_FONT, _BOLD = "Vera", "VeraBd"
"""They come with reportlab and are put into the file as far as they are used."""
_PAGE_WIDTH, _PAGE_HEIGHT = A5[0] / mm, A5[1] / mm
_MARGIN = 10.0
_ACCENT = 0x0F / 255, 0x5C / 255, 0x63 / 255
_INK = 0.11, 0.15, 0.16
_SOFT = 0.33, 0.39, 0.42
_PALE = 0.906, 0.941, 0.945
_WARNING = 0.65, 0.106, 0.16
_QR = 66.0
"""Millimetres of the code with its quiet zone."""
_QUIET = 4  # modules around a code (ISO/IEC 18004)

STEPS = (
    "Pasang aplikasi ODK Collect dari Play Store.",
    "Buka aplikasinya. Pilih “Konfigurasi dengan QR kode”, lalu arahkan kamera ke kode di atas.",
    "Pilih “Isi Formulir Kosong”. Isi sampai selesai. Tanpa sinyal pun bisa.",
    "Di halaman terakhir tekan Kirim. Bila ada sinyal, datanya terkirim sendiri.",
)


@dataclass(frozen=True)
class DeskSheet:
    """What stands on a desk's sheet. ``place`` are its areas from the district up, ``code`` is Collect's settings.

    ``server`` with ``username`` and ``password`` are for a phone whose camera does not work. ``call`` says where to
    call, a line for each part between commas; empty for lines to write on.
    """

    slug: str
    name: str
    place: str
    code: str
    server: str
    username: str
    password: str
    call: str
    title: str = "MEJA PMI"
    draft: bool = False


def draw(sheets: Sequence[DeskSheet]) -> bytes:
    """A PDF with one page a desk."""
    for font in (_FONT, _BOLD):
        if font not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(font, f"{font}.ttf"))
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A5, pageCompression=1)
    canvas.setTitle("Lembar meja desa")
    for sheet in sheets:
        canvas.saveState()
        canvas.scale(mm, mm)
        _page(canvas, sheet)
        canvas.restoreState()
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _page(canvas: Any, sheet: DeskSheet) -> None:
    _head(canvas, sheet)
    _code(canvas, sheet.code, _MARGIN - 4, 105)
    _beside(canvas, sheet, _MARGIN + _QR + 2)
    for number, text in enumerate(STEPS):
        column, row = number % 2, number // 2
        _step(canvas, number, text, _MARGIN + column * 66, 64 - row * 37)
    _foot(canvas, sheet)


def _head(canvas: Any, sheet: DeskSheet) -> None:
    canvas.setFillColorRGB(*_ACCENT)
    canvas.rect(0, _PAGE_HEIGHT - 34, _PAGE_WIDTH, 34, stroke=0, fill=1)
    canvas.setFillColorRGB(1, 1, 1)
    width = _PAGE_WIDTH - 2 * _MARGIN
    title = f"{sheet.title} (COBA: DATA TIDAK DIHITUNG)" if sheet.draft else sheet.title
    _line(canvas, title, _MARGIN, _PAGE_HEIGHT - 10, 3.6, _BOLD, width)
    _line(canvas, sheet.name, _MARGIN, _PAGE_HEIGHT - 20, 8.2, _BOLD, width)
    _line(canvas, sheet.place, _MARGIN, _PAGE_HEIGHT - 28, 4, _FONT, width)


def _code(canvas: Any, code: str, x: float, y: float) -> None:
    """The QR code as rectangles, one a run of dark modules; its ground is white also on coloured paper."""
    matrix = segno.make(code, error="m", micro=False).matrix
    module = _QR / (len(matrix) + 2 * _QUIET)
    canvas.setFillColorRGB(1, 1, 1)
    canvas.rect(x, y, _QR, _QR, stroke=0, fill=1)
    canvas.setFillColorRGB(0, 0, 0)
    for number, row in enumerate(matrix):
        top = y + _QR - (number + _QUIET) * module
        start = None
        for column, dark in enumerate((*row, 0)):
            if dark and start is None:
                start = column
            elif not dark and start is not None:
                # a hair's breadth higher than a module: no white lines between rows on screens
                canvas.rect(
                    x + (start + _QUIET) * module,
                    top - module,
                    (column - start) * module,
                    module * 1.02,
                    stroke=0,
                    fill=1,
                )
                start = None


def _beside(canvas: Any, sheet: DeskSheet, x: float) -> None:
    width = _PAGE_WIDTH - _MARGIN - x
    canvas.setFillColorRGB(*_WARNING)
    y = _line(canvas, "RAHASIA", x, 163, 4.6, _BOLD, width)
    canvas.setFillColorRGB(*_INK)
    warning = (
        "Kode ini kunci meja desa. Siapa yang punya kode ini bisa mengirim data atas nama desa. Jangan difoto, "
        "jangan dibagikan. Simpan di tempat terkunci."
    )
    y = _lines(canvas, warning, x, y - 1.5, 3.5, _FONT, width)
    canvas.setFillColorRGB(*_ACCENT)
    y = _line(canvas, "Butuh bantuan?", x, y - 9, 4.6, _BOLD, width)
    canvas.setFillColorRGB(*_INK)
    y = _lines(
        canvas, "Kode hilang, HP hilang, atau ada kesulitan: segera hubungi", x, y - 1, 3.5, _FONT, width
    )
    if sheet.call:
        for part in sheet.call.split(","):
            y = _line(canvas, part.strip(), x, y - 6, 4.2, _BOLD, width)
        return
    canvas.setStrokeColorRGB(*_SOFT)
    canvas.setLineWidth(0.25)
    for below in (8, 17):
        canvas.line(x, y - below, x + width, y - below)


def _step(canvas: Any, number: int, text: str, x: float, y: float) -> None:
    canvas.saveState()
    canvas.translate(x, y)
    pictures.STEPS[number](canvas)
    canvas.restoreState()
    left = x + pictures.WIDTH + 3
    canvas.setFillColorRGB(*_ACCENT)
    canvas.circle(left + 3, y + pictures.HEIGHT - 3, 3, stroke=0, fill=1)
    canvas.setFillColorRGB(1, 1, 1)
    canvas.setFont(_BOLD, 4)
    canvas.drawCentredString(left + 3, y + pictures.HEIGHT - 4.4, str(number + 1))
    canvas.setFillColorRGB(*_INK)
    _lines(canvas, text, left, y + pictures.HEIGHT - 7.5, 3.5, _FONT, 62 - pictures.WIDTH - 3)


def _foot(canvas: Any, sheet: DeskSheet) -> None:
    width = _PAGE_WIDTH - 2 * _MARGIN
    canvas.setFillColorRGB(*_PALE)
    canvas.rect(0, 0, _PAGE_WIDTH, 21, stroke=0, fill=1)
    canvas.setFillColorRGB(*_SOFT)
    y = _line(
        canvas,
        "Kamera rusak? Pilih “Masukkan rincian proyek secara manual” dan ketik:",
        _MARGIN,
        15.5,
        2.8,
        _FONT,
        width,
    )
    canvas.setFillColorRGB(*_INK)
    y = _line(canvas, f"URL  {sheet.server}", _MARGIN, y - 4.2, 3.2, _BOLD, width)
    _line(
        canvas,
        f"Nama pengguna  {sheet.username}    Kata sandi  {sheet.password}",
        _MARGIN,
        y - 4.6,
        3.2,
        _BOLD,
        width,
    )


def _line(canvas: Any, text: str, x: float, y: float, size: float, font: str, width: float) -> float:
    """One line, made smaller where it is too long; returns its base line."""
    text = _printable(text)
    while size > 1.5 and pdfmetrics.stringWidth(text, font, size) > width:
        size *= 0.97
    canvas.setFont(font, size)
    canvas.drawString(x, y, text)
    return y


def _lines(canvas: Any, text: str, x: float, y: float, size: float, font: str, width: float) -> float:
    """A paragraph below ``y``; returns the base line of its last line."""
    canvas.setFont(font, size)
    for line in simpleSplit(_printable(text), font, size, width):
        y -= size * 1.32
        canvas.drawString(x, y, line)
    return y


def _printable(text: str) -> str:
    """Letters that the font has; accents it lacks fall away, the rest becomes ``?`` instead of an empty box."""
    known = pdfmetrics.getFont(_FONT).face.charToGlyph
    return "".join(_letter(character, known) for character in text)


def _letter(character: str, known: Any) -> str:
    if ord(character) in known:
        return character
    bare = "".join(c for c in unicodedata.normalize("NFKD", character) if ord(c) in known)
    return bare or ("" if unicodedata.category(character) in ("Mn", "Cf", "Cc") else "?")
