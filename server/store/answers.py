"""Keeping sensitive answers apart: what a form marks ``sensitive`` is sealed, the rest stays readable by SQL.

Answers are nested as the form is: a group is a dict, a repeat a list of dicts. Both halves have that shape, so
that they fit together again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

Answers = dict[str, Any]


def split(answers: Mapping[str, Any], root: str, sensitive: Collection[str]) -> tuple[Answers, Answers]:
    """Part answers into (open, secret). ``sensitive`` are paths such as ``/berangkat/idg/nik``.

    What the form does not know (``_unknown``) may hold anything and is secret.
    """
    return _split(answers, _secrets(root, tuple(sensitive)))


class _Secrets(NamedTuple):
    """What is secret in a group: the names that are so as a ``whole``, and what is so in the groups ``below``."""

    whole: Collection[str]
    below: Mapping[str, _Secrets]


_UNKNOWN: Final = "_unknown"
_ONLY_UNKNOWN: Final = _Secrets((_UNKNOWN,), {})


@lru_cache(maxsize=128)
def _secrets(root: str, sensitive: tuple[str, ...]) -> _Secrets:
    """The paths as a tree. A form's are the same for all its submissions, but for what an answer makes a secret."""
    return _below([path[len(root) + 1 :].split("/") for path in sensitive if path.startswith(f"{root}/")])


def _below(paths: Sequence[Sequence[str]]) -> _Secrets:
    whole = dict.fromkeys(name for name, *deeper in paths if not deeper)
    below: dict[str, list[Sequence[str]]] = {}
    for name, *deeper in paths:
        if deeper:
            below.setdefault(name, []).append(deeper)
    return _Secrets((*whole, _UNKNOWN), {name: _below(deeper) for name, deeper in below.items()})


def _split(answers: Mapping[str, Any], secrets: _Secrets) -> tuple[Answers, Answers]:
    plain: Answers = dict(answers)
    secret: Answers = {}
    for name in secrets.whole:
        if name in plain:
            secret[name] = plain.pop(name)
    for name, value in answers.items():
        kind = type(value)  # a plain answer, which most are, is known by one look
        if kind is dict:
            if name in plain:
                plain[name], hidden = _split(value, secrets.below.get(name, _ONLY_UNKNOWN))
                if hidden:
                    secret[name] = hidden
        elif kind is list and value and isinstance(value[0], dict) and name in plain:
            halves = [_split(item, secrets.below.get(name, _ONLY_UNKNOWN)) for item in value]
            plain[name] = [half[0] for half in halves]
            if any(half[1] for half in halves):
                secret[name] = [half[1] for half in halves]
    return plain, secret


def merge(plain: Mapping[str, Any], secret: Mapping[str, Any]) -> Answers:
    """The inverse of :func:`split`."""
    merged: Answers = dict(plain)
    for name, hidden in secret.items():
        shown = merged.get(name)
        if isinstance(shown, dict) and isinstance(hidden, dict):
            merged[name] = merge(shown, hidden)
        elif isinstance(shown, list) and shown and isinstance(shown[0], dict):
            merged[name] = [merge(a, b) for a, b in zip(shown, hidden, strict=True)]
        else:
            merged[name] = hidden
    return merged


def pack(secret: Answers) -> bytes:
    """Bytes for sealing."""
    return orjson.dumps(secret)


def unpack(packed: bytes) -> Answers:
    """The inverse of :func:`pack`."""
    unpacked: Answers = orjson.loads(packed)
    return unpacked
