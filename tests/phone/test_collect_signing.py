"""The client signs in as ODK Collect does, and is set up by the same QR code."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any

import pytest

from tests.phone.collect import Collect
from tests.phone.listing import AuthenticationRequiredError, CollectError
from tests.phone.openrosa_server import XML, OpenRosaServer, Says


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_waits_for_a_401_and_then_signs_every_request_with_a_rising_count(
    server: OpenRosaServer, algorithm: str
) -> None:
    server.users = {"desk": "rahasia-é"}
    server.challenge = (
        f'Digest realm="desk", nonce="{{nonce}}", qop="auth", charset=UTF-8, algorithm={algorithm}'
    )
    phone = Collect(server.url, "desk", "rahasia-é")
    phone.sync()
    assert phone.submit(XML).sent

    first, *later = server.came
    assert "authorization" not in first.headers
    signed = [c.headers["authorization"] for c in later]
    assert [c for s in signed for c in re.findall(r", nc=(\w+),", s)] == [
        f"{n:08x}" for n in range(1, len(signed) + 1)
    ]
    assert len({c for s in signed for c in re.findall(r'cnonce="(\w{16})"', s)}) == 1


def test_a_stale_nonce_costs_one_more_request(server: OpenRosaServer) -> None:
    server.users = {"desk": "secret"}
    phone = Collect(server.url, "desk", "secret")
    phone.form_list()
    server.nonce, server.stale = "second", True
    server.came.clear()
    phone.form_list()

    assert len(server.came) == 2


def test_a_nonce_refused_without_stale_costs_two_more(server: OpenRosaServer) -> None:
    server.users = {"desk": "secret"}
    phone = Collect(server.url, "desk", "secret")
    phone.form_list()
    server.nonce = "second"
    server.came.clear()
    phone.form_list()

    assert ["authorization" in c.headers for c in server.came] == [True, False, True]


def test_a_wrong_password_asks_the_officer(server: OpenRosaServer) -> None:
    server.users = {"desk": "secret"}

    with pytest.raises(AuthenticationRequiredError):
        Collect(server.url, "desk", "guess").form_list()
    with pytest.raises(AuthenticationRequiredError):
        Collect(server.url, "desk", "guess").submit(XML)


def test_without_credentials_a_challenge_is_answered_with_an_empty_name(server: OpenRosaServer) -> None:
    server.users = {"desk": "secret"}

    with pytest.raises(AuthenticationRequiredError):
        Collect(server.url).form_list()
    assert 'username=""' in server.came[-1].headers["authorization"]


@pytest.mark.parametrize(
    "challenge",
    [
        'digest realm="desk", nonce="{nonce}", qop="auth"',
        'Digest realm="desk", nonce="{nonce}", qop="auth-int"',
        'Digest realm="desk", nonce="{nonce}", qop="auth", algorithm=SHA-512-256',
        'Digest nonce="{nonce}", qop="auth"',
    ],
)
def test_a_challenge_that_collects_library_cannot_read_is_an_error(
    server: OpenRosaServer, challenge: str
) -> None:
    server.users, server.challenge = {"desk": "secret"}, challenge

    with pytest.raises(CollectError) as fault:
        Collect(server.url, "desk", "secret").form_list()
    assert not isinstance(fault.value, AuthenticationRequiredError)


def test_a_user_name_beyond_ascii_cannot_sign_in(server: OpenRosaServer) -> None:
    server.users = {"désa": "secret"}

    with pytest.raises(CollectError, match="ASCII"):
        Collect(server.url, "désa", "secret").form_list()


def test_basic_over_plain_http_is_never_answered(server: OpenRosaServer, phone: Collect) -> None:
    server.answers["GET /formList"] = Says(401, headers={"WWW-Authenticate": 'Basic realm="desk"'})

    with pytest.raises(AuthenticationRequiredError):
        phone.form_list()
    assert len(server.came) == 1


def code(document: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(document).encode())).decode()


def test_a_settings_code_sets_the_phone_up(server: OpenRosaServer) -> None:
    general = {"server_url": server.url, "form_update_mode": "match_exactly", "autosend": "wifi_and_cellular"}
    phone = Collect.from_settings(code({"general": general, "admin": {}, "project": {"name": "Desa"}}))

    assert list(phone.sync()) == ["small"]


@pytest.mark.parametrize(
    "document",
    [
        {"general": {"server_url": "http://h"}},
        {"general": {"server_url": "http://h", "autosend": True}, "admin": {}},
        {"general": {"server_url": "http://h", "automatic_update": "true"}, "admin": {}},
        {"general": {"server_url": "http://h", "password": 1234}, "admin": {}},
        {"general": {"server_url": "http://h"}, "admin": {"change_server": "false"}},
        {"general": {"server_url": "http://h"}, "admin": {}, "project": "Desa"},
        {"general": {}, "admin": {}},
        ["general", "admin"],
    ],
)
def test_a_settings_code_that_collect_calls_invalid_is_an_error(document: Any) -> None:
    with pytest.raises(CollectError):
        Collect.from_settings(code(document))


@pytest.mark.parametrize("text", ["", "not base64!", base64.b64encode(b"{}").decode()])
def test_a_text_that_is_no_settings_code_is_an_error(text: str) -> None:
    with pytest.raises(CollectError):
        Collect.from_settings(text)
