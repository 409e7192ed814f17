"""What phones find at ODK Central they find here: its behaviours one by one, by their numbers in our notes.

Those about the REST interface, web users and Enketo have no counterpart. Where we differ on purpose the row says so.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
from lxml import etree

from server.store import counters, submissions
from server.store.database import Store
from server.store.models import Attachment, PublishedForm, Quarantine, Submission
from tests.openrosa.asking import multipart, raw
from tests.openrosa.conftest import PHOTO_FORM, Running, again, instance_id, with_photos

pytestmark = pytest.mark.parametrize("home", ["sqlite"], indirect=True)

LIST = "{http://openrosa.org/xforms/xformsList}"
MANIFEST = "{http://openrosa.org/xforms/xformsManifest}"
OPENROSA = {"X-OpenRosa-Version": "1.0"}
XML = "xml_submission_file"


@dataclass(frozen=True)
class Row:
    """A request and what must come back. ``path`` may hold ``{form}``, the hash of a form with lists."""

    number: str
    path: str
    status: int
    says: str = ""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=lambda: OPENROSA)
    token: str | None = "desk"
    answer: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


ENVELOPE = {"Content-Type": "text/xml; charset=utf-8", "X-OpenRosa-Version": "1.0"}
ROWS = [
    Row("1, 71: not asked of the phone, which never leaves it out (COLLECT 10.25)", "/formList", 200, headers={}),
    Row("2", "/formList", 200, headers={"X-OpenRosa-Version": "2.0"}),
    Row("3", "/formList", 200, answer={**ENVELOPE, "Content-Language": "id"}),
    Row("4: a Date that no parser reads", "/formList", 200, headers={"Date": "Sab, 21 Nop 2026 01:00:00"}),
    Row("5", "/forms/{form}/manifest", 200, answer=ENVELOPE),
    Row("5", "/entities/pmi/integrity", 200, answer=ENVELOPE),
    Row("7, 9: errors have the headers too", "/formList", 401, token="b" * 48, answer=ENVELOPE, says='nature="error'),
    Row("9", "/forms/0/manifest", 404, answer=ENVELOPE, says="OpenRosaResponse"),
    Row("10: case counts", "/formlist", 404, answer=ENVELOPE),
    Row("10: no slash at the end", "/formList/", 404, answer=ENVELOPE),
    Row("10: wrong percent-encoding", "/forms/%zz.xml", 404, answer=ENVELOPE),
    Row("10: another method", "/formList", 405, method="DELETE", answer=ENVELOPE),
    Row("11", "/formList", 200, answer={"Cache-Control": "private, no-cache"}),
    Row("12", "/formList", 401, token=None, answer={"WWW-Authenticate": "Digest "}),
    Row("12", "/forms/{form}/manifest", 401, token=None, answer={"WWW-Authenticate": "Digest "}),
    Row("12", "/entities/pmi/integrity", 401, token=None, answer={"WWW-Authenticate": "Digest "}),
    Row("12", "/submission", 401, method="HEAD", token=None, answer={"WWW-Authenticate": "Digest "}),
    Row("12", "/submission", 401, method="POST", token=None, answer={"WWW-Authenticate": "Digest "}),
    Row("15: nothing to answer", "/formList", 401, token="b" * 64, answer={"WWW-Authenticate": ""}),
    Row("17: the token wins over what is sent along", "/formList", 200, headers={"Authorization": "Basic !!"}),
    Row("20", "/formList", 401, token=None, headers={"Authorization": "Bearer abc"}),
    Row("22", "/formList", 401, token=None, headers={"Authorization": "Basic YTpi", "X-Forwarded-Proto": "https"}),
    Row("23", "/formList", 401, token=None, headers={"Authorization": "Basic YQ==", "X-Forwarded-Proto": "https"}),
    Row("35", "/formList?formID=berangkat", 200, says="<formID>berangkat</formID>"),
    Row("41", "/formList?verbose=true&deviceID=collect%3Aabc", 200, says="<formID>pulang</formID>"),
    Row("43", "/forms/{form}.xml", 200, headers={}, says="<h:html"),
    Row("44", "/forms/" + "0" * 32 + ".xml", 404),
    Row("60", "/forms/{form}/media/entah.csv", 404),
    Row("61", "/forms/{form}/media/desa.csv", 200, answer={"Content-Type": "text/csv; charset=utf-8"}),
    Row("66", "/entities/entah/integrity", 404),
    Row("67, 68", "/entities/pmi/integrity?id=a%2Cb", 200, says="<data><entities></entities></data>"),
    Row("70", "/submission", 204, method="HEAD", answer={"X-OpenRosa-Version": "1.0"}),
    Row("70", "/submission", 204, answer={"X-OpenRosa-Accept-Content-Length": "100000000"}),
    Row("72: no multipart", "/submission", 400, "OpenRosaResponse", "POST", {"Content-Type": "text/xml"}, body=b"<a/>"),
    Row("74: no boundary", "/submission", 400, "OpenRosa", "POST", {"Content-Type": "multipart/form-data"}, body=b"x"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number} {row.method} {row.path}")
def test_a_request_is_answered_as_at_central(running: Running, row: Row) -> None:
    form = next(f for f in running.phone().form_list() if f.form_id == "berangkat")
    token = running.credentials.token if row.token == "desk" else row.token
    below = f"{running.server.url}/desk/{token}" if token else running.server.url
    answer = raw(below, row.method, row.path.format(form=form.hash), row.headers, row.body)
    text = answer.read().decode()
    assert answer.status == row.status
    assert row.says in text
    for name, value in row.answer.items():
        assert (answer.headers[name] or "").startswith(value) if value else name not in answer.headers
    assert parsedate_to_datetime(answer.headers["Date"])
    assert "X-Powered-By" not in answer.headers
    assert answer.headers.get("Vary") is None  # `*` and Authorization would end the phone's cache (2.21)
    if "xml" in answer.headers.get("Content-Type", "") and text:
        assert text.startswith(("<?xml", "<h:html"))
        etree.fromstring(text.encode())


def test_30_to_39_the_list_holds_the_fields_in_order_sorted_with_absolute_links(
    running: Running, photos: str
) -> None:
    listed = etree.fromstring(raw(running.url, headers=OPENROSA).read())
    assert listed.tag == f"{LIST}xforms"
    names = [form.findtext(f"{LIST}name") or "" for form in listed]
    assert names == sorted(names)
    for form in listed:
        tags = [child.tag.removeprefix(LIST) for child in form]
        assert tags[:5] == ["formID", "name", "version", "hash", "downloadUrl"]
        assert re.fullmatch(r"md5:[0-9a-f]{32}", form.findtext(f"{LIST}hash") or "")
        assert (form.findtext(f"{LIST}downloadUrl") or "").startswith(f"{running.url}/forms/")
        expects = form.findtext(f"{LIST}formID") != PHOTO_FORM
        assert (form.find(f"{LIST}manifestUrl") is not None) == expects  # 32
    ids = [form.findtext(f"{LIST}formID") for form in listed]
    assert PHOTO_FORM in ids  # 38, 39: escaped once
    only = etree.fromstring(raw(running.url, path="/formList?formID=entah").read())
    assert len(only) == 0  # 35: asked for one by name; Collect never does


def test_42_62_every_download_is_revalidated_and_head_is_answered(running: Running) -> None:
    form = next(f for f in running.phone().form_list() if f.form_id == "pulang")
    media = [f.name for f in running.phone().manifest(form)]
    paths = [
        "/formList",
        f"/forms/{form.hash}.xml",
        f"/forms/{form.hash}/manifest",
        "/entities/pmi/integrity",
    ]
    for path in [*paths, *(f"/forms/{form.hash}/media/{name}" for name in media)]:
        first = raw(running.url, path=path)
        tag = first.headers["ETag"]
        content = first.read()
        assert content
        assert "max-age" not in first.headers["Cache-Control"]
        for known in (tag, f"W/{tag}", f'"x", {tag}'):
            second = raw(running.url, path=path, headers={"If-None-Match": known})
            assert (second.status, second.read()) == (304, b"")
            assert second.headers["ETag"] == tag
        assert raw(running.url, path=path, headers={"If-None-Match": '"x"'}).read() == content
        head = raw(running.url, "HEAD", path)
        assert (head.status, head.read(), head.headers["ETag"]) == (200, b"", tag)


def test_50_54_a_manifest_names_what_there_is_and_a_form_without_files_has_an_empty_one(
    running: Running, photos: str
) -> None:
    listed = {f.form_id: f for f in running.phone().form_list()}
    empty = etree.fromstring(raw(running.url, path=f"/forms/{listed[PHOTO_FORM].hash}/manifest").read())
    assert (empty.tag, len(empty)) == (f"{MANIFEST}manifest", 0)
    full = etree.fromstring(raw(running.url, path=f"/forms/{listed['pulang'].hash}/manifest").read())
    kinds = {f.findtext(f"{MANIFEST}filename"): f.get("type") for f in full}
    assert kinds.pop("pmi.csv") == "entityList"
    assert set(kinds.values()) == {None}


def post(running: Running, *parts: tuple[str, str | None, bytes], query: str = "") -> tuple[int, str]:
    headers, body = multipart(*parts)
    answer = raw(running.url, "POST", f"/submission{query}", headers, body)
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert answer.headers["X-OpenRosa-Version"] == "1.0"
    message = etree.fromstring(answer.read()).find("{http://openrosa.org/http/response}message")
    assert message is not None
    assert message.get("nature") is not None
    return answer.status, message.text or ""


def test_6_75_to_77_83_84_a_submission_in_any_order_of_parts_is_kept_once_byte_for_byte(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    xml = again(filled["clean departure"])
    status, message = post(
        running, ("a.jpg", "b.jpg", b"x"), (XML, "f é.xml", xml), query="?deviceID=collect%3Aabc"
    )
    assert (status, bool(message)) == (201, True)
    assert post(running, (XML, "other name.xml", xml))[0] == 201
    assert submissions.xml_of("berangkat", instance_id(xml), published) == xml
    row = Submission.get()
    assert row.device_id == "collect:abc"
    assert [a.filename for a in Attachment.select()] == ["a.jpg"]  # 90: by the field's name


def test_72_a_field_that_is_no_file_is_read_all_the_same(running: Running, filled: dict[str, bytes]) -> None:
    assert post(running, (XML, None, again(filled["clean departure"])))[0] == 201
    assert post(running, ("other", "a.xml", b"<a/>"))[0] == 400


@pytest.mark.parametrize("xml", [b"hello", b"<data/>", b"<data id=''/>", b"", b"<data id='berangkat'"])
def test_73_what_names_no_form_or_is_cut_off_is_400(running: Running, xml: bytes) -> None:
    assert post(running, (XML, "a.xml", xml))[0] == 400


def test_76_without_an_instance_id_a_retry_is_no_new_record(
    running: Running, filled: dict[str, bytes]
) -> None:
    before, _, rest = filled["clean departure"].partition(b"<instanceID>")
    anonymous = before + rest.partition(b"</instanceID>")[2]
    for _ in range(2):  # Central makes two of it
        assert post(running, (XML, "a.xml", anonymous))[0] == 201
    assert Submission.select().count() == 1


def test_79_to_81_85_what_cannot_be_taken_leaves_the_phone_and_is_held(
    running: Running, filled: dict[str, bytes]
) -> None:
    xml = again(filled["clean departure"])
    assert post(running, (XML, "a.xml", xml))[0] == 201
    version = re.search(rb'version="(\d+)"', xml)
    assert version is not None
    for other in (
        again(xml).replace(b'id="berangkat"', b'id="entah"'),
        again(xml).replace(version[0], b'version="1"'),
        xml.replace(b"35.07.01.2001", b"35.07.01.2002"),
    ):
        assert (
            post(running, (XML, "a.xml", other))[0] == 201
        )  # Central: 404, 404, 409, and the phone keeps it
    assert (Submission.select().count(), Quarantine.select().count()) == (1, 3)


def test_88_ten_copies_at_the_same_moment_are_one_and_all_201(
    running: Running, filled: dict[str, bytes]
) -> None:
    xml = again(filled["broker without a letter"])
    with ThreadPoolExecutor(10) as phones:
        answers = list(phones.map(lambda _: post(running, (XML, "a.xml", xml))[0], range(10)))
    assert answers == [201] * 10
    assert Submission.select().count() == 1
    assert Quarantine.select().count() == 0


def test_89_to_93_files_are_expected_by_the_answers_and_replaced_when_sent_again(
    running: Running, photos: str
) -> None:
    xml = with_photos(photos, face="1.jpg", wound="1.jpg", voice="2.m4a")
    assert (
        post(running, (XML, "a.xml", xml), ("1.jpg", "1.jpg", b"old"), ("🙂.jpg", "🙂.jpg", b"x"))[0] == 201
    )
    assert post(running, (XML, "a.xml", xml), ("1.jpg", "1.jpg", b"newer"))[0] == 201
    files = {a.filename: (a.size, a.expected) for a in Attachment.select()}
    assert files.pop("1.jpg") == (5, True)  # 92: named by two questions, one file
    assert files.pop("2.m4a") == (None, True)
    assert files.pop("🙂.jpg") == (1, False)  # 91: Central drops what nobody expects
    assert list(files.values()) == [(3, False)]  # 93: Central loses what is replaced


def test_104_to_107_an_edit_replaces_what_it_corrects_and_may_be_sent_again(
    running: Running, photos: str, published: Store
) -> None:
    first = with_photos(photos, face="1.jpg", note="satu")
    second = with_photos(photos, edits=instance_id(first), face="1.jpg", note="dua")
    third = with_photos(photos, edits="uuid:00000000-0000-4000-8000-00000000aaaa", note="tiga")
    for xml in (first, second, second, third):  # 105: Central refuses what corrects something unknown
        assert post(running, (XML, "a.xml", xml))[0] == 201
    listed = {s["instance_id"]: s["state"] for s in submissions.listing()}
    assert listed == {instance_id(second): "attachments missing", instance_id(third): "edited"}
    assert submissions.show(instance_id(first), published)["current"] is False


def test_99_an_encrypted_submission_is_held_since_nothing_of_it_can_be_judged(
    running: Running, photos: str
) -> None:
    envelope = (
        f'<data xmlns="http://www.opendatakit.org/xforms/encrypted" id="{PHOTO_FORM.replace("&", "&amp;")}" '
        f'version="{photos}" encrypted="yes"><base64EncryptedKey>eA==</base64EncryptedKey>'
        '<orx:meta xmlns:orx="http://openrosa.org/xforms"><orx:instanceID>uuid:1</orx:instanceID></orx:meta>'
        "<encryptedXmlFile>submission.xml.enc</encryptedXmlFile></data>"
    ).encode()
    assert (
        post(running, (XML, "a.xml", envelope), ("submission.xml.enc", "submission.xml.enc", b"x"))[0] == 201
    )
    assert [q.reason for q in Quarantine.select()] == ["submission.encrypted"]
    assert Submission.select().count() == 0


@pytest.fixture
def unreadable_forms(published: Store) -> Iterator[None]:
    """A database in which published forms cannot be read any more."""
    published.db.execute_sql("alter table form_version rename to away")
    with published.transaction():
        counters.increment(counters.PUBLISHED)
    yield
    published.db.execute_sql("alter table away rename to form_version")
    with published.transaction():
        counters.increment(counters.PUBLISHED)


def test_a_database_at_fault_never_looks_like_no_forms(running: Running, unreadable_forms: None) -> None:
    for query in ("", "?formID=berangkat"):
        answer = raw(running.url, path=f"/formList{query}")
        assert answer.status == 503
        assert b"<xforms" not in answer.read()


def test_no_form_at_all_is_503_too(running: Running, published: Store) -> None:
    with published.transaction():
        PublishedForm.update(closed=True).execute()
        counters.increment(counters.PUBLISHED)
    try:
        assert raw(running.url).status == 503
    finally:
        with published.transaction():
            PublishedForm.update(closed=False).execute()
            counters.increment(counters.PUBLISHED)


def test_a_body_in_chunks_is_taken_and_one_cut_off_is_not(running: Running, filled: dict[str, bytes]) -> None:
    xml = again(filled["clean departure"])
    kind, body = multipart((XML, "a.xml", xml))
    parts = urlsplit(running.url)
    for whole, status in ((body[:-4], b"400"), (body, b"201")):
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as line:
            line.sendall(
                f"POST {parts.path}/submission HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                f"Content-Type: {kind['Content-Type']}\r\n\r\n".encode()
                + b"%x\r\n%s\r\n0\r\n\r\n" % (len(whole), whole)
            )
            assert line.recv(4096).split()[1] == status
    assert Submission.select().count() == 1
