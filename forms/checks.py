"""What we ask of a workbook beyond pyxform: what the server needs, and slips that nobody else notices."""

from __future__ import annotations

from typing import cast, get_args

from pyxform.aliases import survey_header
from pyxform.question import MultipleChoiceQuestion

from forms.form import Finding, SensitiveKind
from forms.workbook import Workbook

SENSITIVE = "sensitive"
"""Our own column of the survey sheet: what kind of secret a question holds."""

_SURVEY_COLUMNS = {
    *survey_header,
    *(str(name) for name in MultipleChoiceQuestion.get_slot_names()),
    *("label", "hint", "guidance_hint", "media", "bind", "control", "body", "instance", "constraint"),
    *("choice_filter", "parameters", "trigger", "default", "disabled", "repeat_count", SENSITIVE),
}
_EXAMPLES = {"form_id": "berangkat", "version": "2026112101", "form_title": "Pendataan PMI"}


def column_faults(book: Workbook) -> list[Finding]:
    """The survey's columns without which nothing else can be said."""
    return [
        Finding(
            "survey",
            1,
            name,
            f"the column {name} is missing. Add it, or correct its name in the first row.",
            f"kolom {name} tidak ada. Tambahkan, atau betulkan namanya di baris pertama.",
        )
        for name in ("type", "name")
        if book.column("survey", name) is None
    ]


def settings_faults(book: Workbook) -> list[Finding]:
    """What the server and the phone need of the settings sheet besides what pyxform asks for."""
    settings = book.settings()
    findings = [
        Finding(
            "settings",
            2,
            name,
            f"{name} is missing. Write it, such as {example}.",
            f"{name} belum diisi. Isi, misalnya {example}.",
        )
        for name, example in _EXAMPLES.items()
        if not settings.get(name)
    ]
    default = settings.get("default_language", "")
    known = book.languages()
    if known and default not in known:
        message = f"'{default}' is no language of the survey. Write one of: {', '.join(known)}."
        pesan = f"'{default}' bukan bahasa di lembar survey. Tulis salah satu: {', '.join(known)}."
        findings.append(Finding("settings", 2, "default_language", message, pesan))
    return findings


def property_faults(book: Workbook) -> list[Finding]:
    """Entity properties that differ by capitals only: on a phone they are one column (COLLECT 3.9)."""
    column = book.column("survey", "save_to")
    first: dict[str, str] = {}
    findings = []
    for number, _, cells in book.survey():
        name = str(cells.get(column or "") or "").strip()
        other = first.setdefault(name.lower(), name)
        if name != other:
            message = (
                f"'{name}' and '{other}' are one property on a phone. Write both alike, or another name."
            )
            pesan = f"'{name}' dan '{other}' sama saja di HP. Tulis sama persis, atau pakai nama lain."
            findings.append(Finding("survey", number, "save_to", message, pesan))
    return findings


def take_sensitive(book: Workbook) -> tuple[dict[str, SensitiveKind], list[Finding]]:
    """Read the ``sensitive`` column by path, and take it away: pyxform knows no such column."""
    kinds: tuple[str, ...] = get_args(SensitiveKind)
    sensitive: dict[str, SensitiveKind] = {}
    findings = []
    for number, path, cells in book.survey():
        kind = str(cells.get(SENSITIVE) or "").strip()
        if kind and kind not in kinds:
            message = f"'{kind}' is not known. Write one of: {', '.join(kinds)}."
            pesan = f"'{kind}' tidak dikenal. Tulis salah satu: {', '.join(kinds)}."
            findings.append(Finding("survey", number, SENSITIVE, message, pesan))
        elif kind:
            sensitive[path] = cast(SensitiveKind, kind)
    for row in book.definition.survey or ():
        row.pop(SENSITIVE, None)
    for header in book.definition.survey_header or ():
        header.pop(SENSITIVE, None)
    return sensitive, findings


def take_secret_choices(book: Workbook) -> tuple[dict[str, dict[str, SensitiveKind]], list[Finding]]:
    """Read the ``sensitive`` column of the choices: kinds by path and code; and take it away.

    The answer is then a secret only where it is one of these: most reasons of a return are not, violence is.
    """
    kinds: tuple[str, ...] = get_args(SensitiveKind)
    by_list: dict[str, dict[str, SensitiveKind]] = {}
    findings = []
    list_column, name_column = (book.column("choices", meaning) for meaning in ("list_name", "name"))
    for number, cells in enumerate(book.definition.choices or (), start=2):
        kind = str(cells.pop(SENSITIVE, None) or "").strip()
        if kind and kind not in kinds:
            message = f"'{kind}' is not known. Write one of: {', '.join(kinds)}."
            pesan = f"'{kind}' tidak dikenal. Tulis salah satu: {', '.join(kinds)}."
            findings.append(Finding("choices", number, SENSITIVE, message, pesan))
        elif kind and list_column and name_column:
            codes = by_list.setdefault(str(cells.get(list_column)), {})
            codes[str(cells.get(name_column))] = cast(SensitiveKind, kind)
    for header in book.definition.choices_header or ():
        header.pop(SENSITIVE, None)
    secret: dict[str, dict[str, SensitiveKind]] = {}
    type_column = book.column("survey", "type")
    for _, path, cells in book.survey():
        words = str(cells.get(type_column or "") or "").split()
        if len(words) > 1 and words[0].startswith("select") and words[1] in by_list:
            secret[path] = by_list[words[1]]
    return secret, findings


def doubts(book: Workbook) -> list[Finding]:
    """Columns of the survey that nothing reads (slips of the pen, mostly), and texts in one language only."""
    findings = [
        Finding(
            "survey",
            1,
            header,
            f"the column {header} is not known and does nothing. Check its name.",
            f"kolom {header} tidak dikenal dan tidak berguna. Periksa namanya.",
            "warning",
        )
        for header in book.header("survey")
        if "_".join(header.split("::")[0].split(":")[-1].split()).lower() not in _SURVEY_COLUMNS
    ]
    for sheet in ("survey", "choices"):
        findings += _untranslated(book, sheet)
    return findings


def _untranslated(book: Workbook, sheet: str) -> list[Finding]:
    columns: dict[str, list[str]] = {}
    for header in book.header(sheet):
        base, _, language = header.partition("::")
        if language.strip() in book.languages():
            columns.setdefault(base, []).append(header)
    findings = []
    rows = getattr(book.definition, sheet, None) or ()
    last = book.survey_rows if sheet == "survey" else len(rows)
    for number, cells in enumerate(rows[:last], start=2):
        for several in columns.values():
            filled = [c for c in several if cells.get(c)]
            if filled:
                findings += [
                    Finding(
                        sheet,
                        number,
                        c,
                        f"empty, though {filled[0]} has a text. Translate it.",
                        f"kosong, padahal {filled[0]} berisi. Terjemahkan.",
                        "warning",
                    )
                    for c in several
                    if c not in filled
                ]
    return findings
