"""Downloading a register."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl

from forms.problems import Problem, Problems
from server.store import events
from server.store.officers import Person
from tests.staff import conftest
from tests.staff.conftest import BLITAR, Office, Site


def test_the_page_counts_what_lies_in_ones_area(office: Office, site: Site) -> None:
    for village in (conftest.MALANG, conftest.MALANG, BLITAR):
        office.case("D01", village)
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/unduh")
    assert "2 data di Kabupaten Malang" in browser.page
    assert "0 data di Kabupaten Malang" in browser.page  # returns


def test_a_download_is_ones_own_areas_workbook_and_is_on_record(office: Office, site: Site) -> None:
    sari = office.officer("Sari Contoh", "disnaker", "35.07")
    browser = site.browser()
    browser.sign_in(sari)
    browser.get("/unduh")
    answer = browser.press("/unduh/berangkat", bahasa="en")
    assert answer.headers["content-disposition"] == 'attachment; filename="berangkat-35.07-2026-11-20.xlsx"'
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.content)
    rows = list(openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0].values)
    assert rows == [("berangkat", "35.07", "en")]
    noted = events.of("berangkat")
    assert [(e["actor"], e["verb"], e["detail"]) for e in noted] == [
        (sari.person.slug, "form.downloaded", {"area": "35.07", "lang": "en"})
    ]


def test_no_copy_stays_behind(office: Office, site: Site) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/unduh")
    browser.press("/unduh/berangkat")
    assert list((site.home / "tmp").iterdir()) == []


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


def test_an_export_that_refuses_is_said_and_not_put_on_record(office: Office, site: Site) -> None:
    def refuse(form_id: str, target: Path, person: Person, lang: str) -> None:
        target.write_bytes(b"half of it")
        raise Problem(Problems.FORBIDDEN)

    site.export.write = refuse
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/unduh")
    answer = browser.press("/unduh/berangkat")
    assert answer.status_code == 403
    assert "Anda tidak berhak atas data ini." in answer.text
    assert events.of("berangkat") == []
    assert list((site.home / "tmp").iterdir()) == []
