"""What could not be taken is kept whole, and what staff decide has all its consequences, on both engines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

import posmigran
from forms.problems import Problem, Problems
from server.intake.intake import Intake
from server.intake.upload import Receipt
from server.store import attachments, cases, counters, events, files, officers, quarantine, submissions
from server.store.attachments import NewFile
from server.store.database import Store
from server.store.files import Files
from server.store.models import Alert, Attachment, Desk, PublishedForm, Quarantine, Submission
from server.store.officers import Person
from server.store.quarantine import Came, Held
from tests.conftest import Clock, Home
from tests.openrosa.conftest import Running, again, instance_id, with_photos
from tests.server_process import command, environment

NOTE = "versinya sudah terbit"


@pytest.fixture
def overseer(published: Store, clock: Clock) -> Person:
    return _officer(published, clock, "province", "35")


def _officer(store: Store, clock: Clock, role: str, area: str) -> Person:
    with store.transaction():
        return officers.add(f"Petugas {role} {area}", role, area, clock())[0]


@pytest.fixture
def release(published: Store, clock: Clock, overseer: Person) -> Callable[..., Receipt]:
    """Release an entry as the page and the command do."""
    intake = Intake(published, clock)

    def go(entry: Held, taken_as: str | None = None, by: Person = overseer, note: str = NOTE) -> Receipt:
        with published.transaction():
            return intake.release(entry, by, note, taken_as)

    return go


def only(person: Person | None = None) -> Held:
    [entry] = quarantine.entries(person)
    return entry


def other_version(xml: bytes, version: str) -> bytes:
    before, mark, rest = xml.partition(b' version="')
    assert mark
    return before + mark + version.encode() + rest[rest.index(b'"') :]


def publish_as(store: Store, form_id: str, version: str) -> None:
    """The form is published anew under this version, as staff do who had forgotten to."""
    with store.transaction():
        row = PublishedForm.get((PublishedForm.form_id == form_id) & PublishedForm.current)
        values = {**row.__data__, "version": version, "current": False}
        values.pop("id", None)
        if not PublishedForm.select().where(PublishedForm.version == version).exists():
            PublishedForm.insert(values).execute()
        counters.increment(counters.PUBLISHED)


def test_a_version_that_is_published_too_late_costs_no_alert(
    running: Running,
    filled: dict[str, bytes],
    published: Store,
    clock: Clock,
    release: Callable[..., Receipt],
) -> None:
    version = "3000010101" if published.sqlite else "3000010102"
    xml = other_version(again(filled["broker without a letter"]), version)
    assert running.phone().submit(xml, {"foto.jpg": b"\xff\xd8" * 900}).status == 201
    entry = only()
    assert (entry.reason, entry.desk, Submission.select().count()) == ("form.unknown", running.desk, 0)
    with pytest.raises(Problem, match="still cannot be taken"):
        release(entry)
    assert only().state == "held"
    publish_as(published, "berangkat", version)
    receipt = release(entry)
    [listed] = submissions.listing()
    assert (listed["instance_id"], listed["received_at"]) == (instance_id(xml), entry.received_at)
    assert [(a["ref"], a["indicator"]) for a in cases.listing()] == [(receipt.ref, "D08")]
    assert Alert.get().owed
    assert {a.filename: a.size for a in Attachment.select()} == {"foto.jpg": 1800}
    assert submissions.xml_of("berangkat", instance_id(xml), published) == xml
    assert quarantine.waiting() == 0
    assert running.phone().submit(xml).status == 201
    assert Submission.select().count() == 1


def test_two_who_release_at_the_same_time_take_it_in_once(
    running: Running, filled: dict[str, bytes], published: Store, release: Callable[..., Receipt]
) -> None:
    xml = again(filled["broker without a letter"])
    assert running.phone().submit(xml).sent
    assert running.phone().submit(xml.replace(b"35.07.01.2001", b"35.07.01.2002")).sent
    entry = only()
    release(entry, "new")
    with pytest.raises(Problem) as late:
        release(entry, "new")
    assert late.value.problem is Problems.QUARANTINE_DECIDED
    assert Submission.select().count() == 2


@pytest.mark.parametrize(("taken_as", "current", "alerts"), [("correction", 1, 0), ("new", 2, 1)])
def test_other_answers_under_a_known_id_become_a_correction_or_a_record_of_their_own(
    running: Running,
    filled: dict[str, bytes],
    published: Store,
    release: Callable[..., Receipt],
    taken_as: str,
    current: int,
    alerts: int,
) -> None:
    risky = again(filled["broker without a letter"])
    clean = again(filled["clean departure"])
    cloned = clean.replace(instance_id(clean).encode(), instance_id(risky).encode())
    for xml in (risky, cloned):
        assert running.phone().submit(xml).sent
    entry = only()
    with pytest.raises(Problem, match="still cannot be taken"):
        release(entry)
    release(entry, taken_as)
    assert len(submissions.listing()) == current
    assert Alert.select().where(Alert.gone_at.is_null()).count() == alerts
    assert submissions.xml_of("berangkat", instance_id(risky), published) == risky


def test_what_is_released_as_a_correction_may_bring_a_new_alert(
    running: Running, filled: dict[str, bytes], published: Store, release: Callable[..., Receipt]
) -> None:
    clean, risky = again(filled["clean departure"]), again(filled["broker without a letter"])
    for xml in (clean, risky.replace(instance_id(risky).encode(), instance_id(clean).encode())):
        assert running.phone().submit(xml).sent
    assert release(only(), "correction").ref is not None
    assert [a.indicator for a in Alert.select().where(Alert.owed)] == ["D08"]


def test_the_rest_of_the_files_follows_what_was_released_before_they_came(
    running: Running, filled: dict[str, bytes], published: Store, release: Callable[..., Receipt]
) -> None:
    first = again(filled["clean departure"])
    other = first.replace(b"35.07.01.2001", b"35.07.01.2002")
    phone = running.phone()
    assert phone.submit(first).sent
    assert phone.submit(other, {"a.jpg": b"a" * 500}).sent
    release(only(), "new")
    assert phone.submit(other, {"b.jpg": b"b" * 700}).sent
    kept = {(a.filename, a.size, a.submission.xml_hash) for a in Attachment.select()}
    digest = submissions.xml_hash(other)
    assert kept == {("a.jpg", 500, digest), ("b.jpg", 700, digest)}
    assert quarantine.waiting() == 0


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)  # SQLite has one writer
def test_a_file_that_comes_while_staff_decide_reaches_the_record(
    running: Running, filled: dict[str, bytes], published: Store, clock: Clock, overseer: Person, home: Home
) -> None:
    xml = again(filled["clean departure"])
    assert running.phone().submit(xml).sent
    other = xml.replace(b"35.07.01.2001", b"35.07.01.2002")
    assert running.phone().submit(other).sent
    entry, late = only(), NewFile("late.jpg", "ab" * 32, 4, "image/jpeg")
    came = Came("berangkat", entry.version, entry.instance_id, entry.desk_id, None, other, [late])

    def decide() -> None:
        try:
            with published.transaction():
                found = quarantine.require(entry.id)
                quarantine.link(found, instance_id(xml), overseer, NOTE, published, clock())
        finally:
            published.release()

    staff = threading.Thread(target=decide)
    with psycopg.connect(home.url, autocommit=True) as looking, published.transaction():
        quarantine.hold(entry.reason, came, published, clock())
        staff.start()
        while looking.execute("select count(*) from pg_locks where not granted").fetchone() == (0,):
            assert staff.is_alive()
    staff.join(20)
    assert [a.filename for a in Attachment.select()] == ["late.jpg"]

    # the other way round: it comes when the decision is made but not committed
    other = xml.replace(b"35.07.01.2001", b"35.07.01.2003")
    assert running.phone().submit(other).sent
    entry = only()
    came = replace(came, xml=other, files=[replace(late, filename="later.jpg")])

    def arrive() -> None:
        try:
            with published.transaction():
                quarantine.hold(entry.reason, came, published, clock())
        finally:
            published.release()

    phone = threading.Thread(target=arrive)
    with psycopg.connect(home.url, autocommit=True) as looking, published.transaction():
        quarantine.link(quarantine.require(entry.id), instance_id(xml), overseer, NOTE, published, clock())
        phone.start()
        while looking.execute("select count(*) from pg_locks where not granted").fetchone() == (0,):
            assert phone.is_alive()
    phone.join(20)
    assert sorted(a.filename for a in Attachment.select()) == ["late.jpg", "later.jpg"]


def test_a_broken_upload_is_linked_to_what_the_phone_sent_later_and_lends_it_its_files(
    running: Running, photos: str, published: Store, clock: Clock, overseer: Person
) -> None:
    xml = with_photos(photos, face="a.jpg", wound="b.jpg")
    assert running.phone().submit(xml[:-9], {"a.jpg": b"old", "b.jpg": b"bb"}).status == 400
    assert running.phone().submit(xml, {"a.jpg": b"new!"}).sent
    entry = only()
    assert entry.refused
    found = quarantine.candidates(entry, overseer)
    assert [c["instance_id"] for c in found] == [instance_id(xml)]
    with published.transaction():
        quarantine.link(entry, instance_id(xml), overseer, "dikirim ulang", published, clock())
    assert {a.filename: a.size for a in Attachment.select()} == {"a.jpg": 4, "b.jpg": 2}
    address = Attachment.get(Attachment.filename == "b.jpg").sha256
    assert b"".join(Files(published.home, published.keys).read(address)) == b"bb"
    with pytest.raises(Problem) as late, published.transaction():
        quarantine.discard(entry, overseer, NOTE, published, clock())
    assert late.value.problem is Problems.QUARANTINE_DECIDED


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_files_of_what_there_is_no_room_for_are_not_left_on_the_disk(
    running: Running, published: Store, clock: Clock
) -> None:
    before = len(list((published.home / "attachments").rglob("*/*")))
    with published.transaction():
        desk = Desk.get().id
        for number in range(quarantine.MOST_UNREADABLE):
            came = Came("", "", f"id{number}", desk, None, b"<%d" % number, [])
            quarantine.hold("xml.unreadable", came, published, clock())
    assert running.phone().submit(b"<cut", {"a.jpg": b"belongs to nothing"}).status == 400
    assert len(list((published.home / "attachments").rglob("*/*"))) == before
    assert not list((published.home / "staging").iterdir())


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_an_upload_is_linked_to_a_submission_of_its_own_form_in_the_overseer_s_area(
    running: Running, filled: dict[str, bytes], published: Store, clock: Clock
) -> None:
    """Its files go to that submission: those of another person must not, nor to where nobody sees what happens."""
    overseer = _officer(published, clock, "admin", "35.07.01")
    departure, home_again = again(filled["clean departure"]), again(filled["clean return"])
    elsewhere = again(filled["clean departure"]).replace(b"35.07.01.2001", b"35.07.13.2004")
    other_bytes = departure.replace(b"35.07.01.2001", b"35.07.01.2002")
    for xml in (departure, home_again, elsewhere, other_bytes):
        assert running.phone().submit(xml).sent
    entry = only(overseer)
    found = quarantine.candidates(entry, overseer)
    assert [c["instance_id"] for c in found] == [instance_id(departure)]
    for xml in (home_again, elsewhere):
        with pytest.raises(Problem) as refused, published.transaction():
            quarantine.link(entry, instance_id(xml), overseer, NOTE, published, clock())
        assert refused.value.problem is Problems.SUBMISSION_UNKNOWN
    assert only().state == "held"


def test_what_was_discarded_by_mistake_can_still_be_released(
    running: Running,
    filled: dict[str, bytes],
    published: Store,
    clock: Clock,
    overseer: Person,
    release: Callable[..., Receipt],
) -> None:
    xml = again(filled["clean departure"])
    assert running.phone().submit(xml).sent
    assert running.phone().submit(xml.replace(b"35.07.01.2001", b"35.07.01.2002")).sent
    entry = only()
    with published.transaction():
        quarantine.discard(entry, overseer, "kiriman percobaan", published, clock())
    assert quarantine.waiting() == 0
    release(quarantine.require(entry.id), "new")
    with pytest.raises(Problem) as final, published.transaction():
        quarantine.discard(entry, overseer, NOTE, published, clock())
    assert final.value.problem is Problems.QUARANTINE_DECIDED
    with pytest.raises(Problem) as final, published.transaction():
        quarantine.link(entry, instance_id(xml), overseer, NOTE, published, clock())
    assert final.value.problem is Problems.QUARANTINE_DECIDED
    decided = quarantine.entries(held=False)
    assert [(d.state, d.decided_by, quarantine.note_of(d, published)) for d in decided] == [
        ("released", overseer.slug, NOTE)
    ]
    assert [e["verb"] for e in events.of(f"quarantine:{entry.id}")] == [
        "quarantine.discarded",
        "quarantine.released",
    ]


def test_only_overseers_of_the_desk_s_area_know_of_an_upload(
    running: Running, filled: dict[str, bytes], published: Store, clock: Clock
) -> None:
    running.phone().submit(b"<cut")
    for role, area in (("province", "35"), ("admin", "ID"), ("province", "35.07"), ("admin", "35.07.01")):
        person = _officer(published, clock, role, area)
        assert quarantine.waiting(person) == len(quarantine.entries(person)) == 1
    for role, area in (("province", "36"), ("admin", "35.08"), ("admin", "35.07.02")):
        person = _officer(published, clock, role, area)
        assert quarantine.waiting(person) == len(quarantine.entries(person)) == 0
        with pytest.raises(Problem) as hidden:
            quarantine.require(only().id, person)
        assert hidden.value.problem is Problems.QUARANTINE_UNKNOWN
    for role in ("disnaker", "p4mi", "bp3mi", "ppa", "dinsos"):
        person = _officer(published, clock, role, "ID")
        assert quarantine.waiting(person) == 0
        with pytest.raises(Problem) as forbidden:
            quarantine.require(only().id, person)
        assert forbidden.value.problem is Problems.FORBIDDEN


def test_a_decision_needs_a_reason(
    running: Running, filled: dict[str, bytes], published: Store, release: Callable[..., Receipt]
) -> None:
    xml = again(filled["clean departure"])
    assert running.phone().submit(xml).sent
    assert running.phone().submit(xml.replace(b"35.07.01.2001", b"35.07.01.2002")).sent
    with pytest.raises(Problem, match="reason"):
        release(only(), "new", note="  ")
    assert (only().state, Submission.select().count()) == ("held", 1)


def test_a_retry_without_an_instance_id_is_no_new_record(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    whole = again(filled["clean departure"])
    nameless = whole.replace(f"<instanceID>{instance_id(whole)}</instanceID>".encode(), b"")
    for _ in range(2):
        assert running.phone().submit(nameless).status == 201
        assert running.phone().submit(nameless.replace(b'id="berangkat"', b'id="entah"')).status == 201
        assert running.phone().submit(nameless[:-4]).status == 400
    assert (Submission.select().count(), Quarantine.select().count()) == (1, 2)


def test_too_many_marks_for_ordinary_uploads_are_refused_kept_and_can_be_released(
    running: Running, filled: dict[str, bytes], published: Store, release: Callable[..., Receipt]
) -> None:
    xml = again(filled["clean departure"])
    notes = b"<extra>" + b"<a/>" * 50_100 + b"</extra></meta>"
    huge = xml.replace(b"</meta>", notes)
    assert running.phone().submit(huge).status == 400
    assert only().reason == "xml.too_big"
    release(only())
    assert [s["instance_id"] for s in submissions.listing()] == [instance_id(xml)]
    # the phone has been trying all the while: now it may let go of it
    assert running.phone().submit(huge).status == 201


def test_answers_too_large_to_be_read_leave_a_sealed_copy_that_staff_can_release(
    running: Running, filled: dict[str, bytes], published: Store, release: Callable[..., Receipt]
) -> None:
    xml = again(filled["clean departure"])
    huge = xml.replace(b"</meta>", b"<extra>" + b"x" * 6_000_000 + b"</extra></meta>")
    for _ in range(2):  # the phone tries again: no other entry
        assert running.phone().submit(huge, {"a.jpg": b"photo"}).status == 400
    entry = only()
    assert (entry.reason, entry.size, len(entry.files)) == ("xml.too_big", len(huge) + 5, 1)
    assert quarantine.xml_of(entry, published) == huge
    assert all(b"x" * 100 not in p.read_bytes() for p in (published.home / "attachments").rglob("*/*"))
    release(entry)
    assert submissions.xml_of("berangkat", instance_id(xml), published) == huge
    assert running.phone().submit(huge, {"a.jpg": b"photo"}).status == 201
    assert [f.filename for f in attachments.of_instance(instance_id(xml)).files] == ["a.jpg"]


def test_files_that_a_killed_process_left_are_settled_or_removed_by_the_next_sweep(
    published: Store, running: Running, filled: dict[str, bytes]
) -> None:
    assert running.phone().submit(again(filled["clean departure"]), {"a.jpg": b"named"}).sent
    sha256 = Attachment.get().sha256
    settled = published.home / "attachments" / sha256[:2] / sha256
    staging = published.home / "staging"
    settled.rename(staging / f"{'0' * 32}.{sha256}")  # committed, then killed before it moved
    assert b"".join(Files(published.home, published.keys).read(sha256)) == b"named"
    (staging / f"{'1' * 32}.{'f' * 64}").write_bytes(b"kept, and no row came")
    (staging / ("2" * 32)).write_bytes(b"half a file")
    living = Files(published.home, published.keys).stage()
    living.write(b"still arriving")
    assert Files(published.home, published.keys).sweep() == 3
    assert settled.exists()
    assert not (published.home / "attachments" / "ff" / ("f" * 64)).exists()
    assert len(_left(staging)) == 1  # the one that is still arriving
    living.keep()
    assert Files(published.home, published.keys).sweep() == 0
    assert len(_left(staging)) == 1
    living.drop()
    assert files.named([sha256, "f" * 64]) == {sha256}
    assert _left(staging) == []


def _left(staging: Path) -> list[Path]:
    return list(staging.iterdir())


@pytest.mark.parametrize(
    "home", ["sqlite"], indirect=True
)  # eight processes; the store's part is shown on both
def test_the_commands_show_release_link_and_discard(
    running: Running, filled: dict[str, bytes], published: Store, overseer: Person
) -> None:
    home = running.server.home
    xml = again(filled["clean departure"])
    assert running.phone().submit(xml).sent
    for village in (b"35.07.01.2002", b"35.07.01.2003"):
        assert running.phone().submit(xml.replace(b"35.07.01.2001", village)).sent
    for broken in (b"<cut", b"<cut too"):
        running.phone().submit(broken)
    said = ("--by", overseer.slug, "--reason", "dari uji")
    numbers = [q["id"] for q in command(home, "submissions", "quarantine", "--area", "35.07")]
    assert command(home, "submissions", "quarantine", "--area", "35.08") == []
    shown = command(home, "submissions", "quarantine", "--show", str(numbers[2]))
    assert (shown["xml"], shown["reason"], shown["note"]) == ("<cut", "xml.unreadable", "")
    release = ("submissions", "release", str(numbers[0]))
    unsaid = CliRunner().invoke(posmigran.app, [*release, *said], env=environment(home))
    assert (unsaid.exit_code, "say correction or new" in " ".join(unsaid.stderr.split())) == (2, True)
    [released] = command(home, *release, "--as", "new", *said)
    assert released["id"] == numbers[0]
    command(home, "submissions", "link", str(numbers[1]), instance_id(xml), *said)
    assert command(home, "submissions", "discard", *(str(n) for n in numbers[2:]), *said) == [
        {"id": number, "state": "discarded"} for number in numbers[2:]
    ]
    assert command(home, "submissions", "quarantine") == []
    decided = command(home, "submissions", "quarantine", "--decided")
    assert [q["state"] for q in decided] == ["released", "linked", "discarded", "discarded"]
    assert {q["decided_by"] for q in decided} == {overseer.slug}
