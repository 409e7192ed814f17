"""Writing CSV: one table, or all of them in a ZIP. UTF-8, commas, dates and moments in ISO 8601.

CSV has no types, so a spreadsheet guesses: text that it would calculate gets an apostrophe before it.
What is a number stays as it is, a phone number with its plus among them.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime, time
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

from exports.tables import Table
from exports.values import Cell
from exports.xlsx import sheet_names

_COPY: Final = 1 << 20
_SURROGATE: Final = re.compile("[\x00\ud800-\udfff]")  # what no UTF-8 text file holds, or no CSV reader takes
_NUMBER: Final = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?").fullmatch


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
    """Text with an apostrophe before it where a spreadsheet would calculate it."""
    if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not _NUMBER(text):
        return f"'{text}"
    return text


class Csv:
    """The form's own table as one CSV file; the other tables are left out."""

    def __init__(self, tables: Sequence[Table], target: Path, *, bom: bool = True) -> None:
        self._stream = target.open("w", encoding="utf-8-sig" if bom else "utf-8", newline="")
        self._writer = csv.writer(self._stream, lineterminator="\r\n")
        self._writer.writerow([guarded(c.header) for c in tables[0].columns])

    def write(self, table: int, row: Sequence[Cell]) -> None:
        """Add a row of the form's own table."""
        if table == 0:
            self._writer.writerow([plain(cell) for cell in row])

    def close(self) -> None:
        """Finish the file."""
        self._stream.close()


class CsvZip:
    """Every table as a CSV file in a ZIP; until they are packed the files have no name on disk."""

    def __init__(self, tables: Sequence[Table], folder: Path, *, bom: bool = True) -> None:
        self._folder = folder
        self._encoding = "utf-8-sig" if bom else "utf-8"
        self._files: list[tuple[str, IO[bytes], Any]] = []
        for name, table in zip(sheet_names([t.name for t in tables]), tables, strict=True):
            self._add(name, [c.header for c in table.columns])

    def _add(self, name: str, header: Iterable[Cell]) -> None:
        raw = TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by close()
        text = io.TextIOWrapper(raw, encoding=self._encoding, newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        self._files.append((name, raw, (text, writer)))
        writer.writerow([plain(cell) for cell in header])

    @property
    def names(self) -> list[str]:
        """The names of the files, without ``.csv``."""
        return [name for name, _, _ in self._files]

    def write(self, table: int, row: Sequence[Cell]) -> None:
        """Add a row to a table."""
        self._files[table][2][1].writerow([plain(cell) for cell in row])

    def add(self, name: str, rows: Iterable[Sequence[Cell]]) -> None:
        """A further small file; the first row is its header."""
        rows = iter(rows)
        self._add(sheet_names([*self.names, name])[-1], next(rows))
        for row in rows:
            self.write(-1, row)

    def save(self, target: Path) -> None:
        """Pack the files."""
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, raw, (text, _) in self._files:
                text.flush()
                raw.seek(0)
                with packed.open(f"{name}.csv", "w", force_zip64=True) as entry:
                    while chunk := raw.read(_COPY):
                        entry.write(chunk)

    def close(self) -> None:
        """Let go of the files."""
        for _, _, (text, _) in self._files:
            text.close()
