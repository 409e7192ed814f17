"""Files of submissions: which are expected, which have come, whose they are. Their content is in ``files``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN, fn
from peewee import Case as Switch

from forms.problems import Problem, Problems
from server.store import areas, events
from server.store.chains import in_chain
from server.store.models import Attachment, Desk, Submission
from server.store.statements import Insert


@dataclass(frozen=True)
class NewFile:
    """A file that came with a submission, already safe on disk. ``sha256`` is its address: a keyed SHA-256."""

    filename: str
    sha256: str
    size: int
    content_type: str


_insert = Insert(Attachment)


def expect(submission_id: int, files: Mapping[str, str]) -> None:
    """Note which files the answers of a new submission name, with the paths of their questions."""
    _insert.many(
        [
            {"submission": submission_id, "filename": name, "expected": True, "question": question}
            for name, question in files.items()
        ]
    )


def attach(submission_id: int, files: list[NewFile], now: datetime) -> None:
    """Note files that arrived. Unexpected ones are kept as well.

    Other bytes under the name of a former one take its place, and the former stays beside it under a name of its own:
    also where both came at once.
    """
    if not files:  # most submissions: nothing to ask the database
        return
    known = Attachment.select().where(
        (Attachment.submission == submission_id) & Attachment.filename.in_([f.filename for f in files])
    )
    former = {row.filename: row for row in known if row.sha256 is not None}
    for file in files:
        if file.filename in former and former[file.filename].sha256 != file.sha256:
            _keep_former(former[file.filename])
        values = {
            "sha256": file.sha256,
            "size": file.size,
            "content_type": file.content_type,
            "received_at": now,
        }
        Attachment.insert(
            submission=submission_id, filename=file.filename, expected=False, **values
        ).on_conflict(conflict_target=[Attachment.submission, Attachment.filename], update=values).execute()
        former[file.filename] = Attachment(submission=submission_id, filename=file.filename, **values)


def _keep_former(row: Attachment) -> None:
    stem, dot, extension = row.filename.rpartition(".")
    name = f"{stem}~{row.sha256[:12]}.{extension}" if dot and stem else f"{row.filename}~{row.sha256[:12]}"
    Attachment.insert(
        submission=row.submission_id,
        filename=name,
        expected=False,
        sha256=row.sha256,
        size=row.size,
        content_type=row.content_type,
        received_at=row.received_at,
    ).on_conflict_ignore().execute()


def arrived(submission_id: int) -> list[NewFile]:
    """The files of a submission that have come."""
    rows = Attachment.select().where(
        (Attachment.submission == submission_id) & Attachment.sha256.is_null(False)
    )
    return [NewFile(row.filename, row.sha256, row.size, row.content_type) for row in rows]


def has_file(submission_id: int, filename: str) -> bool:
    """Has this file of a submission arrived?"""
    arrived = (Attachment.filename == filename) & Attachment.sha256.is_null(False)
    return bool(Attachment.select().where((Attachment.submission == submission_id) & arrived).exists())


def carry_over(form_id: str, root: str) -> None:
    """Files of an edited version belong to what edits it too, where that still names them and has none of its own.

    For a whole chain of edits, whose versions and files may have come in any order.
    """
    chain = {
        s.id: s
        for s in Submission.select(Submission.id, Submission.instance_id, Submission.deprecated_id).where(
            in_chain(form_id, root)
        )
    }
    held: dict[int, dict[str, Any]] = {number: {} for number in chain}
    missing = []
    for file in Attachment.select().where(Attachment.submission.in_(list(chain))):
        if file.sha256 is not None:
            held[file.submission_id][file.filename] = file
        elif file.expected:
            missing.append(file)
    by_instance = {s.instance_id: s for s in chain.values()}
    for file in missing:
        found = _inherited(chain[file.submission_id], file.filename, by_instance, held)
        if found is not None:
            Attachment.update(
                sha256=found.sha256,
                size=found.size,
                content_type=found.content_type,
                received_at=found.received_at,
            ).where((Attachment.id == file.id) & Attachment.sha256.is_null()).execute()


def _inherited(
    version: Any, filename: str, by_instance: Mapping[str, Any], held: Mapping[int, Mapping[str, Any]]
) -> Any:
    """The file of this name of the nearest version that this one, or one before it, corrects."""
    seen = set()
    while version is not None and version.id not in seen:
        seen.add(version.id)
        if filename in held[version.id]:
            return held[version.id][filename]
        version = by_instance.get(version.deprecated_id)
    return None


def counts() -> tuple[Any, Any]:
    """Columns for a query that joins attachments: how many are expected, and how many of those have come."""
    wanted = Switch(None, [(Attachment.expected, 1)], None)
    arrived = Switch(None, [(Attachment.expected & Attachment.sha256.is_null(False), 1)], None)
    return fn.COUNT(wanted), fn.COUNT(arrived)


@dataclass(frozen=True)
class FileView:
    """A file of a submission. ``questions`` are the paths of what names it, none where nothing is known to."""

    id: int
    filename: str
    expected: bool
    address: str | None
    size: int | None
    content_type: str | None
    received_at: datetime | None
    questions: tuple[str, ...]


@dataclass(frozen=True)
class Carrier:
    """A submission with its files, by name."""

    form_id: str
    version: str
    instance_id: str
    village: str
    desk: str | None
    received_at: datetime
    files: tuple[FileView, ...]

    @property
    def expected(self) -> int:
        """How many files the answers name."""
        return sum(file.expected for file in self.files)

    @property
    def present(self) -> int:
        """How many of those have come."""
        return sum(file.expected and file.address is not None for file in self.files)


def _counting(area: str) -> Any:
    return areas.scope(Submission, area) & Submission.current & ~Submission.draft


_LACKING = Attachment.expected & Attachment.sha256.is_null()


def tally(area: str) -> tuple[int, int]:
    """How many submissions of an area lack a file, and how many have files at all. Newest versions only."""

    def number(condition: Any) -> int:
        found = Attachment.select(fn.COUNT(Attachment.submission.distinct())).join(Submission)
        return int(found.where(_counting(area) & condition).scalar())

    return number(_LACKING), number(Attachment.id.is_null(False))


def missing() -> int:
    """How many files are named by submissions that count, and have not come."""
    return int(Attachment.select().join(Submission).where(_counting(areas.NATION) & _LACKING).count())


def page(area: str, number: int, size: int, *, lacking: bool) -> list[Carrier]:
    """Page ``number`` (from 1) of an area's submissions with files, newest first; or only those that lack one."""
    with_files = Attachment.select(Attachment.submission)
    if lacking:
        with_files = with_files.where(_LACKING)
    return _carriers(
        Submission.id.in_(
            Submission.select(Submission.id)
            .where(_counting(area) & Submission.id.in_(with_files))
            .order_by(Submission.id.desc())
            .paginate(number, size)
        )
    )


