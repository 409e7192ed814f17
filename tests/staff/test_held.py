"""Held uploads on the pages: who sees them, what they tell, what the buttons do."""

from __future__ import annotations

import pytest

from server.store import desks, events, published, quarantine
from server.store.models import Quarantine, Submission
from server.store.quarantine import Came
from tests.staff.conftest import MALANG, Office, Site

SECRET = "Sulastri"


def hold(
    office: Office,
    reason: str,
    form_id: str = "berangkat",
    xml: str = f"<d>{SECRET}</d>",
    version: str = "9",
    identity: str | None = None,
) -> int:
    known = [d["desk"] for d in desks.listing() if d["village"] == MALANG]
    with office.store.transaction():
        if not known:
            desks.add(MALANG, None, office.store.keys, office.clock())
        desk = desks.by_username(desks.listing()[0]["desk"])
        assert desk is not None
        came = Came(form_id, version, identity or f"uuid:{SECRET}-{reason}", desk.id, None, xml.encode(), [])
        quarantine.hold(reason, came, office.store, office.clock())
    return int(Quarantine.select().order_by(Quarantine.id.desc()).get().id)


def test_the_menu_tells_an_overseer_how_many_wait_and_nobody_else(site: Site, office: Office) -> None:
    hold(office, "form.unknown")
    seen = {}
    for role, area in (("province", "35"), ("admin", "ID"), ("province", "36"), ("disnaker", "35.07")):
        browser = site.browser()
        browser.sign_in(office.officer(f"{role} {area}", role, area))
        browser.get("/")
        seen[role, area] = (
            '<b class="badge">1</b>' in browser.page,
            'href="/tertahan"' in browser.page,
            browser.get("/tertahan").status_code,
        )
    assert seen == {
        ("province", "35"): (True, True, 200),
        ("admin", "ID"): (True, True, 200),
        ("province", "36"): (False, True, 200),
        ("disnaker", "35.07"): (False, False, 403),
    }


def test_nothing_of_the_answers_is_on_the_pages(site: Site, office: Office) -> None:
    numbers = [hold(office, r) for r in ("form.unknown", "submission.other_bytes", "xml.unreadable")]
    browser = site.browser()
    browser.sign_in(office.officer("Provinsi Contoh", "province", "35"))
    browser.get("/tertahan")
    assert "dengan isi lain" in browser.page
    for number in numbers:
        assert browser.get(f"/tertahan/{number}").status_code == 200
        assert SECRET not in browser.page


def test_an_upload_of_another_province_is_not_found(site: Site, office: Office) -> None:
    number = hold(office, "form.unknown")
    browser = site.browser()
    browser.sign_in(office.officer("Provinsi Lain", "province", "36"))
    for path in (f"/tertahan/{number}", f"/tertahan/{number + 1}", "/tertahan/x", f"/tertahan/{'9' * 40}"):
        assert browser.get(path).status_code == 404


def test_discarding_asks_for_a_reason_and_is_on_record(site: Site, office: Office) -> None:
    number = hold(office, "xml.unreadable")
    browser = site.browser()
    officer = office.officer("Provinsi Contoh", "province", "35")
    browser.sign_in(officer)
    browser.get(f"/tertahan/{number}")
    assert browser.press(f"/tertahan/{number}/buang", alasan=" ").status_code == 422
    assert "Tulis dulu alasannya" in browser.page
    assert browser.press(f"/tertahan/{number}/buang", alasan="kiriman percobaan").status_code == 303
    browser.get("/tertahan?status=diputuskan")
    assert "Tidak dipakai: provinsi-contoh" in browser.page
    browser.get(f"/tertahan/{number}")
    assert "kiriman percobaan" in browser.page
    [event] = events.of(f"quarantine:{number}")
    assert (event["actor"], event["verb"]) == (officer.person.slug, "quarantine.discarded")
    assert "percobaan" not in str(event["detail"])


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("form.unknown", False),
        ("xml.unreadable", False),
        ("xml.no_form_id", False),
        ("xml.too_big", True),
        ("intake.fault", True),
    ],
)
def test_the_button_to_take_it_in_is_there_once_that_can_work(
    site: Site, office: Office, reason: str, shown: bool
) -> None:
    number = hold(office, reason)
    browser = site.browser()
    browser.sign_in(office.officer("Provinsi Contoh", "province", "35"))
    browser.get(f"/tertahan/{number}")
    assert (f'action="/tertahan/{number}/terima"' in browser.page) is shown


