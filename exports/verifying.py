"""Is a workbook that this server wrote whole and unchanged? If not, where does it differ first?"""

from __future__ import annotations

import hmac
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, Literal

from openpyxl.utils import get_column_letter

from exports.proof import EMPTY, OWN, ROW_END, ROWS, SCHEME, SEAL, SHEET, Chain, Proof, key_name
from exports.sheet_reading import Raw, WorkbookReader, WorkbookUnreadable

MOST: Final = 20
"""Differences that are named of one sheet."""

Kind = Literal[
    "cell", "row_removed", "row_added", "row_moved", "sheet_removed", "sheet_added", "sheet_renamed",
    "sheet_order", "proof", "proof_missing", "other_key", "other_scheme", "unreadable", "calendar",
]  # fmt: skip

_TEXTS: Final[dict[Kind, tuple[str, str]]] = {
    "cell": (
        "lembar {sheet}, baris {row}, kolom {column}: isi sel ini bukan yang ditulis server",
        "sheet {sheet}, row {row}, column {column}: this cell does not hold what the server wrote",
    ),
    "row_removed": (
        "lembar {sheet}, baris {row}: di sini ada baris yang dihapus",
        "sheet {sheet}, row {row}: a row was removed here",
    ),
    "row_added": (
        "lembar {sheet}, baris {row}: baris ini tidak ditulis server",
        "sheet {sheet}, row {row}: the server did not write this row",
    ),
    "row_moved": (
        "lembar {sheet}, baris {row}: di sini tadinya ada baris lain (urutan baris diubah)",
        "sheet {sheet}, row {row}: another row stood here (the rows were put in another order)",
    ),
    "sheet_removed": ("lembar {sheet} tidak ada lagi", "sheet {sheet} is gone"),
    "sheet_added": ("lembar {sheet} tidak ditulis server", "the server did not write sheet {sheet}"),
    "sheet_renamed": (
        "lembar {sheet} berisi data lembar {other}: nama atau isinya ditukar",
        "sheet {sheet} holds what belongs to sheet {other}: their names or contents were changed round",
    ),
    "sheet_order": (
        "lembar {sheet} tidak di tempatnya: urutan lembar diubah",
        "sheet {sheet} is not in its place: the sheets were put in another order",
    ),
    "proof": (
        "lembar {sheet}, baris {row}: segel diubah",
        "sheet {sheet}, row {row}: the seal was changed",
    ),
    "proof_missing": (
        "tidak ada lembar bukti: berkas ini tidak ditulis server ini, atau lembar itu dihapus",
        "there is no proof sheet: this server did not write the file, or that sheet was removed",
    ),
    "other_key": (
        "berkas ini disegel dengan kunci lain: bukan oleh server ini",
        "this file was sealed with another key: not by this server",
    ),
    "other_scheme": (
        "segel ini dibuat versi posmigran yang lebih baru",
        "this seal was made by a newer version of posmigran",
    ),
    "unreadable": (
        "berkas rusak, terpotong, atau dibuat ganda: bagian {part} tidak terbaca dengan pasti",
        "the file is broken, cut off or ambiguous: part {part} cannot be read for certain",
    ),
    "calendar": (
        "kalender berkas diganti (1904): semua tanggal tampil bergeser",
        "the calendar of the file was changed (1904): all dates are shown shifted",
    ),
}


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was written. ``row`` counts from 1, ``column`` is a letter. Holds no values."""

    kind: Kind
    sheet: str | None = None
    row: int | None = None
    column: str | None = None
    other: str | None = None

    def text(self, lang: str) -> str:
        """In words, Indonesian (``id``) or English."""
        facts = {"sheet": self.sheet, "row": self.row, "column": self.column, "other": self.other}
        return _TEXTS[self.kind][0 if lang == "id" else 1].format(**facts, part=self.other)


@dataclass(frozen=True)
class Verdict:
    """What a workbook's proof says. ``made_*`` and ``rows`` are what the seal states, None where there is none."""

    ok: bool
    rows: int | None = None
    made_at: datetime | None = None
    made_by: str | None = None
    differences: tuple[Difference, ...] = ()


@dataclass
class _Sealed:
    """What the proof sheet says of a sheet."""

    rows: int
    hash: str
    letters: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        return "".join(self.letters).split(ROW_END)[:-1]


@dataclass
class _Found:
    """A proof sheet as it was read: its name, its readable rows, its sealing rows with their numbers."""

    sheet: str
    readable: list[tuple[int, list[Raw]]] = field(default_factory=list)
    sealing: list[tuple[int, list[str]]] = field(default_factory=list)


def verify(file: Path | IO[bytes], key: bytes) -> Verdict:
    """Check a workbook against its own proof sheet. Memory: the letters of one sheet's cells, no values."""
    try:
        book = WorkbookReader(file)
    except WorkbookUnreadable as wrong:
        return Verdict(False, differences=(Difference("unreadable", other=str(wrong)),))
    try:
        return _verify(book, key)
    except WorkbookUnreadable as wrong:
        return Verdict(False, differences=(Difference("unreadable", other=str(wrong)),))
    finally:
        book.close()


def _verify(book: WorkbookReader, key: bytes) -> Verdict:
    found = _find(book)
    if found is None:
        return Verdict(False, differences=(Difference("proof_missing"),))
    head = _head(found)
    if head.get("key") != key_name(key):
        return Verdict(False, differences=(Difference("other_key"),))
    if head.get("scheme") != SCHEME:
        return Verdict(False, differences=(Difference("other_scheme"),))
    broken = _broken(found, key)
    if broken is not None:
        # Nothing that such a seal says is worth repeating.
        return Verdict(False, differences=(Difference("proof", found.sheet, broken),))
    sealed = _sealed(found)
    differences = tuple(_compare(book, found, sealed, key))
    return Verdict(
        not differences, int(head["rows"]), datetime.fromisoformat(head["at"]), str(head["by"]), differences
    )


