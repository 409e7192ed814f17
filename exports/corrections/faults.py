"""What can be wrong in a correction workbook, and where; said in two languages. No fault quotes an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Wrong(Enum):
    """Kinds of faults: texts in Indonesian and English, templates over the facts given."""

    CHOICE = ("pilihan ini tidak ada. Pilih dari: {known}", "there is no such choice. Choose one of: {known}")
    INTEGER = ("tulis bilangan bulat, misalnya 12.", "write a whole number, such as 12.")
    NUMBER = ("tulis angka, misalnya 12,5.", "write a number, such as 12.5.")
    DATE = ("tulis tanggal, misalnya 31-12-2026.", "write a date, such as 2026-12-31.")
    MOMENT = (
        "tulis waktu lengkap sebagai teks, misalnya 2026-12-31T08:00:00.000+07:00.",
        "write the whole time as text, such as 2026-12-31T08:00:00.000+07:00.",
    )
    FORMULA = ("ada rumus. Tulis hasilnya saja.", "holds a formula. Write its result only.")
    LONG = ("teks terlalu panjang.", "the text is too long.")
    UNASKED = (
        "pertanyaan ini tidak ditanyakan bila jawaban lain di baris ini seperti itu.",
        "with the other answers of this row this question is not asked.",
    )
    REQUIRED = ("jawaban ini wajib diisi.", "this answer is required.")
    CONSTRAINT = (
        "jawaban ini tidak memenuhi syarat pertanyaannya.",
        "this answer does not meet what its question demands.",
    )
    BREAKS = (
        "setelah koreksi, jawaban {question} kurang atau salah. Isi juga jawaban itu.",
        "after the correction the answer {question} is missing or wrong. Correct that one too.",
    )
    LOCKED = (
        "jawaban ini tidak boleh Anda ubah. Kembalikan seperti semula.",
        "you may not change this answer. Put it back as it was.",
    )
    CHANGED = (
        "data ini sudah diubah setelah buku ini dibuat. Unduh buku yang baru.",
        "this was changed after the workbook was made. Download a new one.",
    )
    UNKNOWN = (
        "data ini tidak ada di wilayah Anda. Jangan ubah kolom kunci.",
        "there is no such submission in your area. Leave the column with the key as it is.",
    )
    TWICE = ("data ini ada dua kali di lembar ini.", "this submission stands twice in this sheet.")
    OTHERWISE = (
        "lembar lain di berkas ini memberi jawaban yang berbeda. Hapus salah satu.",
        "another sheet of this file gives another answer. Remove one of them.",
    )
    VILLAGE = (
        "desa ini tidak ada di wilayah meja desa yang mengirim data ini.",
        "there is no such village in the area of the desk that sent this.",
    )


@dataclass(frozen=True)
class Fault:
    """Something wrong, at a cell (``F7``) or, where ``cell`` is a number alone, at a row."""

    sheet: str
    cell: str
    wrong: Wrong
    facts: dict[str, str] = field(default_factory=dict)

    def text(self, lang: str) -> str:
        """Place and what to do, in Indonesian (``id``) or English."""
        at_row = self.cell.isdigit()
        template = self.wrong.value[lang == "en"].format(**self.facts)
        if lang == "en":
            return f"Sheet {self.sheet}, {'row' if at_row else 'cell'} {self.cell}: {template}"
        return f"Lembar {self.sheet}, {'baris' if at_row else 'sel'} {self.cell}: {template}"
