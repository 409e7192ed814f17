"""Submissions: keeping them, their files and their register rows; reading them back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from peewee import JOIN, fn

from forms import consent
from forms.problems import Problem, Problems
from server.store import answers as halves
from server.store import areas, attachments, case_opening, corrections
from server.store.attachments import NewFile
from server.store.chains import in_chain
from server.store.database import Store
from server.store.models import Attachment, PublishedForm, Register, Submission
from server.store.statements import Insert, Select


@dataclass(frozen=True)
class NewSubmission:
    """What the intake has made of an upload. ``register`` holds the register row's columns, or is None.

    ``draft`` says that it is a trial from a draft desk. ``expected_files`` maps names to their questions' paths.
    """

    form_id: str
    version: str
    instance_id: str
    deprecated_id: str | None
    desk_id: int | None
    village: str
    received_at: datetime
    device_id: str | None
    xml: bytes
    answers: Mapping[str, Any]
    sensitive: Mapping[str, str]
    root_path: str
    indicators: tuple[str, ...]
    verdict: Mapping[str, Any]
    expected_files: Mapping[str, str] = field(default_factory=dict)
    register: Mapping[str, Any] | None = None
    draft: bool = False


@dataclass(frozen=True)
class Kept:
    """What became of a submission: its row, the root of its chain of edits, whether it is the newest."""

    id: int
    root: str
    current: bool
    new: bool


_insert_submission = Insert(Submission, unless=("form_id", "instance_id"))
_insert_register = Insert(Register)
_edits_of = Select(
    lambda instance_id, form_id, regency, draft: Submission.select(Submission.root).where(
        (Submission.deprecated_id == instance_id)
        & (Submission.form_id == form_id)
        & (Submission.regency == regency)
        & (Submission.draft == draft)
    )
)


class OtherBytes(Exception):  # noqa: N818 - says what is the matter
    """The instanceID is known with other XML."""


@dataclass(frozen=True)
class Parts:
    """A submission as it is stored: the XML's hash, the open answers, and sealed the XML and the secret answers."""

    xml_hash: str
    plain: Mapping[str, Any]
    xml: bytes
    secret: bytes


def parted(new: NewSubmission, store: Store) -> Parts:
    """Part and seal a submission: what of keeping it needs no transaction, in which others would wait for it."""
    plain, secret = halves.split(new.answers, new.root_path, new.sensitive)
    return Parts(
        xml_hash(new.xml),
        plain,
        store.keys.seal(new.xml, new.instance_id),
        store.keys.seal(halves.pack(secret), new.instance_id),
    )


def xml_hash(xml: bytes) -> str:
    """Hex SHA-256 of the XML exactly as it came."""
    return hashlib.sha256(xml).hexdigest()


