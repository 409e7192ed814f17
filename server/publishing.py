"""The gate before publishing: a workbook, its attached lists, and what a new version would do to stored answers.

Everything slow (compiling, ODK Validate, counting stored answers) happens before the transaction that publishes, so
that submissions never wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from forms.attached import UNCHECKED
from forms.changes import change_findings, changes
from forms.compile import FormErrors, Inspection, inspect_workbook
from forms.entities import declarations
from forms.form import Finding, Form
from forms.problems import Problem, Problems
from server.store import editions, events, published, saved_exports, uses
from server.store.case_list import CASE_LIST
from server.store.database import Store
from server.store.editions import AREA_LIST, OPERATOR, SHIPPED
from server.store.entities import WORKERS
from server.store.published import LOCK

_MADE: Final = {
    AREA_LIST: b"name,label,kec,kec_label,jenis\n",
    CASE_LIST: b"name,label,ref,village,form,opened\n",
    f"{WORKERS}.csv": UNCHECKED,
}
"""Lists that the server makes for each desk, and their columns where they are always the same."""


class Sources:
    """Where the attached files of a form come from.

    First the folder that was named, then the workbook's own, then what an operator has set in the home, then what is
    shipped, then whatever the home has.
    """

    def __init__(self, workbook: Path, media: Path | None, store: Store | None, shipped: Path) -> None:
        self._given = [*([media] if media is not None else []), workbook.parent]
        self._shipped = shipped
        self._known = published.newest_lists() if store is not None else {}
        self._set_by = {e.filename: e.set_by for e in editions.dated()} if store is not None else {}
        self._entity_lists: Mapping[str, tuple[str, ...]] = {}
        if store is not None:
            self._entity_lists = published.entity_lists(published.current_forms())
        self.shipped: set[str] = set()

    def __call__(self, name: str) -> bytes | None:
        """The content of an attached file; of a list made for each desk, its header."""
        stem = name.removesuffix(".csv")
        if stem in self._entity_lists:
            return ",".join(("name", "label", "__version", *self._entity_lists[stem])).encode() + b"\n"
        if name in _MADE:
            return _MADE[name]
        for folder in self._given:
            if (folder / name).is_file():
                return (folder / name).read_bytes()
        known = self._known.get(name)
        if known is not None and self._set_by[name] != SHIPPED:
            return known.content
        if (self._shipped / name).is_file():
            self.shipped.add(name)
            return (self._shipped / name).read_bytes()
        return known.content if known is not None else None

    def doubts(self, form: Form) -> list[Finding]:
        """Lists that came with the workbook although the home has a newer edition of them."""
        findings = []
        for name in published.given_lists(form):
            content, known = self(name), self._known.get(name)
            if content is None or known is None or content == known.content:
                continue
            if editions.has_content(name, content):
                message = f"this is an old edition of the list: edition {known.number} of the server stays."
                pesan = f"ini edisi lama daftar itu: edisi {known.number} di server tetap dipakai."
                findings.append(Finding(name, None, None, message, pesan, "warning"))
        return findings


@dataclass(frozen=True)
class Checked:
    """A workbook that was looked at, with the files that it would be published with."""

    found: Inspection
    media: Mapping[str, bytes]
    shipped: frozenset[str]


def check(
    workbook: Path,
    media: Path | None = None,
    store: Store | None = None,
    *,
    draft: bool = False,
    compare: bool = True,
) -> Checked:
    """Look at a workbook with its lists; with a ``store`` also at what publishing would break there.

    Raises ``FormErrors`` where there is no workbook to look at.
    """
    with as_file(files("forms") / "library" / "media") as shipped:
        sources = Sources(workbook, media, store, shipped)
        found = inspect_workbook(workbook, attached=sources)
        form = found.form
        attached: dict[str, bytes] = {}
        if form is not None:
            contents = {name: sources(name) for name in published.given_lists(form)}
            attached = {name: content for name, content in contents.items() if content is not None}
            if store is not None:
                found = found.with_findings(sources.doubts(form))
    if store is not None and form is not None and compare:
        found = found.with_findings(against_published(found, form, store, draft=draft))
    return Checked(found, attached, frozenset(sources.shipped))


def against_published(found: Inspection, form: Form, store: Store, *, draft: bool = False) -> list[Finding]:
    """What publishing the form would break: its version number, entities on phones that have other forms too, and
    (unless it is a draft) stored answers.
    """
    findings = []
    if published.is_taken(form):
        message = f"version {form.version} is published with other content. Write a higher one."
        pesan = f"versi {form.version} sudah terbit dengan isi lain. Tulis nomor yang lebih tinggi."
        findings.append(Finding("settings", 2, "version", message, pesan))
    findings += entity_faults(found, form)
    old = published.get_form(form.form_id)
    if old is None or draft:
        return findings
    altered = changes(old, form)
    if altered:
        asked = {(change.path, change.code if change.kind == "choice" else "") for change in altered}
        stored = uses.count_stored(form.form_id, asked, store)
        findings += change_findings(
            altered, stored, old, found.book, found.places, saved_exports.names_of(form.form_id)
        )
    return findings


def entity_faults(found: Inspection, form: Form) -> list[Finding]:
    """Entity lists and properties that another form writes with other capitals. A phone keeps a list in a table and a
    property in a column of it, and to its SQLite names that differ by capitals are one (COLLECT 3.9).
    """
    mine = declarations(form.xform)
    if not mine:
        return []
    theirs = list(published.declared(form.form_id))
    rows = {path: row for row, path, _ in found.book.survey()}
    findings = []
    for own in mine:
        alike = [(other, d) for other, d in theirs if d.list.lower() == own.list.lower()]
        if clash := next(((other, d.list) for other, d in alike if d.list != own.list), None):
            other, name = clash
            message = (
                f"'{own.list}' and '{name}' of form {other} are one list on a phone. "
                "Write both alike, or another name."
            )
            pesan = (
                f"'{own.list}' dan '{name}' pada formulir {other} sama saja di HP. "
                "Tulis sama persis, atau pakai nama lain."
            )
            findings.append(Finding("entities", 2, "list_name", message, pesan))
        saved = [(other, name, path) for other, d in alike for name, path in d.saves.items()]
        for prop, path in own.saves.items():
            for other, name, there in saved:
                if name == prop or name.lower() != prop.lower():
                    continue
                message = (
                    f"'{prop}' and '{name}' (question {there} of form {other}) are one property of {own.list} "
                    "on a phone. Write both alike, or another name."
                )
                pesan = (
                    f"'{prop}' dan '{name}' (pertanyaan {there} pada formulir {other}) sama saja di HP dalam "
                    f"daftar {own.list}. Tulis sama persis, atau pakai nama lain."
                )
                findings.append(Finding("survey", rows.get(path), "save_to", message, pesan))
                break
    return findings


def publish(
    store: Store,
    workbook: Path,
    media: Path | None,
    now: datetime,
    *,
    draft: bool = False,
    force: bool = False,
    compare: bool = True,
    by: str = OPERATOR,
) -> tuple[Form, tuple[Finding, ...]]:
    """Check and publish a workbook with its attached lists; returns the form and what is doubtful.

    ``force`` says that stored answers may lose their question. ``compare=False`` leaves out the comparison with the
    published version: for the forms that come with this software. Raises ``FormErrors`` and :class:`Problem`
    (FORM_LOSES, FORM_VERSION_TAKEN).
    """
    content = workbook.read_bytes() if workbook.is_file() else b""
    checked = check(workbook, media, store, draft=draft, compare=compare)
    found, form = checked.found, checked.found.form
    if found.errors or form is None:
        raise FormErrors(found.errors, found.book.file)
    losing = [finding for finding in found.warnings if finding.confirm]
    if losing and not force:
        first = losing[0]
        raise Problem(
            Problems.FORM_LOSES,
            file=workbook,
            place=first.place_in("en"),
            place_id=first.place_in("id"),
            message=first.message,
            pesan=first.pesan,
            count=len(losing),
        )
    with store.transaction():
        store.lock(LOCK)
        changed = published.publish(
            form, content, checked.media, now, draft=draft, by=by, shipped=checked.shipped
        )
        if changed:
            verb = "form.drafted" if draft else "form.published"
            events.record(now, by, verb, form.form_id, version=form.version)
    return form, found.warnings


def renew_shipped_lists(store: Store, now: datetime) -> None:
    """Take over the lists of a newer release, where nobody has set others meanwhile."""
    set_by = {edition.filename: edition.set_by for edition in editions.dated()}
    with as_file(files("forms") / "library" / "media") as shipped, store.transaction():
        store.lock(LOCK)
        for filename, by in set_by.items():
            if by == SHIPPED and (shipped / filename).is_file():
                editions.set_list(filename, (shipped / filename).read_bytes(), None, now, SHIPPED)
