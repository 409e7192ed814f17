"""Functions on text and on select questions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable

from forms.xpath.code import Code, text, values
from forms.xpath.environment import Environment
from forms.xpath.errors import XPathError
from forms.xpath.functions import Site, function
from forms.xpath.patterns import full_match
from forms.xpath.values import Value, to_index, to_text
from forms.xpath.words import has_word, not_text

_BLANKS = re.compile(r"[ \t\n\x0b\f\r]+")
_BELOW_BLANK = "".join(map(chr, range(33)))


@function("string", fewest=1)
def _string(site: Site) -> Code:
    return Code(text(site.arguments[0]), "text")


@function("concat", fewest=0, most=None)
def _concat(site: Site) -> Code:
    return _joined(site, lambda _env: "", 0)


@function("join", fewest=1, most=None)
def _join(site: Site) -> Code:
    return _joined(site, text(site.arguments[0]), 1)


def _joined(site: Site, separator: Callable[[Environment], str], first: int) -> Code:
    """All arguments from ``first`` on; a single path stands for the values of all its nodes."""
    parts = site.arguments[first:]
    if len(parts) == 1 and parts[0].nodes is not None:
        all_values = values(parts[0])
        return Code(lambda env: separator(env).join([to_text(v) for v in all_values(env)]), "text")
    texts = [text(part) for part in parts]
    return Code(lambda env: separator(env).join([t(env) for t in texts]), "text")


@function("substr", fewest=2, most=3)
def _substr(site: Site) -> Code:
    """From 0, the end left out; negative counts from the end; what lies outside is cut off."""
    whole, start = text(site.arguments[0]), site.arguments[1].evaluate
    end = site.arguments[2].evaluate if len(site.arguments) == 3 else None
    places = [to_index(p.constant) for p in site.arguments[1:] if p.constant is not None]
    if len(places) == len(site.arguments) - 1:
        part = slice(places[0], places[1] if end is not None else None)  # as Python itself cuts

        def part_of(env: Environment) -> str:
            given = whole(env)
            return given[part] if given.isascii() else _from_utf16(_utf16(given)[part])

        return Code(part_of, "text")

    def substr(env: Environment) -> str:
        units = _utf16(whole(env))
        size = len(units)
        first = to_index(start(env))
        last = size if end is None else to_index(end(env))
        first = min(max(0, first + size if first < 0 else first), size)
        last = min(max(0, last + size if last < 0 else last), size)
        return _from_utf16(units[first:last]) if first <= last else ""

    return Code(substr, "text")


def _utf16(whole: str) -> str:
    """The text as Java counts it: a sign beyond the 65,536 common ones (an emoji) is two."""
    if whole.isascii() or max(whole) <= "\uffff":
        return whole
    pairs = whole.encode("utf-16-le", "surrogatepass")
    return "".join(chr(int.from_bytes(pairs[i : i + 2], "little")) for i in range(0, len(pairs), 2))


def _from_utf16(units: str) -> str:
    if units.isascii():
        return units
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@function("string-length", fewest=0, most=1)
def _string_length(site: Site) -> Code:
    whole = text(_argument_or_self(site))
    return Code(lambda env: float(len(_utf16(whole(env)))), "number")


@function("normalize-space", fewest=0, most=1)
def _normalize_space(site: Site) -> Code:
    whole = text(_argument_or_self(site))
    return Code(lambda env: _BLANKS.sub(" ", whole(env).strip(_BELOW_BLANK)), "text")


def _argument_or_self(site: Site) -> Code:
    if site.arguments:
        return site.arguments[0]
    site.scope.uses.placed = True

    def own(env: Environment) -> Value:
        return "" if env.context is None else env.answers.value_of(env.context)

    return Code(own)


@function("translate", fewest=3)
def _translate(site: Site) -> Code:
    whole, old, new = (text(a) for a in site.arguments)

    def translate(env: Environment) -> str:
        into = new(env)
        table: dict[int, str | None] = {}
        for place, sign in enumerate(old(env)):
            table.setdefault(ord(sign), into[place] if place < len(into) else None)
        return whole(env).translate(table)

    return Code(translate, "text")


@function("substring-before", fewest=2)
def _substring_before(site: Site) -> Code:
    whole, part = (text(a) for a in site.arguments)

    def before(env: Environment) -> str:
        head, found, _ = _partition(whole(env), part(env))
        return head if found else ""

    return Code(before, "text")


@function("substring-after", fewest=2)
def _substring_after(site: Site) -> Code:
    whole, part = (text(a) for a in site.arguments)
    return Code(lambda env: _partition(whole(env), part(env))[2], "text")


def _partition(whole: str, part: str) -> tuple[str, bool, str]:
    place = whole.find(part)
    return (whole, False, "") if place < 0 else (whole[:place], True, whole[place + len(part) :])


@function("contains", fewest=2)
def _contains(site: Site) -> Code:
    whole, part = (text(a) for a in site.arguments)
    return Code(lambda env: part(env) in whole(env), "truth")


@function("starts-with", fewest=2)
def _starts_with(site: Site) -> Code:
    whole, part = (text(a) for a in site.arguments)
    return Code(lambda env: whole(env).startswith(part(env)), "truth")


@function("ends-with", fewest=2)
def _ends_with(site: Site) -> Code:
    whole, part = (text(a) for a in site.arguments)
    return Code(lambda env: whole(env).endswith(part(env)), "truth")


@function("regex", fewest=2)
def _regex(site: Site) -> Code:
    whole, pattern = text(site.arguments[0]), site.arguments[1]
    if pattern.constant is not None:
        try:
            match = full_match(to_text(pattern.constant))
        except XPathError as error:
            raise site.wrong(error.message) from None
        return Code(lambda env: match(whole(env)) is not None, "truth")
    late = text(pattern)
    return Code(lambda env: full_match(late(env))(whole(env)) is not None, "truth")


@function("selected", "is-selected", fewest=2)
def _selected(site: Site) -> Code:
    """Whether a choice is among those selected. Both must be text: a phone fails on numbers and dates."""
    answer, choice = site.arguments
    evaluate, wanted = answer.evaluate, choice.evaluate
    if choice.constant is not None:
        if not isinstance(choice.constant, str):
            raise site.wrong("needs its second argument in quotes")
        word = choice.constant.strip(_BELOW_BLANK)
        if answer.path is not None and word:
            return has_word(answer.path, word)
        needle = f" {word} "
        return Code(lambda env: needle in f" {_text_only(evaluate(env), 'selected')} ", "truth")

    def has(env: Environment) -> bool:
        one = _text_only(wanted(env), "selected").strip(_BELOW_BLANK)
        return f" {one} " in f" {_text_only(evaluate(env), 'selected')} "

    return Code(has, "truth")


def _text_only(value: Value, name: str) -> str:
    if not isinstance(value, str):
        raise not_text(name)
    return value


@function("count-selected", fewest=1)
def _count_selected(site: Site) -> Code:
    evaluate = site.arguments[0].evaluate
    return Code(lambda env: float(len(_choices(_text_only(evaluate(env), "count-selected")))), "number")


@function("selected-at", fewest=2)
def _selected_at(site: Site) -> Code:
    evaluate, index = site.arguments[0].evaluate, site.arguments[1].evaluate

    def at(env: Environment) -> str:
        choices = _choices(_text_only(evaluate(env), "selected-at"))
        place = to_index(index(env))
        return choices[place] if 0 <= place < len(choices) else ""

    return Code(at, "text")


def _choices(chosen: str) -> list[str]:
    return list(filter(None, chosen.split(" ")))


@function("jr:choice-name", fewest=2, pure=False)
def _choice_name(site: Site) -> Code:
    """The label of a choice; the second argument is the question's path in quotes."""
    value, question = text(site.arguments[0]), site.arguments[1].constant
    if not isinstance(question, str):
        raise site.wrong("needs the question's path in quotes")
    path = _absolute(question.strip(), site)

    def choice_name(env: Environment) -> str:
        if env.choice_name is None:
            raise XPathError("jr:choice-name() has no labels to choose from")
        return env.choice_name(value(env), path)

    return Code(choice_name, "text")


