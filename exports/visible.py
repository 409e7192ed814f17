"""Which questions and indicators of a form a reader may see, over all its versions.

Paths are relative to the instance's root (``idg/nik``), which may have another name in each version.
A question is as secret as the most secret of its versions, under whatever name or in whatever group. A calculation is
as secret as what it is made of: were ``fl_pen`` left in where ``violence`` is left out, the one told of the other.

A choice may be more secret than its question. Left blank it would be known all the same, for who must answer has
answered: so the wider choice is told that it is one of (:data:`_WIDER`), and where the form has none, a question that
must be answered is as secret as its choice.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from exports.access import Access
from exports.masked import shows_nik
from forms.changes import changes
from forms.form import Form, Indicator, SensitiveKind
from forms.schema import Schema

_NAME = re.compile(r"[A-Za-z_][\w.-]*")
Kinds = frozenset[SensitiveKind]
_NONE: Kinds = frozenset()
_WIDER: Final[Mapping[tuple[str, str], str]] = {("return_reason", "abuse"): "harm"}
"""By question and choice: the wider choice that it is one of. UU 18/2017 art. 27 ends its reasons for coming home with
"other causes that harm the worker"."""


def relative(path: str) -> str:
    """``idg/nik`` of ``/berangkat/idg/nik``."""
    return path.lstrip("/").partition("/")[2]


@dataclass(frozen=True)
class Version:
    """A published version of a form with its structure."""

    form: Form
    schema: Schema

    @classmethod
    def read(cls, form: Form) -> Version:
        """Read the XForm of a published form."""
        return cls(form, Schema.from_xform(form.xform))


@dataclass(frozen=True)
class _Choice:
    """A choice that is a secret by itself: of which kind, and the wider one that is told instead, if any."""

    kind: SensitiveKind
    wider: str | None


@dataclass(frozen=True)
class Visible:
    """What one reader may see of a form.

    ``kinds`` are the kinds of secrets that a question holds, by relative path; ``indicators`` those that the
    reader may learn of, newest wording, by code; ``hidden`` how many are held back, ``restricted``
    whether one of those because it is restricted.
    """

    reader: Access
    kinds: Mapping[str, Kinds]
    indicators: Mapping[str, Indicator]
    hidden: int
    restricted: bool
    choices: Mapping[str, Mapping[str, _Choice]] = dataclasses.field(default_factory=dict)
    """Choices that are secrets by themselves, by relative path and code."""
    without: Kinds = _NONE
    """Kinds that are kept back though the reader may see them."""
    masked: frozenset[str] = frozenset()
    """The relative paths of what the reader sees without its middle: a NIK, and what is calculated from one."""

    @classmethod
    def of(cls, versions: Iterable[Version], reader: Access) -> Visible:
        """Work it out; ``versions`` oldest first."""
        versions = list(versions)
        choices, as_secret = _choices(versions)
        kinds = _kinds(versions, as_secret)
        by_name = _by_name(kinds)
        indicators: dict[str, Indicator] = {}
        hidden: dict[str, Indicator] = {}
        for version in versions:
            for indicator in version.form.indicators:
                indicators[indicator.code] = indicator
                if not reader.sees(indicator, _mentioned(indicator.rule, by_name)):
                    hidden[indicator.code] = indicator
        seen = {code: indicator for code, indicator in indicators.items() if code not in hidden}
        restricted = any(i.restricted for i in hidden.values())
        masked = shows_nik(v.schema for v in versions) if reader.masks_nik else ()
        return cls(
            reader, kinds, seen, len(hidden), restricted, choices, masked=frozenset(map(relative, masked))
        )

    def held(self, path: str) -> frozenset[str]:
        """The choices at a relative path that the reader may not learn of."""
        known = self.choices.get(path)
        if not known:
            return frozenset()
        allowed = self.reader.kinds - self.without
        return frozenset(code for code, choice in known.items() if choice.kind not in allowed)

    def withhold(self, path: str, answer: Any) -> Any:
        """The answer at a relative path without the choices that the reader may not learn of."""
        held = self.held(path)
        if not held:
            return answer

        def told(code: Any) -> Any:
            return self.choices[path][code].wider if code in held else code

        if isinstance(answer, list):
            return list(dict.fromkeys(code for one in answer if (code := told(one)) is not None)) or None
        return told(answer) if isinstance(answer, str) else answer

    def of_path(self, path: str) -> Kinds:
        """The kinds of secrets at a relative path."""
        return self.kinds.get(path, _NONE)

    def masks(self, path: str) -> bool:
        """Does the reader see the answer at a relative path only in part?"""
        return path in self.masked

    def shows(self, path: str) -> bool:
        """May the reader see the question at a relative path?"""
        return (self.reader.kinds - self.without).issuperset(self.of_path(path))


def secrets(versions: Iterable[Version]) -> Mapping[str, Kinds]:
    """The kinds of secrets that each question holds, by relative path; ``versions`` oldest first."""
    versions = list(versions)
    return _kinds(versions, _choices(versions)[1])


def _choices(versions: list[Version]) -> tuple[dict[str, dict[str, _Choice]], dict[str, Kinds]]:
    """The choices that are secrets by themselves, by relative path and code; and the questions that are as secret."""
    found: dict[str, dict[str, _Choice]] = {}
    as_secret: dict[str, Kinds] = {}
    for version in versions:
        asked = {f.path: f for f in version.schema.questions()}
        for full, secrets in version.form.secret_choices.items():
            field, path = asked.get(full), relative(full)
            others = {code for code, _ in field.choices} - secrets.keys() if field is not None else set()
            for code, kind in secrets.items():
                wider = _WIDER.get((path.rpartition("/")[2], code))
                wider = wider if wider in others else None
                found.setdefault(path, {})[code] = _Choice(kind, wider)
                if wider is None and field is not None and field.required:
                    as_secret[path] = as_secret.get(path, _NONE) | {kind}
    return found, as_secret


def _kinds(versions: list[Version], as_secret: Mapping[str, Kinds]) -> dict[str, Kinds]:
    found: dict[str, Kinds] = dict(as_secret)
    for version in versions:
        marked = {relative(path): kind for path, kind in version.form.sensitive.items()}
        for field in version.schema.walk():
            path = relative(field.path)
            # a mark on a group or a repeat holds for all that is in it
            around = (path[:end] for end in (*(m.start() for m in re.finditer("/", path)), len(path)))
            own = frozenset(marked[p] for p in around if p in marked)
            if own:
                found[path] = found.get(path, _NONE) | own
    calculations = [
        (relative(f.path), f.calculate) for v in versions for f in v.schema.questions() if f.calculate
    ]
    same = _renamed(versions)
    changed = True
    while changed:
        changed = False
        for one, other in same:
            both = found.get(one, _NONE) | found.get(other, _NONE)
            for path in (one, other):
                if both != found.get(path, _NONE):
                    found[path] = both
                    changed = True
        by_name = _by_name(found)
        for path, expression in calculations:
            inherited = _mentioned(expression, by_name)
            if not inherited <= found.get(path, _NONE):
                found[path] = found.get(path, _NONE) | inherited
                changed = True
    return found


def _renamed(versions: list[Version]) -> list[tuple[str, str]]:
    """The relative paths of questions that a later version has under another name or in another group."""
    return [
        (relative(change.path), relative(change.now))
        for former, later in pairwise(versions)
        for change in changes(former.form, later.form)
        if change.kind in ("renamed", "moved") and change.now is not None
    ]


def _by_name(kinds: Mapping[str, Kinds]) -> dict[str, Kinds]:
    named: dict[str, Kinds] = {}
    for path, held in kinds.items():
        name = path.rpartition("/")[2]
        named[name] = named.get(name, _NONE) | held
    return named


def _mentioned(expression: str, by_name: Mapping[str, Kinds]) -> Kinds:
    """The kinds of all questions whose names stand in an expression: rather one too many than too few."""
    kinds = _NONE
    for name in _NAME.findall(expression):
        kinds |= by_name.get(name, _NONE)
    return kinds
