"""What may be asked of an export: which submissions, and how they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final, Literal, get_args

from exports.words import Lang
from forms.problems import Problem, Problems
from server.store import areas

Choices = Literal["label", "code", "both"]
Multiple = Literal["one", "split"]
Headers = Literal["label", "name"]
State = Literal["open", "acknowledged", "closed", "none"]
"""States of cases; ``none`` for submissions without a case that the reader may know of."""
KINDS: Final = ("xlsx", "csv", "zip", "geojson")
"""Endings of files that can be written."""


@dataclass(frozen=True)
class Options:
    """How submissions are shown.

    ``choices``: labels, codes, or a column of each. ``multiple``: several choices in one column, or besides a
    column of 1 and 0 for each choice. ``headers``: the questions, or their names as ODK Central writes them.
    ``groups``: with the groups that a question lies in. ``bom`` is for CSV: Excel needs it to see UTF-8.
    ``media``: a ``.zip`` with the attached files that the reader may open.
    """

    lang: Lang = "id"
    choices: Choices = "label"
    multiple: Multiple = "one"
    headers: Headers = "label"
    groups: bool = False
    bom: bool = True
    media: bool = False

    @property
    def central(self) -> bool:
        """Is everything laid out as ODK Central does?"""
        return self.headers == "name"

    @classmethod
    def for_kind(cls, kind: str, **said: Any) -> Options:
        """What is usual for a kind of file, and what was said instead (None: nothing was).

        A ``.zip`` is laid out as ODK Central lays out its own, for whoever has programs that read that.
        Raises :class:`Problem`: EXPORT_OPTION for a word that is none of those allowed, MEDIA_ZIP_ONLY.
        """
        usual: dict[str, Any] = {}
        if kind == "zip":
            usual = {"headers": "name", "choices": "code", "groups": True, "bom": False}
        chosen = {name: value for name, value in said.items() if value is not None}
        if chosen.get("headers", usual.get("headers")) == "label":
            usual = {}
        options = cls(**(usual | chosen))
        for name, allowed in _ALLOWED.items():
            if getattr(options, name) not in allowed:
                raise Problem(Problems.EXPORT_OPTION, option=name, allowed=" ".join(allowed))
        if options.media and kind != "zip":
            raise Problem(Problems.MEDIA_ZIP_ONLY)
        return options


_ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    "lang": get_args(Lang),
    "choices": get_args(Choices),
    "multiple": get_args(Multiple),
    "headers": get_args(Headers),
}


@dataclass(frozen=True)
class Filters:
    """Which submissions: of villages in ``area``, received in ``[start, end)`` (aware), whose indicators hold one
    of ``indicators``, whose case stands as one of ``states`` says. Empty means all. ``after`` and ``until`` bound
    the numbers of rows of an incremental export, the one left out and the other included.
    """

    area: str = areas.NATION
    start: datetime | None = None
    end: datetime | None = None
    indicators: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    after: int | None = None
    until: int | None = None

    def __post_init__(self) -> None:
        for state in self.states:
            if state not in get_args(State):
                raise Problem(Problems.EXPORT_OPTION, option="state", allowed=" ".join(get_args(State)))


def to_json(value: Options | Filters) -> dict[str, Any]:
    """As plain JSON, for keeping."""
    plain = asdict(value)
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in plain.items()}


def options_of(kept: Mapping[str, Any]) -> Options:
    """The inverse of :func:`to_json`; what a former version did not know is as usual."""
    known = {field.name for field in fields(Options)}
    return Options(**{name: value for name, value in kept.items() if name in known})


def filters_of(kept: Mapping[str, Any]) -> Filters:
    """The inverse of :func:`to_json`."""
    said = dict(kept)
    for name in ("start", "end"):
        said[name] = datetime.fromisoformat(said[name]) if said.get(name) else None
    for name in ("indicators", "states"):
        said[name] = tuple(said.get(name) or ())
    return Filters(**said)
