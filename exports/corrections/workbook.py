"""Writing a correction workbook: one sheet for the form, one for each repeat, drop-downs, all else locked.

Row 1 of a sheet holds the questions, row 2 their paths, by which columns are found again. What may not be changed is
locked; that protects from slips, not from intent: what comes back is checked against what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side
from openpyxl.utils import get_column_letter
from openpyxl.utils.cell import quote_sheetname
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from exports.corrections.questions import MOST_CHOICES, PARTED, Question, Questions
from exports.text import escaped
from exports.words import Lang
from exports.xlsx import sheet_names
from forms.instance import Instance, Node

MARK: Final = "posmigran-koreksi-1"
"""What the hidden sheet begins with: this kind of workbook, in this layout."""
HIDDEN: Final = "posmigran"
KEY, ROW = "kunci", "baris"
"""What row 2 says over the columns of the instanceID and of a repeat's row number."""
FIRST_ROW: Final = 3
_LISTS: Final = "pilihan"
_DATE: Final = "dd-mm-yyyy"
_HEADER: Final = PatternFill("solid", fgColor="1F4E78")
_KEY_HEADER: Final = PatternFill("solid", fgColor="44546A")
_SHUT: Final = PatternFill("solid", fgColor="E7E6E6")
_NOT_ASKED: Final = PatternFill("lightUp", fgColor="D9D9D9")
_LINE: Final = Border(*(Side(style="thin", color="D9D9D9"),) * 4)
_EXCEL_LIST: Final = 250
_SIGNS: Final = tuple("=+-@")
"""Text that begins with one of these is marked as text, or a spreadsheet would calculate it when it is edited."""
_FONT: Final = "Calibri"
_NARROWEST, _WIDEST = 14, 46
"""Columns of answers, in characters."""

_WORDS: Final[dict[Lang, dict[str, str]]] = {
    "id": {
        "key": "Kunci (jangan diubah)",
        "received": "Diterima",
        "village": "Desa",
        "row": "Baris ke",
        "guide": "Petunjuk",
        "withheld": "(tidak dibagikan)",
        "choose": "Pilih dari daftar.",
        "whole": "Tulis bilangan bulat.",
        "number": "Tulis angka.",
        "date": "Tulis tanggal, misalnya 31-12-2026.",
        "many": "Kode, dipisah spasi:",
    },
    "en": {
        "key": "Key (do not change)",
        "received": "Received",
        "village": "Village",
        "row": "Row",
        "guide": "Guide",
        "withheld": "(not shared)",
        "choose": "Choose from the list.",
        "whole": "Write a whole number.",
        "number": "Write a number.",
        "date": "Write a date, such as 31-12-2026.",
        "many": "Codes, parted by blanks:",
    },
}
WITHHELD: Final = frozenset(words["withheld"] for words in _WORDS.values())
"""What stands in the place of an answer that its reader may not see."""
_GUIDE: Final[dict[Lang, tuple[str, ...]]] = {
    "id": (
        "Buku koreksi: {title}",
        "Wilayah {area}. Dibuat {made} oleh {by}. {count} data.",
        "",
        "1. Ubah jawaban yang salah, langsung di selnya. Sel yang lain biarkan.",
        "2. Sel abu-abu terkunci. Sel bergaris miring: pertanyaannya tidak ditanyakan untuk orang ini.",
        "3. Pilihan ditulis sebagai kode lalu artinya. Pilih dari daftar pada selnya, atau tulis kodenya saja.",
        "4. Simpan sebagai .xlsx, lalu unggah di halaman Koreksi. Sebelum diterapkan, setiap perubahan ditampilkan.",
        "5. Setiap koreksi dicatat: siapa, kapan, dan alasannya. Jawaban yang lama tetap disimpan.",
        "",
        "Berkas ini berisi data pribadi. Simpan di tempat aman, dan hapus bila sudah selesai.",
    ),
    "en": (
        "Correction workbook: {title}",
        "Area {area}. Made {made} by {by}. {count} submissions.",
        "",
        "1. Change the answers that are wrong, in their cells. Leave the others.",
        "2. Grey cells are locked. Hatched cells: the question is not asked of this person.",
        "3. Choices are written as code, then meaning. Choose from the cell's list, or write the code alone.",
        "4. Save as .xlsx, then upload it on the page Koreksi. Every change is shown before it is applied.",
        "5. Each correction is on record: who, when, and why. The former answers are kept.",
        "",
        "This file holds personal data. Keep it in a safe place, and delete it when you are done.",
    ),
}


@dataclass(frozen=True)
class Line:
    """A submission as it goes into the workbook. ``received`` is local; ``hidden``: identity is not shown."""

    instance: Instance
    questions: Questions
    village: str
    received: str
    hidden: bool


@dataclass(frozen=True)
class Heading:
    """What the guide sheet says."""

    form_id: str
    title: str
    area: str
    made: str
    by: str


