"""The labels of choices: those inside a form, and those of attached lists in all their editions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from exports.values import Label
from exports.words import Lang
from forms.list_files import SUFFIXES, read_list
from forms.lists import NAME, ListUnreadable
from forms.schema import Field, Texts, language_code
from server.store import areas, published


def said(texts: Texts, lang: Lang) -> str:
    """A text in a language, else in the first that there is, on one line; empty where there is none."""
    text = texts.get(lang) or next((t for t in texts.values() if t), "")
    return " ".join(text.split())


class AreaNames:
    """Names of areas by code, each asked of the store once."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def fetch(self, codes: Iterable[str]) -> None:
        """Get ready for these codes, in as few queries as possible."""
        wanted = {code for code in codes if code not in self._names}
        if wanted:
            found = areas.names(wanted)
            self._names.update((code, found.get(code, code)) for code in wanted)

    def name(self, code: str) -> str:
        """The name of an area; the code itself where it is unknown."""
        if code not in self._names:
            self.fetch((code,))
        return self._names[code]


class Labels:
    """Labels of choices in one language. Keeps what it has read for as long as one export lasts."""

    def __init__(self, lang: Lang, villages: AreaNames) -> None:
        self._lang: Lang = lang
        self._villages = villages
        self._lists: dict[str, _AttachedLabels] = {}

    def of(self, field: Field) -> Label:
        """How the codes of a select question become labels; a code without label stays as it is."""
        if field.list_name is not None:
            if f"{field.list_name}.csv" == published.AREA_LIST:
                return self._villages.name
            held = published.newest_lists([f"{field.list_name}{suffix}" for suffix in SUFFIXES])
            filename = next(iter(held), f"{field.list_name}.csv")
            if filename not in self._lists:
                self._lists[filename] = _AttachedLabels(filename, self._lang)
            return self._lists[filename].label
        known = {code: said(texts, self._lang) or code for code, texts in field.choices}
        return lambda code: known.get(code, code)


class _AttachedLabels:
    """An attached list. A choice that the newest edition dropped is looked up in older ones."""

    def __init__(self, filename: str, lang: Lang) -> None:
        self._filename = filename
        self._lang: Lang = lang
        edition = published.newest_lists([filename]).get(filename)
        self._older = edition.number - 1 if edition is not None else 0
        self._known = self._read(edition.content) if edition is not None else {}

    def label(self, code: str) -> str:
        while code not in self._known and self._older > 0:
            edition = published.get_list(self._filename, self._older)
            self._older -= 1
            if edition is not None:
                self._known = {**self._read(edition.content), **self._known}
        return self._known.get(code, code)

    def _read(self, content: bytes) -> dict[str, str]:
        try:
            table = read_list(self._filename, content)
        except ListUnreadable:
            return {}  # its codes are exported instead
        key = NAME if NAME in table.columns else "id"  # GeoJSON has ids and titles
        column = _label_column(table.columns, self._lang)
        if column is None or key not in table.columns:
            return {}
        return {row[key]: row[column].strip() or row[key] for row in table.rows}


def _label_column(columns: Iterable[str], lang: Lang) -> str | None:
    """``label_en`` or ``label::English (en)`` for English where there is one, else ``label``."""
    by_language: Mapping[str, str] = {
        language_code(c.partition("::")[2]) or c.removeprefix("label_"): c
        for c in columns
        if c.startswith(("label::", "label_"))
    }
    plain = next((name for name in ("label", "title") if name in columns), None)
    return by_language.get(lang) or plain or next(iter(by_language.values()), None)
