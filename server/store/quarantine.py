"""Uploads that could not be taken as they are: kept for staff, never a submission.

What is readable was answered 201, for otherwise the record would stay on the phone and be sent again and again
(COLLECT 10.19). What no parser reads was refused, and the phone has its copy; it is kept here all the same, so that
staff can help the desk. Staff release an upload (it is taken in after all), link it to the submission that it is the
same as, or discard it. Nothing is ever deleted: what was discarded can still be released.

What a desk may have waiting here is bounded, so that nobody fills the disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import structlog
from peewee import JOIN, fn

from forms.problems import Problem, Problems
from server.store import areas, attachments, events, room
from server.store.attachments import NewFile
from server.store.cases import OVERSEERS
from server.store.database import Store
from server.store.files import Files
from server.store.models import Desk, Quarantine, Submission
from server.store.officers import Person
from server.store.room import NOTHING, Bounds, Fitting
from server.store.submissions import xml_hash

log = structlog.get_logger()

STATES = ("held", "released", "linked", "discarded")
UNREADABLE = ("xml.unreadable", "xml.too_big", "xml.no_form_id")
"""The reasons with which the phone was refused."""
MOST = 1_000
"""Uploads a desk may have waiting: a month of a busy desk whose form's version is missing here."""
MOST_BYTES = 2_000_000_000
"""The same in bytes, files included."""
MOST_UNREADABLE = 50
MOST_UNREADABLE_BYTES = 100_000_000
"""The same for what was refused: the phone has it still, so what is above this is not kept."""
LONGEST_NOTE = 500
"""Characters of a reason."""


@dataclass(frozen=True)
class Held:
    """An upload in quarantine. ``desk`` is its name in commands; ``submission`` an instanceID, once there is one.

    ``phone`` is where the people of the desk are reached. ``document`` holds XML that is too large for a row.
    """

    id: int
    received_at: datetime
    reason: str
    form_id: str
    version: str
    instance_id: str
    desk_id: int | None
    desk: str | None
    village: str | None
    phone: str | None
    device_id: str | None
    files: tuple[NewFile, ...]
    size: int
    state: str
    decided_at: datetime | None
    decided_by: str | None
    submission: str | None
    document: NewFile | None = None

    @property
    def refused(self) -> bool:
        """Was the phone told that it could not be taken, so that it still has its copy?"""
        return self.reason in UNREADABLE


