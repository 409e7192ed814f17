"""Reading an XLSForm workbook: the sheets of ODK by pyxform's own reader, and our ``indicators`` beside."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from pyxform.aliases import survey_header as survey_aliases
from pyxform.errors import PyXFormError
from pyxform.xls2json_backends import DefinitionData, get_xlsform

from forms.form import Finding

INDICATORS = "indicators"
_BEGIN = re.compile(r"^(begin)[ _](group|repeat|loop)\b")
_END = re.compile(r"^(end)[ _](group|repeat|loop)\b")
_SETTING_NAMES = {
    **dict.fromkeys(("id_string", "set_form_id"), "form_id"),
    **dict.fromkeys(("title", "set_form_title"), "form_title"),
}


class FormErrors(Exception):  # noqa: N818 - it carries several
    """A workbook that is no form yet: everything found wrong in it, each with its place.

    ``str()`` gives one line a finding, with file, sheet, row and column.
    """

    def __init__(self, findings: tuple[Finding, ...], file: str) -> None:
        self.findings = findings
        self.file = file
        super().__init__("\n".join(f"{file}: {f.place}: {f.message}" for f in findings))


@dataclass(frozen=True)
class Row:
    """One row of a sheet: its number as Excel counts (1 is the header) and its filled cells by header."""

    number: int
    cells: Mapping[str, str]

    def get(self, header: str) -> str:
        """The cell's text without outer blanks; empty where there is none."""
        return self.cells.get(header, "").strip()


@dataclass(frozen=True)
class Sheet:
    """A sheet with a header row; rows without any text are left out."""

    name: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass
class Workbook:
    """An XLSForm as read.

    ``definition`` is what pyxform works on (and :mod:`forms.compile` adds rows to); ``indicators`` is our
    own sheet, None where the form has none. ``survey_rows`` is the number of rows that the survey sheet had
    when read, empty ones among them.
    """

    file: str
    definition: DefinitionData
    indicators: Sheet | None
    survey_rows: int = field(init=False)

    def __post_init__(self) -> None:
        self.survey_rows = len(self.definition.survey or ())

    def header(self, sheet: str) -> tuple[str, ...]:
        """The column headers of a sheet, in order; empty where the sheet is missing."""
        if sheet == INDICATORS:
            return self.indicators.header if self.indicators else ()
        found = getattr(self.definition, f"{sheet}_header", None)
        return tuple(found[0]) if found else ()

    def column(self, sheet: str, meaning: str) -> str | None:
        """The header that has a meaning: ``calculate`` finds ``calculation``, ``label`` the first label."""
        wanted = _meaning(meaning)
        for header in self.header(sheet):
            if _meaning(header) == wanted or _meaning(header.split("::")[0]) == wanted:
                return header
        return None

    @property
    def root(self) -> str:
        """Name of the instance's root element; ``data`` where the settings name none, as pyxform has it."""
        return self.settings().get("name") or "data"

    def settings(self) -> dict[str, str]:
        """The one row of the settings sheet, by today's name of each (``form_id`` for ``id_string``)."""
        rows = self.definition.settings or ()
        cells = rows[0] if rows else {}
        named = {"_".join(k.split()).lower(): str(v).strip() for k, v in cells.items()}
        return {_SETTING_NAMES.get(name, name): value for name, value in named.items()}

    def languages(self) -> tuple[str, ...]:
        """Names of the languages of the survey's labels, in order; none where labels are in one language."""
        labels = (h.partition("::") for h in self.header("survey"))
        return tuple(name.strip() for base, _, name in labels if base.strip().lower() == "label" and name)

    def survey(self) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
        """Each named row of the survey as (Excel row, path, cells); paths start with the instance root."""
        kind, name = self.column("survey", "type"), self.column("survey", "name")
        if kind is None or name is None:
            return
        stack = [f"/{self.root}"]
        for number, cells in enumerate((self.definition.survey or ())[: self.survey_rows], start=2):
            row_type, row_name = str(cells.get(kind) or ""), str(cells.get(name) or "")
            if _END.match(row_type):
                if len(stack) > 1:
                    stack.pop()
            elif row_type and row_name:
                path = f"{stack[-1]}/{row_name}"
                yield number, path, cells
                if _BEGIN.match(row_type):
                    stack.append(path)


def _meaning(header: str) -> str:
    """What pyxform takes a survey header for, e.g. ``bind::calculate`` for ``calculation``."""
    token = "_".join(header.split()).lower()
    alias = survey_aliases.get(token, token)
    if isinstance(alias, tuple):
        return "::".join(alias)
    return str(alias)


def read_workbook(path: Path) -> Workbook:
    """Read an ``.xlsx``.

    Raises :class:`FormErrors` where the file is missing, is no workbook, or lacks survey or settings.
    """
    file = path.name

    def refuse(message: str, pesan: str) -> FormErrors:
        return FormErrors((Finding("file", None, None, message, pesan),), file)

    if not path.is_file():
        raise refuse(
            f"there is no such file: {path}. Check the name and the folder.",
            f"berkas {path} tidak ada. Periksa nama dan foldernya.",
        )
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as wrong:
        raise refuse(
            "this is not an Excel workbook (.xlsx). Save it in Excel as 'Excel Workbook (.xlsx)', "
            "without a password, and try again.",
            "ini bukan buku kerja Excel (.xlsx). Simpan di Excel sebagai 'Excel Workbook (.xlsx)', "
            "tanpa kata sandi, lalu coba lagi.",
        ) from wrong
    try:
        names = {name.strip().lower(): name for name in book.sheetnames}
        missing = [s for s in ("survey", "settings") if s not in names]
        if missing:
            raise FormErrors(
                tuple(
                    Finding(
                        s,
                        None,
                        None,
                        f"the sheet {s} is missing. Add it, or rename yours.",
                        f"lembar {s} tidak ada. Tambahkan, atau betulkan nama lembar Anda.",
                    )
                    for s in missing
                ),
                file,
            )
        indicators = _sheet(book[names[INDICATORS]]) if INDICATORS in names else None
    finally:
        book.close()
    try:
        definition = get_xlsform(path, file_type=".xlsx")
    except PyXFormError as wrong:
        raise refuse(
            f"the workbook cannot be read: {wrong}", f"buku kerja tidak dapat dibaca: {wrong}"
        ) from wrong
    return Workbook(file, definition, indicators)


def _sheet(sheet: Any) -> Sheet:
    """Read one of our own sheets; cells become text, as pyxform reads its own."""
    lines = sheet.iter_rows(values_only=True)
    header = [str(v).strip() if v is not None else "" for v in next(lines, ())]
    rows = []
    for number, line in enumerate(lines, start=2):
        cells = {
            name: str(value).strip()
            for name, value in zip(header, line, strict=False)
            if name and value is not None and str(value).strip()
        }
        if cells:
            rows.append(Row(number, cells))
    return Sheet(str(sheet.title), tuple(h for h in header if h), tuple(rows))
