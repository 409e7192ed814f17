"""Signing in and out, and what keeps others out."""

from __future__ import annotations

import pytest

from server.store import areas, officers
from tests.staff.conftest import Browser, Office, Officer, Site


@pytest.fixture
def sari(office: Office) -> Officer:
    return office.officer("Sari Contoh", "disnaker", "35.07")


def test_without_a_session_every_page_leads_to_the_sign_in(site: Site) -> None:
    for path in ("/", "/kasus/R-350701-0001", "/kasus/R-350701-0001/terima", "/unduh", "/unduh/pulang"):
        answer = site.browser().get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/masuk")


def test_signing_in_leads_on_to_the_page_that_was_asked_for(
    office: Office, site: Site, sari: Officer
) -> None:
    ref = office.case("D01")
    browser = site.browser()
    browser.get(browser.get(f"/kasus/{ref}").headers["location"])
    assert f'name="lanjut" value="/kasus/{ref}"' in browser.page
    answer = browser.press("/masuk", email=sari.email, password=sari.password, lanjut=f"/kasus/{ref}")
    assert answer.headers["location"] == f"/kasus/{ref}"
    assert browser.get(f"/kasus/{ref}").status_code == 200


def test_nobody_is_sent_to_another_site(site: Site, sari: Officer) -> None:
    for onward in (
        "https://jahat.example",
        "//jahat.example",
        "/\\jahat.example",
        "/kasus/../x",
        "/unduh\r\nX: y",
    ):
        browser = site.browser()
        browser.get("/masuk")
        answer = browser.press("/masuk", email=sari.email, password=sari.password, lanjut=onward)
        assert answer.headers["location"] == "/"


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(site: Site, sari: Officer) -> None:
    wrong, unknown = site.browser(), site.browser()
    first = wrong.sign_in(sari, password="salah")
    unknown.get("/masuk")
    second = unknown.press("/masuk", email="tidak.ada@contoh.example", password="salah")
    assert first.status_code == second.status_code == 403
    assert "E-mail atau kata sandi tidak cocok." in first.text
    assert "posmigran-sesi" not in wrong.cookies

    def plain(page: str, email: str, token: str) -> str:
        return page.replace(email, "EMAIL").replace(token, "TOKEN")

    tokens = [b.page.split('name="token" value="')[1][:64] for b in (wrong, unknown)]
    assert plain(first.text, sari.email, tokens[0]) == plain(
        second.text, "tidak.ada@contoh.example", tokens[1]
    )


def test_nonsense_as_an_address_is_just_wrong(site: Site) -> None:
    browser = site.browser()
    for email in ("a\x00b@contoh.example", "x" * 300, "", "%' or 1=1 --"):
        browser.get("/masuk")
        assert browser.press("/masuk", email=email, password="x").status_code == 403


def test_over_https_the_session_is_bound_to_this_host_and_hidden_from_scripts(
    site: Site, sari: Officer
) -> None:
    browser = site.browser(scheme="https")
    cookie = browser.sign_in(sari).cookies["__Host-posmigran-sesi"]
    assert cookie.secure
    assert cookie.http_only
    assert cookie.path == "/"
    assert not cookie.domain
    assert str(cookie.same_site) == "Lax"
    assert browser.get("/").status_code == 200


def test_behind_a_proxy_the_public_address_counts(site_behind_proxy: Site, sari: Officer) -> None:
    browser = site_behind_proxy.browser()
    browser.get("/masuk")
    token = browser.page.split('name="token" value="')[1][:64]
    fields = {"token": token, "email": sari.email, "password": sari.password}
    answer = browser.post("/masuk", fields, {"Origin": "https://pos.example"})
    assert answer.status_code == 303
    assert answer.cookies["__Host-posmigran-sesi"].secure


def test_a_new_session_begins_with_each_sign_in(site: Site, sari: Officer) -> None:
    browser = site.browser()
    browser.cookies["posmigran-sesi"] = "dipasang-orang-lain"
    browser.sign_in(sari)
    first = browser.cookies["posmigran-sesi"]
    assert first != "dipasang-orang-lain"
    del browser.cookies["posmigran-sesi"]
    browser.sign_in(sari)
    assert browser.cookies["posmigran-sesi"] != first


def test_signing_out_ends_the_session_itself(site: Site, sari: Officer) -> None:
    browser = site.browser()
    browser.sign_in(sari)
    browser.get("/")
    stolen = browser.cookies["posmigran-sesi"]
    assert browser.press("/keluar").headers["location"] == "/masuk"
    assert "posmigran-sesi" not in browser.cookies
    browser.cookies["posmigran-sesi"] = stolen
    assert browser.get("/").status_code == 303


