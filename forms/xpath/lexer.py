"""Cuts an expression into tokens, as JavaRosa's lexer does.

Two of its habits matter: ``and``, ``or``, ``div`` and ``mod`` are operators only where an operator may stand
(so a question may be called ``mod``), and they need no blank behind them (``1 or2`` is ``1 or 2``). Numbers
have no exponent.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from forms.xpath.errors import XPathError

_BLANKS: Final = " \n\t\f\r"
_DOUBLE: Final = frozenset(("!=", "<=", ">=", "//", "..", "::"))
_SINGLE: Final = frozenset("=<>+-*|/[]().@,")
_KEYWORDS: Final = ("and", "or", "div", "mod")
_VALUE_ENDS: Final = frozenset(("name", "number", "string", "]", ")", ".", ".."))


class Token(NamedTuple):
    """A piece of an expression.

    ``kind`` is ``name``, ``number``, ``string``, ``end`` or the sign itself; ``*`` where a value is due is
    ``wildcard``. ``text`` is the name, the digits or the string without quotes.
    """

    kind: str
    text: str
    position: int


def tokenize(text: str) -> list[Token]:
    """Cut an expression into tokens, the last of kind ``end``. Raises XPathError at an odd character."""
    tokens: list[Token] = []
    position = 0
    operator_due = False
    while position < len(text):
        if text[position] in _BLANKS:
            position += 1
            continue
        token, position = _next(text, position, operator_due)
        operator_due = token.kind in _VALUE_ENDS or token.kind == "wildcard"
        tokens.append(token)
    tokens.append(Token("end", "", len(text)))
    return tokens


def _next(text: str, start: int, operator_due: bool) -> tuple[Token, int]:
    sign = text[start]
    pair = text[start : start + 2]
    if pair in _DOUBLE:
        return Token(pair, pair, start), start + 2
    if _is_digit(sign) or (sign == "." and _is_digit(pair[1:])):
        end = _number_end(text, start)
        return Token("number", text[start:end], start), end
    if sign in _SINGLE:
        kind = "wildcard" if sign == "*" and not operator_due else sign
        return Token(kind, sign, start), start + 1
    if operator_due:
        for word in _KEYWORDS:
            if text.startswith(word, start):
                return Token(word, word, start), start + len(word)
        raise XPathError(f"an operator is missing before {_excerpt(text, start)}", start)
    if sign in "'\"":
        end = text.find(sign, start + 1)
        if end < 0:
            raise XPathError(f"the string {_excerpt(text, start)} is never closed", start)
        return Token("string", text[start + 1 : end], start), end + 1
    end = _qualified_name_end(text, start)
    if end == start:
        raise XPathError(f"cannot understand {_excerpt(text, start)}", start)
    return Token("name", text[start:end], start), end


def _number_end(text: str, position: int) -> int:
    seen_point = False
    while position < len(text) and (_is_digit(text[position]) or (text[position] == "." and not seen_point)):
        seen_point = seen_point or text[position] == "."
        position += 1
    return position


def _qualified_name_end(text: str, start: int) -> int:
    end = _name_end(text, start)
    if end > start and text[end : end + 1] == ":":
        local_end = _name_end(text, end + 1)
        if local_end > end + 1:
            return local_end
    return end


def _name_end(text: str, start: int) -> int:
    position = start
    while position < len(text):
        sign = text[position]
        starts = sign.islower() or sign.isupper() or sign == "_"
        if not starts and not (position > start and (_is_digit(sign) or sign in ".-")):
            break
        position += 1
    return position


def _is_digit(sign: str) -> bool:
    return "0" <= sign <= "9" if len(sign) == 1 else False


def _excerpt(text: str, start: int) -> str:
    piece = text[start : start + 15]
    return repr(piece + ("..." if len(text) > start + 15 else ""))
