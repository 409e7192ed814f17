"""How the report falls onto pages of paper."""

from __future__ import annotations

import pytest

from exports.report.look import PAPER_HEIGHT, Paper, text_lines


class Page:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.breaks: list[int] = []

    def set_row(self, number: int, height: float) -> None:
        assert height > 0

    def set_h_pagebreaks(self, breaks: list[int]) -> None:
        self.breaks = breaks


def filled(rows: int) -> tuple[Page, Paper]:
    """A page for ten rows, and so many of them on it."""
    page = Page()
    paper = Paper(page, 1)
    for number in range(rows):
        paper.row(number, PAPER_HEIGHT / 10)
    return page, paper


@pytest.mark.parametrize(
    ("rows", "along", "breaks"),
    [(6, 3, []), (8, 3, [5]), (8, 0, [8]), (18, 3, [15]), (8, 7, [8])],
    ids=["room for it", "rows come along", "alone", "on a second page", "more than a page holds"],
)
def test_a_signature_that_finds_no_room_takes_rows_along(rows: int, along: int, breaks: list[int]) -> None:
    page, paper = filled(rows)
    came = paper.keep_together(rows, PAPER_HEIGHT / 10 * 3.9, with_rows=along)
    paper.close()
    assert page.breaks == breaks
    assert came == (None if not breaks else rows - breaks[0])
    assert paper.pages == 1 + len(breaks) + (rows > 10)


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("Kawin", 11, 1),
        ("Kab. Timor Tengah Selatan", 20, 2),
        ("Pengasuh bayi/anak/lansia (caregiver)", 20, 3),
        ("Visa kunjungan/wisata", 13, 3),
        ("W" * 40, 10, 8),
    ],
)
def test_lines_are_counted_as_letters_are_wide(text: str, width: float, lines: int) -> None:
    """As LibreOffice breaks them in Arial."""
    assert text_lines(text, width) == lines
