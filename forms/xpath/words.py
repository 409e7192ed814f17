"""Tests of one answer against words, the shape of most risk rules: ``${visa} = 'none' or ${visa} = 'dk'``.

Tests of the same answer that stand side by side in an ``or`` become one, which asks a set. What they are worth
stays the same, errors too: none of them can fail where the first does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from forms.xpath.code import Code, Truth, Words
from forms.xpath.environment import Environment
from forms.xpath.errors import XPathError
from forms.xpath.values import equal


def is_word(path: str, word: str) -> Code:
    """``path = 'word'``; an answer that is no text is compared by :func:`forms.xpath.values.equal`."""

    def path_is(env: Environment) -> bool:
        value = env.answers[path]
        return value == word if value.__class__ is str else equal(value, word)

    return Code(path_is, "truth", words=Words("is", path, (word,)))


def has_word(path: str, word: str) -> Code:
    """``selected(path, 'word')``; ``word`` is neither empty nor has blanks at its ends.

    As JavaRosa looks: for the word between blanks, which a word that has blanks itself may be found across.
    """
    needle = f" {word} "

    def path_has(env: Environment) -> bool:
        chosen = env.answers[path]
        if chosen.__class__ is not str:
            raise not_text("selected")
        return chosen != "" and needle in f" {chosen} "

    return Code(path_has, "truth", words=None if " " in word else Words("has", path, (word,)))


def not_text(name: str) -> XPathError:
    """The error of a function that takes text alone."""
    return XPathError(f"{name}() takes text, not a number, a date or a truth value")


def merged(terms: Sequence[Code]) -> list[Code]:
    """The terms of an ``or``, in their order, with neighbours that test one answer made one."""
    found: list[Code] = []
    for term in terms:
        last, words = found[-1].words if found else None, term.words
        if last is not None and words is not None and (last.test, last.path) == (words.test, words.path):
            found[-1] = _any_word(Words(last.test, last.path, (*last.words, *words.words)))
        else:
            found.append(term)
    return found


def _any_word(tested: Words) -> Code:
    path, words = tested.path, frozenset(tested.words)

    def path_is_any(env: Environment) -> bool:
        value = env.answers[path]
        return value in words if value.__class__ is str else any(equal(value, word) for word in words)

    def path_has_any(env: Environment) -> bool:
        chosen = env.answers[path]
        if not isinstance(chosen, str):
            raise not_text("selected")
        return not words.isdisjoint(chosen.split(" "))

    test: Truth
    match tested.test:
        case "is":
            test = path_is_any
        case "has":
            test = path_has_any
        case never:
            assert_never(never)
    return Code(test, "truth", words=tested)
