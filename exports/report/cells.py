"""Cells and columns that all recaps share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exports.report.order import Order
from exports.report.sheets import HIDDEN, Column
from exports.report.tables import SEXES
from exports.report.tallies import Moves
from exports.values import Cell

SEX_WORDS: Final = {"m": "L", "f": "P"}
SIGN_NOTE: Final = "L = laki-laki, P = perempuan, Jml = jumlah. Tanda – berarti nol."
HIDDEN_NOTE: Final = (
    "Tanda * = tidak ditampilkan: kurang dari 5 orang, atau angka lain jadi dapat dihitung dari angka ini."
)
BLUE, ROSE, RED, AMBER = "1F4E79", "C55A5A", "C00000", "E08A00"
"""Colours of charts."""


def told(count: int | None) -> Cell:
    """A count, or the sign for what is hidden."""
    return HIDDEN if count is None else count


def share(part: int | None, whole: int | None) -> Cell:
    """A fraction; nothing of nothing is none, and of hidden counts it is hidden too."""
    if part is None or whole is None:
        return HIDDEN
    return part / whole if whole else None


def notes(order: Order, *moves: Moves) -> list[str]:
    """What stands under every recap."""
    said = [SIGN_NOTE]
    if order.public:
        said.append(HIDDEN_NOTE)
    missing = sum(m.no_sex for m in moves)
    if missing and not order.public:
        said.append(f"Jml juga memuat {missing} orang yang jenis kelaminnya tidak tercatat.")
    elif missing:
        said.append("Orang yang jenis kelaminnya tidak tercatat tidak dihitung di sini.")
    return said


def unit_column(order: Order) -> Column:
    """The first column of every recap."""
    return Column(
        "unit",
        order.unit,
        "text",
        22,
        meaning="Wilayah desa tempat data dicatat.",
        source="wilayah Kemendagri",
    )


def sexes(tell: Callable[..., int | None], *place: str) -> list[Cell]:
    """L, P and both."""
    return [told(tell(*place, [sex])) for sex in SEXES] + [told(tell(*place))]


def pair(key: str, group: str, meaning: str) -> list[Column]:
    """Columns for L and P under one header."""
    return [
        Column(
            f"{key}_{sex}",
            word,
            width=6,
            group=group,
            meaning=meaning if sex == "m" else "",
            source="dihitung",
            unit="orang",
        )
        for sex, word in SEX_WORDS.items()
    ]


def triple(key: str, group: str, meaning: str, source: str) -> list[Column]:
    """Columns for L, P and Jml under one header."""
    return [
        Column(
            f"{key}_{sex}",
            word,
            width=width,
            group=group,
            meaning=meaning if sex == "m" else "",
            source=source,
            unit="orang",
        )
        for sex, word, width in (("m", "L", 4.6), ("f", "P", 4.6), ("all", "Jml", 5))
    ]
