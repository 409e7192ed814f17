"""Published forms and their attached lists.

A published version never changes its bytes; an attached list has editions of its own, so that policy (countries,
fees, rates) changes without a new form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import fn

from forms.form import Form
from forms.problems import Problem, Problems
from server.store import counters
from server.store.models import AttachedList, PublishedForm, Submission

AREA_LIST = "desa.csv"
"""The one attached list that is made for each desk: the villages of its regency."""


@dataclass(frozen=True)
class ListedForm:
    """What a form list needs to know of a published form."""

    form_id: str
    version: str
    title: str
    hash: str
    media: tuple[str, ...]


@dataclass(frozen=True)
class Edition:
    """An attached list as it stands: file name, edition number, bytes, and their MD5 in hex."""

    filename: str
    number: int
    content: bytes
    hash: str


def publish(form: Form, workbook: bytes, media: Mapping[str, bytes], now: datetime) -> bool:
    """Publish a form with its attached lists; returns False where exactly this was published before.

    ``media`` maps file names to bytes, without :data:`AREA_LIST`. Raises :class:`Problem` (FORM_VERSION_TAKEN)
    where the version is published with other bytes: phones that have it could not tell (COLLECT 4.3).
    """
    known = PublishedForm.get_or_none(
        (PublishedForm.form_id == form.form_id) & (PublishedForm.version == form.version)
    )
    if known is not None and known.hash != form.hash:
        raise Problem(Problems.FORM_VERSION_TAKEN, form_id=form.form_id, version=form.version)
    changed = False
    for filename, content in sorted(media.items()):
        changed |= put_list(filename, content, now)
    if known is None:
        PublishedForm.update(current=False).where(PublishedForm.form_id == form.form_id).execute()
        PublishedForm.create(
            form_id=form.form_id,
            version=form.version,
            title=form.title,
            hash=form.hash,
            xform=form.xform,
            definition=form.definition(),
            workbook=workbook,
            published_at=now,
        )
        changed = True
    if changed:
        counters.increment(counters.PUBLISHED)
    return changed


def put_list(filename: str, content: bytes, now: datetime) -> bool:
    """Make ``content`` the newest edition of a list; returns False where it already is."""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    newest = (
        AttachedList.select()
        .where(AttachedList.filename == filename)
        .order_by(AttachedList.edition.desc())
        .first()
    )
    if newest is not None and newest.hash == digest:
        return False
    AttachedList.create(
        filename=filename,
        edition=newest.edition + 1 if newest is not None else 1,
        content=content,
        hash=digest,
        valid_from=now,
    )
    return True


def current_forms() -> list[ListedForm]:
    """The version of each form that phones should have, by title."""
    rows = (
        PublishedForm.select(
            PublishedForm.form_id,
            PublishedForm.version,
            PublishedForm.title,
            PublishedForm.hash,
            PublishedForm.definition,
        )
        .where(PublishedForm.current)
        .order_by(PublishedForm.title, PublishedForm.form_id)
    )
    return [ListedForm(r.form_id, r.version, r.title, r.hash, tuple(r.definition["media"])) for r in rows]


def get_form(form_id: str, version: str | None = None) -> Form | None:
    """A published form: that version, or the current one."""
    query = PublishedForm.select().where(PublishedForm.form_id == form_id)
    query = (
        query.where(PublishedForm.current)
        if version is None
        else query.where(PublishedForm.version == version)
    )
    row = query.first()
    return Form.load(row.xform, row.definition) if row is not None else None


def versions(form_id: str) -> list[Form]:
    """All published versions of a form, oldest first."""
    rows = PublishedForm.select().where(PublishedForm.form_id == form_id).order_by(PublishedForm.id)
    return [Form.load(row.xform, row.definition) for row in rows]


def hash_of(form_id: str, version: str) -> str | None:
    """The MD5 of a published version, if there is one."""
    row = (
        PublishedForm.select(PublishedForm.hash)
        .where((PublishedForm.form_id == form_id) & (PublishedForm.version == version))
        .tuples()
        .first()
    )
    return str(row[0]) if row else None


def newest_lists(filenames: Iterable[str] | None = None) -> dict[str, Edition]:
    """The newest edition of each list, by file name."""
    newest = AttachedList.select(AttachedList.filename, fn.MAX(AttachedList.edition)).group_by(
        AttachedList.filename
    )
    editions = dict(newest.tuples())
    wanted = set(editions) if filenames is None else set(filenames) & set(editions)
    return {name: edition for name in wanted if (edition := get_list(name, editions[name])) is not None}


def get_list(filename: str, number: int) -> Edition | None:
    """One edition of a list."""
    row = AttachedList.get_or_none((AttachedList.filename == filename) & (AttachedList.edition == number))
    return Edition(row.filename, row.edition, bytes(row.content), row.hash) if row is not None else None


def listing() -> list[dict[str, Any]]:
    """All published versions with their number of submissions, as ``forms list`` shows them."""
    counts = {
        (form_id, version): count
        for form_id, version, count in Submission.select(
            Submission.form_id, Submission.version, fn.COUNT(Submission.id)
        )
        .group_by(Submission.form_id, Submission.version)
        .tuples()
    }
    rows = PublishedForm.select(
        PublishedForm.form_id,
        PublishedForm.version,
        PublishedForm.title,
        PublishedForm.hash,
        PublishedForm.current,
    ).order_by(PublishedForm.form_id, PublishedForm.id)
    return [
        {
            "form_id": r.form_id,
            "version": r.version,
            "title": r.title,
            "state": "open" if r.current else "replaced",
            "hash": r.hash,
            "submissions": counts.get((r.form_id, r.version), 0),
        }
        for r in rows
    ]