def write_workbook(
    target: Path, heading: Heading, questions: Questions, lines: Iterable[Line], lang: Lang
) -> int:
    """Write it; returns how many submissions are in it. ``questions`` are those of the newest version; a row's own
    version decides what is open in it. ``lines`` are read once, one after the other.
    """
    words = _WORDS[lang]
    book = Workbook()
    guide = book.active
    assert isinstance(guide, Worksheet)
    names = sheet_names([words["guide"], heading.title, *questions.titles.values(), _LISTS, HIDDEN])
    guide.title = names[0]
    lists = _Lists(book, names[-2])
    main = _Table(
        book, names[1], questions.of_form, [words["key"], words["received"], words["village"]], words
    )
    repeats = [
        (repeat, _Table(book, names[2 + number], asked, [words["key"], words["row"]], words))
        for number, (repeat, asked) in enumerate(questions.of_repeat.items())
    ]
    count = 0
    for line in lines:
        count += 1
        root = f"/{line.instance.root.name}"
        texts = {path: _text(line.instance, f"{root}/{path}") for path in questions.of_form}
        main.add(
            [line.instance.instance_id, line.received, line.village], texts, line.questions.of_form, line
        )
        for repeat, table in repeats:
            known = line.questions.of_repeat.get(repeat, {})
            for node in line.instance.index.get(f"{root}/{repeat}", ()):
                texts = {path: _text_below(node, path[len(repeat) + 1 :]) for path in table.asked}
                table.add([line.instance.instance_id, node.position], texts, known, line)
        line.instance.release()
    for table in (main, *(table for _, table in repeats)):
        table.finish(lists)
    _guide(guide, heading, count, lang)
    lists.close()
    about = book.create_sheet(names[-1])
    about.append([MARK, heading.form_id])
    about.sheet_state = "hidden"
    about.protection.sheet = True
    book.move_sheet(names[-2], len(book.worksheets))
    book.active = 1
    book.save(target)
    return count


def _guide(sheet: Worksheet, heading: Heading, count: int, lang: Lang) -> None:
    facts = {**vars(heading), "count": count}
    for number, text in enumerate(_GUIDE[lang], start=1):
        _write(sheet.cell(number, 1), text.format(**facts))
    sheet["A1"].font = Font(name=_FONT, bold=True, size=14)
    sheet.column_dimensions["A"].width = 110
    for (line,) in sheet.iter_rows(max_col=1):
        line.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.sheet_view.showGridLines = False
    sheet.protection.sheet = True


def _write(cell: Any, value: object) -> None:
    """Put a value into a cell; text stays text, whatever it begins with."""
    if isinstance(value, str):
        cell.value = escaped(value)
        cell.data_type = "s"
        if value[:1] in _SIGNS:
            cell.quotePrefix = True
    else:
        cell.value = value


class _Table:
    """One sheet of answers in the making. ``asked`` are its questions, by path."""

    def __init__(
        self,
        book: Workbook,
        name: str,
        asked: Mapping[str, Question],
        titles: Sequence[str],
        words: Mapping[str, str],
    ) -> None:
        self.asked = asked
        self._page: Worksheet = book.create_sheet(name)
        self._words = words
        self._ahead = len(titles)
        self._row = FIRST_ROW
        self._styles: dict[tuple[object, ...], Any] = {}
        marks = [KEY, ROW] if self._ahead == 2 else [KEY, "", ""]
        self._headers([*titles, *(q.label for q in asked.values())], [*marks, *asked])

    def _headers(self, labels: Sequence[str], paths: Sequence[str]) -> None:
        page = self._page
        for number, (label, path) in enumerate(zip(labels, paths, strict=True), start=1):
            head, below = page.cell(1, number), page.cell(2, number)
            _write(head, label)
            _write(below, path)
            head.font = Font(name=_FONT, bold=True, color="FFFFFF")
            head.fill = _KEY_HEADER if number <= self._ahead else _HEADER
            head.alignment = Alignment(wrap_text=True, vertical="top")
            below.font = Font(name=_FONT, size=8, color="808080")
        for number, question in enumerate(self.asked.values(), start=self._ahead + 1):
            if question.kind == "many" and question.choices:
                told = "\n".join(f"{code} = {label}" for code, label in question.choices.items())
                comment = Comment(f"{self._words['many']}\n{told}"[:2000], "posmigran", 300, 400)
                page.cell(1, number).comment = comment
        page.row_dimensions[1].height = 48
        page.freeze_panes = f"{get_column_letter(self._ahead + 1)}{FIRST_ROW}"

    def add(
        self,
        ahead: Sequence[object],
        texts: Mapping[str, str | None],
        known: Mapping[str, Question],
        line: Line,
    ) -> None:
        """A row: what the phone wrote at each path, None where the question was not asked."""
        for number, value in enumerate(ahead, start=1):
            self._put(number, value, _SHUT, "General", locked=True)
        for number, (path, text) in enumerate(texts.items(), start=len(ahead) + 1):
            question = known.get(path)
            if question is None:
                self._put(number, None, _SHUT, "General", locked=True)
            elif line.hidden and question.identity:
                self._put(number, self._words["withheld"], _SHUT, "General", locked=True)
            else:
                value = question.shown(text or "")
                shown = _DATE if isinstance(value, date) else "General" if _counts(question) else "@"
                self._put(number, value, _NOT_ASKED if text is None else None, shown, locked=False)
        self._row += 1

    def _put(self, column: int, value: object, fill: PatternFill | None, shown: str, *, locked: bool) -> None:
        """Fill a cell. A style costs openpyxl more than all else: cells of one look share it."""
        cell: Any = self._page.cell(self._row, column)
        _write(cell, value)
        key = (id(fill), shown, locked, isinstance(value, str) and value[:1] in _SIGNS)
        style = self._styles.get(key)
        if style is not None:
            cell._style = style
            return
        cell.border = _LINE
        cell.number_format = shown
        if fill is not None:
            cell.fill = fill
        if not locked:
            cell.protection = Protection(locked=False)
        self._styles[key] = cell._style

    def finish(self, lists: _Lists) -> None:
        """Widths, drop-downs and checks, and the lock."""
        page, ahead, last = self._page, self._ahead, self._row - 1
        page.column_dimensions["A"].width = 16
        for number in range(2, ahead + 1):
            page.column_dimensions[get_column_letter(number)].width = 22 if ahead == 3 else 9
        for number, question in enumerate(self.asked.values(), start=ahead + 1):
            letter = get_column_letter(number)
            page.column_dimensions[letter].width = _width(page, number, last)
            check = _check(question, lists, self._words)
            if check is not None and last >= FIRST_ROW:
                check.add(f"{letter}{FIRST_ROW}:{letter}{last}")
                page.add_data_validation(check)
        page.row_dimensions[2].height = 12
        page.page_setup.orientation, page.page_setup.paperSize = "landscape", page.PAPERSIZE_A4
        page.print_title_rows = "1:2"
        page.protection.sheet = True
        page.protection.formatColumns = False
        page.protection.formatRows = False
        page.protection.autoFilter = False
        if last >= FIRST_ROW:
            page.auto_filter.ref = f"A2:{get_column_letter(page.max_column)}{last}"


