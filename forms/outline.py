"""A form as text, one file a language, to be read and discussed without a phone: ``make forms-docs``.

Everything stands in the order of the phone and comes from the workbook alone: texts, choices, conditions, limits,
calculations and risk rules. Nothing is left out but the columns that only change the look.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from forms.schema import language_code
from forms.workbook import Workbook, read_workbook

LIBRARY: Final = Path(__file__).parent / "library"
_REFERENCE: Final = re.compile(r"\$\{\s*([^}\s]+)\s*\}")
_MARKUP: Final = re.compile(r"<[^>]+>|^#+ ", re.MULTILINE)

WORDS: Final = {
    "id": {
        "about": "Kode `{form_id}`, versi {version}. Dibuat dari `forms/library/{file}` dengan `make forms-docs`; "
        "jangan diubah di sini. **\\*** = wajib diisi.",
        "screen": "satu layar",
        "repeat": "bisa diulang",
        "if": "Tampil bila",
        "limit": "Syarat",
        "default": "Isi awal",
        "filter": "Saringan",
        "trigger": "Terisi sesudah",
        "guidance": "Panduan petugas",
        "secret": "Rahasia",
        "note": "Catatan untuk petugas",
        "saved": "Disimpan di daftar sebagai",
        "from": "pilih dari",
        "one": "pilih satu",
        "many": "pilih banyak",
        "text": "tulis",
        "integer": "angka bulat",
        "decimal": "angka",
        "date": "tanggal",
        "image": "foto",
        "geopoint": "titik lokasi",
        "calculations": "Hitungan yang tidak tampil",
        "indicators": "Peringatan risiko",
        "rule": "Muncul bila",
        "recipients": "Diberi tahu",
        "advice": "Saran di HP",
    },
    "en": {
        "about": "Form id `{form_id}`, version {version}. Made from `forms/library/{file}` by `make forms-docs`; "
        "do not edit here. **\\*** = must be answered.",
        "screen": "one screen",
        "repeat": "can be repeated",
        "if": "Shown if",
        "limit": "Limit",
        "default": "First value",
        "filter": "Filter",
        "trigger": "Filled in after",
        "guidance": "Guidance",
        "secret": "Secret",
        "note": "Note to the officer",
        "saved": "Kept in the list as",
        "from": "choose from",
        "one": "choose one",
        "many": "choose several",
        "text": "write",
        "integer": "whole number",
        "decimal": "number",
        "date": "date",
        "image": "photo",
        "geopoint": "position",
        "calculations": "Calculations that are not shown",
        "indicators": "Risk warnings",
        "rule": "Appears if",
        "recipients": "Told",
        "advice": "Advice on the phone",
    },
}
"""What we say ourselves, by language code."""


def outline(book: Workbook, language: str) -> str:
    """The form as Markdown. ``language`` is a language's name as the workbook writes it, ``English (en)``."""
    return "\n".join(_Outline(book, language).lines()) + "\n"


