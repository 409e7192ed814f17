"""One submission's way in: read, judge, and the one transaction.

1. The XML is read with a parser that follows no entity and no address. What cannot be read is refused: the phone
   keeps its copy, and staff get another to help the desk with.
2. Its form and version are looked up; the answers are typed by the form's schema.
3. The server judges every risk rule itself; the phone's own verdicts are kept, differences recorded.
   So far nobody else has to wait: this is :meth:`Intake.prepare`, before the transaction.
4. In one transaction (:meth:`Intake.write`): the submission, its answers, its register row, its files, the
   workers that it makes known or changes (entities), the case and the alerts it owes.
5. Readable XML that cannot be taken as it is goes into quarantine and counts as received, so that no record is
   stuck on a phone (COLLECT 10.19). Staff may release it: then it comes in again by this same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from forms.correction import Corrected
from forms.instance import Instance, read_instance
from forms.lists import ListTable
from forms.problems import Problem, Problems
from forms.xml import MOST_BYTES
from server.intake.chosen import followed_case
from server.intake.identities import bounded
from server.intake.judging import Judged, Judging, Untakeable
from server.intake.tally import FREE, Tally
from server.intake.upload import Receipt, Upload
from server.store import (
    attachments,
    case_opening,
    desks,
    entities,
    follow_ups,
    quarantine,
    room,
    submissions,
)
from server.store.database import Store
from server.store.desks import KnownDesk
from server.store.entities import Sender
from server.store.officers import Person
from server.store.quarantine import Came, Held
from server.store.room import Bounds
from server.store.submissions import Kept, OtherBytes


@dataclass(frozen=True)
class Prepared:
    """An upload, read and judged. Where it cannot be read, or cannot be taken, ``problem`` or ``reason`` says why."""

    upload: Upload
    instance: Instance | None = None
    judged: Judged | None = None
    problem: Problem | None = None
    reason: str = ""


FAULT = "intake.fault"
OTHER_BYTES = "submission.other_bytes"
_RELEASED_LARGER = 10
"""How many times larger a document may be that staff release, having looked at it."""


class Intake:
    """Takes uploads. ``clock`` gives the time of receipt, aware; ``bounds`` are for what comes from phones."""

    def __init__(self, store: Store, clock: Callable[[], datetime], bounds: Bounds | None = None) -> None:
        self._store = store
        self._clock = clock
        self._tally = Tally(bounds)
        self._judging = Judging(store)

    def receive(self, upload: Upload) -> Receipt:
        """:meth:`prepare` and :meth:`write`, for who is in a transaction already."""
        return self.write(self.prepare(upload))

    def prepare(self, upload: Upload) -> Prepared:
        """Read and judge an upload: all that needs no transaction."""
        if upload.oversized is not None:
            limit = f"{MOST_BYTES // 1_000_000} MB"
            return Prepared(upload, problem=Problem(Problems.XML_TOO_BIG, limit=limit))
        try:
            instance = bounded(read_instance(upload.xml))
        except Problem as problem:
            return Prepared(upload, problem=problem)
        try:
            return Prepared(upload, instance, self._judging.judge(upload, instance, self._clock()))
        except Untakeable as why:
            return Prepared(upload, instance, reason=why.reason)
        finally:
            instance.release()

    def write(self, prepared: Prepared) -> Receipt:
        """Keep what was prepared with all its consequences. Call inside a transaction (the store's writer does).

        What cannot be read comes back as ``refused`` with its :class:`Problem` (XML_UNREADABLE, XML_TOO_BIG,
        XML_NO_FORM_ID); staff get a copy. Raises :class:`Problem` (QUARANTINE_FULL), with nothing kept.
        It counts as received now, in the transaction: who asks what came since a moment misses nothing.
        """
        upload, now = prepared.upload, self._clock()
        return self._noted(self._written(prepared, now), upload, now)

    def _noted(self, receipt: Receipt, upload: Upload, now: datetime) -> Receipt:
        """The receipt with the files that never got so far, of which staff are told."""
        left_out = receipt.left_out or upload.left_out
        if left_out is None:
            return receipt
        room.note_refused(upload.desk.slug, left_out, now)
        return replace(receipt, left_out=left_out)

    def _written(self, prepared: Prepared, now: datetime) -> Receipt:
        upload = prepared.upload
        if prepared.problem is not None:
            return self._refuse(prepared.problem, upload, now)
        if prepared.judged is None:
            return self._hold(prepared.reason, upload, prepared.instance, now)
        try:
            return self._take(upload, prepared.judged, now)
        except Untakeable as why:
            return self._hold(why.reason, upload, prepared.instance, now)

    def hold_faulty(self, upload: Upload) -> Receipt:
        """Keep for staff what :meth:`prepare` or :meth:`write` failed at for a reason that nobody foresaw.

        The phone would send it again and again, and nobody would know of it.
        """
        now = self._clock()
        try:
            instance = bounded(read_instance(upload.xml))
        except Exception:  # noqa: BLE001 - logged when it happened; this is what it comes to
            return self._noted(self._hold(FAULT, upload, None, now), upload, now)
        return self._noted(self._hold(FAULT, upload, instance, now), upload, now)

    def release(self, entry: Held, by: Person, note: str, taken_as: str | None = None) -> Receipt:
        """Take in what was held, as if it came now; its time of receipt stays. Call inside a transaction.

        Other bytes under a known instanceID get an identity of their own, made of their bytes: taken as a
        ``correction`` of the submission that has the instanceID, or as a ``new`` record beside it.
        Raises :class:`Problem`: QUARANTINE_REMAINS (it still cannot be taken), XML_* (it still cannot be read),
        and as :func:`quarantine.decide`. Nothing is changed then, once the transaction is undone.
        """
        desk = desks.by_id(entry.desk_id) if entry.desk_id is not None else None
        if desk is None:
            raise Problem(Problems.QUARANTINE_REMAINS, id=entry.id, reason="desk.unknown")
        xml, files = quarantine.xml_of(entry, self._store), list(entry.files)
        upload = Upload(xml, desk, entry.device_id, files, entry.received_at)
        instance = bounded(read_instance(xml, most_bytes=_RELEASED_LARGER * MOST_BYTES))
        if taken_as is not None and (entry.reason == OTHER_BYTES or quarantine.differs(entry)):
            instance = replace(
                instance,
                instance_id="sha256:" + hashlib.sha256(xml).hexdigest(),
                deprecated_id=instance.instance_id if taken_as == "correction" else None,
            )
        try:
            receipt = self._take(upload, self._judging.judge(upload, instance, self._clock()), self._clock())
        except Untakeable as why:
            raise Problem(Problems.QUARANTINE_REMAINS, id=entry.id, reason=why.reason) from None
        finally:
            instance.release()
        quarantine.decide(
            entry, "released", by, note, self._store, self._clock(), submission_id=receipt.submission_id
        )
        return receipt

    def corrected(
        self, xml: bytes, desk: KnownDesk, received_at: datetime, changes: Mapping[str, str], instance_id: str
    ) -> Corrected | None:
        """A submission that was taken in, with some answers changed (:class:`forms.correction.Corrector`): what to
        take in as its edit. None where its form is not known any more.
        """
        instance = read_instance(xml)
        shelved = self._judging.shelf.form(instance.form_id, instance.version)
        if shelved is None:
            return None
        _, tables = self._judging.surroundings(shelved, instance, desk, received_at, self._clock())
        return shelved.corrector.correct(xml, changes, instance_id, tables, received_at)

    def lists_now(self) -> Mapping[str, ListTable]:
        """The attached lists that count now, by instance id."""
        now = self._clock()
        return self._judging.shelf.lists(now, now).tables

    def _take(self, upload: Upload, judged: Judged, now: datetime) -> Receipt:
        """The submission and all that follows from it. Raises :class:`Untakeable`."""
        new, received_at = judged.new, upload.received_at or now
        try:
            kept = submissions.keep(new, self._store, judged.parts, received_at)
        except OtherBytes:
            raise Untakeable(OTHER_BYTES) from None
        chained = kept.root != new.instance_id or not kept.current
        tally = self._tally if upload.received_at is None else FREE
        if kept.new:
            tally.count_answers(upload.desk.id, len(upload.xml))
        fitting = tally.attach(kept, upload.files, upload.desk.id, received_at)
        if chained:
            attachments.carry_over(new.form_id, kept.root)
        ref = None
        if kept.new and not new.draft:
            ref = self._follow(upload, judged, kept, received_at, now, chained=chained)
        return Receipt(
            "new" if kept.new else "known",
            new.instance_id,
            ref=ref,
            submission_id=kept.id,
            unnamed=fitting.unnamed,
            left_out=fitting.problem,
        )

    def _follow(
        self,
        upload: Upload,
        judged: Judged,
        kept: Kept,
        received_at: datetime,
        now: datetime,
        *,
        chained: bool,
    ) -> str | None:
        """What follows from a new submission that counts. Returns the reference of its case, if it has one."""
        new = judged.new
        if judged.blocks:
            self._take_entities(upload, judged, kept, received_at, chained=chained)
        followed = followed_case(new.form_id, new.answers)
        if followed is not None:
            follow_ups.link(kept.id, followed, upload.desk.speaks_for, upload.desk.role)
        return case_opening.open_or_extend(
            kept.id, new.form_id, kept.root, new.village, judged.indicators, now, chained=chained
        )

    def _take_entities(
        self, upload: Upload, judged: Judged, kept: Kept, received_at: datetime, *, chained: bool
    ) -> None:
        """Apply what the submission says of entities. An edit says it again: the first to come counts (5.20)."""
        new = judged.new
        if chained and entities.taken(new.form_id, kept.root):
            return
        sender = Sender(kept.id, new.village, upload.desk.speaks_for, judged.shared)
        faults = entities.take(judged.blocks, sender, self._store, received_at)
        if faults:
            entities.note_faults(kept.id, faults)

    def _refuse(self, problem: Problem, upload: Upload, now: datetime) -> Receipt:
        receipt = self._hold(problem.kind.code, upload, None, now)
        if receipt.state == "known":
            return receipt
        return replace(receipt, state="refused", problem=problem)

    def _hold(self, reason: str, upload: Upload, instance: Instance | None, now: datetime) -> Receipt:
        """Into quarantine; without an ``instance`` the bytes alone say what it is, so that a retry is no other."""
        oversized = upload.oversized
        came = Came(
            form_id=instance.form_id if instance else "",
            version=instance.version if instance else "",
            instance_id=instance.instance_id
            if instance
            else "sha256:" + (oversized.digest if oversized else hashlib.sha256(upload.xml).hexdigest()),
            desk_id=upload.desk.id,
            device_id=upload.device_id,
            xml=upload.xml,
            files=upload.files,
            document=oversized.document if oversized else None,
            digest=oversized.digest if oversized else None,
        )
        outcome = quarantine.hold(reason, came, self._store, now, self._tally.bounds)
        state: Literal["known", "quarantined"] = "known" if outcome.taken else "quarantined"
        return Receipt(
            state,
            came.instance_id,
            files_kept=outcome.files_kept,
            unnamed=outcome.fitting.unnamed,
            left_out=outcome.fitting.problem,
            reason=reason if state == "quarantined" else "",
        )