def _find(book: WorkbookReader) -> _Found | None:
    for sheet in reversed(book.sheets):  # it was written as the last one
        found = _Found(sheet)
        for number, row in book.rows(sheet):
            if row[0] == SEAL or found.sealing:
                # whatever else stands there, numbers and further columns too, makes it another row
                texts = ["" if cell is None else str(cell) for cell in (*row, None, None, None)]
                found.sealing.append((number, texts[:4] if not any(texts[4:]) else [*texts[:3], ""]))
            else:
                found.readable.append((number, row))
        if found.sealing:
            return found
    return None


def _head(found: _Found) -> dict[str, Any]:
    try:
        head = json.loads(found.sealing[0][1][2])
    except ValueError:
        return {}
    return head if isinstance(head, dict) else {}


def _broken(found: _Found, key: bytes) -> int | None:
    """The first sealing row that was changed; rows missing at the end show where sheets have fewer letters."""
    chain = Chain(key)
    for number, (kind, name, content, check) in found.sealing:
        if not hmac.compare_digest(chain.next(kind, name, content).encode(), check.encode()):
            return number
    sealed = _sealed(found)
    if OWN not in sealed or any(len(s.lines()) != s.rows for s in sealed.values()):
        return found.sealing[-1][0] + 1
    return None


def _sealed(found: _Found) -> dict[str, _Sealed]:
    sealed: dict[str, _Sealed] = {}
    for _, (kind, name, content, _check) in found.sealing:
        if kind == SHEET:
            rows, _, whole = content.partition(" ")
            sealed[name] = _Sealed(int(rows), whole)
        elif kind == ROWS:
            sealed[name].letters.append(content)
    return sealed


def _compare(
    book: WorkbookReader, found: _Found, sealed: dict[str, _Sealed], key: bytes
) -> Iterator[Difference]:
    """Sheet by sheet in their order, the proof's own readable part at the end."""
    if book.since_1904:
        yield Difference("calendar")
    own = sealed.pop(OWN)
    expected = list(sealed)
    present = [name for name in book.sheets if name != found.sheet]
    hashes = {s.hash: name for name, s in sealed.items() if s.rows}
    claimed: set[str] = set()
    for name in present:
        whole, lines = _letters(book.rows(name), key)
        if name in sealed and whole == sealed[name].hash:
            claimed.add(name)
        elif hashes.get(whole) is not None:
            claimed.add(hashes[whole])
            yield Difference("sheet_renamed", name, other=hashes[whole])
        elif name not in sealed:
            yield Difference("sheet_added", name)
        else:
            claimed.add(name)
            yield from islice(_rows(name, sealed[name].lines(), lines), MOST)
    for name in expected:
        if name not in present and name not in claimed:
            yield Difference("sheet_removed", name)
    order = [name for name in present if name in sealed]
    meant = [name for name in expected if name in order]
    for is_there, was_there in zip(order, meant, strict=True):
        if is_there != was_there:
            yield Difference("sheet_order", is_there)
            break
    else:
        if book.sheets[-1] != found.sheet and book.sheets[-1] in sealed:
            yield Difference("sheet_order", found.sheet)
    whole, lines = _letters(iter(found.readable), key)
    if whole != own.hash:
        yield from islice(_rows(found.sheet, own.lines(), lines), MOST)


def _letters(rows: Iterator[tuple[int, list[Raw]]], key: bytes) -> tuple[str, list[tuple[int, str]]]:
    """The hash of a sheet as it is, and the letters of its rows with their numbers."""
    seal = Proof(key).sheet("")
    lines = [(number, letters) for number, row in rows if (letters := seal.add(row))]
    return seal.hash, lines


def _rows(sheet: str, expected: list[str], actual: list[tuple[int, str]]) -> Iterator[Difference]:
    """What differs between rows as they were sealed and as they are.

    A row is known by its letters. One that stands on the other side further on was not changed: what is in its
    way was added or removed.
    """
    wanted, present = Counter(expected), Counter(letters for _, letters in actual)
    moved: Counter[str] = Counter()
    before, after = 0, 0
    while before < len(expected) or after < len(actual):
        number = actual[after][0] if after < len(actual) else (actual[-1][0] + 1 if actual else 1)
        was = expected[before] if before < len(expected) else None
        found = actual[after][1] if after < len(actual) else None
        if was is not None and was == found:
            kind: Kind | None = None
            left = right = 1
        elif found is not None and moved[found]:
            moved[found] -= 1
            kind, left, right = None, 0, 1
        elif found is None:
            kind, left, right = "row_removed", 1, 0
        elif was is None:
            kind, left, right = "row_added", 0, 1
        elif not present[was] and not wanted[found]:
            kind, left, right = "cell", 1, 1
        elif not wanted[found]:
            kind, left, right = "row_added", 0, 1
        elif not present[was]:
            kind, left, right = "row_removed", 1, 0
        else:
            moved[was] += 1
            kind, left, right = "row_moved", 1, 0
        if left and was is not None:
            wanted[was] -= 1
        if right and found is not None:
            present[found] -= 1
        before, after = before + left, after + right
        if kind == "cell":
            yield from _cells(sheet, number, was or "", found or "")
        elif kind is not None:
            yield Difference(kind, sheet, number)


def _cells(sheet: str, row: int, was: str, found: str) -> Iterator[Difference]:
    length = max(len(was), len(found)) // 2
    for column in range(length):
        here = slice(2 * column, 2 * column + 2)
        if (was[here] or EMPTY) != (found[here] or EMPTY):
            yield Difference("cell", sheet, row, get_column_letter(column + 1))
