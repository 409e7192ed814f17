"""The server behind a proxy, under a path, and what it believes of whom."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import pytest

from server.forwarded import Forwarded
from server.settings import Settings
from server.store.models import Submission
from tests.conftest import Home
from tests.openrosa.asking import raw
from tests.openrosa.conftest import PHOTO_FORM, Running, again, with_photos
from tests.openrosa.proxy import Proxy
from tests.phone.collect import Collect
from tests.server_process import Server

ONE_ENGINE = pytest.mark.parametrize("home", ["sqlite"], indirect=True)


@ONE_ENGINE
@pytest.mark.parametrize("strips", [True, False], ids=["path taken off", "path passed on"])
@pytest.mark.parametrize("how", ["token", "digest"])
def test_a_phone_works_through_a_proxy_under_a_path(
    running: Running, filled: dict[str, bytes], photos: str, *, strips: bool, how: str
) -> None:
    with Proxy(running.server.url, strips=strips) as proxy:
        phone = (
            Collect(f"{proxy.url}/desk/{running.credentials.token}")
            if how == "token"
            else Collect(proxy.url, running.credentials.username, running.credentials.password)
        )
        forms = phone.sync()
        assert all(form.listed.download_url.startswith(proxy.url) for form in forms.values())
        assert forms[PHOTO_FORM].listed.form_id == PHOTO_FORM
        assert phone.submit(again(filled["clean departure"])).sent
        assert phone.submit(with_photos(photos, face="é 1.jpg"), {"é 1.jpg": b"x"}).sent
    assert Submission.select().count() == 2


def basic(running: Running, password: str | None = None) -> str:
    pair = f"{running.credentials.username}:{password or running.credentials.password}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


@ONE_ENGINE
def test_basic_counts_where_a_trusted_proxy_says_https_and_links_say_so_too(running: Running) -> None:
    said = {"Authorization": basic(running), "X-Forwarded-Proto": "https", "X-Forwarded-Host": "x.go.id"}
    answer = raw(running.server.url, headers=said)
    assert answer.status == 200
    assert b"<downloadUrl>https://x.go.id/forms/" in answer.read()
    assert raw(running.server.url, headers={"Authorization": basic(running)}).status == 401
    assert raw(running.server.url, headers={**said, "Authorization": basic(running, "salah")}).status == 401


@pytest.fixture
def outside(home: Home, running: Running) -> Iterator[Server]:
    """The same home served with a public address under a path, and no proxy trusted."""
    extra = {
        "POSMIGRAN_PUBLIC_URL": "https://pmi.contoh.id/migran",
        "POSMIGRAN_TRUSTED_PROXIES": "10.9.0.0/16",
        "POSMIGRAN_METRICS_TOKEN": "rahasia-contoh",
        "POSMIGRAN_ACCEPT_LENGTH": "20000",
    }
    with Server(home, "--no-sync", extra=extra) as server:
        yield server


@ONE_ENGINE
def test_a_server_with_a_public_address_names_it_and_believes_no_stranger(
    outside: Server, running: Running, photos: str
) -> None:
    desk = f"/desk/{running.credentials.token}"
    lie = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "jahat.example", "X-Forwarded-Prefix": "/x"}
    for path in (f"{desk}/formList", f"/migran{desk}/formList"):
        body = raw(outside.url, path=path, headers=lie).read().decode()
        assert f"<downloadUrl>https://pmi.contoh.id/migran{desk}/forms/" in body
        assert "jahat" not in body
    assert raw(outside.url, headers={**lie, "Authorization": basic(running)}).status == 401
    # the advertised length is the setting's, and phones part what they send by it
    phone = Collect(f"{outside.url}{desk}")
    sent = phone.submit(with_photos(photos, face="1.jpg"), {f"{n}.jpg": b"x" * 9_000 for n in range(4)})
    assert (sent.sent, sent.posts) == (True, 2)
    # pages below the path lead to pages below the path
    for path in ("/", "/migran/"):
        assert raw(outside.url, path=path).headers["Location"] == "/migran/masuk"
    page = raw(outside.url, path="/migran/masuk").read().decode()
    assert 'action="/migran/masuk"' in page
    assert 'href="/static' not in page

    def metrics(**headers: str) -> int:
        return raw(outside.url, path="/metrics", headers=headers).status

    assert metrics() == 200  # a program on this machine
    assert metrics(Host="pmi.contoh.id") == 403
    assert metrics(Via="1.1 proxy") == 403
    assert metrics(**{"X-Forwarded-For": "127.0.0.1"}) == 403
    assert metrics(Host="pmi.contoh.id", Authorization="Bearer salah") == 403
    assert metrics(Host="pmi.contoh.id", Authorization="Bearer rahasia-contoh") == 200


def seen(client: str, base_path: str = "", path: str = "/formList", **said: str) -> dict[str, Any]:
    """The request that the application sees."""
    found: dict[str, Any] = {}

    async def application(scope: dict[str, Any], receive: object, send: object) -> None:
        found.update(scope)

    headers = [(b"host", b"inside:8000")] + [
        (f"x-forwarded-{name}".encode(), value.encode("latin-1")) for name, value in said.items()
    ]
    scope = {
        "type": "http",
        "client": (client, 1234),
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "headers": headers,
    }
    trusted = Settings.model_validate({"trusted_proxies": "127.0.0.1, ::1 10.0.0.0/8"}).proxies
    asyncio.run(Forwarded(application, trusted, base_path)(scope, lambda: None, lambda _: None))
    found["host"] = dict(found["headers"])[b"host"].decode()
    return found


@pytest.mark.parametrize(
    ("client", "said", "expected"),
    [
        ("192.0.2.1", {"proto": "https", "for": "1.1.1.1", "host": "x.id"}, ("http", "192.0.2.1", "inside:8000")),
        ("10.1.2.3", {"proto": "https", "for": "1.1.1.1", "host": "x.id"}, ("https", "1.1.1.1", "x.id")),
        ("::ffff:10.1.2.3", {"proto": "https"}, ("https", "::ffff:10.1.2.3", "inside:8000")),
        # what a client claims stands to the left of what our proxies say
        ("10.1.2.3", {"for": "6.6.6.6, 1.1.1.1", "proto": "https, http"}, ("http", "1.1.1.1", "inside:8000")),
        ("10.1.2.3", {"for": "1.1.1.1, 10.0.0.9", "proto": "https, http"}, ("https", "1.1.1.1", "inside:8000")),
        ("10.1.2.3", {"for": "1.1.1.1, 10.0.0.9", "proto": "https"}, ("https", "1.1.1.1", "inside:8000")),
        ("127.0.0.1", {"for": "1.1.1.1:3333"}, ("http", "1.1.1.1", "inside:8000")),
        ("127.0.0.1", {"for": "[2001:db8::1]:3333"}, ("http", "2001:db8::1", "inside:8000")),
        ("127.0.0.1", {"proto": "gopher", "host": "a b/c"}, ("http", "127.0.0.1", "inside:8000")),
    ],
)  # fmt: skip
def test_a_request_is_seen_as_it_was_made(
    client: str, said: dict[str, str], expected: tuple[str, str, str]
) -> None:
    scope = seen(client, **said)
    assert (scope["scheme"], scope["client"][0], scope["host"]) == expected


@pytest.mark.parametrize(
    ("base", "path", "prefix", "expected"),
    [
        ("", "/formList", "", ("/formList", "")),
        ("/m", "/m/formList", "", ("/formList", "/m")),
        ("/m", "/m", "", ("/", "/m")),
        ("/m", "/formList", "", ("/formList", "/m")),
        ("/m", "/mx/formList", "", ("/mx/formList", "/m")),
        ("", "/a/b/formList", "/a/b/", ("/formList", "/a/b")),
        ("", "/formList", "/a b", ("/formList", "")),
        ("", "/formList", "//jahat.example", ("/formList", "")),
    ],
)
def test_a_base_path_is_taken_off_and_remembered(
    base: str, path: str, prefix: str, expected: tuple[str, str]
) -> None:
    scope = seen("127.0.0.1", base, path, **({"prefix": prefix} if prefix else {}))
    assert (scope["path"], scope["root_path"]) == expected
    assert scope["raw_path"] == scope["path"].encode()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("public_url", "https://pmi_desa.contoh.id"),
        ("public_url", "https://contoh.id/a?b=c"),
        ("public_url", "https://contoh.id/a b"),
        ("trusted_proxies", "10.0.0.0/8 nginx"),
        ("accept_length", "10"),
        ("digest", "SHA-512-256"),
    ],
)
def test_settings_that_no_phone_could_work_with_are_refused(setting: str, value: str) -> None:
    with pytest.raises(ValueError):
        Settings.model_validate({setting: value})