def keep(
    new: NewSubmission, store: Store, parts: Parts | None = None, received_at: datetime | None = None
) -> Kept:
    """Write a submission with its register row; the same bytes again change nothing.

    ``parts`` are :func:`parted` of it, where that was done before; ``received_at`` stands for its own.
    Only where they were a trial, and come from a desk that counts now, they take the trial's place: the phone was
    set up anew, and its record must not stay out of sight. Raises :class:`OtherBytes` where the instanceID is known
    with other XML. Call inside a transaction.
    """
    parts = parts or parted(new, store)
    received_at = received_at or new.received_at
    place = _place(new, store)
    row = {
        "instance_id": new.instance_id,
        "form_id": new.form_id,
        "version": new.version,
        "root": place.root,
        "deprecated_id": new.deprecated_id,
        "current": place.current,
        "desk": new.desk_id,
        **areas.split(new.village),
        "received_at": received_at,
        "device_id": new.device_id,
        "xml": parts.xml,
        "xml_hash": parts.xml_hash,
        "answers": parts.plain,
        "sealed": parts.secret,
        "indicators": list(new.indicators),
        "verdict": dict(new.verdict),
        "draft": new.draft,
    }
    # The unique constraint decides, so that two copies arriving at once (COLLECT 5.15) are one.
    submission_id = _insert_submission.one(row)
    came: list[NewFile] = []
    if submission_id is None:
        known = find(new.form_id, new.instance_id)
        if known is None or known.xml_hash != parts.xml_hash:
            raise OtherBytes
        if new.draft or not known.draft:
            return Kept(known.id, known.root, known.current, new=False)
        came = attachments.arrived(known.id)
        # A number of its own: who reads on from the last number there was must come by it. SQLite gives the number of
        # a last row that is gone again, so the trial goes only afterwards, and gives way under a name that is none.
        Submission.update(instance_id="").where(Submission.id == known.id).execute()
        submission_id = _insert_submission.one(row)
        known.delete_instance()
        assert submission_id is not None  # its place is free, and the instanceID is locked
    attachments.expect(submission_id, new.expected_files)
    attachments.attach(submission_id, came, received_at)
    if place.root != new.instance_id:
        # One version counts, even where two phones edited the same one: what came last, or what edits that.
        Submission.update(current=False).where(
            in_chain(new.form_id, place.root) & Submission.current & (Submission.id != submission_id)
        ).execute()
    for former in place.edits:
        # The edit of this one came first: it and what hangs on it now hang on the root of this one.
        Submission.update(root=place.root).where(in_chain(new.form_id, former)).execute()
        if not new.draft:
            case_opening.join_chain(new.form_id, former, place.root, received_at)
    if len(place.edits) > 1:
        _one_current(new.form_id, place.root)
    if new.register is not None:
        _insert_register.many(
            [
                {
                    "submission": submission_id,
                    "form_id": new.form_id,
                    **areas.split(new.village),
                    **new.register,
                }
            ]
        )
    return Kept(submission_id, place.root, place.current, new=True)


def _one_current(form_id: str, root: str) -> None:
    """Of several edits of one submission, what came last counts."""
    standing = in_chain(form_id, root) & Submission.current
    newest = Submission.select(fn.MAX(Submission.id)).where(standing).scalar()
    Submission.update(current=False).where(standing & (Submission.id != newest)).execute()


def find(form_id: str, instance_id: str) -> Submission | None:
    """The row of an instance."""
    row: Submission | None = Submission.get_or_none(
        (Submission.form_id == form_id) & (Submission.instance_id == instance_id)
    )
    return row


def counts(form_id: str, instance_id: str) -> bool:
    """Is there such a submission, other than a trial?"""
    same = (Submission.form_id == form_id) & (Submission.instance_id == instance_id)
    return bool(Submission.select(Submission.id).where(same & ~Submission.draft).exists())


@dataclass(frozen=True)
class _Place:
    """Where a new row belongs: the root of its chain; ``edits`` are the roots of edits of it that came before."""

    root: str
    edits: tuple[str, ...]

    @property
    def current(self) -> bool:
        return not self.edits


def _place(new: NewSubmission, store: Store) -> _Place:
    """Find the chain of edits of a new submission, and keep it for this transaction.

    On PostgreSQL other processes may be adding to the same chain: every name that matters is locked before the
    answer counts.
    """
    locked: set[str] = set()
    names = {name for name in (new.instance_id, new.deprecated_id) if name is not None}
    while True:
        if names - locked:
            store.lock(*sorted(names - locked))
            locked |= names
        place = _look_for_place(new)
        names = {place.root, *place.edits}
        if names <= locked or store.sqlite:
            return place


def _look_for_place(new: NewSubmission) -> _Place:
    """Edits may come before what they edit (COLLECT 5.20), and only a desk of the same regency may edit.

    Otherwise whoever knows an instanceID could take a record, its case and its alerts out of a district's sight.
    A submission that edits itself, or what edits it, edits nothing; a trial and what counts never join a chain.
    """
    regency = new.village[:5]
    root = new.instance_id
    if new.deprecated_id is not None and new.deprecated_id != new.instance_id:
        edited = find(new.form_id, new.deprecated_id)
        if edited is not None and edited.regency == regency and edited.draft == new.draft:
            root = edited.root
    earlier = {str(former) for (former,) in _edits_of.every(new.instance_id, new.form_id, regency, new.draft)}
    return _Place(root, tuple(sorted(earlier - {root})))


def _selection(form_id: str | None, area: str, since: datetime | None, *, drafts: bool = False) -> Any:
    condition = areas.scope(Submission, area) & (Submission.draft == drafts)
    if form_id is not None:
        condition &= Submission.form_id == form_id
    if since is not None:
        condition &= Submission.received_at >= since
    return condition