@dataclass(frozen=True)
class Came:
    """What came, from whom; the files are durable already. ``form_id`` is empty where none could be read.

    XML that is too large for a row is in the file ``document``, and ``digest`` is its SHA-256.
    """

    form_id: str
    version: str
    instance_id: str
    desk_id: int | None
    device_id: str | None
    xml: bytes
    files: list[NewFile]
    document: NewFile | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of what came. ``files_kept``: a row names its files; ``taken``: staff took the same in before.

    ``fitting`` says for which of them there is no room.
    """

    files_kept: bool
    taken: bool = False
    fitting: Fitting = NOTHING


def hold(reason: str, came: Came, store: Store, now: datetime, bounds: Bounds | None = None) -> Outcome:
    """Keep it; the same bytes again only add files. ``reason`` is a problem's code.

    Raises :class:`Problem` (QUARANTINE_FULL) where it is readable and no room is left for its desk: then the phone
    must keep it. Call inside a transaction.
    """
    digest = came.digest or xml_hash(came.xml)
    store.lock(_lock(digest))
    known = Quarantine.get_or_none(
        (Quarantine.form_id == came.form_id)
        & (Quarantine.instance_id == came.instance_id)
        & (Quarantine.xml_hash == digest)
    )
    former: list[dict[str, Any]] = known.files if known is not None else []
    there = [_file(f) for f in former]
    arrived = [*came.files, came.document] if came.document is not None else came.files
    names = {(f.filename, f.sha256) for f in there}
    fresh = [f for f in arrived if (f.filename, f.sha256) not in names]  # phones send everything again
    size = sum(f.size for f in fresh) + (len(came.xml) if known is None else 0)
    if not _room(reason, came.desk_id, size, known):
        if reason in UNREADABLE:
            log.warning("quarantine.full", reason=reason)
            return Outcome(files_kept=False)
        raise Problem(Problems.QUARANTINE_FULL)
    fitting = room.fit(fresh, there, came.desk_id, bounds)
    noted = [_noted(f, document=f is came.document) for f in fitting.files]
    size -= sum(f.size for f in fitting.left_out)
    if known is None:
        Quarantine.insert(
            desk=came.desk_id,
            received_at=now,
            reason=reason,
            form_id=came.form_id,
            version=came.version,
            instance_id=came.instance_id,
            device_id=came.device_id,
            xml=store.keys.seal(came.xml, came.instance_id),
            xml_hash=digest,
            files=noted,
            size=size,
        ).execute()
        return Outcome(files_kept=True, fitting=fitting)
    if noted:
        # other bytes under a name that came before stand beside those
        Quarantine.update(files=former + noted, size=Quarantine.size + size).where(
            Quarantine.id == known.id
        ).execute()
        if known.submission_id is not None:  # staff were quicker than the phone with the rest of its files
            _hand_on(
                known.submission_id, [f for f in fitting.files if f is not came.document], known.state, now
            )
    return Outcome(files_kept=True, taken=known.state == "released", fitting=fitting)


def _noted(file: NewFile, *, document: bool) -> dict[str, Any]:
    noted = {
        "filename": file.filename,
        "sha256": file.sha256,
        "size": file.size,
        "content_type": file.content_type,
    }
    return {**noted, "document": True} if document else noted


def _file(noted: dict[str, Any]) -> NewFile:
    return NewFile(noted["filename"], noted["sha256"], noted["size"], noted.get("content_type", ""))


def _lock(digest: str) -> str:
    return f"quarantine:{digest}"


def _room(reason: str, desk_id: int | None, size: int, known: Quarantine | None) -> bool:
    """Is there room for so many more bytes of a desk? What was decided waits no more, so that it takes no room, but
    for the entry itself (``known``): ever more files may come to that one too.
    """
    refused = reason in UNREADABLE
    alike = Quarantine.reason.in_(UNREADABLE) if refused else Quarantine.reason.not_in(UNREADABLE)
    waits = (Quarantine.desk == desk_id) & (Quarantine.state == "held") & alike
    if known is not None:
        waits &= Quarantine.id != known.id
    # others wait for this transaction: an index (quarantine_room) answers, without all that was sent
    row = Quarantine.select(fn.COUNT(Quarantine.id), fn.SUM(Quarantine.size)).where(waits).tuples().get()
    count, held = int(row[0]) + 1, int(row[1] or 0) + size + (known.size if known is not None else 0)
    most, most_bytes = (MOST_UNREADABLE, MOST_UNREADABLE_BYTES) if refused else (MOST, MOST_BYTES)
    return (known is not None or count <= most) and held <= most_bytes


def may_decide(person: Person) -> bool:
    """Is this somebody who sees quarantine at all, of their area?"""
    return person.role in OVERSEERS


_LIGHT = tuple(f for f in Quarantine._meta.sorted_fields if f.name not in ("xml", "note"))
"""All columns but the sealed ones, of which the first is large."""


def _rows(person: Person | None, area: str = areas.NATION) -> Any:
    """All entries, or those of the desks in an overseer's area. Raises :class:`Problem` (FORBIDDEN) for others."""
    rows = (
        Quarantine.select(
            *_LIGHT,
            Desk.slug.alias("desk_slug"),
            Desk.village.alias("desk_village"),
            Desk.phone.alias("desk_phone"),
            Submission.instance_id.alias("became"),
        )
        .join(Desk, JOIN.LEFT_OUTER)
        .switch(Quarantine)
        .join(Submission, JOIN.LEFT_OUTER, on=(Quarantine.submission == Submission.id))
    )
    if person is not None:
        if not may_decide(person):
            raise Problem(Problems.FORBIDDEN)
        rows = rows.where(areas.scope(Desk, person.area))
    return rows.where(areas.scope(Desk, area))


