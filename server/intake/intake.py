"""One submission's way in: read, judge, and the one transaction.

1. The XML is read with a parser that follows no entity and no address. What cannot be read is refused: the phone
   keeps its copy.
2. Its form and version are looked up; the answers are typed by the form's schema.
3. The server judges every risk rule itself; the phone's own verdicts are kept, differences recorded.
4. In one transaction: the submission, its answers, its register row, its files, the workers that it makes known
   or changes (entities), the case and the alerts it owes.
5. Readable XML that cannot be taken as it is goes into quarantine and counts as received, so that no record is
   stuck on a phone (COLLECT 10.19).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from forms.entities import blocks
from forms.instance import Instance, expected_attachments, read_instance, typed_answers
from forms.judge import Verdict
from forms.problems import Problems
from server.intake.chosen import followed_case, rows_chosen
from server.intake.register import register_row
from server.intake.shelf import Shelf, ShelvedForm, ShelvedLists
from server.store import areas, cases, entities, follow_ups, quarantine, submissions
from server.store.database import Store
from server.store.desks import KnownDesk
from server.store.entities import Sender
from server.store.models import Area
from server.store.submissions import Kept, NewFile, NewSubmission, OtherBytes


@dataclass(frozen=True)
class Upload:
    """What a door hands over: the XML as it came, the files (already durable), and from whom."""

    xml: bytes
    desk: KnownDesk
    device_id: str | None
    files: list[NewFile] = field(default_factory=list)


@dataclass(frozen=True)
class Receipt:
    """What became of an upload. ``ref`` is the case's reference, where one was opened."""

    state: Literal["new", "known", "quarantined"]
    instance_id: str
    ref: str | None = None


FAULT = "intake.fault"
_LONGEST_ID = 200  # characters; the databases' indexes hold no more than some 2,700 bytes


def _bounded(instance: Instance) -> Instance:
    """The same instance with identities that an index can hold: an endless one becomes its hash."""

    def short(text: str) -> str:
        return text if len(text) <= _LONGEST_ID else "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    if max(
        map(len, (instance.instance_id, instance.form_id, instance.version, instance.deprecated_id or ""))
    ) <= (_LONGEST_ID):
        return instance
    return replace(
        instance,
        instance_id=short(instance.instance_id),
        form_id=short(instance.form_id),
        version=short(instance.version),
        deprecated_id=short(instance.deprecated_id) if instance.deprecated_id else None,
    )


