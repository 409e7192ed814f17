"""What a compiled form is: its XForm, its indicators, and what the server must know besides.

A :class:`Form` is made by :mod:`forms.compile` from a workbook, stored by the server as the XForm and one JSON
document (:meth:`Form.definition`), and brought back by :meth:`Form.load`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["critical", "high", "medium"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium")  # gravest first

ROLES = ("disnaker", "p4mi", "bp3mi", "ppa", "dinsos", "province", "admin")
"""Roles of officers, in the words of the command line. Indicators may name the first five."""

SensitiveKind = Literal["identity", "health", "violence", "money"]


@dataclass(frozen=True)
class Finding:
    """One thing wrong (or doubtful) in a workbook, and where it stands.

    ``row`` counts as Excel does (1 is the header), ``column`` is the header's text; either may be unknown.
    ``message`` is English, ``pesan`` the same in Indonesian. A warning with ``confirm`` is about stored answers:
    publishing wants to hear that it is meant.
    """

    sheet: str
    row: int | None
    column: str | None
    message: str
    pesan: str = ""
    severity: Literal["error", "warning"] = "error"
    confirm: bool = False

    @property
    def place(self) -> str:
        """Where to look, for people: ``survey row 12, column constraint``."""
        return self.place_in("en")

    def place_in(self, lang: str) -> str:
        """The same in a language: ``survey baris 12, kolom constraint``."""
        row, column = ("baris", "kolom") if lang == "id" else ("row", "column")
        text = self.sheet if self.row is None else f"{self.sheet} {row} {self.row}"
        return f"{text}, {column} {self.column}" if self.column else text

    def text(self, lang: str) -> str:
        """What is wrong and what to do, in Indonesian (``id``) or English."""
        return self.pesan if lang == "id" and self.pesan else self.message


@dataclass(frozen=True)
class Indicator:
    """A risk indicator of a form: one row of its ``indicators`` sheet.

    ``rule`` is the XPath as compiled (``${...}`` replaced by pyxform), so that phone and server judge the same
    text. ``digest`` means: no single SMS, a line in the weekly digest. ``restricted`` means: nobody but the
    roles in ``recipients`` may learn of it, anywhere (``ppa only`` in the sheet).
    Texts are keyed by language code (``id``, ``en``); ``sms`` holds ``{ref}`` and ``{kec}``.
    """

    code: str
    severity: Severity
    rule: str
    recipients: tuple[str, ...]
    digest: bool
    restricted: bool
    label: Mapping[str, str]
    sms: Mapping[str, str]
    advice: Mapping[str, str]
    source: str = ""

    @property
    def node(self) -> str:
        """Name of the hidden calculate that holds the phone's verdict: ``ri_d01``."""
        return f"ri_{self.code.lower()}"


@dataclass(frozen=True)
class Form:
    """A compiled form.

    ``sensitive`` maps a question's path (``/berangkat/idg/nik``; the root is the form's instance root) to the
    kind of secret it is. ``media`` are the names of the attached files that the form needs, sorted.
    ``secret_choices`` are choices that make the answer a secret, by path and code.
    """

    form_id: str
    version: str
    title: str
    xform: str
    indicators: tuple[Indicator, ...] = ()
    sensitive: Mapping[str, SensitiveKind] = field(default_factory=dict)
    media: tuple[str, ...] = ()
    secret_choices: Mapping[str, Mapping[str, SensitiveKind]] = field(default_factory=dict)

    def secrets_told(self, answers: Mapping[str, Any]) -> dict[str, SensitiveKind]:
        """The paths whose answers here are secrets by what they say; ``answers`` are nested as the form is."""
        found: dict[str, SensitiveKind] = {}
        for path, codes in self.secret_choices.items():
            told = [codes[code] for code in _codes(answers, path.split("/")[2:]) if code in codes]
            if told:
                found[path] = told[0]
        return found

    @property
    def hash(self) -> str:
        """Lower-case hex MD5 over the exact bytes that phones download (COLLECT 2.12)."""
        return hashlib.md5(self.xform.encode(), usedforsecurity=False).hexdigest()

    def definition(self) -> dict[str, Any]:
        """Everything but the XForm itself, as plain JSON."""
        return {
            "form_id": self.form_id,
            "version": self.version,
            "title": self.title,
            "indicators": [asdict(i) for i in self.indicators],
            "sensitive": dict(self.sensitive),
            "media": list(self.media),
            "secret_choices": {path: dict(codes) for path, codes in self.secret_choices.items()},
        }

    @classmethod
    def load(cls, xform: str, definition: Mapping[str, Any]) -> Form:
        """Bring a form back from its XForm and :meth:`definition`."""
        return cls(
            form_id=definition["form_id"],
            version=definition["version"],
            title=definition["title"],
            xform=xform,
            indicators=tuple(
                Indicator(**{**i, "recipients": tuple(i["recipients"])}) for i in definition["indicators"]
            ),
            sensitive=dict(definition["sensitive"]),
            media=tuple(definition["media"]),
            # definitions of before there were such
            secret_choices=dict(definition.get("secret_choices", {})),
        )


def _codes(answers: Any, way: list[str]) -> Iterator[str]:
    """The codes chosen at the end of a way through groups and repeats."""
    if isinstance(answers, list):
        for item in answers:
            yield from _codes(item, way)
    elif way and isinstance(answers, dict):
        yield from _codes(answers.get(way[0]), way[1:])
    elif not way and isinstance(answers, str):
        yield answers
