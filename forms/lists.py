"""The lists attached to forms (``negara.csv``): read once, looked up by any column in constant time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from forms.instance import Node

NAME: Final = "name"
"""The column that select_one_from_file takes a choice's value from."""


class ListUnreadable(ValueError):  # noqa: N818 - named for what it is
    """A list that phones could not read either. ``row`` counts lines as editors do, 1 is the header.

    ``pesan`` is the message in Indonesian.
    """

    def __init__(self, name: str, row: int | None, message: str, pesan: str) -> None:
        self.name, self.row, self.message, self.pesan = name, row, message, pesan
        super().__init__(f"{name}{'' if row is None else f' row {row}'}: {message}")


class ListTable:
    """A list: columns and rows of text.

    ``name`` is the file's name or, for a list inside a form, its instance id. Safe to share between
    threads: it never changes, but for indexes that are made when first asked for.
    """

    def __init__(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        self.name = name
        self.columns = tuple(columns)
        self.rows: tuple[Mapping[str, str], ...] = tuple(
            dict(zip(self.columns, row, strict=True)) for row in rows
        )
        self._indexes: dict[str, dict[str, tuple[int, ...]]] = {}

    @classmethod
    def from_csv(cls, name: str, content: bytes) -> ListTable:
        """Read a CSV file: UTF-8 with or without a byte order mark, commas, a header.

        Raises :class:`ListUnreadable` for another encoding, a row whose length is not the header's, a column
        named twice or not at all, and for a list without the column ``name``.
        """
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            row = content.count(b"\n", 0, error.start) + 1
            message = "not UTF-8; save it as CSV UTF-8"
            raise ListUnreadable(name, row, message, "bukan UTF-8; simpan sebagai CSV UTF-8") from None
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows: list[list[str]] = []
        try:
            columns = next(reader, [])
            _check_columns(name, columns)
            for cells in reader:
                if not cells:
                    continue  # an empty line, at the end as a rule
                if len(cells) != len(columns):
                    message = f"{len(cells)} columns where the header has {len(columns)}"
                    pesan = f"{len(cells)} kolom, padahal baris judul punya {len(columns)}"
                    raise ListUnreadable(name, reader.line_num, message, pesan)
                rows.append(cells)
        except csv.Error as error:
            pesan = f"tidak terbaca sebagai CSV ({error})"
            raise ListUnreadable(name, reader.line_num, str(error), pesan) from None
        return cls(name, columns, rows)

    def repeated(self, column: str = NAME) -> list[tuple[int, int, str]]:
        """Keys that stand more than once: (line, line of the first, key); lines as editors count, 1 is the header."""
        first: dict[str, int] = {}
        found = []
        for line, row in enumerate(self.rows, start=2):
            before = first.setdefault(row[column], line)
            if before != line:
                found.append((line, before, row[column]))
        return found

    def find(self, column: str, value: str) -> tuple[int, ...]:
        """Numbers of the rows (from 0) whose cell in a column of this list is exactly ``value``."""
        index = self._indexes.get(column)
        if index is None:
            found: dict[str, list[int]] = {}
            for number, row in enumerate(self.rows):
                found.setdefault(row[column], []).append(number)
            # Built aside and put in place whole: two threads may both build it, none sees half of it.
            index = self._indexes[column] = {cell: tuple(numbers) for cell, numbers in found.items()}
        return index.get(value, ())

    @cached_property
    def root(self) -> Node:
        """The list as the instance that XPath sees: ``root``, below it ``item`` by ``item``."""
        items: list[Node] = []
        root = Node.of("root", "/root", "", None, 1, items)
        for position, row in enumerate(self.rows, 1):
            cells: list[Node] = []
            item = Node.of("item", "/root/item", "", root, position, cells)
            cells += [Node.of(c, f"/root/item/{c}", cell, item, 1, ()) for c, cell in row.items()]
            items.append(item)
        return root


def _check_columns(name: str, columns: Sequence[str]) -> None:
    if NAME not in columns:
        raise ListUnreadable(name, 1, f"there is no column {NAME!r}", f"kolom {NAME!r} tidak ada")
    if "" in columns:
        number = columns.index("") + 1
        raise ListUnreadable(name, 1, f"column {number} has no header", f"kolom ke-{number} tidak berjudul")
    twice = next((c for c in columns if columns.count(c) > 1), None)
    if twice is not None:
        raise ListUnreadable(name, 1, f"there are two columns {twice!r}", f"kolom {twice!r} ada dua kali")


def compare_lists(old: ListTable | None, new: ListTable) -> dict[str, Any]:
    """What changed from one edition to the next, by key.

    ``added`` and ``removed`` are keys, ``changed`` the columns that are other by key, ``columns_added`` and
    ``columns_removed`` headers.
    """
    columns = old.columns if old is not None else ()
    before = {row[NAME]: row for row in old.rows} if old is not None else {}
    after = {row[NAME]: row for row in new.rows}
    both = [column for column in columns if column in new.columns]
    other = {
        key: [column for column in both if row[column] != before[key][column]]
        for key, row in after.items()
        if key in before
    }
    return {
        "added": [key for key in after if key not in before],
        "removed": [key for key in before if key not in after],
        "changed": {key: changed for key, changed in other.items() if changed},
        "columns_added": [column for column in new.columns if column not in columns],
        "columns_removed": [column for column in columns if column not in new.columns],
    }
