"""Which questions and indicators of a form a reader may see, over all its versions.

Paths are relative to the instance's root (``idg/nik``), which may have another name in each version.
A question is as secret as the most secret of its versions. A calculation is as secret as what it is made of:
were ``fl_pen`` left in where ``violence`` is left out, the one would tell of the other.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exports.access import Access
from forms.form import Form, Indicator, SensitiveKind
from forms.schema import Schema

_NAME = re.compile(r"[A-Za-z_][\w.-]*")
Kinds = frozenset[SensitiveKind]
_NONE: Kinds = frozenset()


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
    codes: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)
    """Choices that this reader may not learn of, by relative path."""

    @classmethod
    def of(cls, versions: Iterable[Version], reader: Access) -> Visible:
        """Work it out; ``versions`` oldest first."""
        versions = list(versions)
        kinds = _kinds(versions)
        by_name = _by_name(kinds)
        indicators: dict[str, Indicator] = {}
        hidden: dict[str, Indicator] = {}
        for version in versions:
            for indicator in version.form.indicators:
                indicators[indicator.code] = indicator
                if not reader.sees(indicator, _mentioned(indicator.rule, by_name)):
                    hidden[indicator.code] = indicator
        seen = {code: indicator for code, indicator in indicators.items() if code not in hidden}
        codes: dict[str, frozenset[str]] = {}
        for version in versions:
            for path, secret in version.form.secret_choices.items():
                held = frozenset(code for code, kind in secret.items() if kind not in reader.kinds)
                codes[relative(path)] = codes.get(relative(path), frozenset()) | held
        return cls(reader, kinds, seen, len(hidden), any(i.restricted for i in hidden.values()), codes)

    def withhold(self, path: str, answer: Any) -> Any:
        """The answer at a relative path without the choices that the reader may not learn of."""
        held = self.codes.get(path)
        if not held:
            return answer
        if isinstance(answer, list):
            return [code for code in answer if code not in held] or None
        return None if answer in held else answer

    def of_path(self, path: str) -> Kinds:
        """The kinds of secrets at a relative path."""
        return self.kinds.get(path, _NONE)

    def shows(self, path: str) -> bool:
        """May the reader see the question at a relative path?"""
        return self.reader.kinds.issuperset(self.of_path(path))


def _kinds(versions: list[Version]) -> dict[str, Kinds]:
    found: dict[str, Kinds] = {}
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
    changed = True
    while changed:
        changed = False
        by_name = _by_name(found)
        for path, expression in calculations:
            inherited = _mentioned(expression, by_name)
            if not inherited <= found.get(path, _NONE):
                found[path] = found.get(path, _NONE) | inherited
                changed = True
    return found


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
