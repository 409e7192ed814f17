"""What a phone sends to the running server, on both engines. Numbers are those of the notes on Collect."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from forms.problems import Problem, Problems
from server.intake.register import register_row
from server.openrosa.memory import Memory
from server.openrosa.multipart_body import receive
from server.store import cases, submissions
from server.store.database import Store
from server.store.files import Files
from server.store.models import Alert, Attachment, Case, Quarantine, Register, Submission
from server.store.readers import Readers
from server.store.room import Room
from tests.openrosa.asking import multipart, raw
from tests.openrosa.conftest import Running, again, instance_id
from tests.server_process import command


def test_the_same_submission_twice_is_one(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    phone = running.phone()
    xml = again(filled["broker without a letter"])
    assert phone.submit(xml).status == 201
    assert phone.submit(xml).status == 201
    assert Submission.select().count() == Case.select().count() == Register.select().count() == 1


def test_two_copies_at_the_same_moment_are_one_and_both_201(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    xml = again(filled["broker without a letter"])
    first, second = running.phone().submit_twice(xml)
    assert first.status == second.status == 201
    assert Submission.select().count() == Case.select().count() == 1


def test_a_post_cut_in_its_last_bytes_is_refused_and_stores_nothing(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    phone = running.phone()
    xml = again(filled["clean departure"])
    for missing in (1, 5, 40, 2000):
        outcome = phone.submit_cut_off(xml, {"foto.jpg": b"\xff\xd8" * 600}, missing=missing)
        assert outcome is None or not outcome.sent
    assert Quarantine.select().count() == 0
    # whole posts of half a record: refused, and staff have what came
    refused = phone.submit(xml[:-1])
    assert not refused.sent
    assert "Datanya masih ada di HP: jangan dihapus" in refused.message
    assert not phone.submit(xml[: len(xml) // 2]).sent
    assert Submission.select().count() == 0
    assert [q.reason for q in Quarantine.select()] == ["xml.unreadable"] * 2
    assert not list((published.home / "staging").iterdir())
    assert phone.submit(xml).sent


def test_the_xml_is_kept_byte_for_byte_and_the_answers_are_typed(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    xml = again(filled["clean departure"])
    running.phone().submit(xml)
    assert submissions.xml_of("berangkat", instance_id(xml), published) == xml
    answers = submissions.show(instance_id(xml), published)["answers"]
    assert answers["loc"]["village"] == "35.07.01.2001"
    assert isinstance(answers["famg"]["child_u5"], int)
    assert isinstance(answers["docg"]["docs"], list)


def test_nothing_personal_lies_readable_in_the_database(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    xml = again(filled["clean departure"])
    running.phone().submit(xml)
    row = Submission.get()
    answers = submissions.show(instance_id(xml), published)["answers"]
    secrets = [answers["idg"][name] for name in ("full_name", "nik", "phone", "birth_date")]
    readable = (
        repr((row.answers, row.verdict, row.indicators)) + repr(bytes(row.xml)) + repr(bytes(row.sealed))
    )
    for secret in secrets:
        assert secret
        assert secret not in readable
    assert not any(secret in running.server.logged() for secret in secrets)


def test_a_risk_opens_a_case_with_its_alerts_owed(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    running.phone().submit(again(filled["broker without a letter"]))
    listed = cases.listing()
    assert [(a["ref"][:9], a["indicator"], a["state"]) for a in listed] == [("R-350701-", "D08", "open")]
    assert Alert.get().owed


def test_a_clean_departure_opens_no_case(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    running.phone().submit(again(filled["clean departure"]))
    assert Case.select().count() == 0


def test_attachments_come_in_several_posts_in_any_order_and_late(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    phone = running.phone()
    xml = again(filled["clean departure"])
    for name in ("b.jpg", "a.jpg"):
        assert phone.submit(xml, {name: name.encode() * 2000}).sent
    kept = {a.filename: a.size for a in Attachment.select()}
    assert kept == {"a.jpg": 10_000, "b.jpg": 10_000}
    assert Submission.select().count() == 1


def test_file_names_with_paths_and_letters_of_all_kinds_are_kept_safely(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    names = {
        "foto kartu é 写真.jpg": "foto kartu é 写真.jpg",
        "../../etc/passwd": "passwd",
        'a"b.jpg': 'a"b.jpg',
    }
    xml = again(filled["clean departure"])
    for sent in names:
        assert running.phone().submit(xml, {sent: b"x"}).sent
    assert {a.filename for a in Attachment.select()} == set(names.values())


@pytest.mark.parametrize("how", ["token", "digest"])
def test_slashes_that_somebody_typed_after_the_address_do_not_matter(
    running: Running, filled: dict[str, bytes], how: str
) -> None:
    phone = running.phone() if how == "token" else running.digest_phone()
    phone.server_url += "///"  # /formList comes without them, /submission loses only one (2.1, 5.1)
    assert len(phone.form_list()) > 1
    assert phone.submit(again(filled["clean departure"])).sent


def test_head_of_submission_is_204_with_the_length_to_stay_under(running: Running) -> None:
    answer = raw(running.url, "HEAD", "/submission")
    assert (answer.status, answer.read()) == (204, b"")
    assert int(answer.headers["X-OpenRosa-Accept-Content-Length"]) >= 10_000_000
    assert answer.headers["X-OpenRosa-Version"] == "1.0"


@pytest.mark.parametrize(
    ("what", "parts", "status"),
    [
        ("no XML part", [("foto.jpg", "foto.jpg", b"x")], 400),
        ("text for XML", [("xml_submission_file", "a.xml", b"halo")], 400),
        ("no form id", [("xml_submission_file", "a.xml", b"<data/>")], 400),
        (
            "an entity",
            [("xml_submission_file", "a.xml", b'<!DOCTYPE d [<!ENTITY a "b">]><d id="berangkat">&a;</d>')],
            400,
        ),
        (
            "a file of the server's",
            [
                (
                    "xml_submission_file",
                    "a.xml",
                    b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><d id="berangkat"/>',
                )
            ],
            400,
        ),
        (
            "depth",
            [("xml_submission_file", "a.xml", b'<d id="x">' + b"<a>" * 5000 + b"</a>" * 5000 + b"</d>")],
            400,
        ),
        ("NUL", [("xml_submission_file", "a.xml", b'<d id="x">\x00</d>')], 400),
        ("two XML parts", [("xml_submission_file", "a.xml", b'<d id="x"/>')] * 2, 400),
        (
            "parts without an end",
            [("xml_submission_file", "a.xml", b'<d id="x"/>'), *[("a", None, b"")] * 2_000],
            400,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_refused_in_openrosa_words_and_is_no_submission(
    running: Running, published: Store, what: str, parts: list[tuple[str, str | None, bytes]], status: int
) -> None:
    headers, body = multipart(*parts)
    answer = raw(running.url, "POST", "/submission", headers, body)
    text = answer.read().decode()
    assert answer.status == status, what
    assert "OpenRosaResponse" in text
    assert answer.headers["X-OpenRosa-Version"] == "1.0"
    assert "passwd" not in text
    assert Submission.select().count() == 0
    # what came whole is kept for staff to look at
    assert Quarantine.select().count() == (
        what not in ("no XML part", "two XML parts", "parts without an end")
    )


@pytest.mark.parametrize(
    "content_type", ["text/xml", "multipart/form-data", "multipart/form-data; boundary=", ""]
)
def test_a_body_that_is_no_multipart_is_refused(running: Running, content_type: str) -> None:
    answer = raw(running.url, "POST", "/submission", {"Content-Type": content_type}, b"<d id='x'/>")
    assert answer.status == 400
    assert b"OpenRosaResponse" in answer.read()
    path = f"/desk/{'a' * 48}/submission"
    stranger = raw(running.server.url, "POST", path, {"Content-Type": content_type}, b"<d id='x'/>")
    assert stranger.status == 401, "who is unknown hears that, whatever they sent"


def test_other_answers_under_a_known_id_and_unknown_forms_are_held_for_staff_and_leave_the_phone(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    phone = running.phone()
    xml = again(filled["clean departure"])
    assert phone.submit(xml).sent
    changed = xml.replace(b"35.07.01.2001", b"35.07.01.2002")
    unknown = again(filled["clean departure"]).replace(b'id="berangkat"', b'id="entah"')
    for held in (changed, changed, unknown):
        assert phone.submit(held).status == 201
    assert Submission.select().count() == 1
    listed = command(running.server.home, "submissions", "quarantine")
    assert [q["reason"] for q in listed] == ["submission.other_bytes", "form.unknown"]
    assert submissions.xml_of("berangkat", instance_id(xml), published) == xml


@pytest.fixture
def failing_register(published: Store) -> Iterator[None]:
    """A database that refuses register rows, as a fault that nobody foresaw would."""
    if published.sqlite:
        published.db.execute_sql(
            "create trigger broken before insert on register begin select raise(abort, 'Sulastri'); end"
        )
        yield
        published.db.execute_sql("drop trigger broken")
        return
    published.db.execute_sql(
        "create function broken() returns trigger language plpgsql as $$begin raise 'Sulastri'; end$$"
    )
    published.db.execute_sql(
        "create trigger broken before insert on register for each row execute function broken()"
    )
    yield
    published.db.execute_sql("drop function broken cascade")


def test_a_fault_of_ours_leaves_the_phone_and_is_held_for_staff(
    running: Running, filled: dict[str, bytes], published: Store, failing_register: None
) -> None:
    xml = again(filled["broker without a letter"])
    assert running.phone().submit(xml).status == 201
    assert Submission.select().count() == Case.select().count() == 0
    held = [(q.reason, q.form_id, q.instance_id) for q in Quarantine.select()]
    assert held == [("intake.fault", "berangkat", instance_id(xml))]
    assert "Sulastri" not in running.server.logged()


def test_endless_identities_and_odd_values_are_kept_all_the_same(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    endless = b"uuid:" + b"x" * 100_000
    before, _, rest = filled["clean departure"].partition(b"<instanceID>")
    xml = before + b"<instanceID>" + endless + rest[rest.index(b"</instanceID>") :]
    xml = xml.replace(b"<sex>f</sex>", b"<sex>perempuan</sex>").replace(
        b"<sex>m</sex>", b"<sex>laki-laki</sex>"
    )
    for _ in range(2):
        assert running.phone().submit(xml).status == 201
    assert Submission.select().count() == 1
    assert Quarantine.select().count() == 0
    assert len(Register.get().sex) > 1
    elsewhere = again(filled["clean departure"]).replace(b"35.07.01.2001", b"35.07.01.2999")
    assert running.phone().submit(elsewhere).status == 201
    villages = {s.village for s in Submission.select()}
    assert villages == {"35.07.01.2001"}, "a village that does not exist is where nobody looks"


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_register_row_finds_a_number_however_it_is_written_and_holds_no_typing_slip(
    published: Store,
) -> None:
    def row(phone: str, unpaid: object) -> dict[str, Any]:
        found = register_row(
            "pulang", {"idg": {"phone": phone}, "workg": {"unpaid_amt": unpaid}}, published.keys
        )
        assert found is not None
        return found

    written = ("081200000001", "+62 812-0000-0001", "6281200000001")
    assert len({row(phone, 1)["phone_key"] for phone in written}) == 1
    assert row("081200000002", 1)["phone_key"] != row(written[0], 1)["phone_key"]
    assert [row("", n)["cost_idr"] for n in (10**15 - 1, 10**15, "banyak")] == [10**15 - 1, None, None]


def test_files_of_somebody_unknown_are_not_kept(running: Running, published: Store) -> None:
    headers, body = multipart(
        ("xml_submission_file", "a.xml", b'<d id="x"/>'), *[(f"{n}.jpg", f"{n}.jpg", b"x") for n in range(20)]
    )
    before = len(list((published.home / "attachments").rglob("*")))
    answer = raw(running.server.url, "POST", f"/desk/{'a' * 48}/submission", headers, body)
    assert answer.status == 401
    assert len(list((published.home / "attachments").rglob("*"))) == before
    assert not list((published.home / "staging").iterdir())


@pytest.mark.parametrize(
    ("length", "piece"), [("Content-Length: 99000000", ""), ("Transfer-Encoding: chunked", "1E8480\r\n")]
)
def test_nobody_unknown_sends_megabytes_even_of_what_is_no_file(
    running: Running, length: str, piece: str
) -> None:
    parts = urlsplit(running.server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as stranger:
        stranger.sendall(
            f"POST /desk/{'a' * 48}/submission HTTP/1.1\r\nHost: {parts.netloc}\r\n{length}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\n\r\n{piece}"
            '--x\r\nContent-Disposition: form-data; name="catatan"\r\n\r\n'.encode()
        )
        stranger.sendall(b"x" * 2_000_000)
        assert stranger.recv(100).startswith(b"HTTP/1.1 401")


def test_who_sends_is_asked_before_a_file_touches_the_disk(published: Store) -> None:
    files, readers = Files(published.home, published.keys), Readers(published, threads=1)

    async def body() -> AsyncIterator[bytes]:
        yield (
            b'--x\r\nContent-Disposition: form-data; name="a.jpg"; filename="a.jpg"\r\n\r\n' + b"x" * 300_000
        )
        pytest.fail("went on reading from a stranger")

    async def refuse() -> Room:
        assert not list((published.home / "staging").iterdir())
        raise Problem(Problems.UNAUTHENTICATED)

    kind = "multipart/form-data; boundary=x"
    with pytest.raises(Problem) as refused:
        asyncio.run(receive(body(), kind, None, files, readers, Memory(), room=None, ask_room=refuse))
    assert refused.value.problem is Problems.UNAUTHENTICATED
    readers.close()


def test_an_odd_device_id_and_an_endless_kind_of_file_do_not_matter(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    headers, body = multipart(
        ("xml_submission_file", "a.xml", again(filled["clean departure"])), ("a.jpg", "a.jpg", b"x")
    )
    kind = "image/\x01" + "j" * 300
    body = body.replace(b'filename="a.jpg"', f'filename="a.jpg"\r\nContent-Type: {kind}'.encode())
    assert raw(running.url, "POST", "/submission?deviceID=a%00b%0A", headers, body).status == 201
    assert Submission.get().device_id == "ab"
    assert Attachment.get().content_type == ("image/" + "j" * 300)[:255]


def test_200_phones_that_upload_slowly_do_not_keep_another_waiting(
    running: Running, filled: dict[str, bytes]
) -> None:
    parts = urlsplit(running.url)
    slow = []
    for _ in range(200):
        line = socket.create_connection((parts.hostname, parts.port), timeout=30)
        line.sendall(
            f"POST {parts.path}/submission HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 100000\r\n"
            "Content-Type: multipart/form-data; boundary=xyz\r\n\r\n--xyz\r\n".encode()
        )
        slow.append(line)
    try:
        assert running.phone().submit(again(filled["clean departure"])).status == 201
    finally:
        for line in slow:
            line.close()