def listing(
    form_id: str | None = None,
    area: str = areas.NATION,
    since: datetime | None = None,
    *,
    drafts: bool = False,
) -> list[dict[str, Any]]:
    """The newest version of each submission, oldest first, as ``submissions list`` shows them; no answers.

    With ``drafts`` the trials of draft desks, else all but those.
    """
    expected, present = attachments.counts()
    rows = (
        Submission.select(
            Submission.instance_id,
            Submission.form_id,
            Submission.version,
            Submission.village,
            Submission.received_at,
            Submission.indicators,
            Submission.deprecated_id,
            expected.alias("expected"),
            present.alias("present"),
        )
        .join(Attachment, JOIN.LEFT_OUTER)
        .where(_selection(form_id, area, since, drafts=drafts) & Submission.current)
        .group_by(Submission.id)
        .order_by(Submission.id)
        .objects()
    )
    return [_line(row) for row in rows]


def _line(row: Any) -> dict[str, Any]:
    missing = row.expected > row.present
    return {
        "instance_id": row.instance_id,
        "form_id": row.form_id,
        "version": row.version,
        "village": row.village,
        "received_at": row.received_at,
        "indicators": list(row.indicators),
        "attachments": {"expected": row.expected, "present": row.present},
        "state": "attachments missing" if missing else "edited" if row.deprecated_id else "received",
    }


def show(instance_id: str, store: Store) -> dict[str, Any]:
    """One submission with typed answers and XML, and where staff corrected it in Excel, who and why.

    Raises :class:`Problem` (SUBMISSION_UNKNOWN).
    """
    row = Submission.get_or_none(Submission.instance_id == instance_id)
    if row is None:
        raise Problem(Problems.SUBMISSION_UNKNOWN, instance_id=instance_id)
    files = list(Attachment.select().where(Attachment.submission == row.id))
    row.expected = sum(1 for f in files if f.expected)
    row.present = sum(1 for f in files if f.expected and f.sha256)
    return {
        **_line(row),
        "current": row.current,
        "draft": row.draft,
        "phone": row.verdict.get("phone", {}),
        "differences": row.verdict.get("differences", []),
        "unmet": row.verdict.get("unmet", []),
        "lists": row.verdict.get("lists", {}),
        "correction": asdict(corrected)
        if (corrected := corrections.of_instance(instance_id, store))
        else None,
        "answers": _answers(row, store),
        "xml": store.keys.unseal(bytes(row.xml), row.instance_id).decode("utf-8", "replace"),
    }


def xml_of(form_id: str, instance_id: str, store: Store) -> bytes:
    """The XML exactly as it came. Raises :class:`Problem` (SUBMISSION_UNKNOWN)."""
    row = find(form_id, instance_id)
    if row is None:
        raise Problem(Problems.SUBMISSION_UNKNOWN, instance_id=instance_id)
    return store.keys.unseal(bytes(row.xml), row.instance_id)


def _answers(row: Submission, store: Store) -> dict[str, Any]:
    secret = halves.unpack(store.keys.unseal(bytes(row.sealed), row.instance_id))
    return halves.merge(row.answers, secret)


def agreed_to_share(form_id: str, instance_id: str) -> bool:
    """May this person's data be passed on to the offices? Anything but a yes is a no, where the form asks.

    Forms that do not ask are about no person.
    """
    row = find(form_id, instance_id)
    return row is None or agreed(row) is not False


def agreed(row: Submission) -> bool | None:
    """The same of a submission in hand; None where its form does not ask."""
    version = (PublishedForm.form_id == row.form_id) & (PublishedForm.version == row.version)
    xform = PublishedForm.select(PublishedForm.xform).where(version).scalar()
    return consent.agreed(row.answers, consent.asked_in(xform)) if xform is not None else None


def count(form_id: str, area: str = areas.NATION) -> int:
    """How many current submissions of a form lie within an area."""
    return int(Submission.select().where(_selection(form_id, area, None) & Submission.current).count())


def as_date(value: Any) -> date | None:
    """An ISO date among answers, or None where it is absent or no date."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
