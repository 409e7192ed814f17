"""Small drawings of a phone for the steps on a desk's sheet. Plain shapes in two colours: they print on any printer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WIDTH, HEIGHT = 17.0, 30.0
"""Millimetres of a phone."""
_INK = 0x23, 0x2F, 0x34
_ACCENT = 0x0F, 0x5C, 0x63
_PALE = 0xDC, 0xE8, 0xE9
_WHITE = 0xFF, 0xFF, 0xFF

Pen = Any
"""A reportlab canvas whose unit is a millimetre, with its origin at the phone's lower left corner."""


def install(pen: Pen) -> None:
    """The shop: an app's icon with an arrow down onto it."""
    _phone(pen)
    _fill(pen, _ACCENT)
    pen.roundRect(5, 13, 7, 7, 1.4, stroke=0, fill=1)
    _fill(pen, _WHITE)
    _arrow(pen, 8.5, 18.6, 14.4)
    _fill(pen, _PALE)
    pen.roundRect(3.2, 7.4, 10.6, 3, 1, stroke=0, fill=1)
    _fill(pen, _ACCENT)
    pen.roundRect(3.2, 7.4, 6.4, 3, 1, stroke=0, fill=1)


def scan(pen: Pen) -> None:
    """The camera: a code within the corners of its frame."""
    _phone(pen)
    _fill(pen, _INK)
    for x, y in ((5.2, 17.3), (9.6, 17.3), (5.2, 12.9)):
        pen.rect(x, y, 2.4, 2.4, stroke=0, fill=1)
        _fill(pen, _WHITE)
        pen.rect(x + 0.6, y + 0.6, 1.2, 1.2, stroke=0, fill=1)
        _fill(pen, _INK)
    for x, y in ((9.6, 12.9), (11, 14.3), (10.3, 15.6), (8.1, 14.2), (8.1, 16.1), (6.1, 16.1)):
        pen.rect(x, y, 0.8, 0.8, stroke=0, fill=1)
    _stroke(pen, _ACCENT, 0.7)
    for x, y, dx, dy in ((3.6, 21.4, 1, -1), (13.4, 21.4, -1, -1), (3.6, 11.2, 1, 1), (13.4, 11.2, -1, 1)):
        pen.line(x, y, x + 2.2 * dx, y)
        pen.line(x, y, x, y + 2.2 * dy)


def fill_in(pen: Pen) -> None:
    """A form: questions with their boxes, two of them ticked."""
    _phone(pen)
    for row, ticked in enumerate((True, True, False)):
        y = 20.5 - 5.2 * row
        _stroke(pen, _INK, 0.35)
        _fill(pen, _WHITE)
        pen.rect(3.4, y, 2.6, 2.6, stroke=1, fill=1)
        _fill(pen, _PALE)
        pen.rect(7.2, y + 1.5, 6.4, 1.1, stroke=0, fill=1)
        pen.rect(7.2, y, 4.4, 1.1, stroke=0, fill=1)
        if ticked:
            _stroke(pen, _ACCENT, 0.7)
            pen.line(3.9, y + 1.3, 4.6, y + 0.6)
            pen.line(4.6, y + 0.6, 5.7, y + 2.4)


def send(pen: Pen) -> None:
    """The end of a form: an arrow up, waves, and the button."""
    _phone(pen)
    _fill(pen, _ACCENT)
    pen.roundRect(3.2, 6.8, 10.6, 4, 1.2, stroke=0, fill=1)
    _fill(pen, _WHITE)
    pen.rect(5.4, 8.4, 6.2, 0.9, stroke=0, fill=1)
    _fill(pen, _ACCENT)
    _arrow(pen, 8.5, 13.2, 18.2)
    _stroke(pen, _ACCENT, 0.6)
    for radius in (2.2, 3.8):
        pen.arc(8.5 - radius, 18.6 - radius, 8.5 + radius, 18.6 + radius, 50, 80)


STEPS: tuple[Callable[[Pen], None], ...] = (install, scan, fill_in, send)


def _phone(pen: Pen) -> None:
    _stroke(pen, _INK, 0.5)
    _fill(pen, _INK)
    pen.roundRect(0, 0, WIDTH, HEIGHT, 2.4, stroke=0, fill=1)
    _fill(pen, _WHITE)
    pen.roundRect(1.2, 3.6, WIDTH - 2.4, HEIGHT - 6.4, 0.8, stroke=0, fill=1)
    pen.circle(WIDTH / 2, 1.8, 0.8, stroke=0, fill=1)
    pen.roundRect(WIDTH / 2 - 2, HEIGHT - 1.7, 4, 0.7, 0.3, stroke=0, fill=1)


def _arrow(pen: Pen, x: float, tail: float, tip: float) -> None:
    """A filled arrow, up or down."""
    turn = 1 if tip > tail else -1
    pen.rect(x - 0.55, min(tail, tip - 1.8 * turn), 1.1, abs(tip - tail) - 1.8, stroke=0, fill=1)
    head = pen.beginPath()
    head.moveTo(x, tip)
    head.lineTo(x - 1.7, tip - 2 * turn)
    head.lineTo(x + 1.7, tip - 2 * turn)
    head.close()
    pen.drawPath(head, stroke=0, fill=1)


def _fill(pen: Pen, colour: tuple[int, int, int]) -> None:
    pen.setFillColorRGB(*(part / 255 for part in colour))


def _stroke(pen: Pen, colour: tuple[int, int, int], width: float) -> None:
    pen.setStrokeColorRGB(*(part / 255 for part in colour))
    pen.setLineWidth(width)
    pen.setLineCap(1)