class Intake:
    """Takes uploads. ``clock`` gives the time of receipt, aware."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._shelf = Shelf()
        self._villages: set[str] = set()

    def receive(self, upload: Upload) -> Receipt:
        """Keep an upload with all its consequences. Call inside a transaction (the store's writer does).

        Raises :class:`Problem` (XML_UNREADABLE, XML_TOO_BIG, XML_NO_FORM_ID), in which case nothing is kept.
        """
        instance = _bounded(read_instance(upload.xml))
        try:
            return self._take(upload, instance)
        finally:
            instance.release()

    def hold_faulty(self, upload: Upload) -> Receipt:
        """Keep for staff what :meth:`receive` failed at for a reason that nobody foresaw.

        The phone would send it again and again, and nobody would know of it.
        """
        instance = _bounded(read_instance(upload.xml))
        return self._hold(FAULT, upload, instance, self._clock())

    def _take(self, upload: Upload, instance: Instance) -> Receipt:
        now = self._clock()
        shelved = self._shelf.form(instance.form_id, instance.version)
        if shelved is None:
            return self._hold(Problems.FORM_UNKNOWN.value.code, upload, instance, now)
        lists = self._shelf.lists(now, shelved.judge.interview(instance, now))
        tables = lists.tables
        if shelved.choices:
            tables = {**tables, **rows_chosen(shelved.choices, instance, upload.desk, self._store)}
        verdict = shelved.judge.judge(instance, tables, now)
        new = self._compose(upload, instance, shelved, lists, verdict, now)
        try:
            kept = submissions.keep(new, self._store)
        except OtherBytes:
            return self._hold("submission.other_bytes", upload, instance, now)
        if upload.files:
            submissions.attach(kept.id, upload.files, now)
        if not kept.new:
            return Receipt("known", instance.instance_id)
        if new.draft:
            return Receipt("new", instance.instance_id)
        chained = kept.root != new.instance_id or not kept.current
        if shelved.entities:
            self._take_entities(upload, instance, shelved, kept, new, chained=chained)
        followed = followed_case(new.form_id, new.answers)
        if followed is not None:
            follow_ups.link(kept.id, followed, upload.desk.speaks_for, upload.desk.role)
        ref = cases.open_or_extend(
            kept.id,
            new.form_id,
            kept.root,
            new.village,
            [shelved.indicators[code] for code in verdict.indicators],
            now,
            chained=chained,
        )
        return Receipt("new", instance.instance_id, ref)

    def _take_entities(
        self,
        upload: Upload,
        instance: Instance,
        shelved: ShelvedForm,
        kept: Kept,
        new: NewSubmission,
        *,
        chained: bool,
    ) -> None:
        """Apply what the submission says of entities. An edit says it again: the first to come counts (5.20)."""
        said = list(blocks(instance, shelved.entities))
        if not said or (chained and entities.taken(new.form_id, kept.root)):
            return
        sender = Sender(kept.id, new.village, upload.desk.speaks_for, submissions.agreed(new.answers))
        faults = entities.take(said, sender, self._store, new.received_at)
        if faults:
            entities.note_faults(kept.id, faults)

    def _compose(
        self,
        upload: Upload,
        instance: Instance,
        shelved: ShelvedForm,
        lists: ShelvedLists,
        verdict: Verdict,
        now: datetime,
    ) -> NewSubmission:
        answers = typed_answers(instance, shelved.schema)
        form = shelved.form
        return NewSubmission(
            form_id=form.form_id,
            version=form.version,
            instance_id=instance.instance_id,
            deprecated_id=instance.deprecated_id,
            desk_id=upload.desk.id,
            village=self._village(form.form_id, answers, upload.desk),
            received_at=now,
            device_id=upload.device_id,
            xml=upload.xml,
            answers=answers,
            sensitive=form.sensitive,
            root_path="/" + shelved.schema.root,
            indicators=verdict.indicators,
            verdict=_record(verdict, form.media, lists),
            expected_files=tuple(expected_attachments(instance, shelved.schema)),
            register=None if upload.desk.draft else register_row(form.form_id, answers, self._store.keys),
            draft=upload.desk.draft,
        )

    def _village(self, form_id: str, answers: dict[str, Any], desk: KnownDesk) -> str:
        """The village of the answers where the desk may speak for it, else the desk's own.

        A made-up code must not put a case where nobody, or somebody else, would see it. An officer's phone has no
        village of its own: there a follow-up belongs where its case does, and the rest to the officer's area.
        """
        place = answers.get("loc")
        stated = place.get("village") if isinstance(place, dict) else answers.get("village")
        if self._stands_for(stated, desk):
            return str(stated)
        followed = followed_case(form_id, answers) if desk.role is not None else None
        found = follow_ups.case_village(followed, desk.speaks_for) if followed is not None else None
        return found or desk.village

    def _stands_for(self, stated: object, desk: KnownDesk) -> bool:
        if not isinstance(stated, str) or len(stated) != 13 or not areas.covers(desk.speaks_for, stated):
            return False
        if stated not in self._villages:
            if not Area.select().where(Area.code == stated).exists():
                return False
            self._villages.add(stated)
        return True

    def _hold(self, reason: str, upload: Upload, instance: Instance, now: datetime) -> Receipt:
        quarantine.hold(
            reason,
            form_id=instance.form_id,
            version=instance.version,
            instance_id=instance.instance_id,
            desk_id=upload.desk.id,
            device_id=upload.device_id,
            xml=upload.xml,
            files=upload.files,
            store=self._store,
            now=now,
        )
        return Receipt("quarantined", instance.instance_id)


def _record(verdict: Verdict, media: tuple[str, ...], lists: ShelvedLists) -> dict[str, Any]:
    """What is kept of a verdict: the phone's word, where it differs, and the lists it was judged with.

    Recomputed values can be personal (a wage): only their paths are kept here, and of answers that miss a
    ``required`` or a ``constraint`` likewise (``unmet``).
    """
    return {
        "phone": {code: word for code, word in verdict.phone.items() if word is not False},
        "differences": list(verdict.differences),
        "recalculated": sorted(verdict.calculated),
        "errors": [list(error) for error in verdict.errors],
        "unmet": [list(demand) for demand in verdict.unmet],
        "lists": {name: lists.editions[name] for name in media if name in lists.editions},
    }
