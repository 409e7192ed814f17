"""A workbook that proves itself: its last sheet says what it is, and seals every row of every sheet.

A seal is a keyed hash over values, not over bytes: saving the file again in Excel or LibreOffice breaks nothing,
changing a value does. Nobody without the home's key can make one. Below what people read, the last sheet holds
rows of four cells: what the row is, a sheet's name, content, and a check that goes over all sealing rows so far.
For each sheet there is one hash over all of it, which decides, and two letters for each cell, by which the first
cell or row that differs is found (:mod:`exports.verifying`).

What is sealed of a cell is its value as :func:`value_text` gives it: text without what programs change when they
save (line ends, control characters), numbers and dates to 15 digits, as Excel keeps them. Looks are not sealed.
Numbers are written with no more digits than that (:func:`digits`): LibreOffice rounds the decimals that it finds, and
of some moments in full, rounded twice, another one would come out than was sealed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from openpyxl.utils.datetime import to_excel
from openpyxl.utils.escape import unescape

from exports.sheet_reading import Formula, Raw
from exports.values import Cell

SEAL: Final = "posmigran-segel"
"""First cell of the first sealing row."""
SHEET: Final = "lembar"
"""First cell of a row with a sheet's hash and its number of rows."""
ROWS: Final = "baris"
"""First cell of a row with letters of a sheet's cells, following those of the row before it."""
OWN: Final = ""
"""The name under which the last sheet's own readable part is sealed."""
SCHEME: Final = 1
EMPTY: Final = ".."
"""The letters of an empty cell."""
ROW_END: Final = ","
CACHED: Final = 50_000
"""Values whose hash is kept at hand."""
NOTHING: Final = bytes(16)
"""The hash of an empty cell."""

_PIECE: Final = 30_000  # characters of a cell; Excel takes 32,767
_LINE_END: Final = re.compile("\r\n?")
_UNSAFE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_HALF: Final = re.compile("[\ud800-\udfff]")
_END: Final = b"\xff" * 16
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LETTERS: Final = [one + two for one in _ALPHABET for two in _ALPHABET]


@dataclass(frozen=True)
class Made:
    """Who made a workbook and when; ``rows`` is what its makers count (submissions, people)."""

    at: datetime
    by: str
    rows: int


def value_text(value: Cell | Raw) -> str:
    """What is sealed of a cell; empty for an empty one. The first character tells numbers and formulas from text."""
    if value is None:
        return ""
    if isinstance(value, str):
        if value.isprintable() and "_x" not in value:
            return value  # most texts, at a glance
        while "_x" in value and (plain := unescape(value)) != value:
            value = plain  # programs do not agree on what of ``_x0041_`` is text and what an escape
        return _HALF.sub("\ufffd", _UNSAFE.sub("", _LINE_END.sub("\n", value)))
    if isinstance(value, Formula):
        return "\x03" + value.text.replace(" ", "")
    if isinstance(value, date | time):
        value = float(to_excel(value))  # type: ignore[no-untyped-call]
    return f"\x02{digits(float(value) + 0.0)}"  # no program keeps the sign of a zero


def digits(value: float) -> str:
    """A number as every program keeps it: with 15 digits."""
    return f"{value:.15g}"


