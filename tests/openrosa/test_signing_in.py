"""How phones sign in, and what becomes of those who guess. Numbers are those of the notes on Collect."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from forms.problems import Problem
from server.openrosa import slowing
from server.openrosa.credentials import Doorkeeper, Unauthorized
from server.store.database import Store
from server.store.models import Counter
from server.store.readers import Readers
from server.store.writer import Writer
from tests.conftest import Clock, Home
from tests.openrosa.asking import raw
from tests.openrosa.conftest import Running, again
from tests.phone.collect import Collect
from tests.phone.digest import DigestAnswer
from tests.phone.listing import AuthenticationRequiredError
from tests.server_process import Server, command

ONE_ENGINE = pytest.mark.parametrize("home", ["sqlite"], indirect=True)


def challenge(url: str) -> str:
    lines = raw(url).headers.get_all("WWW-Authenticate")
    assert lines is not None
    assert len(lines) == 1  # the first is taken, not the best (1.6)
    return str(lines[0])


def signed(running: Running, line: str, target: str = "/formList", password: str | None = None) -> str:
    answer = DigestAnswer([line])
    credentials = running.credentials
    return answer.header("GET", target, credentials.username, password or credentials.password)


def status(url: str, authorization: str, path: str = "/formList") -> int:
    return raw(url, path=path, headers={"Authorization": authorization}).status


@pytest.fixture
def again_served(running: Running, home: Home) -> Iterator[Server]:
    """The same home in another process, as after a restart, with SHA-256."""
    with Server(home, "--no-sync", extra={"POSMIGRAN_DIGEST": "SHA-256"}) as server:
        yield server


@ONE_ENGINE
def test_sha_256_is_offered_alone_where_it_is_set_and_phones_work_with_it(
    again_served: Server, running: Running, filled: dict[str, bytes]
) -> None:
    line = challenge(again_served.url)
    assert line.startswith("Digest ")
    assert "algorithm=SHA-256" in line
    assert "MD5" not in line
    phone = Collect(again_served.url, running.credentials.username, running.credentials.password)
    phone.sync()
    assert phone.submit(again(filled["clean departure"])).sent
    weaker = line.replace("SHA-256", "MD5")
    assert status(again_served.url, signed(running, weaker)) == 401
    # a nonce of one process counts in another: they share nothing but the home (1.10)
    elsewhere = challenge(running.server.url).replace("MD5", "SHA-256")
    assert status(again_served.url, signed(running, elsewhere)) == 200


def test_a_count_may_come_again_and_backwards(running: Running) -> None:
    line = challenge(running.server.url)
    answer = DigestAnswer([line])
    name, password = running.credentials.username, running.credentials.password
    first, second = (answer.header("GET", "/formList", name, password) for _ in range(2))
    assert [status(running.server.url, a) for a in (second, first, first, second)] == [200] * 4


@ONE_ENGINE
def test_an_old_nonce_is_called_stale_and_the_phone_goes_on_by_itself(
    running: Running, published: Store, filled: dict[str, bytes]
) -> None:
    yesterday = datetime.now(UTC) - timedelta(hours=25)
    old = Doorkeeper(published, lambda: yesterday).challenge()
    answer = raw(running.server.url, headers={"Authorization": signed(running, old)})
    assert answer.status == 401
    assert "stale=true" in (answer.headers["WWW-Authenticate"] or "")
    wrong = raw(running.server.url, headers={"Authorization": signed(running, old, password="salah")})
    assert "stale" not in (wrong.headers["WWW-Authenticate"] or "")
    phone = running.digest_phone()
    parts = urlsplit(running.server.url)
    phone.wire._signing[("http", parts.hostname or "", parts.port or 80)] = DigestAnswer([old])
    assert phone.submit(again(filled["clean departure"])).sent


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.replace('uri="/formList"', 'uri="/submission"'),
        lambda h: h.replace('realm="posmigran"', 'realm="other"'),
        lambda h: h.replace("qop=auth", "qop=auth-int"),
        lambda h: h.replace("nc=00000001", "nc=00000002"),
        lambda h: h.replace('nonce="', 'nonce="x'),
        lambda h: h.replace('username="desa', 'username="\x00desa').replace("\x00", "%00"),
        lambda h: "Digest " + "a," * 3000,
        lambda h: h.replace('response="', 'response="é'),
    ],
)
@ONE_ENGINE
def test_a_digest_that_is_not_quite_right_is_401(running: Running, change: object) -> None:
    assert callable(change)
    header = change(signed(running, challenge(running.server.url)))
    assert status(running.server.url, header.encode().decode("latin-1")) == 401


@ONE_ENGINE
def test_what_was_signed_for_another_address_or_a_day_of_one_s_own_is_401(running: Running) -> None:
    line = challenge(running.server.url)
    for target, asked in (
        ("/formList", "/formList?formID=berangkat"),
        ("/formList?formID=pulang", "/formList?formID=berangkat"),
        ("/submission", "/formList"),
    ):
        assert status(running.server.url, signed(running, line, target), asked) == 401
    assert status(running.server.url, signed(running, line)) == 200
    # who knows the password may not choose the day: what is overheard would be good for ever
    chosen = f"{int(datetime.now(UTC).timestamp()):x}.{'0' * 32}"
    answer = raw(
        running.server.url,
        headers={"Authorization": signed(running, re.sub('nonce="[^"]*"', f'nonce="{chosen}"', line))},
    )
    assert (answer.status, "stale=true" in (answer.headers["WWW-Authenticate"] or "")) == (401, True)


def test_names_and_ids_that_no_database_takes_are_no_fault_of_ours(running: Running) -> None:
    nul = "Basic " + base64.b64encode(b"a\x00b:c").decode()
    answer = raw(running.server.url, headers={"Authorization": nul, "X-Forwarded-Proto": "https"})
    assert answer.status == 401
    assert raw(running.url, path="/entities/pmi/integrity?id=%00,a%00b").status == 200
    for path in ("/desk/%00/formList", "/desk/%ff%fe/formList"):
        assert raw(running.server.url, path=path).status == 401
    for path in ("/forms/%00.xml", "/forms/x/media/%00", "/entities/%00/integrity"):
        assert raw(running.url, path=path).status == 404


@ONE_ENGINE
def test_whoever_guesses_waits_and_the_desk_s_own_phone_does_not(
    running: Running, published: Store, filled: dict[str, bytes]
) -> None:
    line = challenge(running.server.url)
    for number in range(10):  # so many at once under a desk's name
        assert status(running.server.url, signed(running, line, password=f"salah{number}")) == 401
    assert Counter.select().where(Counter.name.startswith("try:")).count() == 2  # by address and by desk
    held = _ask_without_waiting(running, signed(running, line, password="salah"))
    try:
        phone = running.digest_phone()  # of the same address and name
        phone.sync()
        assert phone.submit(again(filled["clean departure"])).sent
        assert _is_silent(held)
    finally:
        held.close()


@ONE_ENGINE
def test_too_many_who_wait_are_sent_away(running: Running, published: Store) -> None:
    wrong = f"GET /desk/{'b' * 48}/formList HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    parts = urlsplit(running.server.url)
    lines = []
    for _ in range(450):  # more than all workers hold back together
        line = socket.create_connection((parts.hostname, parts.port), timeout=30)
        line.sendall(wrong)
        lines.append(line)
    try:
        answers = [line.recv(4096) for line in lines]
    finally:
        for line in lines:
            line.close()
    statuses = [int(answer.split()[1]) for answer in answers]
    assert set(statuses) == {401, 429}
    assert all(b"retry-after: " in a.lower() for a, s in zip(answers, statuses, strict=True) if s == 429)
    assert Counter.select().where(Counter.name.startswith("try:")).count() == 1
    assert running.phone().form_list()


@ONE_ENGINE
def test_who_has_waited_keeps_nobody_else_from_waiting(
    published: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slowing, "HOLD", 0.0)
    monkeypatch.setattr(slowing, "_MOST_HELD", 1)
    writer, readers = Writer(published), Readers(published, threads=1)
    door = slowing.Slowing(published.keys, writer, readers, clock)
    wrong = Unauthorized(None, "192.0.2.1", attempt=True, username=None)

    async def guess() -> None:
        for _ in range(35):  # more than are free
            await door.note(wrong)
        # until this loop ends: who comes second finds the first one waiting
        monkeypatch.setattr(slowing, "HOLD", 60.0)
        with pytest.raises(Problem):
            await asyncio.gather(door.note(wrong), door.note(wrong))

    asyncio.run(guess())
    writer.close()
    readers.close()


@ONE_ENGINE
def test_a_revoked_phone_that_knocks_again_is_not_taken_for_a_guesser(
    running: Running, published: Store
) -> None:
    command(running.server.home, "desks", "revoke", running.desk)
    for phone in (running.phone(), running.digest_phone()):
        with pytest.raises(AuthenticationRequiredError):
            phone.form_list()
    assert not Counter.select().where(Counter.name.startswith("try:")).exists()


def _ask_without_waiting(running: Running, authorization: str) -> socket.socket:
    parts = urlsplit(running.server.url)
    line = socket.create_connection((parts.hostname, parts.port), timeout=30)
    line.sendall(f"GET /formList HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n".encode())
    return line


def _is_silent(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        line.recv(1)
    except BlockingIOError:
        return True
    return False


@pytest.mark.parametrize("path", ["/formList", "/submission"])
def test_an_unknown_token_is_401_in_openrosa_words(running: Running, path: str) -> None:
    answer = raw(running.server.url, path=f"/desk/{'a' * 48}{path}")
    assert answer.status == 401
    assert answer.headers["X-OpenRosa-Version"] == "1.0"
    assert b"OpenRosaResponse" in answer.read()


def test_a_revoked_desk_is_out_at_once(running: Running, filled: dict[str, bytes], published: Store) -> None:
    by_token, by_digest = running.phone(), running.digest_phone()
    by_token.sync()
    by_digest.sync()
    command(running.server.home, "desks", "revoke", running.desk)
    for phone in (by_token, by_digest):
        with pytest.raises(AuthenticationRequiredError):
            phone.form_list()


def test_a_wrong_password_is_refused_with_one_digest_challenge(running: Running) -> None:
    with pytest.raises(AuthenticationRequiredError):
        running.digest_phone("salah").form_list()
    challenges = raw(running.server.url).headers.get_all("WWW-Authenticate")
    assert challenges is not None
    assert len(challenges) == 1
    assert challenges[0].startswith("Digest ")
    assert 'charset="UTF-8"' in challenges[0]


def test_basic_over_plain_http_is_refused(running: Running) -> None:
    pair = base64.b64encode(
        f"{running.credentials.username}:{running.credentials.password}".encode()
    ).decode()
    assert raw(running.server.url, headers={"Authorization": f"Basic {pair}"}).status == 401
    # behind a proxy on this machine that ended the encryption it counts
    proxied = {"Authorization": f"Basic {pair}", "X-Forwarded-Proto": "https"}
    assert raw(running.server.url, headers=proxied).status == 200
    wrong = base64.b64encode(f"{running.credentials.username}:salah".encode()).decode()
    assert raw(running.server.url, headers={**proxied, "Authorization": f"Basic {wrong}"}).status == 401


@pytest.mark.parametrize(
    "header",
    [
        *('Digest realm="posmigran", uri="http://[", username="x", nonce="zz.1"', "Digest", "Basic !"),
        pytest.param("Digest " + "a" * 100_000, id="one endless word"),
    ],
)
def test_a_senseless_authorization_is_401(running: Running, header: str) -> None:
    assert raw(running.server.url, headers={"Authorization": header}).status == 401
