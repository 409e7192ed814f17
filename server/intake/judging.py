"""What a submission is, and what follows from it: all that is found out before the transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from forms import consent
from forms.entities import Block, blocks
from forms.form import Indicator
from forms.instance import Instance, expected_attachments, typed_answers
from forms.judge import Verdict
from forms.lists import ListTable
from forms.problems import Problems
from server.intake.chosen import followed_case, rows_chosen
from server.intake.register import register_row
from server.intake.shelf import Shelf, ShelvedForm, ShelvedLists
from server.intake.upload import Upload
from server.store import areas, follow_ups, submissions
from server.store.database import Store
from server.store.desks import KnownDesk
from server.store.file_names import stored_name
from server.store.models import Area
from server.store.submissions import NewSubmission, Parts

ENCRYPTED = "submission.encrypted"
CLOSED = Problems.FORM_CLOSED.value.code


@dataclass(frozen=True)
class Judged:
    """A submission before it is kept, parted and sealed, the indicators that hold, and what it says of entities.

    ``shared``: did the person agree that their data leave the desk? None where the form does not ask.
    """

    new: NewSubmission
    parts: Parts
    indicators: tuple[Indicator, ...]
    blocks: tuple[Block, ...]
    shared: bool | None


class Untakeable(Exception):  # noqa: N818 - says what is the matter
    """Readable, but it cannot be taken as it is: ``reason`` is a code. Raised before anything was written."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Judging:
    """Judges uploads by the forms and lists of its shelf. Writes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.shelf = Shelf()
        self._villages: set[str] = set()

    def judge(self, upload: Upload, instance: Instance, now: datetime) -> Judged:
        """What the submission is and what follows from it. Raises :class:`Untakeable`."""
        received_at = upload.received_at or now
        if self._held_back(upload, instance, now):
            raise Untakeable(CLOSED)
        shelved = self.shelf.form(instance.form_id, instance.version)
        if shelved is None:
            raise Untakeable(Problems.FORM_UNKNOWN.value.code)
        if instance.attributes.get("encrypted") == "yes":
            raise Untakeable(
                ENCRYPTED
            )  # its answers are in a file that we cannot open: nothing could be judged
        lists, tables = self.surroundings(shelved, instance, upload.desk, received_at, now)
        verdict = shelved.judge.judge(instance, tables, received_at)
        new = self._compose(upload, instance, shelved, lists, verdict, received_at)
        return Judged(
            new,
            submissions.parted(new, self._store),
            tuple(shelved.indicators[code] for code in verdict.indicators),
            tuple(blocks(instance, shelved.entities)) if shelved.entities else (),
            consent.agreed(new.answers, shelved.asks_to_share),
        )

    def _held_back(self, upload: Upload, instance: Instance, now: datetime) -> bool:
        """Is it of a form that takes no more, and new? Staff release by this way too; a trial counts nowhere.

        What was taken in before may still get its files, and the phone that never heard so may ask again.
        """
        if not self.shelf.holds(instance.form_id, now) or upload.received_at is not None or upload.desk.draft:
            return False
        return not submissions.counts(instance.form_id, instance.instance_id)

    def surroundings(
        self, shelved: ShelvedForm, instance: Instance, desk: KnownDesk, received_at: datetime, now: datetime
    ) -> tuple[ShelvedLists, Mapping[str, ListTable]]:
        """The lists that counted when the interview took place, and with them the rows that it chose of others."""
        lists = self.shelf.lists(now, shelved.judge.interview(instance, received_at))
        if not shelved.choices:
            return lists, lists.tables
        return lists, {**lists.tables, **rows_chosen(shelved.choices, instance, desk, self._store)}

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
            sensitive={**form.sensitive, **form.secrets_told(answers)},
            root_path="/" + shelved.schema.root,
            indicators=verdict.indicators,
            verdict=_record(verdict, form.media, lists),
            expected_files=_files(expected_attachments(instance, shelved.schema)),
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


def _files(named: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The files that answers name, under the names that they are stored by, with the questions' paths."""
    found: dict[str, tuple[str, ...]] = {}
    for name, paths in named.items():
        stored = stored_name(name)
        found[stored] = (*found.get(stored, ()), *paths)
    return {name: " ".join(paths) for name, paths in found.items()}


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
