"""Files that there is no room for: the answers are taken all the same, the phone keeps the files, staff are told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from forms.problems import Problem, Problems
from server.intake.intake import Intake
from server.intake.upload import Upload
from server.store import attachments, cases, desks, quarantine, room, submissions
from server.store.attachments import NewFile
from server.store.database import Store
from server.store.desks import KnownDesk
from server.store.models import Attachment, Case, Counter, Quarantine, Submission
from server.store.room import Bounds
from tests.conftest import Clock, Home
from tests.figures import figures
from tests.openrosa.conftest import Running, again, instance_id, with_photos
from tests.openrosa.robustness.test_killed import nothing_lies_about
from tests.phone.collect import Collect
from tests.server_process import Server

ONE_ENGINE = pytest.mark.parametrize("home", ["sqlite"], indirect=True)
PHOTO = b"\xff\xd8" * 200_000  # 400 kB


def serving(home: Home, **settings: int) -> Server:
    named = {f"POSMIGRAN_{name.upper()}": str(value) for name, value in settings.items()}
    return Server(home, "--workers", "1", "--no-sync", extra=named)


@pytest.fixture
def narrow(running: Running, home: Home) -> Iterator[Collect]:
    """A phone of the desk, at a server with narrow bounds on the same home."""
    bounds = {"submission_files": 3, "submission_bytes": 1_000_000, "desk_bytes": 2_000_000}
    with serving(home, **bounds, disk_reserve=0) as server:
        yield Collect(f"{server.url}/desk/{running.credentials.token}")


@pytest.fixture
def no_room(running: Running, home: Home) -> Iterator[Collect]:
    """The same where the disk has less free than its reserve."""
    with serving(home, disk_reserve=10**17) as server:
        yield Collect(f"{server.url}/desk/{running.credentials.token}")


def sizes(xml: bytes) -> dict[str, int | None]:
    return {file.filename: file.size for file in attachments.of_instance(instance_id(xml)).files}


def addresses(store: Store) -> set[str]:
    return {path.name for path in (store.home / "attachments").rglob("*") if path.is_file()}


@ONE_ENGINE
def test_below_the_reserve_answers_get_in_with_their_alerts_and_files_come_later(
    running: Running, published: Store, filled: dict[str, bytes], no_room: Collect
) -> None:
    xml = again(filled["broker without a letter"])
    result = no_room.submit(xml, {"foto.jpg": PHOTO})
    assert (result.sent, result.status) == (False, 507)
    assert "Jawaban sudah disimpan" in (result.message or "")
    assert [(a["indicator"], a["submission"]) for a in cases.listing()] == [("D08", instance_id(xml))]
    assert "belum dinilai" not in result.message
    assert no_room.submit(again(xml)).sent  # no files: nothing to refuse
    held = no_room.submit(b'<d id="entah"/>', {"foto.jpg": PHOTO})
    assert (held.status, "belum dinilai" in held.message) == (507, True), "nobody has judged these answers"
    assert Attachment.select().count() == 0
    nothing_lies_about(published)
    url = no_room.server_url.partition("/desk/")[0]
    assert figures(url)['posmigran_files_refused{reason="files.no_room"}'] == 1
    # there is room again, and the phone tries again
    assert running.phone().submit(xml, {"foto.jpg": PHOTO}).sent
    assert sizes(xml) == {"foto.jpg": len(PHOTO)}
    assert Case.select().count() == 2


@ONE_ENGINE
def test_what_is_beyond_the_bounds_of_a_submission_or_a_desk_is_left_on_the_phone(
    published: Store, photos: str, narrow: Collect
) -> None:
    earlier = addresses(published)  # left by former tests, whose rows are gone
    xml = with_photos(photos, face="1.jpg", wound="2.jpg")
    too_large = narrow.submit(xml, {"1.jpg": PHOTO * 3, "2.jpg": PHOTO})
    assert (too_large.status, too_large.sent) == (413, False)
    assert sizes(xml) == {"1.jpg": None, "2.jpg": len(PHOTO)}
    assert submissions.listing()[0]["state"] == "attachments missing"
    for _ in range(6):  # it sends all of it again each time, and takes no more room by that
        assert narrow.submit(xml, {"2.jpg": PHOTO}).sent
    assert narrow.submit(xml, {"3.jpg": PHOTO * 2}).status == 413, "too much beside what is there"
    assert narrow.submit(xml, {"2.jpg": b"others", "3.jpg": b"c"}).sent
    assert narrow.submit(xml, {"4.jpg": b"d"}).status == 413
    assert len(sizes(xml)) == 4  # of them one has not come
    for _ in range(3):
        assert narrow.submit(with_photos(photos, face="1.jpg"), {"1.jpg": PHOTO}).sent
    full = [with_photos(photos, face="1.jpg"), b'<d id="entah"/>', b"<cut"]
    answered = [narrow.submit(one, {"1.jpg": PHOTO * 2, "2.jpg": b"x"}).status for one in full]
    assert answered == [507, 507, 400]
    assert sizes(full[0]) == {"1.jpg": None, "2.jpg": 1}
    several = {f"{n}.jpg": b"%d" % n for n in range(2, 6)}
    assert narrow.submit(full[1], several).status == 413, "what is held has the same bounds"
    assert sorted(len(held.files) for held in quarantine.entries()) == [1, 3]
    held = {f["sha256"] for entry in Quarantine.select() for f in entry.files}
    named = {a.sha256 for a in Attachment.select() if a.sha256 is not None} | held
    assert named <= addresses(published)
    assert addresses(published) - earlier <= named
    assert list((published.home / "staging").iterdir()) == []
    [desk] = room.refused(datetime.now(UTC))
    assert desk.reasons == ("desk.full", "files.too_many")


@ONE_ENGINE
def test_a_desk_that_sends_no_end_of_answers_is_stopped_and_others_are_not(
    running: Running, published: Store, clock: Clock, photos: str
) -> None:
    intake = Intake(published, clock, Bounds(files=10, submission_bytes=10_000, desk_bytes=40_000_000))
    with published.transaction():
        other, _ = desks.add("35.07.01.2002", None, published.keys, clock())
    mine = desks.by_username(running.desk)
    assert mine is not None
    theirs = desks.by_id(other.id)
    assert theirs is not None

    def send(desk: KnownDesk, size: int) -> str:
        with published.transaction():
            return intake.receive(Upload(with_photos(photos, note="x" * size), desk, None)).state

    same = Upload(with_photos(photos, note="x" * 999_000), mine, None)
    states = []
    for _ in range(9):  # a phone with many photos sends its answers again with each post
        with published.transaction():
            states.append(intake.receive(same).state)
    assert states == ["new", *["known"] * 8]
    assert [send(mine, 999_000) for _ in range(3)] == ["new"] * 3  # counted two at a time
    with pytest.raises(Problem) as full:
        send(mine, 3_000_000)
    assert full.value.problem is Problems.DESK_FULL_ANSWERS
    assert send(theirs, 3_000_000) == "new"
    assert Submission.select().count() == 5
    assert room.left(mine.id, Bounds(10, 10**9, 40_000_000)).size == 40_000_000, (
        "files have a room of their own"
    )


def test_a_file_may_fill_the_bound_and_stays_where_another_of_its_content_is_named() -> None:
    bounds = Bounds(files=2, submission_bytes=1_000, desk_bytes=10_000)
    first, second = (NewFile(f"{n}.jpg", f"{n}" * 64, 500, "image/jpeg") for n in (1, 2))
    again_named = NewFile("3.jpg", second.sha256, 500, "image/jpeg")
    fitting = room.fit([first, second, again_named], [], None, bounds)
    assert (fitting.files, fitting.left_out) == ([first, second], (again_named,))
    assert fitting.unnamed == frozenset()
    assert room.fit([again_named], [first, second], None, bounds).unnamed == {second.sha256}


def test_a_desk_s_room_is_counted_from_what_came_before_anybody_counted(
    running: Running, published: Store, photos: str
) -> None:
    xml = with_photos(photos, face="1.jpg")
    assert running.phone().submit(xml, {"1.jpg": b"a" * 700}).sent
    assert running.phone().submit(b"<cut", {"1.jpg": b"a" * 200}).status == 400
    desk = desks.by_username(running.desk)
    assert desk is not None
    bounds = Bounds(files=10, submission_bytes=10_000, desk_bytes=1_000)
    # what came with the unreadable one counts with its four bytes once nobody has counted
    for counted, left in ((True, 100), (False, 96)):
        if not counted:
            Counter.delete().where(Counter.name == f"bytes:desk:{desk.id}").execute()
        assert room.left(desk.id, bounds).size == left
    with published.transaction():
        assert not room.take(desk.id, 97, bounds)
        assert room.take(desk.id, 96, bounds)
    assert room.left(desk.id, bounds).size == 0
    # of two requests at once each was told that there was room
    with published.transaction():
        fitting = room.fit([NewFile("2.jpg", "ab" * 32, 1, "image/jpeg")], [], desk.id, bounds)
    assert (fitting.files, fitting.problem and fitting.problem.problem) == ([], Problems.DESK_FULL)
    assert room.nearly_full(bounds) == [{"desk": running.desk, "bytes": 1_000}]
    assert room.nearly_full(Bounds(10, 10_000, 1_200)) == []
