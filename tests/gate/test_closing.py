"""A form that is closed with ``--hold`` takes no more: what arrives waits for staff, and they have the last word."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from forms.problems import Problem, Problems
from server.intake.intake import Intake
from server.intake.upload import Receipt, Upload
from server.staff import history
from server.store import attachments, case_chain, cases, officers, published, quarantine, submissions
from server.store.attachments import NewFile
from server.store.database import Store
from server.store.desks import KnownDesk
from server.store.models import Alert, Quarantine, Submission
from tests.conftest import Clock
from tests.gate import small

CHILD = {"age": "3"}
ONE = "uuid:00000001-0000-4000-8000-000000000000"
NEXT = "2026112102"


class Place:
    """The small form, published and closed with ``--hold``, and whoever has to do with it."""

    def __init__(self, store: Store, folder: Path, clock: Clock) -> None:
        self.store, self.folder, self.clock = store, folder, clock
        small.published(store, folder / "first", clock())
        self.intake = Intake(store, clock)
        self.desk = small.desk(store, clock())
        with store.transaction():
            self.overseer = officers.add("Provinsi Contoh", "province", "35", clock())[0]

    def close(self, *, closed: bool = True, holding: bool = True) -> None:
        with self.store.transaction():
            published.set_closed("coba", closed=closed, holding=holding)
        self.clock.at += timedelta(milliseconds=50)  # nobody can have sent anything sooner

    def send(self, content: bytes, desk: KnownDesk | None = None, files: tuple[NewFile, ...] = ()) -> Receipt:
        with self.store.transaction():
            return self.intake.receive(Upload(content, desk or self.desk, None, list(files)))

    def release(self, number: int, taken_as: str | None = None) -> Receipt:
        with self.store.transaction():
            return self.intake.release(quarantine.require(number), self.overseer, "masih perlu", taken_as)


@pytest.fixture
def place(store: Store, tmp_path: Path, clock: Clock) -> Place:
    return Place(store, tmp_path, clock)


def held() -> list[tuple[str, str]]:
    return [(entry.reason, entry.version) for entry in reversed(quarantine.entries())]


def states() -> list[str]:
    return [version["state"] for version in published.listing()]


def test_what_arrives_of_a_form_that_holds_waits_for_staff_in_every_version_and_edits_too(
    place: Place,
) -> None:
    assert place.send(small.xml(CHILD, identity=ONE)).state == "new"
    small.published(place.store, place.folder / "next", place.clock(), version=NEXT)
    place.close()
    edit = small.xml({"age": "30"}, version=NEXT).replace(
        b"<meta>", f"<meta><deprecatedID>{ONE}</deprecatedID>".encode()
    )
    sent = [small.xml(CHILD), small.xml(CHILD, version=NEXT), edit, small.xml(CHILD, version="3")]
    assert [place.send(xml).state for xml in sent] == ["quarantined"] * 4
    assert held() == [("form.closed", version) for version in (small.VERSION, NEXT, NEXT, "3")]
    assert (Submission.select().count(), Alert.select().where(Alert.gone_at.is_null()).count()) == (1, 1)
    assert published.forms_for_phones() == ([], [])
    assert states() == ["replaced", "holding"]


def test_staff_take_in_what_was_held_while_the_form_is_closed_and_it_alerts(
    place: Place, clock: Clock
) -> None:
    place.close()
    xml = small.xml(CHILD)
    place.send(xml)
    came = clock()
    clock.at += timedelta(days=2)
    [entry] = quarantine.entries()
    ref = place.release(entry.id).ref
    assert ref is not None
    # who takes the case on must know that it is older than it looks
    case = cases.for_person(place.overseer, ref)
    chain = case_chain.of(place.overseer, ref, ["X01"])
    told = history.of(case, chain, [], [], [], place.overseer)
    assert [(one.at, "tertahan" in one.text) for one in told[:2]] == [(came, True), (clock(), True)]
    [taken] = Submission.select()
    assert (taken.received_at, [a.indicator for a in Alert.select().where(Alert.owed)]) == (came, ["X01"])
    # and correct in Excel what came before, by this same way
    correction = Upload(small.xml(CHILD), place.desk, None, received_at=came)
    assert place.intake.prepare(correction).judged is not None
    # the phone that never heard of it asks again, and brings a picture
    picture = NewFile("foto.jpg", "ab" * 32, 4, "image/jpeg")
    assert place.send(xml, files=(picture,)).state == "known"
    assert [f.filename for f in attachments.arrived(taken.id)] == ["foto.jpg"]
    assert held() == []


def test_what_was_taken_in_before_the_form_was_closed_still_gets_its_files(place: Place) -> None:
    xml = small.xml(CHILD)
    place.send(xml)
    place.close()
    picture = NewFile("foto.jpg", "ab" * 32, 4, "image/jpeg")
    assert place.send(xml, files=(picture,)).state == "known"
    assert [f.filename for f in attachments.arrived(Submission.get().id)] == ["foto.jpg"]
    assert held() == []


def test_of_two_held_under_one_instance_id_both_can_be_taken_in(place: Place) -> None:
    place.close()
    for age in ("3", "4"):
        place.send(small.xml({"age": age}, identity=ONE))
    second, first = quarantine.entries()
    assert not quarantine.differs(second)
    place.release(first.id)
    with pytest.raises(Problem) as remains:
        place.release(second.id)
    assert remains.value.problem is Problems.QUARANTINE_REMAINS
    assert quarantine.differs(second)
    place.release(second.id, "correction")
    assert [(s["state"], s["version"]) for s in submissions.listing()] == [("edited", small.VERSION)]
    assert quarantine.waiting() == 0


def test_a_trial_goes_on_while_the_form_is_closed_and_counts_only_once_staff_say_so(place: Place) -> None:
    place.close()
    small.published(place.store, place.folder / "next", place.clock(), draft=True, version=NEXT)
    trial = small.desk(place.store, place.clock(), draft=True)
    xml = small.xml(CHILD, version=NEXT)
    assert place.send(xml, trial).state == "new"
    assert [form.version for form in published.forms_for_phones()[True]] == [NEXT]
    assert place.send(xml).state == "quarantined"
    assert (Alert.select().count(), held()) == (0, [("form.closed", NEXT)])
    place.release(quarantine.entries()[0].id)
    assert Alert.select().count() == 1


def test_a_form_stays_as_it_was_closed_when_a_newer_version_comes_and_opens_again(place: Place) -> None:
    place.close()
    small.published(place.store, place.folder / "next", place.clock(), version=NEXT)
    small.published(place.store, place.folder / "third", place.clock(), draft=True, version="2026112103")
    small.published(place.store, place.folder / "third", place.clock(), version="2026112103")
    assert states() == ["replaced", "replaced", "holding"]
    place.close(holding=False)
    assert (states()[-1], place.send(small.xml(CHILD)).state) == ("closed", "new")
    place.close()
    assert place.send(small.xml(CHILD)).state == "quarantined"
    place.close(closed=False)
    assert (states()[-1], place.send(small.xml(CHILD)).state) == ("open", "new")
    assert Quarantine.select().count() == 1