class Hashes(dict[Any, tuple[bytes, str]]):
    """The hash of a value and its two letters, made once for values that come again."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key

    def __missing__(self, value: Any) -> tuple[bytes, str]:
        if len(self) >= CACHED:
            self.clear()
        self[value] = made = self.make(value)
        return made

    def make(self, value: Any) -> tuple[bytes, str]:
        """The hash of a value and its letters."""
        text = value_text(value)
        if not text:
            return NOTHING, EMPTY
        digest = hashlib.blake2b(text.encode(), digest_size=16, key=self._key).digest()
        return digest, _LETTERS[digest[0] << 4 | digest[1] >> 4]


class SheetSeal:
    """The seal of one sheet in the making: give it every row that holds anything, headers too, in order."""

    def __init__(self, name: str, key: bytes, hashes: Hashes) -> None:
        self.name = name
        self.rows = 0
        self._hashes = hashes
        self._whole = hmac.new(key, b"posmigran sheet", hashlib.sha256)
        self._pieces: list[str] = []
        self._waiting: list[str] = []
        self._length = 0

    def add(self, row: Sequence[Cell | Raw]) -> str:
        """Take a row as it is written, and return its letters; an empty one leaves no trace."""
        hashes = self._hashes
        found = [hashes[value] for value in row]
        return self.add_hashed([digest for digest, _ in found], [two for _, two in found])

    def add_hashed(self, digests: list[bytes], letters: list[str]) -> str:
        """The same for a row whose hashes and letters are known, cell by cell (:meth:`Hashes.make`)."""
        while letters and letters[-1] is EMPTY:
            letters.pop()
        if not letters:
            return ""
        self._whole.update(b"".join(digests[: len(letters)]) + _END)
        self.rows += 1
        line = "".join(letters)
        self._waiting.append(line)
        self._length += len(line) + 1
        if self._length >= _PIECE // 2:
            self._cut()
        return line

    @property
    def hash(self) -> str:
        """The hash over all rows so far, in hex."""
        return self._whole.hexdigest()

    def pieces(self) -> list[str]:
        """The letters of all cells, in texts that fit a cell each."""
        self._cut()
        return self._pieces

    def _cut(self) -> None:
        if self._waiting:
            text = ROW_END.join(self._waiting) + ROW_END
            self._pieces += [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
            self._waiting, self._length = [], 0


class Chain:
    """The checks of the sealing rows, each over all rows so far."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._last = b"posmigran proof"

    def next(self, kind: str, name: str, content: str) -> str:
        """The check of the next row, in hex."""
        said = json.dumps([kind, name, content], ensure_ascii=False).encode()
        self._last = hmac.digest(self._key, self._last + said, "sha256")
        return self._last.hex()[:32]


class Proof:
    """The seals of a workbook in the making. ``key`` is the home's (:attr:`server.store.sealing.Keys.proof`).

    Ask for a :meth:`sheet` for each sheet in the workbook's order, give each its rows, then write what
    :meth:`rows` gives as the last sheet.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.hashes = Hashes(key)
        self._sheets: list[SheetSeal] = []

    def sheet(self, name: str) -> SheetSeal:
        """Begin the seal of the next sheet."""
        seal = SheetSeal(name, self._key, self.hashes)
        self._sheets.append(seal)
        return seal

    def arrange(self, seals: Sequence[SheetSeal]) -> None:
        """Say in which order the sheets stand in the end, where that is not the order of asking."""
        self._sheets = list(seals)

    def rows(self, readable: Iterable[Sequence[Cell]], made: Made) -> Iterator[list[Cell]]:
        """The last sheet: what people read (rows of at most two cells, none of them empty), then the seal."""
        own = SheetSeal(OWN, self._key, self.hashes)
        for row in readable:
            own.add(row)
            yield list(row)
        chain = Chain(self._key)

        def sealing(kind: str, name: str, content: str) -> list[Cell]:
            return [kind, name or None, content, chain.next(kind, name, content)]

        head = {
            "scheme": SCHEME,
            "key": key_name(self._key),
            "at": made.at.astimezone(UTC).isoformat(),
            "by": made.by,
            "rows": made.rows,
        }
        yield sealing(SEAL, "", json.dumps(head, ensure_ascii=False))
        for seal in (*self._sheets, own):
            yield sealing(SHEET, seal.name, f"{seal.rows} {seal.hash}")
            for piece in seal.pieces():
                yield sealing(ROWS, seal.name, piece)


def key_name(key: bytes) -> str:
    """What tells one installation's key from another's, and nothing else of it."""
    return hmac.digest(key, b"posmigran proof key", "sha256").hex()[:16]