def entries(
    person: Person | None = None,
    *,
    area: str = areas.NATION,
    held: bool = True,
    limit: int | None = None,
    offset: int = 0,
) -> list[Held]:
    """What waits, or (not ``held``) what was decided, newest first; as far as ``person`` may know of it."""
    rows = _rows(person, area).where(Quarantine.state == "held" if held else Quarantine.state != "held")
    return [_held(row) for row in rows.order_by(Quarantine.id.desc()).limit(limit).offset(offset).objects()]


def waiting(person: Person | None = None, reason: str | None = None, form_id: str | None = None) -> int:
    """How many wait for a decision, as far as ``person`` may know of it: 0 for those who are not asked."""
    rows = Quarantine.select(Quarantine.id).join(Desk, JOIN.LEFT_OUTER).where(Quarantine.state == "held")
    if person is not None:
        if not may_decide(person):
            return 0
        rows = rows.where(areas.scope(Desk, person.area))
    if reason is not None:
        rows = rows.where(Quarantine.reason == reason)
    if form_id is not None:
        rows = rows.where(Quarantine.form_id == form_id)
    return int(rows.count())


def decided(person: Person) -> int:
    """How many were decided, as far as ``person`` may know of it. Raises as :func:`entries`."""
    return int(_rows(person).where(Quarantine.state != "held").count())


def by_village() -> dict[str, int]:
    """How many wait, by the village (or area) of their desk; those of no known desk stand under the nation."""
    rows = (
        Quarantine.select(Desk.village, fn.COUNT(Quarantine.id))
        .join(Desk, JOIN.LEFT_OUTER)
        .where(Quarantine.state == "held")
        .group_by(Desk.village)
    )
    return {village or areas.NATION: int(count) for village, count in rows.tuples()}


def require(entry_id: int, person: Person | None = None) -> Held:
    """One entry. Raises :class:`Problem`: FORBIDDEN, QUARANTINE_UNKNOWN (also where it is not this person's)."""
    row = _rows(person).where(Quarantine.id == entry_id).objects().first()
    if row is None:
        raise Problem(Problems.QUARANTINE_UNKNOWN, id=entry_id)
    return _held(row)


def xml_of(entry: Held, store: Store) -> bytes:
    """The bytes as they came."""
    if entry.document is not None:
        return b"".join(Files(store.home, store.keys).read(entry.document.sha256))
    row = Quarantine.get_by_id(entry.id)
    return store.keys.unseal(bytes(row.xml), row.instance_id)


def differs(entry: Held) -> bool:
    """Is there by now a submission under its instanceID, with other XML? Then who releases it says what it is."""
    known = (Submission.form_id == entry.form_id) & (Submission.instance_id == entry.instance_id)
    same = Quarantine.select(Quarantine.xml_hash).where(Quarantine.id == entry.id)
    return bool(Submission.select(Submission.id).where(known & (Submission.xml_hash != same)).exists())


def note_of(entry: Held, store: Store) -> str:
    """The reason that staff gave, empty where nothing was decided yet."""
    row = Quarantine.get_by_id(entry.id)
    return store.keys.unseal(bytes(row.note), row.instance_id).decode() if row.note is not None else ""


def decide(
    entry: Held,
    state: Literal["released", "linked", "discarded"],
    by: Person,
    note: str,
    store: Store,
    now: datetime,
    *,
    submission_id: int | None = None,
) -> None:
    """Write down what became of an entry, and hand its files on to the submission, where there is one.

    Raises :class:`Problem`: REASON_MISSING, QUARANTINE_DECIDED (somebody was quicker). Call inside a transaction.
    """
    note = " ".join(note.split())[:LONGEST_NOTE]
    if not note:
        raise Problem(Problems.REASON_MISSING)
    store.lock(
        _lock(Quarantine.get_by_id(entry.id).xml_hash)
    )  # the phone may be sending more files at this moment
    took = (
        Quarantine.update(
            state=state,
            decided_at=now,
            decided_by=by.slug,
            note=store.keys.seal(note.encode(), entry.instance_id),
            submission=submission_id,
        )
        # what was linked or discarded by mistake can still be released
        .where((Quarantine.id == entry.id) & Quarantine.state.in_(_BEFORE[state]))
        .execute()
    )
    if took != 1:
        raise Problem(Problems.QUARANTINE_DECIDED, id=entry.id)
    if submission_id is not None:
        _hand_on(submission_id, list(require(entry.id).files), state, now)
    events.record(now, by.slug, f"quarantine.{state}", f"quarantine:{entry.id}", reason=entry.reason)


