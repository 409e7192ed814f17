"""Strangers who say nothing keep no phone out, and slow phones are not strangers."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import uvicorn

from server import connections
from tests.conftest import Home
from tests.server_process import Server

HEAD = b"POST /masuk HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n"
BODY = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'
SENDING = (
    b"POST /submission HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
)
LARGE = 20_000_000  # bytes: more than the kernel takes for somebody who does not read


def connect(port: int) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", port), timeout=20)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def test_half_sent_requests_of_a_stranger_keep_nobody_out(home: Home) -> None:
    with Server(home, "--workers", "1", "--no-sync", files=200) as server:
        port = int(server.url.rpartition(":")[2])
        phone = connect(port)
        phone.sendall(SENDING + BODY[:3])
        strangers = []
        for _ in range(220):
            stranger = connect(port)
            stranger.sendall(b"GET /healthz HTTP/1.1\r\nHost")
            strangers.append(stranger)
        with urlopen(f"{server.url}/healthz", timeout=20) as said:
            assert said.status == 200
        phone.sendall(BODY[3:])
        assert phone.recv(100).startswith(b"HTTP/1.1 401"), "who was sending before goes on"
        for one in (phone, *strangers):
            one.close()


def test_where_all_are_in_the_middle_of_a_body_the_next_one_hears_503(home: Home) -> None:
    with Server(home, "--workers", "1", "--no-sync", files=200) as server:
        port = int(server.url.rpartition(":")[2])
        phones = [connect(port) for _ in range((200 - 128) // 2)]
        for phone in phones:
            phone.sendall(SENDING + BODY[:3])
        answers = []
        for _ in range(3):
            with connect(port) as late:
                late.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                head, _, body = late.recv(2000).partition(b"\r\n\r\n")
                answers.append((head.split(b"\r\n")[0], b"<OpenRosaResponse" in body))
        assert answers == [(b"HTTP/1.1 503 Service Unavailable", True)] * 3
        phones.pop().close()
        for _ in range(100):  # until the server has seen it
            with contextlib.suppress(HTTPError), urlopen(f"{server.url}/healthz", timeout=20) as said:
                assert said.status == 200
                break
            time.sleep(0.05)
        else:
            pytest.fail("the place of a phone that left is not taken by the next")
        for phone in phones:
            phone.close()


class Noting:
    """A transport that notes what it is given to send."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(bytes(data))
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Noted(connections.Connection):
    """A connection that notes what it is given to send; each is found by its phone's address."""

    last: Noting
    of: ClassVar[dict[Any, Noted]] = {}

    def connection_made(self, transport: Any) -> None:
        Noted.last = Noting(transport)
        Noted.of[transport.get_extra_info("peername")] = self
        super().connection_made(Noted.last)  # type: ignore[arg-type]


def test_who_crawls_gives_up_the_place_where_all_are_taken(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "room", lambda: 2)
    monkeypatch.setattr(connections, "CRAWLS_AFTER", 0.3)
    monkeypatch.setattr(connections, "CRAWLING", 1_000)  # bytes a second: the head alone is some 70
    with connect(port) as first, connect(port) as second, connect(port) as late:
        for stranger in (first, second):
            stranger.sendall(HEAD + b"a")
        time.sleep(0.4)
        first.sendall(b"b")
        second.sendall(b"b")
        late.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert late.recv(100).startswith(b"HTTP/1.1 503"), "it came before anybody crawled"
        with connect(port) as phone:
            phone.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert phone.recv(100).startswith(b"HTTP/1.1 200")


def served(port: int) -> bool:
    with connect(port) as phone, contextlib.suppress(ConnectionResetError):
        phone.sendall(HEAD + b"abcdef")
        return phone.recv(100).startswith(b"HTTP/1.1 200")
    return False


