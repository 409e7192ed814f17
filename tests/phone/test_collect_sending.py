"""Submissions leave as ODK Collect sends them, down to the bytes, and count as sent when it says so."""

from __future__ import annotations

import pytest

from tests.phone.collect import Collect, SubmitResult
from tests.phone.listing import CollectError
from tests.phone.openrosa_server import XML, Came, OpenRosaServer, Says


def parts(came: Came) -> list[tuple[str, bytes]]:
    """(head, content) of each part of a multipart body, as written."""
    boundary = came.headers["content-type"].partition("boundary=")[2].encode()
    first, *middle, last = came.body.split(b"--" + boundary)
    assert (first, last) == (b"", b"--\r\n")
    split = [part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n") for part in middle]
    return [(head.decode(), content) for head, _, content in split]


def head(name: str, file_name: str, kind: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"\r\nContent-Type: {kind}'


def test_a_submission_is_written_as_okhttp_writes_it(server: OpenRosaServer, phone: Collect) -> None:
    phone.sync()
    result = phone.submit(XML, {'foto "KTP" désa.jpg': b"\xff\xd8", "audit.csv": b"event\n", "x.enc": b"?"})

    assert result == SubmitResult(True, 201, "Terima kasih", 1)
    assert parts(server.came[-1]) == [
        (head("xml_submission_file", "Formulir kecil_2026-11-21_15-04-05.xml", "text/xml"), XML),
        (head("foto %22KTP%22 désa.jpg", "foto %22KTP%22 désa.jpg", "image/jpeg"), b"\xff\xd8"),
        (head("audit.csv", "audit.csv", "text/csv"), b"event\n"),
        (head("x.enc", "x.enc", "application/octet-stream"), b"?"),
    ]


def test_files_beyond_the_servers_limit_go_in_more_posts_marked_incomplete(
    server: OpenRosaServer, phone: Collect
) -> None:
    server.answers["HEAD /submission"] = Says(204, headers={"X-OpenRosa-Accept-Content-Length": "1000"})
    result = phone.submit(
        XML, {"a.jpg": b"a" * 2000, "b.jpg": b"b" * 400, "c.jpg": b"c" * 400, "d.jpg": b"d" * 400}
    )

    assert (result.sent, result.posts) == (True, 3)
    posts = [[written.split('"')[1] for written, _ in parts(c)] for c in server.came if c.method == "POST"]
    assert posts == [
        ["xml_submission_file", "a.jpg", "*isIncomplete*"],
        ["xml_submission_file", "b.jpg", "c.jpg", "*isIncomplete*"],
        ["xml_submission_file", "d.jpg"],
    ]
    assert parts(server.came[1])[-1] == ('Content-Disposition: form-data; name="*isIncomplete*"', b"yes")


def test_one_post_carries_at_most_101_attachments(server: OpenRosaServer, phone: Collect) -> None:
    assert phone.submit(XML, {f"{n}.jpg": b"x" for n in range(102)}).posts == 2


def test_a_head_other_than_204_ends_the_sending(server: OpenRosaServer, phone: Collect) -> None:
    server.answers["HEAD /submission"] = Says(200)
    with pytest.raises(CollectError, match="submission endpoint"):
        phone.submit(XML)

    server.answers["HEAD /submission"] = Says(405)
    assert phone.submit(XML).sent, "errors to HEAD are passed over"


@pytest.mark.parametrize("status", [200, 204, 400, 404, 413, 500, 503])
def test_only_201_and_202_mean_sent(server: OpenRosaServer, phone: Collect, status: int) -> None:
    server.answers["POST /submission"] = Says(status)
    assert not phone.submit(XML, {"a.jpg": b"a"}).sent
    server.answers["POST /submission"] = Says(202)
    assert phone.submit(XML).sent


def test_the_servers_own_words_are_shown(server: OpenRosaServer, phone: Collect) -> None:
    def saying(body: bytes) -> str:
        server.answers["POST /submission"] = Says(400, body)
        return phone.submit(XML).message

    plain = (
        b'<OpenRosaResponse xmlns="http://openrosa.org/http/response">'
        b"<message>Versi ditolak</message></OpenRosaResponse>"
    )
    assert saying(plain) == "Versi ditolak"
    assert "accept submissions" in saying(
        plain.replace(b"message>", b"x:message>").replace(b"xmlns=", b"xmlns:x=")
    )
    assert "accept submissions" in saying(b" <?xml version='1.0'?>" + plain)


def test_a_redirected_post_loses_its_body_unless_the_code_keeps_it(
    server: OpenRosaServer, phone: Collect
) -> None:
    server.answers["POST /elsewhere"] = Says(201)
    server.answers["POST /submission"] = Says(302, headers={"Location": "/elsewhere"})
    assert not phone.submit(XML).sent
    assert (server.came[-1].method, server.came[-1].body) == ("GET", b"")

    server.answers["POST /submission"] = Says(307, headers={"Location": "/elsewhere"})
    assert phone.submit(XML).sent


def test_a_location_on_head_moves_the_posts_and_saves_later_heads(
    server: OpenRosaServer, phone: Collect
) -> None:
    server.answers["HEAD /submission"] = Says(204, headers={"Location": f"{server.url}/moved"})
    server.answers["POST /moved"] = Says(201)
    assert phone.submit(XML).sent
    assert phone.submit(XML).sent

    assert [(c.method, c.path) for c in server.came] == [
        ("HEAD", "/submission"),
        ("POST", "/moved"),
        ("POST", "/moved"),
    ]
    assert "deviceID=collect%3A" in server.came[-1].target


def test_a_connection_that_dies_under_a_post_sends_it_again_at_once(
    server: OpenRosaServer, phone: Collect
) -> None:
    tries: list[Came] = []

    def dies_once(came: Came) -> Says:
        tries.append(came)
        return Says(201, hang_up=len(tries) == 1)

    server.answers["POST /submission"] = dies_once
    assert phone.submit(XML).sent
    assert len(tries) == 2
    assert tries[0].body == tries[1].body


def test_the_same_post_can_arrive_twice_at_once(server: OpenRosaServer, phone: Collect) -> None:
    first, second = phone.submit_twice(XML)

    assert (first.sent, second.sent) == (True, True)
    bodies = [c.body for c in server.came if c.method == "POST"]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]


def test_a_post_can_break_off_before_its_end(server: OpenRosaServer, phone: Collect) -> None:
    result = phone.submit_cut_off(XML, missing=20)

    [post] = [c for c in server.came if c.method == "POST"]
    assert len(post.body) == int(post.headers["content-length"]) - 20
    assert result is not None
    assert not result.sent
    assert phone.submit(XML).sent, "and the phone can send it whole afterwards"