def of_numbers(ids: list[int]) -> list[Carrier]:
    """The submissions with these numbers, lowest first, with their files."""
    return _carriers(Submission.id.in_(ids))[::-1]


def of_instance(instance_id: str) -> Carrier:
    """A submission, also an edited one or a trial, with its files. Raises :class:`Problem` (SUBMISSION_UNKNOWN)."""
    found = _carriers(Submission.instance_id == instance_id)
    if not found:
        raise Problem(Problems.SUBMISSION_UNKNOWN, instance_id=instance_id)
    return found[0]


def find(area: str, file_id: int) -> tuple[Carrier, FileView]:
    """A file that has come, and its submission, newest versions only. Raises :class:`Problem` (NOT_FOUND)."""
    owner = Attachment.select(Attachment.submission).where(Attachment.id == file_id)
    for carrier in _carriers(_counting(area) & Submission.id.in_(owner)):
        for file in carrier.files:
            if file.id == file_id and file.address is not None:
                return carrier, file
    raise Problem(Problems.NOT_FOUND)


def note_opened(actor: str, carrier: Carrier, file: FileView, now: datetime) -> None:
    """Record that somebody took a file, in a transaction of the caller's."""
    events.record(
        now,
        actor,
        "attachment.opened",
        f"attachment:{file.id}",
        form=carrier.form_id,
        village=carrier.village,
    )


def _carriers(condition: Any) -> list[Carrier]:
    rows = list(
        Submission.select(
            Submission.id,
            Submission.form_id,
            Submission.version,
            Submission.instance_id,
            Submission.village,
            Submission.received_at,
            Desk.name.alias("desk_name"),
        )
        .join(Desk, JOIN.LEFT_OUTER)
        .where(condition)
        .order_by(Submission.id.desc())
        .objects()
    )
    files: dict[int, list[FileView]] = {}
    for f in (
        Attachment.select()
        .where(Attachment.submission.in_([r.id for r in rows]))
        .order_by(Attachment.filename)
    ):
        files.setdefault(f.submission_id, []).append(
            FileView(
                f.id,
                f.filename,
                f.expected,
                f.sha256,
                f.size,
                f.content_type,
                f.received_at,
                tuple((f.question or "").split()),
            )
        )
    return [
        Carrier(
            r.form_id,
            r.version,
            r.instance_id,
            r.village,
            r.desk_name,
            r.received_at,
            tuple(files.get(r.id, ())),
        )
        for r in rows
    ]
