"""Downloading a register: ordered like any other file, and there at once where it is ready soon."""

from __future__ import annotations

import io

import openpyxl

from server.store import events, export_jobs
from tests.staff import conftest
from tests.staff.conftest import BLITAR, Office, Site
from tests.staff.worker import work, working


def test_the_page_counts_what_lies_in_ones_area(office: Office, site: Site) -> None:
    for village in (conftest.MALANG, conftest.MALANG, BLITAR):
        office.case("D01", village)
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/unduh")
    assert "2 data di Kabupaten Malang" in browser.page
    assert "0 data di Kabupaten Malang" in browser.page  # returns


def test_a_download_is_ones_own_areas_workbook_and_is_on_record(office: Office, patient_site: Site) -> None:
    for village in (conftest.MALANG, BLITAR):
        office.case("D01", village)
    sari = office.officer("Sari Contoh", "disnaker", "35.07")
    browser = patient_site.browser()
    browser.sign_in(sari)
    browser.get("/unduh")
    with working(office, patient_site):
        answer = browser.press("/unduh/berangkat", bahasa="en")
    assert answer.headers["content-disposition"] == 'attachment; filename="berangkat-35.07-2026-11-20.xlsx"'
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.content)
    header, *rows = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0].values
    assert "Village code" in header
    assert len(rows) == 1
    assert [(e["actor"], e["verb"]) for e in events.of("berangkat")] == [
        (sari.person.slug, "export.ordered"),
        (sari.person.slug, "export.made"),
        (sari.person.slug, "export.downloaded"),
    ]


def test_while_the_file_is_not_ready_a_page_waits_for_it_by_itself(office: Office, site: Site) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/unduh")
    where = browser.press("/unduh/berangkat").headers["location"]
    assert browser.get(where).headers["refresh"] == "2"
    assert "Berkas sedang dibuat" in browser.page
    work(office, site)
    assert "refresh" not in browser.get(where).headers
    assert "Berkas siap" in browser.page
    assert browser.press(f"{where}/ambil").content.startswith(b"PK")
    other = site.browser()
    other.sign_in(office.officer("Budi Contoh", "disnaker", "35.07"))
    assert other.get(where).status_code == 410, "it is nobody else's"


def test_an_order_that_fails_is_said_at_once(office: Office, patient_site: Site) -> None:
    """The rights of an officer are looked at again when the file is written."""
    sari = office.officer("Sari Contoh", "disnaker", "35.07")
    browser = patient_site.browser()
    browser.sign_in(sari)
    browser.get("/unduh")
    with office.store.transaction():
        for _ in range(export_jobs.MOST_WAITING):
            export_jobs.order(sari.person, "nirwana", "xlsx", _EVERYTHING, office.store, office.clock())
    assert browser.press("/unduh/berangkat").status_code == 429
    work(office, patient_site)
    failed = export_jobs.mine(sari.person.slug)[0]
    assert (failed.state, failed.error) == ("failed", "form.unpublished")
    browser.get(f"/ekspor/{failed.token}")
    assert "Formulir itu sudah tidak ada." in browser.page


_EVERYTHING = {"filters": {"area": "35.07"}, "options": {}}


def test_a_link_alone_downloads_nothing(office: Office, site: Site) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    assert browser.get("/unduh/berangkat").headers["location"] == "/unduh"


def test_a_form_that_does_not_exist_is_not_found(office: Office, site: Site) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/unduh")
    token = browser.page.split('name="token" value="')[1][:64]
    assert browser.post("/unduh/..%2f..%2fx", {"token": token}).status_code == 404
