"""Files that come with submissions: late, twice, in any order, never; under any name; never readable on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.store import attachments, submissions
from server.store.database import Store
from server.store.files import Files
from server.store.models import Attachment, Event, Submission
from tests.figures import figures
from tests.openrosa.conftest import PHOTO_FORM, Running, instance_id, with_photos
from tests.openrosa.robustness.requests import post
from tests.server_process import command

ODD_NAMES = (
    "foto kartu é 写真.jpg",
    "keluarga 👨‍👩‍👧.jpg",
    'a"b%.jpg',
    "x" * 296 + ".jpg",
    "写" * 300 + ".jpg",
    ".tersembunyi.jpg",
    "con.jpg",
)


def content(store: Store, of: str, name: str) -> bytes:
    (file,) = (f for f in attachments.of_instance(of).files if f.filename == name)
    assert file.address is not None
    return b"".join(Files(store.home, store.keys).read(file.address))


def state(of: str) -> tuple[int, int, str]:
    (line,) = (s for s in submissions.listing() if s["instance_id"] == of)
    return line["attachments"]["expected"], line["attachments"]["present"], line["state"]


def test_files_in_several_posts_late_and_twice_complete_a_submission(
    running: Running, published: Store, photos: str
) -> None:
    phone = running.phone()
    xml = with_photos(photos, face="1.jpg", wound="2.jpg")
    assert phone.submit(xml).sent
    assert state(instance_id(xml)) == (2, 0, "attachments missing")
    assert figures(running.server.url)['posmigran_attachments{state="missing"}'] == 2
    assert phone.submit(xml, {"2.jpg": b"old"}).sent
    assert state(instance_id(xml)) == (2, 1, "attachments missing")
    assert phone.submit(xml, {"audit.csv": b"event", "2.jpg": b"new"}).sent
    last = phone.submit(xml, {"1.jpg": b"face"})  # all that the phone shows of several posts
    assert (last.sent, last.message) == (True, "Data dan lampirannya sudah diterima.")
    assert phone.submit(xml).message == "Data ini sudah pernah diterima."
    assert state(instance_id(xml)) == (2, 2, "received")
    assert figures(running.server.url)['posmigran_attachments{state="missing"}'] == 0
    assert content(published, instance_id(xml), "2.jpg") == b"new"
    assert content(published, instance_id(xml), "audit.csv") == b"event"
    assert Submission.select().count() == 1


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)  # its statements hold the fewest values
def test_answers_that_name_endlessly_many_files_are_kept(
    running: Running, published: Store, photos: str
) -> None:
    named = b"".join(b"<face>%d.jpg</face>" % number for number in range(17_000))
    xml = with_photos(photos, face="1.jpg").replace(b"<face>1.jpg</face>", named)
    assert running.phone().submit(xml).sent
    assert state(instance_id(xml)) == (17_000, 0, "attachments missing")


def test_two_files_of_one_name_in_one_post_are_both_kept(
    running: Running, published: Store, photos: str
) -> None:
    xml = with_photos(photos, face="1.jpg")
    kind = b"Content-Type: image/\0jpeg\r\n"  # no database takes a NUL
    parts = [(b"xml_submission_file", b"", xml), (b"1.jpg", kind, b"first"), (b"a/1.jpg", kind, b"second")]
    head = b'--xyz\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n%s\r\n%s\r\n'
    body = b"".join(head % (name, name, extra, data) for name, extra, data in parts) + b"--xyz--\r\n"
    assert post(running.url, body, "multipart/form-data; boundary=xyz").status == 201
    files = {f.size: f for f in attachments.of_instance(instance_id(xml)).files}
    assert content(published, instance_id(xml), "1.jpg") == b"second"
    assert content(published, instance_id(xml), files[5].filename) == b"first"


def test_more_files_than_fit_one_post_come_in_batches_that_say_so(
    running: Running, published: Store, photos: str
) -> None:
    phone = running.phone()
    names = [f"{n}.jpg" for n in range(150)]
    xml = with_photos(photos, face=names[0])
    result = phone.submit(xml, {name: name.encode() for name in names})
    assert (result.sent, result.posts) == (True, 2)  # 101 at most in one
    assert {f.filename for f in attachments.of_instance(instance_id(xml)).files} == set(names)


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_a_file_is_given_back_under_its_own_name(
    running: Running, published: Store, photos: str, name: str
) -> None:
    xml = with_photos(photos, face=name)
    assert running.phone().submit(xml, {name: b"\xff\xd8"}).sent
    assert state(instance_id(xml)) == (1, 1, "received")
    assert content(published, instance_id(xml), name) == b"\xff\xd8"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\foto\\a.jpg", "a.jpg"),
        ("foto\x07\x1b.jpg", "foto.jpg"),
        ("foto\u202egpj.exe", "fotogpj.exe"),
        ("..", "tanpa-nama"),
    ],
    ids=ascii,
)
def test_a_dangerous_name_is_made_harmless_and_still_found(
    running: Running, published: Store, photos: str, sent: str, stored: str
) -> None:
    named = sent if sent.isprintable() else stored  # XML takes no control characters
    xml = with_photos(photos, face=named)
    assert running.phone().submit(xml, {sent: b"x"}).sent
    assert state(instance_id(xml)) == (1, 1, "received")
    assert content(published, instance_id(xml), stored) == b"x"


def test_endless_names_that_differ_at_their_end_stay_two_files(
    running: Running, published: Store, photos: str
) -> None:
    one, two = ("é" * 1500 + end for end in ("1.jpg", "2.jpg"))
    xml = with_photos(photos, face=one, wound=two)
    assert running.phone().submit(xml, {one: b"1", two: b"2"}).sent
    assert state(instance_id(xml)) == (2, 2, "received")
    names = [f.filename for f in attachments.of_instance(instance_id(xml)).files]
    assert all(name.endswith(".jpg") for name in names)


def test_no_byte_of_a_file_lies_readable_on_the_disk_and_equal_files_are_kept_once(
    running: Running, published: Store, photos: str
) -> None:
    secret = b"wajah seorang penyintas " * 20_000
    for _ in range(2):
        xml = with_photos(photos, face="1.jpg")
        assert running.phone().submit(xml, {"1.jpg": secret}).sent
    address = {a.sha256 for a in Attachment.select()}.pop()
    assert Attachment.select(Attachment.sha256).distinct().count() == 1
    on_disk = [p for p in (published.home / "attachments").rglob(f"*{address}*") if p.is_file()]
    assert len(on_disk) == 1
    assert secret[:24] not in on_disk[0].read_bytes()
    assert content(published, instance_id(xml), "1.jpg") == secret


@pytest.mark.parametrize("order", ["AB", "BA", "ABC", "CBA", "CAB", "BCA"])
def test_files_carry_over_to_edits_in_whatever_order_these_come(
    running: Running, published: Store, photos: str, order: str
) -> None:
    phone = running.phone()
    files = {"1.jpg": b"face", "2.jpg": b"wound"}
    first = with_photos(photos, face="1.jpg", wound="2.jpg")
    second = with_photos(photos, edits=instance_id(first), face="1.jpg", wound="2.jpg")
    third = with_photos(photos, edits=instance_id(second), face="1.jpg")
    posts = {"A": (first, files), "B": (second, {}), "C": (third, {})}
    for letter in order:
        assert phone.submit(*posts[letter]).sent
    newest = max(order)
    (line,) = submissions.listing()
    assert line["instance_id"] == instance_id(posts[newest][0])
    assert line["state"] == "edited"
    assert content(published, instance_id(posts[newest][0]), "1.jpg") == b"face"
    assert attachments.tally("35.07") == (0, 1), "former versions are not counted"


def test_a_late_file_of_the_original_reaches_its_edit_but_not_over_the_edit_s_own(
    running: Running, published: Store, photos: str
) -> None:
    phone = running.phone()
    first = with_photos(photos, face="1.jpg", wound="2.jpg")
    second = with_photos(photos, edits=instance_id(first), face="1.jpg", wound="2.jpg")
    assert phone.submit(first).sent
    assert phone.submit(second, {"2.jpg": b"taken again"}).sent
    assert attachments.missing() == 1, "what former versions lack is not counted"
    assert phone.submit(first, {"1.jpg": b"face", "2.jpg": b"old"}).sent
    assert content(published, instance_id(second), "1.jpg") == b"face"
    assert content(published, instance_id(second), "2.jpg") == b"taken again"
    assert content(published, instance_id(first), "2.jpg") == b"old"


def test_the_command_gives_files_back_and_it_is_on_record(
    running: Running, published: Store, photos: str, tmp_path: Path
) -> None:
    xml = with_photos(photos, face=ODD_NAMES[0], wound=ODD_NAMES[4], voice="belum.m4a")
    assert running.phone().submit(xml, {ODD_NAMES[0]: b"satu", ODD_NAMES[4]: b"dua", ".bashrc": b"x"}).sent
    listed = command(running.server.home, "submissions", "files", instance_id(xml), "-o", f"{tmp_path}/out")
    by_name = {f["filename"]: f for f in listed}
    assert by_name["belum.m4a"]["present"] is False
    assert by_name[ODD_NAMES[0]]["questions"] == ["/coba/g/face"]
    first, second = (Path(by_name[name]["file"]) for name in (ODD_NAMES[0], ODD_NAMES[4]))
    assert (first.name, first.read_bytes(), second.read_bytes()) == (ODD_NAMES[0], b"satu", b"dua")
    assert by_name[".bashrc"]["file"].endswith("/bashrc")
    opened = [e.actor for e in Event.select().where(Event.verb == "attachment.opened")]
    assert opened == ["operator"] * 3


def test_a_form_whose_id_holds_anything_goes_end_to_end(
    running: Running, published: Store, photos: str, tmp_path: Path
) -> None:
    for phone in (running.phone(), running.digest_phone()):
        forms = phone.sync()
        assert forms[PHOTO_FORM].listed.form_id == PHOTO_FORM
        assert phone.submit(with_photos(photos, face="1.jpg"), {"1.jpg": b"x"}).sent
    command(running.server.home, "export", PHOTO_FORM, "-o", f"{tmp_path}/out.xlsx")
    assert {s["form_id"] for s in submissions.listing(PHOTO_FORM)} == {PHOTO_FORM}
