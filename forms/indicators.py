"""The ``indicators`` sheet: reading and checking its rows, and the survey rows that they become."""

from __future__ import annotations

import re
from collections.abc import Collection
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
_PLACEHOLDER = re.compile(r"\$?\{[^{}]*\}")

REF_LENGTH = len("R-350712-0417")
KEC_LENGTH = 18
"""Longest district (kecamatan) name in a message; longer ones are cut (DOMAIN 5.2)."""
SMS_LENGTH = 160
GROUP = "advice"
"""The group at the form's end that shows the advice."""
GROUP_LABEL = {"id": "Peringatan", "en": "Warning"}
_LEVEL = {
    "id": {"critical": "KRITIS", "high": "TINGGI", "medium": "SEDANG"},
    "en": {"critical": "CRITICAL", "high": "HIGH", "medium": "MEDIUM"},
}
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


def read_indicators(
    book: Workbook, sensitive: Collection[str] = ()
) -> tuple[list[IndicatorRow], list[Finding]]:
    """Read the sheet and say everything that is wrong in it; ``sensitive`` are names of questions.

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
        wrong = _check(row, spoken, names, sensitive)
        code = row.get("code").upper()
        if code in seen:
            wrong.append(
                Finding(
                    INDICATORS,
                    row.number,
                    "code",
                    f"{code} stands already in row {seen[code]}. Give another.",
                    f"{code} sudah ada di baris {seen[code]}. Beri kode lain.",
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
                    f"lembar survey punya pertanyaan ri_{code.lower()}. Ganti nama pertanyaan itu.",
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
        Finding(
            INDICATORS,
            1,
            column,
            f"the column {column} is missing. Add it.",
            f"kolom {column} tidak ada. Tambahkan.",
        )
        for column in needed
        if column not in header
    ]
    findings += [
        Finding(
            INDICATORS,
            1,
            column,
            f"the column {column} is not known. Columns are: {', '.join(sorted(allowed))}.",
            f"kolom {column} tidak dikenal. Kolomnya: {', '.join(sorted(allowed))}.",
        )
        for column in header
        if column not in allowed
    ]
    twice = {column for column in header if header.count(column) > 1}
    findings += [
        Finding(
            INDICATORS,
            1,
            c,
            f"the column {c} is there twice. Remove one.",
            f"kolom {c} ada dua kali. Hapus satu.",
        )
        for c in sorted(twice)
    ]
    return findings


def _check(
    row: Row, spoken: tuple[Language, ...], names: set[str], sensitive: Collection[str]
) -> list[Finding]:
    findings: list[Finding] = []

    def say(column: str, message: str, pesan: str) -> None:
        findings.append(Finding(INDICATORS, row.number, column, message, pesan))

    if not CODE.match(row.get("code")):
        said = row.get("code")
        say(
            "code",
            f"'{said}' is no code. Write one capital letter and two digits, such as D07.",
            f"'{said}' bukan kode. Tulis satu huruf besar dan dua angka, misalnya D07.",
        )
    if row.get("severity") not in SEVERITIES:
        said, known = row.get("severity"), ", ".join(SEVERITIES)
        say(
            "severity",
            f"'{said}' is no severity. Write one of: {known}.",
            f"'{said}' bukan tingkat. Tulis salah satu: {known}.",
        )
    findings += _recipient_faults(row)
    rule = row.get("rule")
    if not rule:
        say(
            "rule",
            "the rule is missing. Write when the indicator holds, such as ${age_dep} < 18.",
            "aturan belum diisi. Tulis kapan indikator ini berlaku, misalnya ${age_dep} < 18.",
        )
    for name in dict.fromkeys(_REFERENCE.findall(rule)):
        if names and name.strip() not in names:
            say(
                "rule",
                f"there is no question '{name}' in the survey sheet. Check the name in ${{{name}}}.",
                f"tidak ada pertanyaan '{name}' di lembar survey. Periksa nama di ${{{name}}}.",
            )
    opened, closed = rule.count("("), rule.count(")")
    if opened != closed:
        say(
            "rule",
            f"{opened} brackets are opened, {closed} closed. Make them pairs.",
            f"{opened} kurung dibuka, {closed} ditutup. Buat berpasangan.",
        )
    missing = ("the text is missing. Write it.", "teksnya belum ada. Isi.")
    for kind in ("label", "advice"):
        for lang in spoken:
            if not row.get(f"{kind}{lang.suffix}"):
                say(f"{kind}{lang.suffix}", *missing)
    for lang in spoken:
        column = f"sms{lang.suffix}"
        if row.get(column):
            for fault in sms_faults(row.get(column), sensitive):
                say(column, *fault)
        elif lang is spoken[0]:
            say(column, *missing)
    return findings


def _recipient_faults(row: Row) -> list[Finding]:
    column = "recipients"
    recipients = _RECIPIENTS.match(row.get(column))
    if not recipients:
        message = "write roles such as: disnaker+p4mi, 'disnaker (digest)' or 'ppa only'."
        pesan = "tulis peran seperti: disnaker+p4mi, 'disnaker (digest)' atau 'ppa only'."
        return [Finding(INDICATORS, row.number, column, message, pesan)]
    roles = [role.strip() for role in recipients["roles"].split("+")]
    findings = [
        Finding(
            INDICATORS,
            row.number,
            column,
            f"'{role}' is no role. Write some of: {', '.join(ALERTABLE)}.",
            f"'{role}' bukan peran. Pakai: {', '.join(ALERTABLE)}.",
        )
        for role in roles
        if role not in ALERTABLE
    ]
    if len(set(roles)) < len(roles):
        message, pesan = (
            "a role stands twice. Write each once.",
            "ada peran yang tertulis dua kali. Cukup sekali.",
        )
        findings.append(Finding(INDICATORS, row.number, column, message, pesan))
    return findings


def sms_faults(text: str, sensitive: Collection[str] = ()) -> list[tuple[str, str]]:
    """What is wrong with an SMS text, in English and Indonesian.

    Nothing where it fits one GSM-7 message, holds no other placeholder and names none of the questions that are
    ``sensitive``. Lengths are in septets (3GPP TS 23.038: the characters of its extension table count twice), with
    ``{ref}`` and ``{kec}`` taken at their longest.
    """
    needed = ("{ref}", "{kec}")
    faults = [
        (f"{name} is missing. Write it where it belongs.", f"{name} tidak ada. Tulis di tempatnya.")
        for name in needed
        if name not in text
    ]
    for other in _PLACEHOLDER.findall(text):
        name = other.strip("${} ")
        if name in sensitive:
            faults.append(
                (
                    f"{other} is marked sensitive: an SMS is read by anybody who holds the phone. Take it out.",
                    f"{other} bertanda sensitive: SMS dapat dibaca siapa saja yang memegang HP. Hapus.",
                )
            )
        elif other not in needed:
            faults.append(
                (
                    f"{other} is not known. Only {{ref}} and {{kec}} are filled in.",
                    f"{other} tidak dikenal. Hanya {{ref}} dan {{kec}} yang diisi.",
                )
            )
    for name in sensitive:
        if "_" in name and re.search(rf"\b{re.escape(name)}\b", _PLACEHOLDER.sub("", text)):
            faults.append(
                (
                    f"it names the question {name}, which is marked sensitive. Say it without.",
                    f"menyebut pertanyaan {name} yang bertanda sensitive. Tulis tanpa itu.",
                )
            )
    filled = text.replace("{ref}", "0" * REF_LENGTH).replace("{kec}", "x" * KEC_LENGTH)
    odd = [c for c in dict.fromkeys(filled) if not _in_gsm(c)]
    if odd:
        signs = " ".join(odd)
        faults.append(
            (
                f"{signs}: not in the SMS alphabet, the message would cost double. Write plain letters.",
                f"{signs}: tidak ada di abjad SMS, biaya pesan jadi dua kali. Pakai huruf biasa.",
            )
        )
    elif (length := len(filled.encode("gsm03.38"))) > SMS_LENGTH:
        over = length - SMS_LENGTH
        faults.append(
            (
                f"{length} characters when filled in, {over} too many. Shorten it.",
                f"{length} huruf setelah diisi, {over} terlalu banyak. Persingkat.",
            )
        )
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
    gravest_first = sorted(rows, key=lambda row: SEVERITIES.index(row.severity))
    for row in gravest_first:
        note = {
            f"label{lang.suffix}": f"**{_LEVEL.get(lang.code, _LEVEL['id'])[row.severity]} {row.code} "
            f"{row.label[lang.code]}**\n\n{row.advice[lang.code]}"
            for lang in spoken
        }
        note |= {"type": "note", "name": f"{GROUP}_{row.code.lower()}", "relevant": f"${{{row.node}}} = 1"}
        made.append((note, (row.row, f"advice{spoken[0].suffix}")))
    made.append(({"type": "end_group", "name": GROUP}, (None, None)))
    return made