_BEFORE = {
    "released": ("held", "linked", "discarded"),
    "linked": ("held", "discarded"),
    "discarded": ("held",),
}


def link(entry: Held, instance_id: str, by: Person, note: str, store: Store, now: datetime) -> None:
    """Say that an entry is the same as a submission, which gets the files that it lacks.

    Raises :class:`Problem`: SUBMISSION_UNKNOWN (also where it is not of this person's area), and as :func:`decide`.
    """
    same = (Submission.instance_id == instance_id) & areas.scope(Submission, by.area)
    if entry.form_id:
        same &= Submission.form_id == entry.form_id
    found = Submission.get_or_none(same)
    if found is None:
        raise Problem(Problems.SUBMISSION_UNKNOWN, instance_id=instance_id)
    decide(entry, "linked", by, note, store, now, submission_id=found.id)


def discard(entry: Held, by: Person, note: str, store: Store, now: datetime) -> None:
    """Say that an entry is of no use. Its bytes stay. Raises as :func:`decide`."""
    decide(entry, "discarded", by, note, store, now)


def _hand_on(submission_id: int, files: list[NewFile], state: str, now: datetime) -> None:
    if state == "linked":  # the submission's own files are right
        files = [f for f in files if not attachments.has_file(submission_id, f.filename)]
    attachments.attach(submission_id, files, now)


def candidates(entry: Held, person: Person, limit: int = 20) -> list[dict[str, Any]]:
    """Submissions of the same desk that an entry may be the same as, nearest in time first; no answers."""
    condition = (Submission.desk == entry.desk_id) & areas.scope(Submission, person.area)
    if entry.form_id:
        condition &= Submission.form_id == entry.form_id
    distance = fn.ABS(
        Submission.received_at.cast("bigint") - Quarantine.received_at.db_value(entry.received_at)
    )
    rows = Submission.select(Submission.instance_id, Submission.form_id, Submission.received_at).where(
        condition
    )
    return [
        {"instance_id": r.instance_id, "form_id": r.form_id, "received_at": r.received_at}
        for r in rows.order_by(Submission.instance_id != entry.instance_id, distance).limit(limit)
    ]


def listing(area: str = areas.NATION, *, held: bool = True) -> list[dict[str, Any]]:
    """What waits (or was decided), oldest first, as ``submissions quarantine`` shows it; no answers."""
    found = reversed(entries(area=area, held=held))
    return [
        {**_line(e), **({} if held else {"decided_at": e.decided_at, "decided_by": e.decided_by})}
        for e in found
    ]


def whole(entry: Held, store: Store) -> dict[str, Any]:
    """One entry with its files, the XML as it came, and what was decided: for the keeper of the server."""
    return {
        **_line(entry),
        "files": [{"filename": f.filename, "size": f.size, "sha256": f.sha256} for f in entry.files],
        "decided_at": entry.decided_at,
        "decided_by": entry.decided_by,
        "note": note_of(entry, store),
        "submission": entry.submission,
        "xml": xml_of(entry, store).decode("utf-8", "replace"),
    }


def _line(entry: Held) -> dict[str, Any]:
    return {
        "id": entry.id,
        "received_at": entry.received_at,
        "reason": entry.reason,
        "form_id": entry.form_id,
        "version": entry.version,
        "instance_id": entry.instance_id,
        "desk": entry.desk,
        "files": len(entry.files),
        "size": entry.size,
        "state": entry.state,
    }


def _held(row: Any) -> Held:
    whole = {_file(f): "document" in f for f in row.files}
    return Held(
        row.id,
        row.received_at,
        row.reason,
        row.form_id,
        row.version,
        row.instance_id,
        row.desk_id,
        row.desk_slug,
        row.desk_village,
        row.desk_phone,
        row.device_id,
        tuple(file for file, is_document in whole.items() if not is_document),
        row.size,
        row.state,
        row.decided_at,
        row.decided_by,
        row.became,
        next((file for file, is_document in whole.items() if is_document), None),
    )
