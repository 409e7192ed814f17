"""What the client fetches, it fetches and refuses as ODK Collect does."""

from __future__ import annotations

import re

import pytest

from tests.phone.collect import Collect
from tests.phone.listing import CollectError
from tests.phone.openrosa_server import FORM, MEDIA, XML, OpenRosaServer, Says, md5, serve_form, xform


def test_a_sync_brings_the_form_with_its_lists(server: OpenRosaServer, phone: Collect) -> None:
    stored = phone.sync()["small"]

    assert (stored.xform.encode(), stored.media) == (FORM, MEDIA)
    assert phone.decisions == {"small": "New"}


def test_every_request_looks_as_if_collect_had_sent_it(server: OpenRosaServer, phone: Collect) -> None:
    phone.sync()
    phone.submit(XML)

    for came in server.came:
        assert re.search(r"\?deviceID=collect%3A[A-Za-z0-9]{16}$", came.target)
        assert came.headers["x-openrosa-version"] == "1.0"
        assert came.headers["user-agent"].startswith("org.odk.collect.android/v")
        assert came.headers["accept-encoding"] == "gzip"
        assert came.headers["date"] == "Sat, 21 Nov 2026 03:04:05 GMT", "12-hour clock, as Collect prints it"
        assert not {"accept", "accept-language", "cookie", "expect", "transfer-encoding"} & set(came.headers)
    assert [c.method for c in server.came[-2:]] == ["HEAD", "POST"]


def test_a_second_sync_downloads_nothing_again(server: OpenRosaServer, phone: Collect) -> None:
    phone.sync()
    server.came.clear()
    phone.sync()

    assert phone.decisions == {"small": "OnDevice"}
    assert [c.path for c in server.came] == ["/formList", "/manifest"]


def test_new_bytes_of_a_list_are_fetched_and_the_form_is_asked_for_conditionally(
    server: OpenRosaServer, phone: Collect
) -> None:
    phone.sync()
    serve_form(server, FORM, MEDIA | {"desa.csv": b"name,label\n2,Baru\n"})
    server.came.clear()
    stored = phone.sync()["small"]

    assert phone.decisions == {"small": "UpdatedMedia"}
    assert stored.media["desa.csv"].endswith(b"2,Baru\n")
    assert "/media/p3mi.csv" not in [c.path for c in server.came], "files already held are not fetched"
    [form] = [c for c in server.came if c.path == "/form.xml"]
    assert form.headers["if-none-match"] == f'"{md5(FORM)}"'
    assert stored.xform.encode() == FORM, "a 304 gives the form from the cache"


def test_a_form_that_leaves_the_list_leaves_the_phone(server: OpenRosaServer, phone: Collect) -> None:
    phone.sync()
    server.answers["GET /formList"] = Says(body=b'<xforms xmlns="http://openrosa.org/xforms/xformsList"/>')

    assert phone.sync() == {}
    assert phone.decisions == {"small": "Deleted"}


def edited(server: OpenRosaServer, old: str, new: str) -> Says:
    listing = server.answers["GET /formList"]
    assert isinstance(listing, Says)
    assert old in listing.body.decode()
    return Says(body=listing.body.decode().replace(old, new).encode())


@pytest.mark.parametrize(
    ("headers", "status", "complaint"),
    [
        ({"Content-Type": "application/xml"}, 200, "Content-Type"),
        ({"X-OpenRosa-Version": None}, 200, "X-OpenRosa-Version"),
        ({}, 204, "204"),
        ({}, 404, "unreachable"),
        ({}, 500, "500"),
    ],
)
def test_a_form_list_answered_wrongly_is_an_error(
    server: OpenRosaServer, phone: Collect, headers: dict[str, str | None], status: int, complaint: str
) -> None:
    listing = server.answers["GET /formList"]
    assert isinstance(listing, Says)
    server.answers["GET /formList"] = Says(status, listing.body, headers)

    with pytest.raises(CollectError, match=complaint):
        phone.form_list()


def test_a_form_list_without_content_type_passes(server: OpenRosaServer, phone: Collect) -> None:
    listing = server.answers["GET /formList"]
    assert isinstance(listing, Says)
    listing.headers["Content-Type"] = None

    assert [form.form_id for form in phone.form_list()] == ["small"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<name>Formulir kecil</name>", ""),
        ("<formID>small</formID>", "<formID> </formID>"),
        ("<formID>small</formID>", "<formID>small<!-- a comment --></formID>"),
        ("xmlns=", "xmlns:other="),
        ("<xforms ", "\n<xforms "),
        ('<?xml version="1.0"', ' <?xml version="1.0"'),
        ("/form.xml", "/form one.xml"),
        ("127.0.0.1", "my_desk.example"),
        ("</xforms>", ""),
    ],
)
def test_a_form_list_written_wrongly_is_an_error(
    server: OpenRosaServer, phone: Collect, old: str, new: str
) -> None:
    server.answers["GET /formList"] = edited(server, old, new)

    if new == "\n<xforms ":  # white space inside the document is harmless
        assert phone.form_list()
    else:
        with pytest.raises(CollectError):
            phone.form_list()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (f"<hash>md5:{md5(FORM)}</hash>", "<hash/>", "empty hash"),
        (f"<hash>md5:{md5(FORM)}</hash>", "", "missing form hash"),
        (f"md5:{md5(FORM)}", md5(FORM), "missing form hash"),
        (md5(FORM), md5(FORM).upper(), "not that of the bytes"),
        ("<version>1</version>", "<version>2</version>", "version"),
    ],
)
def test_a_form_that_would_not_stay_on_the_phone_is_an_error(
    server: OpenRosaServer, phone: Collect, old: str, new: str, complaint: str
) -> None:
    server.answers["GET /formList"] = edited(server, old, new)

    with pytest.raises(CollectError, match=complaint):
        phone.sync()


def test_a_form_whose_title_is_empty_is_an_error(server: OpenRosaServer, phone: Collect) -> None:
    serve_form(server, xform(title=""), {})

    with pytest.raises(CollectError, match="title"):
        phone.sync()


def test_a_manifest_that_fails_is_an_error_though_collect_would_hide_it(
    server: OpenRosaServer, phone: Collect
) -> None:
    server.answers["GET /manifest"] = Says(503)

    with pytest.raises(CollectError, match="503"):
        phone.sync()


def test_an_answer_with_max_age_is_used_without_asking(server: OpenRosaServer, phone: Collect) -> None:
    listing = server.answers["GET /formList"]
    assert isinstance(listing, Says)
    listing.headers["Cache-Control"] = "max-age=3600"
    phone.form_list()
    phone.form_list()

    assert len(server.came) == 1, "which is why a server must not say so"
