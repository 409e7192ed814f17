"""Writing the cover: one page of A4, twelve columns of one width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from exports.report.cover import Cover
from exports.report.look import COUNT, GREY, LINE, NAVY, PALE, RED_FILL, RED_TEXT, Styles, put, text_lines
from exports.values import Cell

_LAST: Final = 12
_WIDE: Final = 11.2
_AIR: Final = 5  # points between a rule and what stands below it
_PANEL: Final = "#F7F9FC"


def write_cover(page: Any, cover: Cover, style: Styles, *, public: bool) -> None:
    """Fill the page."""
    page.fit_to_pages(1, 1)
    page.center_horizontally()
    page.set_column(0, 0, 1.5)
    page.set_column(1, _LAST, _WIDE)
    row = _band(page, cover, style)
    row = _figures(page, cover.figures, style, row + 1)
    row = _lists(page, cover, style, row + 1)
    row = _definitions(page, cover, style, row + 1)
    calm = {"bg_color": PALE, "font_color": NAVY}
    warning = style(
        **(calm if public else {"bg_color": RED_FILL, "font_color": RED_TEXT}),
        bold=True,
        text_wrap=True,
        indent=1,
    )
    page.set_row(row, 34)
    _across(page, row, 1, _LAST, cover.warning, warning)
    row += 2
    sign_here(page, row, 9, style)
    page.print_area(0, 0, row + 8, _LAST)


def sign_here(page: Any, row: int, column: int, style: Styles) -> int:
    """The signature block; returns the row after it."""
    for text in (
        "……………………, ………………………… 20……",
        "Mengetahui,",
        "Kepala Dinas …………………………………",
        None,
        None,
        None,
        "(………………………………………………)",
        "NIP ……………………………………………",
    ):
        if text is not None:
            put(page, row, column, text, style())
        row += 1
    return row


def _across(page: Any, row: int, first: int, last: int, value: Cell, style: Any) -> None:
    page.merge_range(row, first, row, last, "", style)
    put(page, row, first, value, style)


def _band(page: Any, cover: Cover, style: Styles) -> int:
    page.set_row(0, 6)
    dark = {"bg_color": NAVY, "font_color": "#FFFFFF", "indent": 1}
    for row, text, height, look in (
        (1, cover.title, 40, style(**dark, bold=True, font_size=19)),
        (2, f"{cover.area}  ·  {cover.period}", 28, style(**dark, font_size=13)),
        (3, cover.variant, 20, style(bg_color=PALE, font_color=NAVY, bold=True, font_size=10, indent=1)),
    ):
        page.set_row(row, height)
        _across(page, row, 1, _LAST, text, look)
    return 4


def _figures(page: Any, figures: Sequence[tuple[str, Cell, str]], style: Styles, row: int) -> int:
    frame = {"bg_color": _PANEL, "align": "center"}
    looks = (
        style(**frame, font_color=GREY, top=2, top_color=NAVY),
        style(**frame, font_size=20, bold=True, font_color=NAVY, num_format=COUNT.replace("_ ", "")),
        style(**frame, font_color=GREY, font_size=8, bottom=1, bottom_color=LINE),
    )
    width = _LAST // len(figures)
    page.set_row(row, 18)
    page.set_row(row + 1, 32)
    for part, look in enumerate(looks):
        for number, figure in enumerate(figures):
            first = 1 + number * width
            _across(page, row + part, first, first + width - 1, figure[part], look)
    return row + 3


def _heading(page: Any, row: int, first: int, last: int, text: str, style: Styles) -> None:
    page.set_row(row, 20)
    _across(
        page,
        row,
        first,
        last,
        text,
        style(bold=True, font_size=11, font_color=NAVY, bottom=2, bottom_color=NAVY),
    )


def _lists(page: Any, cover: Cover, style: Styles, row: int) -> int:
    """The facts on the left, the contents on the right."""
    _heading(page, row, 1, 6, "Keterangan", style)
    _heading(page, row, 8, _LAST, "Isi", style)
    name, text = style(font_color=GREY, valign="top"), style(text_wrap=True, valign="top")
    link = style(font_color="#1F4E9E", underline=1, valign="top")
    row += 1
    page.set_row(row, _AIR)
    for number in range(max(len(cover.facts), len(cover.contents))):
        row += 1
        fact = cover.facts[number] if number < len(cover.facts) else None
        title_lines = text_lines(cover.contents[number][1], 3 * _WIDE) if number < len(cover.contents) else 1
        page.set_row(
            row, 3 + 12 * max(title_lines, text_lines(fact[1], 4 * _WIDE) if fact is not None else 1)
        )
        if fact is not None:
            _across(page, row, 1, 2, fact[0], name)
            _across(page, row, 3, 6, fact[1], text)
        if number < len(cover.contents):
            sheet, title = cover.contents[number]
            page.merge_range(row, 8, row, 9, "", link)
            page.write_url(row, 8, f"internal:'{sheet}'!A1", link, sheet)
            _across(page, row, 10, _LAST, title, text)
    return row + 1


def _definitions(page: Any, cover: Cover, style: Styles, row: int) -> int:
    _heading(page, row, 1, _LAST, "Pengertian", style)
    name, text = style(font_color=GREY, valign="top"), style(text_wrap=True, valign="top")
    row += 1
    page.set_row(row, _AIR)
    for said, meaning in cover.definitions:
        row += 1
        page.set_row(row, 3 + 12 * text_lines(meaning, 10 * _WIDE))
        _across(page, row, 1, 2, said, name)
        _across(page, row, 3, _LAST, meaning, text)
    return row + 2
