"""What a sheet of the report is, before anybody writes it: blocks of columns and rows, charts, notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from exports.values import Cell

Kind = Literal["text", "code", "count", "money", "number", "share", "date", "moment", "papers", "small"]
"""What a column holds, and so how it looks.

``code`` is text that looks like a number (village codes, NIK), ``share`` a fraction of 1, ``papers`` how many of the
eight documents, ``small`` a number that is no count, such as an age.
"""

HIDDEN: Final = "*"
"""What stands in the place of a count that a public report does not tell."""


@dataclass(frozen=True)
class Column:
    """A column. ``group`` is the header above it, shared with its neighbours; ``key`` is unique in its block.

    ``meaning``, ``source`` and ``unit`` are for the data dictionary; columns that are alike are explained once,
    so ``meaning`` may be empty. ``upright``: the header is turned by 90 degrees.
    """

    key: str
    header: str
    kind: Kind = "count"
    width: float = 7
    group: str = ""
    meaning: str = ""
    source: str = ""
    unit: str = ""
    upright: bool = False

    @property
    def title(self) -> str:
        """The header in one line, as templates name it: ``Berangkat L``."""
        return f"{self.group} {self.header}" if self.group else self.header


@dataclass(frozen=True)
class Chart:
    """A chart over a block: a series for each of ``series`` (keys of columns) along the column ``along``."""

    kind: Literal["line", "bar", "column"]
    title: str
    along: str
    series: Sequence[str]
    stacked: bool = False
    colors: Sequence[str] = ()


@dataclass
class Block:
    """A table. ``name`` is what templates call it; ``rows`` may be a stream and is read once.

    ``total`` is its last line, ``charts`` stand below, ``filtered`` puts buttons on the headers, ``marked`` says
    of a row that it is to be seen at once.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]
    total: Sequence[Cell] | None = None
    charts: Sequence[Chart] = ()
    filtered: bool = False
    marked: Callable[[Sequence[Cell]], bool] | None = None
    empty: str = "Tidak ada data pada bulan ini."


@dataclass
class Sheet:
    """A sheet. ``notes`` stand under its tables, ``signed`` adds the signature block.

    In print the first ``repeat`` columns come again on each page, and a table takes ``pages_wide`` pages across.
    """

    name: str
    title: str
    blocks: Sequence[Block]
    notes: Sequence[str] = field(default=())
    signed: bool = False
    repeat: int = 0
    pages_wide: int = 1
    frozen: int = 0