def test_a_session_ends_by_itself_and_with_the_officer(office: Office, site: Site, sari: Officer) -> None:
    browser, other = site.browser(), site.browser()
    browser.sign_in(sari)
    office.later(hours=12)
    assert browser.get("/").status_code == 303
    other.sign_in(sari)
    assert other.get("/").status_code == 200
    with office.store.transaction():
        officers.remove(sari.person.slug, office.clock())
    assert other.get("/").status_code == 303


def test_a_form_from_elsewhere_changes_nothing(office: Office, site: Site, sari: Officer) -> None:
    ref = office.case("D01")
    browser, other = site.browser(), site.browser()
    browser.sign_in(sari)
    other.sign_in(sari)
    ours, theirs = _token(browser), _token(other)
    forged: list[tuple[str, dict[str, str]]] = [
        (ours, {"Origin": "https://jahat.example"}),
        (ours, {"Origin": "null"}),
        (ours, {"Sec-Fetch-Site": "cross-site"}),
        (ours, {"Sec-Fetch-Site": "same-site"}),
        (ours, {"Content-Type": "text/plain"}),
        ("", {}),
        ("0" * 64, {}),
        (theirs, {}),
    ]
    for token, headers in forged:
        assert browser.post(f"/kasus/{ref}/terima", {"token": token}, headers).status_code == 403
    browser.get("/")
    assert "Menunggu <b>1</b>" in browser.page
    assert browser.post(f"/kasus/{ref}/terima", {"token": ours}).status_code == 303


def _token(browser: Browser) -> str:
    browser.get("/")
    return browser.page.split('name="token" value="')[1][:64]


def test_guessing_is_slowed_and_waiting_helps(office: Office, site: Site, sari: Officer) -> None:
    browser = site.browser()
    for _ in range(8):
        assert browser.sign_in(sari, password="salah").status_code == 403
    slowed = browser.sign_in(sari)
    assert slowed.status_code == 429
    assert slowed.headers["retry-after"] == "60"
    assert "Tunggu 60 detik" in slowed.text
    office.later(seconds=60)
    assert browser.sign_in(sari).status_code == 303


def test_one_address_cannot_go_through_many_names(site: Site, office: Office) -> None:
    browser = site.browser()
    answers = []
    for number in range(21):
        browser.get("/masuk")
        answers.append(browser.press("/masuk", email=f"o{number}@contoh.example", password="x").status_code)
    assert answers == [403] * 20 + [429]
    assert (
        site.browser(address="192.0.2.11").sign_in(office.officer("Budi", "ppa", "35.07")).status_code == 303
    )


def test_whoever_guesses_at_an_officer_cannot_keep_them_out(site: Site, sari: Officer) -> None:
    known, stranger = site.browser(), site.browser(address="198.51.100.9")
    known.sign_in(sari)
    known.get("/")
    known.press("/keluar")
    while stranger.sign_in(sari, password="salah").status_code != 429:
        pass
    assert known.sign_in(sari).status_code == 303


def test_right_passwords_cost_nothing(site: Site, sari: Officer) -> None:
    for _ in range(10):
        assert site.browser().sign_in(sari).status_code == 303


def test_a_page_with_data_is_kept_nowhere_and_runs_nothing(office: Office, site: Site, sari: Officer) -> None:
    ref = office.case("D01")
    browser = site.browser()
    browser.sign_in(sari)
    for path in ("/", f"/kasus/{ref}", "/unduh", "/kasus/R-350701-99999", "/masuk"):
        headers = browser.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert not any(word in browser.page for word in ("<script", "<style", " style=", "onclick"))


def test_the_style_sheet_is_kept_for_ever_under_a_name_of_its_bytes(site: Site) -> None:
    browser = site.browser()
    browser.get("/masuk")
    address = browser.page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = browser.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert browser.get("/static/..%2fpages.py").status_code == 404
    assert browser.get("/favicon.ico").headers["content-type"] == "image/svg+xml"


def test_a_fault_of_ours_becomes_a_page_and_not_a_trace(
    office: Office, site: Site, sari: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = site.browser()
    browser.sign_in(sari)

    def fail(codes: object) -> None:
        raise RuntimeError("rahasia: 3507010101010001")

    monkeypatch.setattr(areas, "names", fail)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "Ada kesalahan di server" in answer.text
    assert "rahasia" not in answer.text
