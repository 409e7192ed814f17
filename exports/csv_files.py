"""Writing CSV: one table, or all of them in a ZIP. UTF-8, commas, dates and moments in ISO 8601.

CSV has no types, so a spreadsheet guesses: text that it would calculate gets an apostrophe before it, in cells and
headers alike. What is a number stays as it is, a phone number with its plus among them. With Indonesian settings
programs part cells at semicolons, and take quotes in the middle of such a cell for text: so a cell or a line may begin
in the middle of an answer, and what follows a semicolon, a tab or a line end is guarded alike. Programs that read the
files take one apostrophe off wherever (further apostrophes, blanks, quotes and) a sign follows it there.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Any, Final

from exports.packing import Compressor, Package, Part
from exports.proof import CACHED
from exports.tables import MAIN, Table
from exports.values import Cell
from exports.xlsx import sheet_names

Further = tuple[str, Callable[[Package], Iterable[Sequence[Cell]]]]
"""The name of a list, and what gives its rows while it puts what they tell of into the package."""
_BUFFER: Final = 1 << 16  # bytes
_SURROGATE: Final = re.compile("[\x00\ud800-\udfff]")  # what no UTF-8 text file holds, or no CSV reader takes
_NUMBER: Final = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?").fullmatch
_SIGNS: Final = "=+\\-@\uff0b\uff0d\uff1d\uff20"
"""Signs that begin a formula, wide ones of East Asian keyboards among them."""
_SUSPECT: Final = re.compile(f"[{_SIGNS}]").search
_RISKY: Final = re.compile(rf"(^|[;\t\r\n])('*(?:[^\S\t\r\n]|\")*[{_SIGNS}][^;\t\r\n]*)")
"""Where a cell may begin, and a formula that begins there, also after blanks and quotes that programs drop."""
_NO_FILE_NAME: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


def plain(value: Cell) -> str:
    """A cell as CSV text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return guarded(_SURROGATE.sub("\ufffd", value))
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, time):
        return value.isoformat("seconds")
    return str(value)


def guarded(text: str) -> str:
    """Text with an apostrophe wherever a spreadsheet would begin to calculate it."""
    if not _SUSPECT(text):
        return text
    return _RISKY.sub(lambda found: found[0] if _NUMBER(found[2]) else f"{found[1]}'{found[2]}", text)


class _Plain(dict[Any, str]):
    """:func:`plain`, made once for values that come again. Numbers are left to the writer: 1 and 1.0 are one key."""

    def __missing__(self, value: Any) -> str:
        if type(value) is float:
            return str(value)
        if len(self) >= CACHED:
            self.clear()
        made = self[value] = plain(value)
        return made


class Csv:
    """The form's own table as one CSV file; the other tables are left out."""

    def __init__(self, tables: Sequence[Table], target: Path, *, bom: bool = True) -> None:
        self._stream = target.open("w", encoding="utf-8-sig" if bom else "utf-8", newline="")
        self._writer = csv.writer(self._stream, lineterminator="\r\n")
        self._plain = _Plain()
        self._writer.writerow([guarded(c.header) for c in tables[0].columns])

    def write(self, table: int, row: Sequence[Cell]) -> None:
        """Add a row of the form's own table."""
        if table == 0:
            known = self._plain
            self._writer.writerow([known[cell] for cell in row])

    def close(self) -> None:
        """Finish the file."""
        self._stream.close()


class CsvZip:
    """Every table as a CSV file in a ZIP; until they are packed the files have no name on disk.

    ``names`` are the files' names without ``.csv`` (:func:`table_names`, :func:`central_names`).
    """

    def __init__(
        self, tables: Sequence[Table], names: Sequence[str], folder: Path, *, bom: bool = True
    ) -> None:
        self._folder = folder
        self._compressor = Compressor()
        self._encoding = "utf-8-sig" if bom else "utf-8"
        self._plain = _Plain()
        self._files: list[tuple[str, Part, io.TextIOWrapper]] = []
        self._writers: list[Any] = []
        for name, table in zip(names, tables, strict=True):
            self._add(name, [c.header for c in table.columns])

    def _add(self, name: str, header: Iterable[Cell]) -> None:
        part = self._compressor.part(self._folder)
        text = io.TextIOWrapper(io.BufferedWriter(part, _BUFFER), encoding=self._encoding, newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        self._files.append((name, part, text))
        self._writers.append(writer)
        writer.writerow([plain(cell) for cell in header])

    def write(self, table: int, row: Sequence[Cell]) -> None:
        """Add a row to a table."""
        known = self._plain
        self._writers[table].writerow([known[cell] for cell in row])

    def add(self, name: str, rows: Iterable[Sequence[Cell]]) -> None:
        """A further small file; the first row is its header."""
        rows = iter(rows)
        self._add(name, next(rows))
        for row in rows:
            self.write(-1, row)

    def save(self, target: Path, further: Further | None = None) -> None:
        """Pack the files; after them whatever else ``further`` puts into the package, and then its list of it."""
        with Package(target) as package:
            for number in range(len(self._files)):
                self._pack(package, number)
            if further is not None:
                name, rows = further
                self.add(name, rows(package))
                self._pack(package, -1)

    def _pack(self, package: Package, number: int) -> None:
        name, part, text = self._files[number]
        text.flush()
        package.add_part(f"{name}.csv", part)

    def close(self) -> None:
        """Let go of the files."""
        self._compressor.close()
        for _, _, text in self._files:
            text.close()


def table_names(tables: Sequence[Table]) -> list[str]:
    """The tables' short names: the form's id and the names of the repeats."""
    return sheet_names([t.name for t in tables])


def central_names(tables: Sequence[Table]) -> list[str]:
    """The names that ODK Central gives: ``form``, ``form-repeat``; of several repeats of one name ``form-repeat~2``."""
    base = _NO_FILE_NAME.sub("", tables[0].name)
    all_names = [t.name for t in tables if t.path != MAIN]
    met: dict[str, int] = {}
    names = [base]
    for table in tables[1:]:
        name = _NO_FILE_NAME.sub("", table.name)
        if all_names.count(table.name) > 1:
            met[name] = met.get(name, 0) + 1
            name = f"{name}~{met[name]}"
        names.append(f"{base}-{name}")
    return names