def test_taking_in_what_still_cannot_be_taken_says_so_and_changes_nothing(site: Site, office: Office) -> None:
    number = hold(office, "intake.fault", form_id="entah", xml='<d id="entah" version="9"/>')
    browser = site.browser()
    browser.sign_in(office.officer("Provinsi Contoh", "province", "35"))
    browser.get(f"/tertahan/{number}")
    assert browser.press(f"/tertahan/{number}/terima", alasan="coba lagi").status_code == 409
    assert "masih belum dapat diterima" in browser.page
    assert quarantine.waiting() == 1


def test_what_is_taken_in_from_the_page_is_a_submission(site: Site, office: Office) -> None:
    version = office.library["berangkat"].version
    xml = f'<d id="berangkat" version="{version}"><meta><instanceID>uuid:1</instanceID></meta></d>'
    number = hold(office, "intake.fault", xml=xml)
    browser = site.browser()
    browser.sign_in(office.officer("Provinsi Contoh", "province", "35"))
    browser.get(f"/tertahan/{number}")
    answer = browser.press(f"/tertahan/{number}/terima", alasan="server diperbarui")
    assert answer.headers["location"] == "/tertahan?pesan=terima"
    assert quarantine.require(number).submission == "uuid:1"


def test_all_that_waited_for_a_form_is_taken_in_with_one_button(site: Site, office: Office) -> None:
    version = office.library["berangkat"].version
    late = '<d id="berangkat" version="{}"><meta><instanceID>uuid:{}</instanceID></meta></d>'
    for number in range(3):
        hold(office, "form.unknown", xml=late.format(version, number), version=version)
    other = hold(office, "form.unknown")
    browser = site.browser()
    browser.sign_in(office.officer("Provinsi Contoh", "province", "35"))
    browser.get("/tertahan")
    assert browser.press("/tertahan/terima-semua", alasan=" ").status_code == 422
    browser.get("/tertahan")
    assert browser.press("/tertahan/terima-semua", alasan="sudah terbit").status_code == 303
    assert [h.id for h in quarantine.entries()] == [other]
    assert Submission.select().count() == 3


def test_the_oldest_that_wait_are_found_on_a_further_page(
    site: Site, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.staff.held_pages.PAGE_SIZE", 2)
    xml = '<d id="laporan_bulanan" version="9"><n>{}</n></d>'
    numbers = [hold(office, "form.unknown", "laporan_bulanan", xml=xml.format(n)) for n in range(3)]
    browser = site.browser()
    browser.sign_in(office.officer("Provinsi Contoh", "province", "35"))
    pages = []
    for address in ("/tertahan", "/tertahan?hal=2", "/tertahan?hal=9", "/tertahan?status=diputuskan&hal=2"):
        browser.get(address)
        pages.append([n for n in numbers if f'href="/tertahan/{n}"' in browser.page])
    assert pages == [numbers[1:], numbers[:1], numbers[:1], []]
    browser.get("/tertahan")
    assert 'href="/tertahan?hal=2"' in browser.page
    assert "Laporan bulanan desa" in browser.page, "as its title says, not its id"


def test_what_a_closed_form_held_is_taken_in_one_by_one_and_with_one_button_once_it_is_open(
    site: Site, office: Office
) -> None:
    version = office.library["berangkat"].version
    xml = '<d id="berangkat" version="{}"><meta><instanceID>uuid:{}</instanceID></meta></d>'
    for number in range(3):
        hold(office, "form.closed", xml=xml.format(version, number), version=version)

    def close(*, closed: bool) -> None:
        with office.store.transaction():
            published.set_closed("berangkat", closed=closed, holding=True)

    close(closed=True)
    browser = site.browser()
    browser.sign_in(office.officer("Provinsi Contoh", "province", "35"))
    browser.get("/tertahan")
    assert "Formulirnya ditutup waktu kiriman ini sampai" in browser.page
    assert "terima-semua" not in browser.page
    first = quarantine.entries()[-1].id
    browser.get(f"/tertahan/{first}")
    assert browser.press(f"/tertahan/{first}/terima", alasan="masih perlu").status_code == 303
    assert (quarantine.waiting(), Submission.select().count()) == (2, 1)
    close(closed=False)
    # and one that somebody has to look at: its number is known with other answers
    other = hold(office, "form.closed", xml=xml.format(version, 0) + " ", version=version, identity="uuid:0")
    browser.get("/tertahan")
    answer = browser.press("/tertahan/terima-semua", alasan="dibuka lagi")
    browser.get(answer.headers["location"])
    assert "satu per satu" in browser.page
    assert ([h.id for h in quarantine.entries()], Submission.select().count()) == ([other], 3)
