"""Drafts are tried apart from everything that counts; forms are closed and opened; real server, real phones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

import server.publishing
from forms.compile import Inspection, inspect_workbook
from forms.form import Form
from forms.problems import Problem
from server.intake.intake import Intake
from server.intake.shelf import Shelf
from server.store import desks, published, quarantine, records, submissions
from server.store.database import Store
from server.store.models import Alert, Attachment, Case, Register, Submission
from tests.conftest import Clock, Home, publish_library
from tests.gate import small
from tests.openrosa.conftest import again
from tests.phone.collect import Collect
from tests.phone.interviews import interviews
from tests.phone.javarosa import Engine
from tests.phone.listing import CollectError
from tests.phone.lists import library_lists
from tests.server_process import Server, command

NEXT = "2026112102"


@dataclass
class Place:
    """A server with the small form published, an ordinary desk's phone and a draft desk's."""

    home: Home
    store: Store
    url: str
    phone: Collect
    trial: Collect


@pytest.fixture
def place(home: Home, store: Store, clock: Clock, tmp_path: Path) -> Iterator[Place]:
    small.published(store, tmp_path / "first", clock())
    with store.transaction():
        _, ordinary = desks.add(small.VILLAGE, None, store.keys, clock())
        _, trial = desks.add(small.VILLAGE, None, store.keys, clock(), draft=True)
    with Server(home, "--no-sync") as running:
        url, tried = (f"{running.url}/desk/{credentials.token}" for credentials in (ordinary, trial))
        yield Place(home, store, url, Collect(url), Collect(tried))


def versions(phone: Collect) -> dict[str, str | None]:
    return {form_id: form.listed.version for form_id, form in phone.sync().items()}


def test_a_draft_is_seen_by_draft_desks_alone_and_what_they_send_counts_nowhere(
    place: Place, tmp_path: Path
) -> None:
    workbook = small.book(tmp_path / "next", version=NEXT)
    done = command(place.home, "forms", "publish", str(workbook), "--draft")
    assert done["version"] == NEXT
    assert versions(place.phone) == {"coba": small.VERSION}
    assert versions(place.trial) == {"coba": NEXT}
    (draft,) = place.trial.form_list()
    with pytest.raises(CollectError):
        place.phone.download_form(replace(draft, download_url=f"{place.url}/forms/{draft.hash}.xml"))

    child = {"age": "3", "ok": "yes"}
    assert place.trial.submit(small.xml(child, version=NEXT)).status == 201
    assert place.trial.submit(small.xml(child)).status == 201
    assert Submission.select().where(Submission.draft).count() == 2
    assert Case.select().count() == Alert.select().count() == Register.select().count() == 0
    assert submissions.listing() == []
    assert list(records.read("coba", place.store)) == []
    assert submissions.count("coba") == 0
    assert command(place.home, "submissions", "list") == []
    assert len(command(place.home, "submissions", "list", "--drafts")) == 2

    assert place.phone.submit(small.xml(child)).status == 201
    assert [a.indicator for a in Alert.select()] == ["X01"]
    assert {f["version"]: f["state"] for f in command(place.home, "forms", "list")} == {
        small.VERSION: "open",
        NEXT: "draft",
    }


def test_a_draft_becomes_the_form_by_publishing_the_same_bytes(
    place: Place, clock: Clock, tmp_path: Path
) -> None:
    small.published(place.store, tmp_path / "next", clock(), draft=True, version=NEXT)
    assert versions(place.trial) == {"coba": NEXT}
    small.published(place.store, tmp_path / "next", clock(), version=NEXT)
    assert versions(place.phone) == versions(place.trial) == {"coba": NEXT}


def test_a_newer_publication_takes_the_drafts_place_on_draft_desks(
    place: Place, clock: Clock, tmp_path: Path
) -> None:
    small.published(place.store, tmp_path / "next", clock(), draft=True, version=NEXT)
    small.published(place.store, tmp_path / "third", clock(), version="2026112103")
    assert versions(place.trial) == {"coba": "2026112103"}


def test_a_trial_never_takes_the_place_of_what_it_says_it_edits(place: Place) -> None:
    reals = []
    for trial_first in (False, True):
        real, trial = (f"uuid:0000000{n + 2 * trial_first}-0000-4000-8000-000000000000" for n in (1, 2))
        edit = small.xml({"age": "40"}, identity=trial).replace(
            b"<meta>", f"<meta><deprecatedID>{real}</deprecatedID>".encode()
        )
        posts = [(place.phone, small.xml({"age": "3"}, identity=real)), (place.trial, edit)]
        for phone, xml in reversed(posts) if trial_first else posts:
            assert phone.submit(xml).status == 201
        reals.append(real)
    assert [s["instance_id"] for s in submissions.listing()] == reals
    assert [a.gone_at for a in Alert.select()] == [None, None]


def test_what_a_trial_desk_sent_counts_once_an_ordinary_desk_sends_the_same(place: Place) -> None:
    record = small.xml({"age": "3"})
    files = {"foto.jpg": b"unasked"}
    assert place.trial.submit(record, files).status == 201
    came, number = Submission.get().received_at, Submission.get().id
    assert place.trial.submit(record).status == 201
    assert Submission.get().received_at == came, "a trial takes no trial's place"
    assert Alert.select().count() == 0
    assert place.phone.submit(record).status == 201
    assert [(s["state"], a.owed) for s in submissions.listing() for a in Alert.select()] == [
        ("received", True)
    ]
    assert place.trial.submit(record).status == 201  # and is no trial again
    assert Submission.get().draft is False
    assert Submission.get().id > number, "who reads on from the last number there was comes by it"
    assert [f.filename for f in Attachment.select()] == ["foto.jpg"]


def test_a_closed_form_leaves_the_phones_but_what_was_filled_in_still_arrives(
    place: Place, clock: Clock, library: dict[str, Form]
) -> None:
    publish_library(place.store, library)
    engine = Engine()
    told = next(i for i in interviews(engine.today()) if i.name == "broker without a letter")
    filled = engine.open(library["berangkat"].xform, library_lists()).fill(told.answers).xml
    place.phone.sync()
    listed = next(f for f in place.phone.form_list() if f.form_id == "berangkat")

    assert command(place.home, "forms", "close", "berangkat")["state"] == "closed"
    assert "berangkat" not in place.phone.sync()
    assert place.phone.decisions["berangkat"] == "Deleted"
    with pytest.raises(CollectError):
        place.phone.download_form(listed)
    assert place.phone.submit(again(filled)).status == 201
    assert Case.select().count() == 1

    publish_library(place.store, library)  # the same again, as an upgrade does: it stays closed
    assert "berangkat" not in place.phone.sync()
    assert command(place.home, "forms", "open", "berangkat")["state"] == "open"
    assert "berangkat" in place.phone.sync()


def test_with_the_last_form_closed_phones_keep_what_they_have(place: Place) -> None:
    place.phone.sync()
    command(place.home, "forms", "close", "coba")
    with pytest.raises(CollectError):
        place.phone.sync()
    assert set(place.phone.forms) == {"coba"}

    # and where it holds what arrives, every worker knows as soon as the command says so
    assert place.phone.submit(small.xml({"age": "3"})).status == 201
    assert command(place.home, "forms", "close", "coba", "--hold")["state"] == "holding"
    told = [place.phone.submit(small.xml({"age": "3"})) for _ in range(4)]
    assert [answer.status for answer in told] == [201] * 4
    assert all("Formulir ini sudah ditutup" in answer.message for answer in told), "so that nobody uses it on"
    assert all("belum dinilai" in answer.message for answer in told)
    assert [f["state"] for f in command(place.home, "forms", "list")] == ["holding"]
    assert (Submission.select().count(), quarantine.waiting(reason="form.closed")) == (1, 4)
    assert command(place.home, "forms", "open", "coba") == {"form_id": "coba", "state": "open", "held": 4}


def test_a_draft_that_nobody_used_may_be_replaced_and_a_used_one_not(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    small.published(store, tmp_path / "draft", clock(), draft=True)
    other = small.SURVEY.replace("Umur ", "Usia ")
    intake, trial = Intake(store, clock), small.desk(store, clock(), draft=True)

    def draft(survey: str) -> None:
        small.published(store, tmp_path / "draft", clock(), draft=True, survey=survey)

    shelf = Shelf()  # of a process that has looked at the former one
    former = shelf.form("coba", small.VERSION)
    shelf.lists(clock(), clock())
    draft(other)
    clock.at += timedelta(seconds=2)
    shelf.lists(clock(), clock())
    newer = shelf.form("coba", small.VERSION)
    assert former is not None
    assert newer is not None
    assert former.form.hash != newer.form.hash
    small.send(store, intake, trial, small.xml({"age": "3"}))
    draft(other)
    with pytest.raises(Problem) as refused:
        draft(small.SURVEY)
    assert refused.value.kind.code == "form.version_taken"


def test_marks_that_no_phone_sees_count_as_content_too(store: Store, clock: Clock, tmp_path: Path) -> None:
    """Else a question that is marked as a secret at last would stay open, and nobody would hear of it."""
    marked = small.SURVEY.replace("| health |", "| violence |")
    small.published(store, tmp_path / "first", clock(), draft=True)
    shelf = Shelf()
    shelf.form("coba", small.VERSION)
    shelf.lists(clock(), clock())

    small.published(store, tmp_path / "first", clock(), survey=marked)
    clock.at += timedelta(seconds=2)
    shelf.lists(clock(), clock())
    judged_by = shelf.form("coba", small.VERSION)
    assert judged_by is not None
    assert judged_by.form.sensitive == {"/coba/g/note": "violence"}

    small.published(store, tmp_path / "first", clock(), survey=marked)  # exactly this is there
    with pytest.raises(Problem) as refused:
        small.published(store, tmp_path / "first", clock())
    assert refused.value.kind.code == "form.version_taken"


def test_a_draft_does_not_change_the_lists_that_submissions_are_judged_by(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    small.published(store, tmp_path / "first", clock())
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "fee.csv").write_bytes(small.FEES_BANNED)
    small.published(store, tmp_path / "next", clock(), draft=True, version=NEXT)
    assert published.newest_lists()["fee.csv"].content == small.FEES


def test_submissions_arrive_while_a_form_is_checked_and_compiled(
    store: Store, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.published(store, tmp_path / "first", clock())
    intake, sender = Intake(store, clock), small.desk(store, clock())
    arrived = threading.Event()

    def submit() -> None:
        small.send(store, intake, sender, small.xml({"age": "30"}))
        store.release()
        arrived.set()

    def slowly(*args: object, **kwargs: object) -> Inspection:
        thread = threading.Thread(target=submit)
        thread.start()
        assert arrived.wait(20), "the submission waits for the publishing"
        thread.join()
        return inspect_workbook(small.book(tmp_path / "next", version=NEXT), validate=False)

    monkeypatch.setattr(server.publishing, "inspect_workbook", slowly)
    workbook = small.book(tmp_path / "next", version=NEXT)
    server.publishing.publish(store, workbook, None, clock())
    assert submissions.count("coba") == 1
    assert [f.version for f in published.current_forms()] == [NEXT]
