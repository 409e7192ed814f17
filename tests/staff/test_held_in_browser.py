"""Held uploads and the desks' sheets in a real Chromium on a phone."""

from __future__ import annotations

import pypdfium2
import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page

from server.store import desks, quarantine
from server.store.models import Submission
from tests.staff.conftest import BLITAR, MALANG, Office
from tests.staff.test_held import hold
from tests.staff.test_real_browser import PHONE, _fits, _open, address, chromium

__all__ = ["address", "chromium"]  # fixtures

pytestmark = pytest.mark.parametrize("home", ["sqlite"], indirect=True)
XML = '<d id="berangkat" version="{}"><meta><instanceID>uuid:{}</instanceID></meta></d>'


@pytest.fixture
def page(chromium: Chromium, address: str, office: Office) -> Page:
    opened = _open(chromium, address, PHONE, office.officer("Provinsi Contoh", "province", "35"))
    return opened


def test_an_overseer_finds_what_is_held_and_takes_it_in(page: Page, office: Office) -> None:
    version = office.library["berangkat"].version
    numbers = [
        hold(office, "form.unknown", xml=XML.format("9", "1")),
        hold(office, "xml.unreadable", form_id="", xml="<cut"),
        hold(office, "submission.other_bytes", xml=XML.format(version, "3")),
    ]
    page.reload()
    page.get_by_role("link", name="Tertahan 3").click()
    page.get_by_role("heading", name="Kiriman tertahan").wait_for()
    assert _fits(page)
    for number in numbers:
        page.get_by_role("link", name=f"Periksa kiriman {number}").click()
        page.get_by_role("heading", name=f"Kiriman {number}").wait_for()
        assert _fits(page)
        page.go_back()
    page.get_by_role("link", name=f"Periksa kiriman {numbers[2]}").click()
    taking_in = page.get_by_role("region", name="Terima sebagai data")
    taking_in.get_by_label("Data baru").check()
    taking_in.get_by_label("Alasan").fill("orang lain, kata petugas desa")
    taking_in.get_by_role("button", name="Terima").click()
    page.get_by_text("Data sudah diterima").wait_for()
    assert [quarantine.require(n).state for n in numbers] == ["held", "held", "released"]
    assert Submission.select().count() == 1
    page.get_by_role("link", name="Tertahan 2").wait_for()


def test_an_overseer_downloads_the_sheets_to_print(page: Page, office: Office) -> None:
    with office.store.transaction():
        for village in (MALANG, BLITAR):
            desks.add(village, None, office.store.keys, office.clock())
    page.get_by_role("link", name="Meja", exact=True).click()
    page.get_by_role("heading", name="Meja desa").wait_for()
    assert _fits(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Unduh semua lembar (2)").click()
    assert waiting.value.suggested_filename == "lembar-35.pdf"
    assert len(pypdfium2.PdfDocument(waiting.value.path())) == 2
