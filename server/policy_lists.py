"""Policy lists on the command line: setting a new edition, showing one, and the history of a list."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from lxml import etree

from forms.attached import list_faults, needs_of
from forms.compile import FormErrors
from forms.expressions import read_expressions
from forms.form import Finding
from forms.lists import ListTable, compare_lists
from forms.problems import Problem, Problems
from server.store import editions, events, published
from server.store.database import Store
from server.store.published import LOCK


def set_policy_list(
    store: Store, name: str, file: Path, valid_from: datetime | None, by: str, now: datetime
) -> dict[str, Any]:
    """Check a list and give it as a new edition, valid from now unless said otherwise.

    Returns what ``lists set --json`` prints. Raises ``FormErrors`` with everything wrong in the file, and
    :class:`Problem` (LIST_UNKNOWN) for a list that no published form uses.
    """
    filename = _filename(name)
    content = file.read_bytes()
    wanted = _wanted(filename)
    findings = list_faults(filename, content, {})
    if not any(finding.row and finding.column is None for finding in findings):
        findings += _missing_columns(filename, content, wanted)
    if findings:
        raise FormErrors(tuple(findings), str(file))
    with store.transaction():
        store.lock(LOCK)
        former = _newest(filename)
        number = editions.set_list(filename, content, valid_from, now, by)
        change = compare_lists(former, ListTable.from_csv(filename, content))
        if number is not None:
            counted = {what: len(keys) for what, keys in change.items()}
            events.record(now, by, "list.set", filename, edition=number, **counted)
    known = editions.dated(filename)
    return {
        "list": filename,
        "edition": known[-1].number,
        "new": number is not None,
        "in_force": editions.in_force(known, now)[filename] == known[-1].number,
        "valid_from": _begin(known[-1]),
        "set_by": known[-1].set_by,
        **change,
    }


def _filename(name: str) -> str:
    filename = name if name.endswith(".csv") else f"{name}.csv"
    known = sorted({n for form in _forms() for n in published.given_lists(form) if n.endswith(".csv")})
    if filename not in known:
        raise Problem(
            Problems.LIST_UNKNOWN, name=name, known=", ".join(n.removesuffix(".csv") for n in known)
        )
    return filename


def _begin(edition: editions.Dated) -> datetime | None:
    """Since when an edition counts; None: since ever."""
    return None if edition.valid_from == editions.ALWAYS else edition.valid_from


def _forms() -> list[Any]:
    current = (published.get_form(listed.form_id) for listed in published.current_forms())
    return [form for form in current if form is not None]


def _wanted(filename: str) -> dict[str, str]:
    """The columns of a list that published forms read, each with the form that does."""
    wanted: dict[str, str] = {}
    for form in _forms():
        tree = etree.fromstring(form.xform.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
        written, _ = read_expressions(tree, {}, ())
        for column in needs_of(tree, written, {}).get(filename, {}):
            wanted.setdefault(column, form.form_id)
    return wanted


def _missing_columns(filename: str, content: bytes, wanted: dict[str, str]) -> list[Finding]:
    columns = ListTable.from_csv(filename, content).columns
    return [
        Finding(
            filename,
            1,
            column,
            f"the column {column} is missing: the form {form_id} reads it. Add it.",
            f"kolom {column} tidak ada: formulir {form_id} membacanya. Tambahkan.",
        )
        for column, form_id in wanted.items()
        if column not in columns
    ]


def _newest(filename: str) -> ListTable | None:
    edition = published.newest_lists([filename]).get(filename)
    return ListTable.from_csv(filename, edition.content) if edition is not None else None


def show_policy_list(name: str, now: datetime) -> dict[str, Any]:
    """The edition of a list that counts now, with its rows. Raises :class:`Problem` (LIST_UNKNOWN)."""
    filename = _filename(name)
    known = editions.dated(filename)
    number = editions.in_force(known, now)[filename]
    edition, about = published.get_list(filename, number), next(e for e in known if e.number == number)
    assert edition is not None
    table = ListTable.from_csv(filename, edition.content)
    return {
        "list": filename,
        "edition": number,
        "valid_from": _begin(about),
        "set_at": about.set_at,
        "set_by": about.set_by,
        "rows": [dict(row) for row in table.rows],
    }


def history(name: str) -> list[dict[str, Any]]:
    """Every edition of a list, oldest first: who gave it, when, and what it changed against the one before."""
    filename = _filename(name)
    lines = []
    former: ListTable | None = None
    for about in editions.dated(filename):
        edition = published.get_list(filename, about.number)
        assert edition is not None
        table = ListTable.from_csv(filename, edition.content)
        lines.append(
            {
                "edition": about.number,
                "valid_from": _begin(about),
                "set_at": about.set_at,
                "set_by": about.set_by,
                "rows": len(table.rows),
                **compare_lists(former, table),
            }
        )
        former = table
    return lines