def _counts(question: Question) -> bool:
    return question.kind in ("integer", "decimal", "date")


def _text(instance: Instance, path: str) -> str | None:
    nodes = instance.index.get(path)
    return nodes[0].text if nodes else None


def _text_below(node: Node, path: str) -> str | None:
    found: Node | None = node
    for name in path.split("/"):
        found = found.child(name) if found is not None else None
    return found.text if found is not None else None


def _width(sheet: Worksheet, column: int, last: int) -> int:
    """Wide enough for the answers, and for the question on three lines."""
    question = -(-len(str(sheet.cell(1, column).value or "")) // 2)
    answers = (sheet.cell(row, column).value for row in range(FIRST_ROW, last + 1))
    longest = max((10 if isinstance(a, date) else len(str(a or "")) for a in answers), default=0)
    return max(_NARROWEST, min(_WIDEST, max(question, longest + 2)))


def _check(question: Question, lists: _Lists, words: Mapping[str, str]) -> DataValidation | None:
    match question.kind:
        case "one" if question.choices is not None and 0 < len(question.choices) <= MOST_CHOICES:
            kind: dict[str, Any] = {"type": "list", "formula1": lists.place(question.choices)}
            said = words["choose"]
        case "integer":
            kind = {"type": "whole", "operator": "between", "formula1": "-999999999", "formula2": "999999999"}
            said = words["whole"]
        case "decimal":
            kind = {"type": "decimal", "operator": "between", "formula1": "-1E15", "formula2": "1E15"}
            said = words["number"]
        case "date":
            kind = {"type": "date", "operator": "greaterThan", "formula1": "367"}
            said = words["date"]
        case _:
            return None
    # A choice may be typed as its code alone, which is not in the list of what is shown: so that one only warns.
    style: Literal["warning", "stop"] = "warning" if kind["type"] == "list" else "stop"
    return DataValidation(
        **kind, allow_blank=True, showErrorMessage=True, error=said, errorStyle=style, showDropDown=False
    )


class _Lists:
    """The hidden sheet that drop-downs take their choices from, each list once."""

    def __init__(self, book: Workbook, name: str) -> None:
        self._sheet: Worksheet = book.create_sheet(name)
        self._places: dict[tuple[str, ...], str] = {}

    def place(self, choices: Mapping[str, str]) -> str:
        """The range that holds these choices as they are shown."""
        shown = tuple(
            f"{code}{PARTED}{label}"[:_EXCEL_LIST] if label != code else code
            for code, label in choices.items()
        )
        if shown not in self._places:
            column = len(self._places) + 1
            for row, text in enumerate(shown, start=1):
                _write(self._sheet.cell(row, column), text)
            letter = get_column_letter(column)
            self._places[shown] = f"{quote_sheetname(self._sheet.title)}!${letter}$1:${letter}${len(shown)}"
        return self._places[shown]

    def close(self) -> None:
        """Hide and lock it."""
        self._sheet.sheet_state = "hidden"
        self._sheet.protection.sheet = True