@pytest.mark.parametrize("sent", [(HEAD, b"abc"), (b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n",)])
def test_who_neither_sends_nor_takes_gives_up_the_place_where_all_are_taken(
    port: int, monkeypatch: pytest.MonkeyPatch, sent: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr(connections, "room", lambda: 1)
    for name in ("STALLED_AFTER", "UNREAD_AFTER"):
        monkeypatch.setattr(connections, name, 60.0)
    with connect(port) as stranger:
        read_whole(stranger, *sent)
        assert not served(port), "it is not silent yet"
        monkeypatch.setattr(connections, "SILENT", 0.1)
        time.sleep(0.5)
        assert served(port)


def test_the_place_is_that_of_who_has_been_silent_longest(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "room", lambda: 2)
    with connect(port) as stranger, connect(port) as phone:
        for one in (stranger, phone):
            read_whole(one, b"GET / HT")
        assert served(port)
        phone.sendall(b"TP/1.1\r\nHost: localhost\r\n\r\n")
        assert phone.recv(100).startswith(b"HTTP/1.1 200")


def test_who_is_refused_takes_no_place_and_when_they_are_many_the_rest_hears_nothing(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "room", lambda: 1)
    monkeypatch.setattr(connections, "_LINGER", 30.0)
    with contextlib.ExitStack() as open_ones:
        with connect(port) as phone:
            read_whole(phone, HEAD, b"abc")
            strangers, heard = [], []
            for _ in range(20):
                stranger = open_ones.enter_context(connect(port))
                strangers.append(stranger)
                with contextlib.suppress(ConnectionResetError):
                    heard.append(stranger.recv(1000)[:12])
                strangers[0].sendall(HEAD + b"abcdef")
        assert not select.select(strangers[:1], [], [], 0)[0], "who was refused is not served either"
        assert heard[:16] == [b"HTTP/1.1 503"] * 16
        assert b"".join(heard[16:]) == b""
        for _ in range(100):  # until the server has seen that the phone left
            with contextlib.suppress(ConnectionResetError), connect(port) as late:
                late.sendall(HEAD + b"abcdef")
                if late.recv(100).startswith(b"HTTP/1.1 200"):
                    break
            time.sleep(0.02)
        else:
            pytest.fail("the place of a phone that left is not taken by the next")


def test_who_is_still_taking_an_answer_does_not_give_up_the_place(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "room", lambda: 1)
    with connect(port) as phone:
        phone.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        taken = len(phone.recv(100_000))  # all of it is written, and most of it waits for the phone
        with connect(port) as late:
            assert late.recv(100).startswith(b"HTTP/1.1 503")
        while taken < LARGE:
            piece = phone.recv(1_000_000)
            assert piece, "closed in the middle"
            taken += len(piece)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server with short patience that reads a body and answers its length."""
    for name, seconds in (
        *(("HEAD_WITHIN", 0.6), ("STALLED_AFTER", 0.6), ("UNREAD_AFTER", 0.6)),
        ("_LOOKED_AT_EVERY", 0.1),
    ):
        monkeypatch.setattr(connections, name, seconds)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            await asyncio.sleep(1.5)
        size, more = 0, True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            size, more = size + len(event["body"]), event["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        padding = b" " * LARGE if scope["path"] == "/large" else b""
        await send({"type": "http.response.body", "body": b"%d bytes" % size + padding})

    server = uvicorn.Server(uvicorn.Config(app, http=Noted, lifespan="off", log_level="error"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEAD, HEAD + b"abc", b"\r\n"])
def test_who_falls_silent_is_closed(port: int, sent: bytes) -> None:
    with connect(port) as stranger:
        stranger.sendall(sent)
        assert stranger.recv(100) == b""


def test_a_stray_byte_after_an_answer_does_not_keep_a_connection(port: int) -> None:
    with connect(port) as stranger:
        stranger.sendall(HEAD + b"abcdef")
        said = b""
        while b"6 bytes" not in said:
            said += stranger.recv(1000)
        stranger.sendall(b"\r\n")
        while stranger.recv(1000):
            pass


def test_a_head_has_its_time_also_where_another_request_went_before(port: int) -> None:
    with connect(port) as phone:
        phone.sendall(HEAD + b"abcdef")
        said = b""
        while b"6 bytes" not in said:
            said += phone.recv(1000)
        time.sleep(0.7)  # longer than a head may take
        phone.sendall(b"GET / HT")
        time.sleep(0.3)
        phone.sendall(b"TP/1.1\r\nHost: localhost\r\n\r\n")
        assert phone.recv(100).startswith(b"HTTP/1.1 200")


def test_a_phone_that_sends_a_byte_now_and_then_is_served(port: int) -> None:
    with connect(port) as phone:
        phone.sendall(HEAD)
        for letter in b"abcdef":
            time.sleep(0.25)  # all in all far longer than a silence may last
            phone.sendall(bytes([letter]))
        assert phone.recv(100).startswith(b"HTTP/1.1 200")


def test_who_waits_for_the_server_is_neither_silent_nor_slow(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "room", lambda: 2)
    for name, value in (("SILENT", 0.3), ("CRAWLS_AFTER", 0.3), ("CRAWLING", 10**9)):
        monkeypatch.setattr(connections, name, value)
    slow = HEAD.replace(b"/masuk", b"/slow")
    with connect(port) as sending, connect(port) as sent:
        sending.sendall(
            slow.replace(b"Length: 6", b"Length: 400000") + b"x" * 400_000
        )  # not all of it is read
        sent.sendall(slow + b"abcdef")
        time.sleep(1.0)  # longer than anybody may be silent
        with connect(port) as late:
            assert late.recv(100).startswith(b"HTTP/1.1 503")
        for phone in (sending, sent):
            assert phone.recv(100).startswith(b"HTTP/1.1 200")


TLS = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
ENDLESS = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * (2 * connections.LONGEST_HEAD)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"SALAH\r\n\r\n", 400),
        (b"GET /formList HTTP/9.9\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: banyak\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (TLS, 400),
        (ENDLESS, 431),
        (b"GET /?id=" + b"a" * 2 * connections.LONGEST_HEAD, 431),
    ],
    ids=["no HTTP", "another HTTP", "no length", "long path", "TLS", "endless header", "endless address"],
)
def test_what_never_becomes_a_request_is_answered_in_openrosa_words(
    port: int, sent: bytes, status: int
) -> None:
    with connect(port) as stranger:
        stranger.sendall(sent)
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := stranger.recv(4000):
                said += piece
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"x-openrosa-version: 1.0" in head
    assert b"<OpenRosaResponse" in body
    assert b"content-length: %d\r\n" % len(body) in head


def test_a_phone_that_comes_after_a_broken_request_is_served(port: int) -> None:
    for _ in range(3):
        with connect(port) as stranger:
            stranger.sendall(b"SALAH\r\n\r\n")
        with connect(port) as phone:
            phone.sendall(HEAD + b"abcdef")
            assert phone.recv(100).startswith(b"HTTP/1.1 200")


def pour(stranger: socket.socket, piece: bytes) -> None:
    """Send far more than the kernel holds for a server that reads none of it."""
    for _ in range(1_000):
        stranger.sendall(piece)


@pytest.mark.parametrize(
    "endless",
    [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 1000],
    ids=["address", "header", "headers"],
)
def test_a_head_without_an_end_is_refused(port: int, endless: bytes) -> None:
    with connect(port) as stranger:
        stranger.sendall(endless)
        with pytest.raises(OSError):
            pour(stranger, b"A: b\r\n" * 2_000 if endless.endswith(b"\n") else b"a" * 12_000)


def read_whole(stranger: socket.socket, *pieces: bytes) -> None:
    """Send pieces of a head, each once the server has read the one before."""
    sent = 0
    for piece in pieces:
        stranger.sendall(piece)
        sent += len(piece)
        for _ in range(2_000):
            connection = Noted.of.get(stranger.getsockname())
            if connection is not None and connection._came == sent:
                break
            time.sleep(0.005)
        else:
            pytest.fail("the server did not read on")


def test_long_heads_have_a_bound_together(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is short enough by itself, and none comes so slowly that it would be closed for that."""
    monkeypatch.setattr(connections, "HEAD_WITHIN", 60.0)
    monkeypatch.setattr(connections, "LONG_HEADS", 200_000)
    start, more = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"a" * 100_000
    with connect(port) as long, connect(port) as ordinary, connect(port) as another:
        read_whole(long, start, more)
        read_whole(ordinary, start, more[:60_000])  # which is not counted
        read_whole(another, start, more[:70_000])
        ordinary.sendall(more[:10_000])  # and now is
        assert ordinary.recv(100).startswith(b"HTTP/1.1 431")
        for stranger in (long, another):
            stranger.sendall(b"\r\n\r\n")
            assert stranger.recv(100).startswith(b"HTTP/1.1 200")


def test_what_follows_the_last_piece_of_a_body_has_an_end_too(port: int) -> None:
    with connect(port) as stranger:
        stranger.sendall(HEAD.replace(b"Content-Length: 6", b"Transfer-Encoding: chunked") + b"0\r\nX: ")
        with pytest.raises(OSError):
            pour(stranger, b"a" * 12_000)


def test_who_does_not_take_the_answer_is_closed(port: int) -> None:
    with connect(port) as stranger:
        stranger.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(2.0)  # far longer than nobody may take anything
        taken = 0
        with contextlib.suppress(ConnectionError):
            while piece := stranger.recv(1_000_000):
                taken += len(piece)
        assert taken < LARGE


def test_who_takes_the_answer_slowly_gets_all_of_it(port: int) -> None:
    with connect(port) as phone:
        phone.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        taken = 0
        for _ in range(6):
            time.sleep(0.25)  # all in all far longer than nobody may take anything
            taken += len(phone.recv(4_000_000))
        while taken < LARGE:
            piece = phone.recv(1_000_000)
            assert piece, "closed in the middle"
            taken += len(piece)


def test_an_answer_goes_out_in_one_piece(port: int) -> None:
    with connect(port) as phone:
        phone.sendall(HEAD + b"abcdef")
        assert phone.recv(1000).endswith(b"6 bytes\r\n0\r\n\r\n")
        assert len(Noted.last.sent) == 1


def test_an_answer_without_a_body_and_one_that_a_phone_waits_for_are_not_held_back(port: int) -> None:
    with connect(port) as phone:
        phone.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert phone.recv(1000).endswith(b"\r\n\r\n")
        phone.sendall(HEAD.replace(b"Host:", b"Expect: 100-continue\r\nHost:"))
        assert phone.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        phone.sendall(b"abcdef")
        assert b"6 bytes" in phone.recv(1000)
        phone.sendall(2 * b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n" + HEAD + b"abcdef")
        said = b""
        while b"6 bytes" not in said:
            said += phone.recv(1000)
        assert said.count(b"HTTP/1.1 200") == 3
        phone.sendall(
            HEAD.replace(b"POST", b"HEAD").replace(b"Host:", b"Connection: close\r\nHost:") + b"abcdef"
        )
        assert phone.recv(1000).startswith(b"HTTP/1.1 200")
        assert phone.recv(1000) == b""
