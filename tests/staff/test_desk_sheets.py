"""The page with the village desks, and who may take their sheets."""

from __future__ import annotations

import pypdfium2

from server.store import desks
from server.store.models import Event
from tests.staff.conftest import BLITAR, MALANG, Office, Site


def open_desks(office: Office) -> None:
    with office.store.transaction():
        for village in (MALANG, BLITAR, "36.01.01.2001"):
            desks.add(village, None, office.store.keys, office.clock())


def test_overseers_take_the_sheets_of_their_area_and_that_is_on_record(site: Site, office: Office) -> None:
    open_desks(office)
    browser = site.browser()
    officer = office.officer("Provinsi Contoh", "province", "35")
    browser.sign_in(officer)
    browser.get("/meja")
    assert [d.slug in browser.page for d in desks.open_in("ID")] == [True, True, False]
    taken = browser.press("/meja/lembar")
    assert taken.headers["content-type"] == "application/pdf"
    assert taken.headers["cache-control"] == "no-store"
    assert len(pypdfium2.PdfDocument(taken.content)) == 2
    browser.get("/meja")
    assert len(pypdfium2.PdfDocument(browser.press("/meja/lembar", meja="desa-3507012001").content)) == 1
    recorded = [
        (e.actor, e.subject, e.detail["desks"]) for e in Event.select().where(Event.verb == "desk.sheets")
    ]
    mine = [d.slug for d in desks.open_in("35")]
    assert recorded == [(officer.person.slug, "35", mine), (officer.person.slug, "35", ["desa-3507012001"])]


def test_nobody_takes_the_sheet_of_a_desk_elsewhere(site: Site, office: Office) -> None:
    open_desks(office)
    browser = site.browser()
    browser.sign_in(office.officer("Provinsi Contoh", "province", "35"))
    browser.get("/meja")
    assert browser.press("/meja/lembar", meja="desa-3601012001").status_code == 404
    ppa = office.officer("Ppa Malang", "ppa", "35.07").person.slug
    with office.store.transaction():  # whose phone lists what is kept from those who look after desks
        phone, _ = desks.add("35.07", None, office.store.keys, office.clock(), officer=ppa)
    browser.get("/meja")
    assert phone.slug not in browser.page
    assert browser.press("/meja/lembar", meja=phone.slug).status_code == 404
    other = site.browser()
    other.sign_in(office.officer("Disnaker Malang", "disnaker", "35.07"))
    assert other.get("/meja").status_code == 403
    assert 'href="/meja"' not in other.page
    assert not Event.select().where(Event.verb == "desk.sheets").exists()