def write_outlines(library: Path, folder: Path) -> list[Path]:
    """Write ``FORM.LANGUAGE.md`` for each workbook of ``library``; returns the files written, in order.

    Raises :class:`forms.workbook.FormErrors` for a workbook that cannot be read, OSError as writing does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for workbook in sorted(library.glob("*.xlsx")):
        book = read_workbook(workbook)
        for language in book.languages():
            file = folder / f"{workbook.stem}.{language_code(language)}.md"
            file.write_text(outline(book, language), "utf-8")
            written.append(file)
    return written


class _Outline:
    """One form in one language."""

    def __init__(self, book: Workbook, language: str) -> None:
        self.book, self.language = book, language
        self.words = WORDS.get(language_code(language), WORDS["en"])
        self.choices: dict[str, list[str]] = {}
        for row in book.definition.choices or ():
            said = f"{self._said(row, 'label')} `{row.get('name')}`"
            self.choices.setdefault(str(row.get("list_name")), []).append(said)

    def lines(self) -> Iterator[str]:
        settings = self.book.settings()
        yield f"# {settings['form_title']}"
        yield ""
        yield self.words["about"].format(file=self.book.file, **settings)
        calculations = []
        numbers: list[int] = []
        for _, path, cells in self.book.survey():
            kind, _, rest = str(cells["type"]).partition(" ")
            if kind in ("calculate", "csv-external"):
                calculations.append(cells)
                continue
            if kind in ("start", "end"):
                continue
            depth = path.count("/") - 2
            numbers = [*numbers[: depth + 1], *[0] * (depth + 1 - len(numbers))]
            numbers[depth] += kind != "note"
            number = ".".join(str(n) for n in numbers)
            yield ""
            if kind.startswith("begin"):
                yield from self._group(cells, kind, number, depth)
            else:
                yield from self._question(cells, kind, rest, number)
        yield from self._calculations(calculations)
        yield from self._indicators()

    def _group(self, cells: Mapping[str, Any], kind: str, number: str, depth: int) -> Iterator[str]:
        marks = [self.words["screen"]] if "field-list" in str(cells.get("appearance")) else []
        marks += [self.words["repeat"]] if kind.endswith("repeat") else []
        yield f"{'#' * (depth + 2)} {number} {self._said(cells, 'label')}"
        if marks:
            yield ""
            yield f"*{', '.join(marks)}*"
        yield from self._conditions(cells)

    def _question(self, cells: Mapping[str, Any], kind: str, rest: str, number: str) -> Iterator[str]:
        label = self._said(cells, "label")
        if kind == "note":
            yield f"> {self.words['note']} `{cells['name']}`: {label}"
            yield from self._conditions(cells)
            return
        star = " **\\***" if cells.get("required") == "yes" else ""
        yield f"**{number} {label}**{star} `{cells['name']}` ({self._kind(kind, rest)})"
        if hint := self._said(cells, "hint"):
            yield f"<br>*{hint}*"
        yield from self._conditions(cells)
        if not kind.endswith("_file"):
            yield from self._list(self.choices.get(rest, ()))

    def _kind(self, kind: str, rest: str) -> str:
        if kind.startswith("select_"):
            which = self.words["many" if "multiple" in kind else "one"]
            return f"{self.words['from']} `{rest}`" if kind.endswith("_file") else which
        return self.words.get(kind, kind)

    def _conditions(self, cells: Mapping[str, Any]) -> Iterator[str]:
        found = []
        if cells.get("relevant"):
            found.append(f"{self.words['if']}: {_code(cells['relevant'])}")
        if cells.get("constraint"):
            message = self._said(cells, "constraint_message")
            found.append(f"{self.words['limit']}: {message} {_code(cells['constraint'])}")
        if cells.get("choice_filter"):
            found.append(f"{self.words['filter']}: {_code(cells['choice_filter'])}")
        if cells.get("default"):
            found.append(f"{self.words['default']}: {_code(cells['default'])}")
        if cells.get("trigger"):
            found.append(f"{self.words['trigger']}: {_code(cells['trigger'])}")
        if guidance := self._said(cells, "guidance_hint"):
            found.append(f"{self.words['guidance']}: {guidance}")
        if cells.get("calculation"):
            found.append(_code(cells["calculation"]))
        if cells.get("sensitive"):
            found.append(f"{self.words['secret']}: {cells['sensitive']}")
        if cells.get("save_to"):
            found.append(f"{self.words['saved']}: `{cells['save_to']}`")
        yield from self._list(found)

    def _list(self, items: Any) -> Iterator[str]:
        for number, item in enumerate(items):
            if not number:
                yield ""
            yield f"- {item}"

    def _calculations(self, rows: list[Mapping[str, Any]]) -> Iterator[str]:
        if rows:
            yield ""
            yield f"## {self.words['calculations']}"
        for cells in rows:
            yield ""
            yield f"`{cells['name']}`"
            yield from self._conditions(cells)

    def _indicators(self) -> Iterator[str]:
        rows = self.book.indicators.rows if self.book.indicators else ()
        if rows:
            yield ""
            yield f"## {self.words['indicators']}"
        for row in rows:
            yield ""
            yield f"### {row.get('code')} {row.get(f'label::{self.language}')} ({row.get('severity')})"
            sms = row.get(f"sms::{self.language}") or row.get(f"sms::{self.book.languages()[0]}")
            yield from self._list(
                [
                    f"{self.words['rule']}: {_code(row.get('rule'))}",
                    f"{self.words['recipients']}: {row.get('recipients')}",
                    f"SMS: {sms}",
                    f"{self.words['advice']}: {row.get(f'advice::{self.language}')}",
                ]
            )

    def _said(self, cells: Mapping[str, Any], what: str) -> str:
        """A text in this language on one line, without what only changes its look."""
        text = str(cells.get(f"{what}::{self.language}") or "")
        return " ".join(_REFERENCE.sub(r"`\1`", _MARKUP.sub("", text)).split())


def _code(expression: Any) -> str:
    """An expression as code, with the names of questions as they stand in the workbook's column ``name``."""
    return f"`{_REFERENCE.sub(lambda found: found[1], ' '.join(str(expression).split()))}`"


if __name__ == "__main__":
    write_outlines(LIBRARY, Path(sys.argv[1]))
