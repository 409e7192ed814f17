"""Published forms and their attached lists.

A published version never changes its bytes; an attached list has editions of its own, so that policy (countries,
fees, rates) changes without a new form.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from peewee import fn

from forms.entities import Declaration, declarations
from forms.form import Form
from forms.problems import Problem, Problems
from server.store import counters
from server.store.case_list import CASE_LIST
from server.store.editions import AREA_LIST as AREA_LIST
from server.store.editions import OPERATOR, SHIPPED
from server.store.editions import get_list as get_list
from server.store.editions import newest_lists as newest_lists
from server.store.editions import put_list as put_list
from server.store.entities import WORKERS
from server.store.models import PublishedForm, Submission

LOCK: Final = "init"
"""What several ``init``, ``forms publish``, ``forms close`` and ``lists set`` at once pass one by one."""


@dataclass(frozen=True)
class ListedForm:
    """What a form list needs to know of a published form. ``id`` grows with time."""

    id: int
    form_id: str
    version: str
    title: str
    hash: str
    media: tuple[str, ...]


def given_lists(form: Form) -> tuple[str, ...]:
    """The attached files of a form that somebody has to give.

    The others are made for each desk: villages, open cases, and entity lists (that of the workers, and those
    that the form itself writes to).
    """
    made = {AREA_LIST, CASE_LIST, f"{WORKERS}.csv", *(f"{d.list}.csv" for d in declarations(form.xform))}
    return tuple(name for name in form.media if name not in made)


def entity_lists(forms: Iterable[ListedForm]) -> dict[str, tuple[str, ...]]:
    """The entity lists that these forms write to, and :data:`WORKERS`: the properties that each saves, in order."""
    found: dict[str, dict[str, None]] = {WORKERS: {}}
    for listed in forms:
        form = get_form(listed.form_id, listed.version)
        for declared in declarations(form.xform) if form is not None else ():
            found.setdefault(declared.list, {}).update(dict.fromkeys(declared.saves))
    return {name: tuple(properties) for name, properties in found.items()}


def declared(but: str) -> Iterator[tuple[str, Declaration]]:
    """What the other forms say of entities, by form id: those published, closed ones too, and drafts being tried."""
    forms = {listed.id: listed for listed in [*current_forms(), *forms_for_phones()[True]]}
    for listed in forms.values():
        form = get_form(listed.form_id, listed.version) if listed.form_id != but else None
        for declaration in declarations(form.xform) if form is not None else ():
            yield listed.form_id, declaration


def publish(
    form: Form,
    workbook: bytes,
    media: Mapping[str, bytes],
    now: datetime,
    *,
    draft: bool = False,
    by: str = OPERATOR,
    shipped: Collection[str] = (),
) -> bool:
    """Publish a form with its attached lists; returns False where exactly this was published before.

    ``media`` maps file names to bytes (:func:`given_lists`); ``by`` says who gave them, those in
    ``shipped`` left out, which came with this software. With ``draft`` the
    version is for draft desks only; a draft becomes published by publishing the same again.
    Raises :class:`Problem` (FORM_VERSION_TAKEN) where the version is published with other content: phones that
    have it could not tell (COLLECT 4.3), nor could staff tell by what marks a submission was parted. A draft that
    nobody has sent anything with may be replaced.
    """
    known = PublishedForm.get_or_none(
        (PublishedForm.form_id == form.form_id) & (PublishedForm.version == form.version)
    )
    if known is not None and not _same(known, form):
        if is_taken(form):
            raise Problem(Problems.FORM_VERSION_TAKEN, form_id=form.form_id, version=form.version)
        known.delete_instance()
        known = None
    changed = False
    kept = newest_lists(media) if draft else {}  # a trial must not change what real submissions are judged by
    for filename, content in sorted(media.items()):
        if filename not in kept:
            changed |= put_list(filename, content, now, by=SHIPPED if filename in shipped else by)
    if known is None or (known.draft and not draft):
        if not draft:
            state = _make_room(form.form_id)
        if known is None:
            PublishedForm.create(
                form_id=form.form_id,
                version=form.version,
                title=form.title,
                hash=form.hash,
                xform=form.xform,
                definition=form.definition(),
                workbook=workbook,
                published_at=now,
                current=not draft,
                draft=draft,
                **({} if draft else state),
            )
        else:
            PublishedForm.update(draft=False, current=True, published_at=now, **state).where(
                PublishedForm.id == known.id
            ).execute()
        changed = True
    if changed:
        counters.increment(counters.PUBLISHED)
    return changed


def is_taken(form: Form) -> bool:
    """Is this version published with other content, or a draft with other content that somebody has used?"""
    known = PublishedForm.get_or_none(
        (PublishedForm.form_id == form.form_id) & (PublishedForm.version == form.version)
    )
    if known is None or _same(known, form):
        return False
    sent = (Submission.form_id == form.form_id) & (Submission.version == form.version)
    return not known.draft or bool(Submission.select().where(sent).exists())


def _same(known: PublishedForm, form: Form) -> bool:
    """Also in what phones do not get: who is told of an indicator, and which answers are secrets."""
    return known.hash == form.hash and Form.load(known.xform, known.definition) == form


def _make_room(form_id: str) -> dict[str, bool]:
    """No version of the form is current any more; returns whether the form was closed and holding, for it stays so."""
    former = PublishedForm.get_or_none((PublishedForm.form_id == form_id) & PublishedForm.current)
    PublishedForm.update(current=False).where(PublishedForm.form_id == form_id).execute()
    return {} if former is None else {"closed": former.closed, "holding": former.holding}


def set_closed(form_id: str, *, closed: bool, holding: bool = False) -> None:
    """Close a form or open it again: phones see it or not. Of a closed one submissions arrive all the same; where it
    is ``holding``, into quarantine.

    Raises :class:`Problem` (FORM_UNPUBLISHED). Call inside a transaction, under :data:`LOCK`.
    """
    state = {"closed": closed, "holding": closed and holding}
    current = (PublishedForm.form_id == form_id) & PublishedForm.current
    if PublishedForm.update(**state).where(current).execute() != 1:
        raise Problem(Problems.FORM_UNPUBLISHED, form_id=form_id)
    counters.increment(counters.PUBLISHED)


def holding() -> frozenset[str]:
    """The ids of the forms of which what arrives, in any version, is held."""
    held = PublishedForm.current & PublishedForm.closed & PublishedForm.holding
    return frozenset(
        form_id for (form_id,) in PublishedForm.select(PublishedForm.form_id).where(held).tuples()
    )


def current_forms() -> list[ListedForm]:
    """The published version of each form, closed ones among them, by title."""
    return _listed(PublishedForm.current)


def forms_for_phones() -> tuple[list[ListedForm], list[ListedForm]]:
    """What phones should have, by title: of ordinary desks, and of draft desks.

    These get the newest draft of a form in the place of its published version, until a newer one is published.
    """
    offered = _listed(PublishedForm.current & ~PublishedForm.closed)
    published_ids = dict(
        PublishedForm.select(PublishedForm.form_id, PublishedForm.id).where(PublishedForm.current).tuples()
    )
    newest = (
        PublishedForm.select(fn.MAX(PublishedForm.id))
        .where(PublishedForm.draft)
        .group_by(PublishedForm.form_id)
    )
    drafts = [
        draft
        for draft in _listed(PublishedForm.id.in_(newest))
        if draft.id > published_ids.get(draft.form_id, 0)
    ]
    tried = {draft.form_id for draft in drafts}
    beside = [form for form in offered if form.form_id not in tried]
    return offered, sorted([*beside, *drafts], key=lambda form: (form.title, form.form_id))


def _listed(condition: Any) -> list[ListedForm]:
    rows = (
        PublishedForm.select(
            PublishedForm.id,
            PublishedForm.form_id,
            PublishedForm.version,
            PublishedForm.title,
            PublishedForm.hash,
            PublishedForm.definition,
        )
        .where(condition)
        .order_by(PublishedForm.title, PublishedForm.form_id)
    )
    return [
        ListedForm(r.id, r.form_id, r.version, r.title, r.hash, tuple(r.definition["media"])) for r in rows
    ]


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


def confided_roles() -> frozenset[str]:
    """The roles for which some indicator of any published form is restricted to its recipients."""
    definitions = PublishedForm.select(PublishedForm.definition).tuples()
    return frozenset(
        role
        for (definition,) in definitions
        for indicator in definition.get("indicators", ())
        if indicator.get("restricted")
        for role in indicator["recipients"]
    )


def versions(form_id: str) -> list[Form]:
    """All published versions of a form, oldest first; and drafts, where submissions with them count.

    (An ordinary desk has no drafts, but its phone may have been a draft desk's. What it sends counts.)
    """
    rows = PublishedForm.select().where(_counting(form_id)).order_by(PublishedForm.id)
    return [Form.load(row.xform, row.definition) for row in rows]


def version_hashes(form_id: str) -> dict[str, str]:
    """The MD5 of each of these (:func:`versions`) by version, oldest first."""
    columns = PublishedForm.select(PublishedForm.version, PublishedForm.hash)
    return dict(columns.where(_counting(form_id)).order_by(PublishedForm.id).tuples())


def _counting(form_id: str) -> Any:
    sent = Submission.select(Submission.version).where((Submission.form_id == form_id) & ~Submission.draft)
    counts = ~PublishedForm.draft | PublishedForm.version.in_(sent)
    return (PublishedForm.form_id == form_id) & counts


def hash_of(form_id: str, version: str) -> str | None:
    """The MD5 of a published version, if there is one."""
    row = (
        PublishedForm.select(PublishedForm.hash)
        .where((PublishedForm.form_id == form_id) & (PublishedForm.version == version))
        .tuples()
        .first()
    )
    return str(row[0]) if row else None


def listing() -> list[dict[str, Any]]:
    """All versions with their number of submissions (of drafts: of trials), as ``forms list`` shows them."""
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
        PublishedForm.draft,
        PublishedForm.closed,
        PublishedForm.holding,
    ).order_by(PublishedForm.form_id, PublishedForm.id)
    return [
        {
            "form_id": r.form_id,
            "version": r.version,
            "title": r.title,
            "state": _state(r),
            "hash": r.hash,
            "submissions": counts.get((r.form_id, r.version), 0),
        }
        for r in rows
    ]


def _state(row: Any) -> str:
    if row.draft:
        return "draft"
    if not row.current:
        return "replaced"
    if not row.closed:
        return "open"
    return "holding" if row.holding else "closed"
