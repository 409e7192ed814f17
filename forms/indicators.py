"""The ``indicators`` sheet: reading and checking its rows, and the survey rows that they become."""

from __future__ import annotations

import re
from dataclasses import dataclass

import gsm0338  # noqa: F401 - registers the codec of 3GPP TS 23.038

from forms.form import ROLES, SEVERITIES, Finding, Severity
from forms.schema import language_code
from forms.workbook import INDICATORS, Row, Workbook

ALERTABLE = ROLES[:5]
"""Roles that an indicator may name; province and admin are never texted about a case (form.ROLES)."""

CODE = re.compile(r"^[A-Z]\d{2}$")
_RECIPIENTS = re.compile(r"^(?P<roles>[a-z0-9]+(?: ?\+ ?[a-z0-9]+)*)(?: (?P<mark>\(digest\)|only))?$")
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")

REF_LENGTH = len("R-350712-0417")
KEC_LENGTH = 18
"""Longest district (kecamatan) name in a message; longer ones are cut (DOMAIN 5.2)."""
SMS_LENGTH = 160
GROUP = "advice"
"""The group at the form's end that shows the advice."""
GROUP_LABEL = {"id": "Peringatan", "en": "Warning"}
PLAIN = ("code", "severity", "rule", "recipients", "source")
TRANSLATED = ("label", "sms", "advice")


@dataclass(frozen=True)
class Language:
    """A language of a form: the suffix of its columns (``::Indonesia (id)``) and its code (``id``)."""

    suffix: str
    code: str

    @classmethod
    def of(cls, name: str) -> Language:
        """From a language's name as XLSForms write it, ``Indonesia (id)``; empty: the form has but one."""
        return cls(f"::{name}" if name else "", language_code(name) or "id")


@dataclass(frozen=True)
class IndicatorRow:
    """A checked row of the sheet, its rule still as written (``${...}``)."""

    row: int
    code: str
    severity: Severity
    rule: str
    recipients: tuple[str, ...]
    digest: bool
    restricted: bool
    label: dict[str, str]
    sms: dict[str, str]
    advice: dict[str, str]
    source: str

    @property
    def node(self) -> str:
        """Name of the hidden calculate."""
        return f"ri_{self.code.lower()}"


def languages(book: Workbook) -> tuple[Language, ...]:
    """The languages of the survey's labels, the default first."""
    names = list(book.languages())
    default = book.settings().get("default_language", "")
    names.sort(key=lambda name: name != default)
    return tuple(Language.of(name) for name in names) or (Language.of(""),)


def read_indicators(book: Workbook) -> tuple[list[IndicatorRow], list[Finding]]:
    """Read the sheet and say everything that is wrong in it.

    Rows with a finding are left out of the first list. A form without the sheet has no indicators.
    """
    if book.indicators is None:
        return [], []
    spoken = languages(book)
    findings = _headers(book.indicators.header, spoken)
    if any(f.column in PLAIN for f in findings):
        return [], findings  # nothing useful can be said of rows whose column is missing
    names = {path.rsplit("/", 1)[1] for _, path, _ in book.survey()}
    rows: list[IndicatorRow] = []
    seen: dict[str, int] = {}
    for row in book.indicators.rows:
        wrong = _check(row, spoken, names)
        code = row.get("code").upper()
        if code in seen:
            wrong.append(
                Finding(
                    INDICATORS,
                    row.number,
                    "code",
                    f"{code} stands already in row {seen[code]}. Give another.",
                )
            )
        seen.setdefault(code, row.number)
        if f"ri_{code.lower()}" in names:
            wrong.append(
                Finding(
                    INDICATORS,
                    row.number,
                    "code",
                    f"the survey has a question ri_{code.lower()}. Rename that.",
                )
            )
        findings += wrong
        if not wrong:
            rows.append(_row(row, spoken))
    return rows, findings


def _headers(header: tuple[str, ...], spoken: tuple[Language, ...]) -> list[Finding]:
    needed = [*PLAIN[:4], *(f"{t}{lang.suffix}" for t in ("label", "advice") for lang in spoken)]
    needed.append(f"sms{spoken[0].suffix}")
    allowed = {*needed, *PLAIN, *(f"{t}{lang.suffix}" for t in TRANSLATED for lang in spoken)}
    findings = [
        Finding(INDICATORS, 1, column, f"the column {column} is missing. Add it.")
        for column in needed
        if column not in header
    ]
    findings += [
        Finding(
            INDICATORS,
            1,
            column,
            f"the column {column} is not known. Columns are: {', '.join(sorted(allowed))}.",
        )
        for column in header
        if column not in allowed
    ]
    twice = {column for column in header if header.count(column) > 1}
    findings += [
        Finding(INDICATORS, 1, c, f"the column {c} is there twice. Remove one.") for c in sorted(twice)
    ]
    return findings


