"""Corrections by Excel: making the workbook, saying what somebody changed in it, and applying that as edits.

Each submission that was changed becomes an edit of itself, by the same way in as from a phone: judged again, with the
alerts that it owes, the former version kept. All of a workbook is applied, or nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from exports.access import Access
from exports.corrections.faults import Fault, Wrong
from exports.corrections.questions import PARTED, VILLAGES, Question, Questions
from exports.corrections.reading import Book, Change, FaultyCell, Given, changed, read_book
from exports.corrections.workbook import WITHHELD, Heading, Line, write_workbook
from exports.labels import AreaNames
from exports.visible import Version, Visible, relative
from exports.words import Lang
from forms.consent import CONSENT_SHARE
from forms.instance import Instance, read_instance
from forms.problems import Problem, Problems
from server.intake.intake import Intake, Prepared
from server.intake.upload import Upload
from server.store import areas, corrections, desks, published
from server.store.corrections import Evidence
from server.store.database import Store
from server.store.desks import KnownDesk
from server.store.officers import Person
from server.store.records import Wanted

MOST: Final = 2_000
"""Submissions of a workbook: more than somebody looks through."""
MOST_EDITS: Final = 200
"""Of a workbook that are corrected at once: phones wait while they are taken in, which is some seconds."""
_POSITION: Final = re.compile(r"\[[0-9]+\]")
_MADE_OF: Final = uuid.UUID("5f0d5f9e-5d6e-4c0a-9a43-9b0f6d1c7a11")


@dataclass(frozen=True)
class Difference:
    """A cell that was changed, as people are shown it."""

    sheet: str
    cell: str
    instance_id: str
    question: str
    before: str
    after: str


@dataclass(frozen=True)
class Fallen:
    """An answer that goes with a correction, because its question is no longer asked; told to who may see it."""

    sheet: str
    row: int
    instance_id: str
    question: str


@dataclass(frozen=True)
class Edit:
    """A submission with its changes made, read and judged: what is taken in. ``fallen`` are the places of answers
    whose questions are no longer asked, whether the reader may see them or not.
    """

    former: Evidence
    instance_id: str
    prepared: Prepared = field(repr=False)
    places: tuple[str, ...]
    fallen: tuple[str, ...]
    where: tuple[str, int]


@dataclass(frozen=True)
class Review:
    """What a workbook says: the differences, what is wrong, what would be taken in, how many were applied before.

    ``left`` counts the submissions that are changed as well, and are for the next time: the same workbook, once these
    are applied.
    """

    form_id: str
    differences: tuple[Difference, ...]
    faults: tuple[Fault, ...]
    edits: tuple[Edit, ...]
    applied: int
    fallen: tuple[Fallen, ...] = ()
    left: int = 0

    @property
    def mark(self) -> str:
        """The same for the same edits: what somebody agreed to is what is applied."""
        return hashlib.sha256("\n".join(edit.instance_id for edit in self.edits).encode()).hexdigest()


class Corrections:
    """Makes and applies correction workbooks. ``clock`` gives the time, aware."""

    def __init__(self, store: Store, intake: Intake, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._intake = intake
        self._clock = clock

    def make(self, target: Path, wanted: Wanted, reader: Access, by: str, lang: Lang = "id") -> int:
        """Write a workbook of the submissions that are wanted; returns how many. Run in a reader's thread.

        Raises :class:`Problem`: FORM_UNPUBLISHED, AREA_UNKNOWN, FORBIDDEN (not a role or an area of the reader's),
        CORRECTION_MANY.
        """
        areas.require(wanted.area)
        reader.require_area(wanted.area)
        _require_role(reader)
        known = _Known.of(wanted.form_id, reader, self._intake, lang)
        count = corrections.count(wanted)
        if count > MOST:
            raise Problem(Problems.CORRECTION_MANY, count=count, most=MOST)
        names = AreaNames()
        names.fetch([wanted.area])
        made = self._clock().astimezone(areas.zone(wanted.area))
        heading = Heading(
            wanted.form_id,
            known.title,
            names.name(wanted.area) if wanted.area != areas.NATION else "Indonesia",
            f"{made:%d-%m-%Y %H:%M} {made.tzname()}",
            by,
        )
        written = write_workbook(target, heading, known.newest, self._lines(wanted, known, names), lang)
        target.chmod(0o600)
        return written

    def _lines(self, wanted: Wanted, known: _Known, names: AreaNames) -> Iterator[Line]:
        for one in corrections.evidence(wanted, self._store):
            questions = known.questions.get(one.version)
            if questions is None:
                continue
            received = one.received_at.astimezone(areas.zone(one.village))
            instance = read_instance(one.xml)
            yield Line(
                instance,
                questions,
                names.name(one.village),
                f"{received:%d-%m-%Y %H:%M} {received.tzname()}",
                known.hides(instance, one.version),
            )

    def review(self, file: Path | BinaryIO, reader: Access, lang: Lang = "id") -> Review:
        """Compare a workbook with what is stored, and work out what would follow. Changes nothing.

        Raises :class:`Problem`: CORRECTION_FILE, FORM_UNPUBLISHED, FORBIDDEN.
        """
        _require_role(reader)
        book = read_book(file)
        known = _Known.of(book.form_id, reader, self._intake, lang)
        stored = corrections.named(book.form_id, book.given, self._store)
        faults, differences, edits, fallen = list(book.faults), [], [], []
        changed_ones = []
        for instance_id, (sheet, row) in book.rows.items():
            former = stored.get(instance_id)
            desk = desks.by_id(former.desk_id) if former is not None and former.desk_id is not None else None
            if (
                former is None
                or desk is None
                or former.draft
                or not areas.covers(reader.area, former.village)
            ):
                faults.append(Fault(sheet, str(row), Wrong.UNKNOWN))
                continue
            changes, wrong = self._changes(book, former, known)
            faults += wrong
            if changes:
                changed_ones.append((former, desk, changes, _identity(instance_id, changes), (sheet, row)))
        done = corrections.standing(book.form_id, [new_id for _, _, _, new_id, _ in changed_ones])
        to_do = [one for one in changed_ones if one[3] not in done]
        for former, desk, changes, new_id, (sheet, row) in to_do[:MOST_EDITS]:
            differences += [_difference(change) for change in changes.values()]
            if not former.current:
                faults.append(Fault(sheet, str(row), Wrong.CHANGED))
                continue
            edit, wrong = self._edit(former, desk, changes, new_id, (sheet, row))
            faults += wrong
            if edit is not None:
                edits.append(edit)
                fallen += known.fallen(edit)
        return Review(
            book.form_id,
            tuple(differences),
            tuple(faults),
            tuple(edits),
            len(changed_ones) - len(to_do),
            tuple(fallen),
            max(0, len(to_do) - MOST_EDITS),
        )

    def apply(self, review: Review, person: Person, reason: str) -> list[str]:
        """Take in every edit of a review; returns the new instanceIDs. Call inside a transaction, which must be
        undone if this raises :class:`Problem`: CORRECTION_FAULTY (nothing is applied while anything is wrong, or
        was changed meanwhile), REASON_MISSING.
        """
        reason = corrections.checked(reason)
        corrections.hold([edit.former for edit in review.edits], self._store)
        faults = list(review.faults)
        standing = corrections.standing(review.form_id, [edit.former.instance_id for edit in review.edits])
        for edit in review.edits:
            if not standing.get(edit.former.instance_id):
                faults.append(Fault(edit.where[0], str(edit.where[1]), Wrong.CHANGED))
        if faults:
            raise faulty(faults)
        now, done = self._clock(), []
        for edit in review.edits:
            receipt = self._intake.write(edit.prepared)
            if receipt.state != "new":
                raise faulty([Fault(edit.where[0], str(edit.where[1]), Wrong.CHANGED)])
            corrections.note(
                now,
                person,
                edit.former,
                edit.instance_id,
                reason,
                self._store,
                questions=edit.places,
                fallen=edit.fallen,
            )
            done.append(edit.instance_id)
        return done

    def _changes(self, book: Book, former: Evidence, known: _Known) -> tuple[dict[str, Change], list[Fault]]:
        """What the cells of a submission change, by place; and the cells that cannot be taken."""
        instance = read_instance(former.xml)
        questions = known.questions.get(former.version) or Questions({})
        asked = questions.all()
        hidden = known.hides(instance, former.version)
        found: dict[str, Change] = {}
        faults = []
        for given in book.given[former.instance_id]:
            question = asked.get(given.path)
            if question is None or (hidden and question.identity):
                if given.value is not None and given.value not in WITHHELD:
                    faults.append(Fault(given.sheet, given.cell, Wrong.LOCKED))
                continue
            repeat = next((r for r, of in questions.of_repeat.items() if given.path in of), None)
            place = _place(instance.root.name, given, repeat, questions)
            if place is None:
                faults.append(Fault(given.sheet, given.cell, Wrong.UNKNOWN))
                continue
            try:
                change = changed(given, question, _stored(instance, given, repeat))
            except FaultyCell as wrong:
                faults.append(wrong.fault)
                continue
            if change is not None and found.setdefault(place, change).text != change.text:
                faults.append(Fault(given.sheet, given.cell, Wrong.OTHERWISE))
        return found, faults

    def _edit(
        self,
        former: Evidence,
        desk: KnownDesk,
        changes: Mapping[str, Change],
        instance_id: str,
        where: tuple[str, int],
    ) -> tuple[Edit | None, list[Fault]]:
        """The submission with its changes made; faults where a phone would not have let them through."""
        faults = [
            Fault(c.given.sheet, c.given.cell, Wrong.VILLAGE)
            for c in changes.values()
            if c.question.field.list_name == VILLAGES and c.text and not _may_be_of(desk, c.text)
        ]
        texts = {place: change.text for place, change in changes.items()}
        try:
            made = self._intake.corrected(former.xml, desk, former.received_at, texts, instance_id)
        except LookupError:
            made = None
        if made is None:
            return None, [*faults, Fault(where[0], str(where[1]), Wrong.UNKNOWN)]
        faults += [_at(changes[place], Wrong.UNASKED) for place in made.unasked]
        prepared = self._intake.prepare(Upload(made.xml, desk, None, received_at=former.received_at))
        before = self._intake.prepare(Upload(former.xml, desk, None, received_at=former.received_at))
        for place, kind in sorted(_unmet(prepared) - _unmet(before)):
            change = changes.get(place)
            if change is not None:
                faults.append(_at(change, Wrong.REQUIRED if kind == "required" else Wrong.CONSTRAINT))
            else:
                faults.append(
                    Fault(where[0], str(where[1]), Wrong.BREAKS, {"question": place.rpartition("/")[2]})
                )
        # It is judged as of the day when it came, and it comes now.
        prepared = replace(prepared, upload=replace(prepared.upload, received_at=None))
        edit = Edit(former, instance_id, prepared, tuple(sorted(changes)), made.fallen, where)
        return edit, faults


@dataclass(frozen=True)
class _Known:
    """A form in all its versions, as a reader may correct it."""

    title: str
    visible: Visible
    questions: Mapping[str, Questions]
    newest: Questions
    shares: Mapping[str, str]

    @classmethod
    def of(cls, form_id: str, reader: Access, intake: Intake, lang: Lang) -> _Known:
        versions = [Version.read(form) for form in published.versions(form_id)]
        if not versions:
            raise Problem(Problems.FORM_UNPUBLISHED, form_id=form_id)
        visible = Visible.of(versions, reader)
        lists = intake.lists_now()
        questions = {v.form.version: Questions.of(v, visible, lists, lang) for v in versions}
        newest = questions[versions[-1].form.version]
        shares = {v.form.version: asked[0].path for v in versions if (asked := v.schema.named(CONSENT_SHARE))}
        return cls(versions[-1].form.title, visible, questions, newest, shares)

    def fallen(self, edit: Edit) -> list[Fallen]:
        """Which answers would go, as far as this reader may know of them."""
        questions = (self.questions.get(edit.former.version) or Questions({})).all()
        instance = read_instance(edit.former.xml)
        hidden = self.hides(instance, edit.former.version)
        instance.release()
        told = [questions.get(relative(_POSITION.sub("", place))) for place in edit.fallen]
        return [
            Fallen(*edit.where, edit.former.instance_id, question.label)
            for question in told
            if question is not None and not (hidden and question.identity)
        ]

    def hides(self, instance: Instance, version: str) -> bool:
        """Is the person's identity kept from this reader, because they did not agree to sharing?"""
        path = self.shares.get(version)
        return not self.visible.reader.sees_unshared and path is not None and instance.text(path) != "yes"


def faulty(faults: list[Fault]) -> Problem:
    """Says the first fault and how many there are."""
    first = faults[0]
    return Problem(
        Problems.CORRECTION_FAULTY, pesan=first.text("id"), message=first.text("en"), count=len(faults)
    )


def _require_role(reader: Access) -> None:
    if reader.role is not None and reader.role not in corrections.CORRECTORS:
        raise Problem(Problems.FORBIDDEN)


def _unmet(prepared: Prepared) -> set[tuple[str, str]]:
    """The places of answers that a phone would not have let through, and why."""
    if prepared.judged is None:
        return set()
    return {(place, kind) for place, kind in prepared.judged.new.verdict["unmet"]}


def _at(change: Change, wrong: Wrong) -> Fault:
    return Fault(change.given.sheet, change.given.cell, wrong)


def _may_be_of(desk: KnownDesk, village: str) -> bool:
    try:
        return areas.covers(desk.speaks_for, areas.require(village, village=True))
    except Problem:
        return False


def _place(root: str, given: Given, repeat: str | None, questions: Questions) -> str | None:
    """Where a cell's answer stands, with the position of a repeat's row; None where it cannot stand there."""
    if given.number is None:
        return f"/{root}/{given.path}" if given.path in questions.of_form else None
    if repeat is None:
        return None
    return f"/{root}/{repeat}[{given.number}]/{given.path[len(repeat) + 1 :]}"


def _stored(instance: Instance, given: Given, repeat: str | None) -> str:
    """What the phone wrote; of a repeat the answer in the row that is meant."""
    root = f"/{instance.root.name}"
    for node in instance.index.get(f"{root}/{given.path}", ()):
        if repeat is None or given.number is None:
            return node.text
        above = node.parent
        while above is not None and above.path != f"{root}/{repeat}":
            above = above.parent
        if above is not None and above.position == given.number:
            return node.text
    return ""


def _difference(change: Change) -> Difference:
    return Difference(
        change.given.sheet,
        change.given.cell,
        change.given.instance_id,
        change.question.label,
        _said(change.question, change.before),
        _said(change.question, change.text),
    )


def _said(question: Question, text: str) -> str:
    label = (question.choices or {}).get(text)
    return f"{text}{PARTED}{label}" if label and label != text else text


def _identity(former: str, changes: Mapping[str, Change]) -> str:
    """The same changes of the same submission are the same edit: applied twice, nothing happens twice."""
    said = json.dumps([former, sorted((place, change.text) for place, change in changes.items())])
    return f"uuid:{uuid.uuid5(_MADE_OF, hashlib.sha256(said.encode()).hexdigest())}"