def _absolute(reference: str, site: Site) -> str:
    names = list(site.scope.origin)
    if reference.startswith("/"):
        return reference
    for step in reference.removeprefix("current()/").split("/"):
        if step == ".." and names:
            names.pop()
        elif step != ".":
            names.append(step)
    return "/" + "/".join(names)


@function("digest", fewest=2, most=3)
def _digest(site: Site) -> Code:
    """``digest(text, 'SHA-256', 'hex')``; base64 where no encoding is named."""
    whole, algorithm = text(site.arguments[0]), text(site.arguments[1])
    encoding = text(site.arguments[2]) if len(site.arguments) == 3 else None

    def digest(env: Environment) -> str:
        name = algorithm(env).replace("-", "").lower()
        if name not in ("md5", "sha1", "sha256", "sha384", "sha512"):
            raise XPathError("digest() does not know the algorithm")
        raw = hashlib.new(name, whole(env).encode("utf-8", "replace"), usedforsecurity=False).digest()
        form = "base64" if encoding is None else encoding(env).lower()
        if form == "hex":
            return raw.hex()
        if form == "base64":
            return base64.b64encode(raw).decode("ascii")
        raise XPathError("digest() does not know the encoding")

    return Code(digest, "text")


@function("base64-decode", fewest=1)
def _base64_decode(site: Site) -> Code:
    whole = text(site.arguments[0])

    def decode(env: Environment) -> str:
        try:
            return base64.b64decode(whole(env).encode("utf-8", "replace")).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return ""

    return Code(decode, "text")


@function("boolean-from-string", fewest=1)
def _boolean_from_string(site: Site) -> Code:
    whole = text(site.arguments[0])

    def boolean(env: Environment) -> bool:
        word = whole(env)
        return word == "1" or word.lower() == "true"

    return Code(boolean, "truth")


@function("depend", fewest=1, most=None)
def _depend(site: Site) -> Code:
    """Its first argument; the others are there to be recalculated by."""
    return Code(site.arguments[0].evaluate, site.arguments[0].kind)