def _check(row: Row, spoken: tuple[Language, ...], names: set[str]) -> list[Finding]:
    findings: list[Finding] = []

    def say(column: str, message: str) -> None:
        findings.append(Finding(INDICATORS, row.number, column, message))

    if not CODE.match(row.get("code")):
        say("code", f"'{row.get('code')}' is no code. Write one capital letter and two digits, such as D07.")
    if row.get("severity") not in SEVERITIES:
        say("severity", f"'{row.get('severity')}' is no severity. Write one of: {', '.join(SEVERITIES)}.")
    recipients = _RECIPIENTS.match(row.get("recipients"))
    if not recipients:
        say(
            "recipients",
            "write roles such as: disnaker+p4mi, 'disnaker (digest)' or 'ppa only'.",
        )
    else:
        roles = [role.strip() for role in recipients["roles"].split("+")]
        for role in roles:
            if role not in ALERTABLE:
                say("recipients", f"'{role}' is no role. Write some of: {', '.join(ALERTABLE)}.")
        if len(set(roles)) < len(roles):
            say("recipients", "a role stands twice. Write each once.")
    rule = row.get("rule")
    if not rule:
        say("rule", "the rule is missing. Write when the indicator holds, such as ${age_dep} < 18.")
    for name in dict.fromkeys(_REFERENCE.findall(rule)):
        if names and name.strip() not in names:
            say("rule", f"there is no question '{name}' in the survey sheet. Check the name in ${{{name}}}.")
    if rule.count("(") != rule.count(")"):
        say("rule", f"{rule.count('(')} brackets are opened, {rule.count(')')} closed. Make them pairs.")
    for kind in ("label", "advice"):
        for lang in spoken:
            if not row.get(f"{kind}{lang.suffix}"):
                say(f"{kind}{lang.suffix}", "the text is missing. Write it.")
    for lang in spoken:
        column = f"sms{lang.suffix}"
        if row.get(column):
            findings += [Finding(INDICATORS, row.number, column, m) for m in sms_faults(row.get(column))]
        elif lang is spoken[0]:
            say(column, "the text is missing. Write it.")
    return findings


def sms_faults(text: str) -> list[str]:
    """What is wrong with an SMS text; nothing where it fits one GSM-7 message and holds no other placeholder.

    Lengths are in septets (3GPP TS 23.038: the characters of its extension table count twice), with ``{ref}``
    and ``{kec}`` taken at their longest.
    """
    needed = ("{ref}", "{kec}")
    faults = [f"{name} is missing. Write it where it belongs." for name in needed if name not in text]
    for other in _PLACEHOLDER.findall(text):
        if other not in needed:
            faults.append(f"{other} is not known. Only {{ref}} and {{kec}} are filled in.")
    filled = text.replace("{ref}", "0" * REF_LENGTH).replace("{kec}", "x" * KEC_LENGTH)
    odd = [c for c in dict.fromkeys(filled) if not _in_gsm(c)]
    if odd:
        faults.append(
            f"{' '.join(odd)}: not in the SMS alphabet, the message would cost double. Write plain letters."
        )
    elif (length := len(filled.encode("gsm03.38"))) > SMS_LENGTH:
        faults.append(f"{length} characters when filled in, {length - SMS_LENGTH} too many. Shorten it.")
    return faults


def _in_gsm(character: str) -> bool:
    try:
        character.encode("gsm03.38")
    except UnicodeEncodeError:
        return False
    return True


def _row(row: Row, spoken: tuple[Language, ...]) -> IndicatorRow:
    recipients = _RECIPIENTS.match(row.get("recipients"))
    assert recipients  # checked before
    severity = next(s for s in SEVERITIES if s == row.get("severity"))

    def texts(kind: str) -> dict[str, str]:
        found = {lang.code: row.get(f"{kind}{lang.suffix}") for lang in spoken}
        return {code: text for code, text in found.items() if text}

    return IndicatorRow(
        row=row.number,
        code=row.get("code"),
        severity=severity,
        rule=row.get("rule"),
        recipients=tuple(role.strip() for role in recipients["roles"].split("+")),
        digest=recipients["mark"] == "(digest)",
        restricted=recipients["mark"] == "only",
        label=texts("label"),
        sms=texts("sms"),
        advice=texts("advice"),
        source=row.get("source"),
    )


GeneratedRow = tuple[dict[str, str], tuple[int | None, str | None]]
"""A row for the survey sheet, and the (row, column) of the indicators sheet that it comes from."""


def survey_rows(rows: list[IndicatorRow], spoken: tuple[Language, ...]) -> list[GeneratedRow]:
    """The survey rows that indicators become.

    First the hidden calculates, then one group of notes, each shown where its rule holds.
    """
    if not rows:
        return []
    made: list[GeneratedRow] = [
        (
            {
                "type": "calculate",
                "name": row.node,
                "calculation": f"if({row.rule}, 1, 0)",
                "bind::type": "int",
            },
            (row.row, "rule"),
        )
        for row in rows
    ]
    any_holds = " or ".join(f"${{{row.node}}} = 1" for row in rows)
    title = {f"label{lang.suffix}": GROUP_LABEL.get(lang.code, GROUP_LABEL["id"]) for lang in spoken}
    group = {"name": GROUP, "appearance": "field-list", "relevant": any_holds, **title}
    made.append(({"type": "begin_group", **group}, (None, None)))
    for row in rows:
        note = {
            f"label{lang.suffix}": f"**{row.code} {row.label[lang.code]}**\n\n{row.advice[lang.code]}"
            for lang in spoken
        }
        note |= {"type": "note", "name": f"{GROUP}_{row.code.lower()}", "relevant": f"${{{row.node}}} = 1"}
        made.append((note, (row.row, f"advice{spoken[0].suffix}")))
    made.append(({"type": "end_group", "name": GROUP}, (None, None)))
    return made
