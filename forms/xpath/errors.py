"""What can be wrong with an expression, at compile time or when it meets an answer."""

from __future__ import annotations


class XPathError(Exception):
    """An expression that cannot be compiled, or that gives no value.

    ``position`` counts characters from 0 in the expression, None where the place is unknown (at run time).
    The message never holds an answer: it may end in a log.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        self.message = message
        self.position = position
        super().__init__(message if position is None else f"{message} (at character {position + 1})")


class UnsupportedFunction(XPathError):  # noqa: N818 - named for what it is: a function that only a phone has
    """A function that needs the phone it runs on, or a key that the server does not hold."""
