"""Keeping sensitive answers apart: what a form marks ``sensitive`` is sealed, the rest stays readable by SQL.

Answers are nested as the form is: a group is a dict, a repeat a list of dicts. Both halves have that shape, so
that they fit together again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import orjson

Answers = dict[str, Any]


def split(answers: Mapping[str, Any], root: str, sensitive: Collection[str]) -> tuple[Answers, Answers]:
    """Part answers into (open, secret). ``sensitive`` are paths such as ``/berangkat/idg/nik``.

    What the form does not know (``_unknown``) may hold anything and is secret.
    """
    return _split(answers, root, sensitive)


def _split(answers: Mapping[str, Any], path: str, sensitive: Collection[str]) -> tuple[Answers, Answers]:
    plain: Answers = {}
    secret: Answers = {}
    for name, value in answers.items():
        here = f"{path}/{name}"
        if here in sensitive or name == "_unknown":
            secret[name] = value
            continue
        kind = value.__class__  # a plain answer, which most are, is known by one look
        if kind is dict:
            plain[name], hidden = _split(value, here, sensitive)
            if hidden:
                secret[name] = hidden
        elif kind is list and value and isinstance(value[0], dict):
            halves = [_split(item, here, sensitive) for item in value]
            plain[name] = [half[0] for half in halves]
            if any(half[1] for half in halves):
                secret[name] = [half[1] for half in halves]
        else:
            plain[name] = value
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
