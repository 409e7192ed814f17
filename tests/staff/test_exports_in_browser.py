"""Ordering files in a real Chromium on a phone: options, progress, cancelling, taking, every month."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page
from python_calamine import CalamineWorkbook

from server.store import export_jobs, saved_exports
from tests.conftest import publish_library
from tests.staff.conftest import MALANG, Office, Officer, Site
from tests.staff.test_real_browser import PHONE, _fits, _open, address, chromium
from tests.staff.worker import work

__all__ = ["address", "chromium"]  # fixtures

pytestmark = pytest.mark.parametrize("home", ["sqlite"], indirect=True)


@pytest.fixture
def sari(office: Office) -> Officer:
    office.case("D01", MALANG)
    office.case("D04", MALANG)
    return office.officer("Sari Contoh", "disnaker", "35.07")


@pytest.fixture
def page(chromium: Chromium, address: str, sari: Officer) -> Page:
    return _open(chromium, address, PHONE, sari)


def test_an_officer_orders_with_options_follows_cancels_and_takes_the_file(
    page: Page, office: Office, site: Site, sari: Officer
) -> None:
    def order() -> None:
        page.get_by_label("Formulir").select_option(label="Keberangkatan")
        page.get_by_label("Hanya dengan indikator").fill("d01")
        page.get_by_label("menunggu").check()
        page.get_by_label("Jawaban pilihan ditulis sebagai").select_option(label="kata-kata dan kode")
        page.get_by_label("Pilihan ganda juga sebagai kolom 1/0").check()
        assert _fits(page)
        page.get_by_role("button", name="Pesan", exact=True).click()
        page.get_by_text("Menunggu giliran").wait_for()

    page.get_by_role("link", name="Unduh", exact=True).first.click()
    page.get_by_role("link", name="Pesan berkas lain").click()
    order()
    with office.store.transaction():
        job = export_jobs.claim("pekerja-9", office.clock())
        assert job is not None
        export_jobs.go_on(job, "pekerja-9", 3, 8, office.clock())
    page.get_by_text("Sedang dibuat: 37%").wait_for()  # without a click: the page loads itself again
    assert _fits(page)
    page.get_by_role("button", name="Batalkan Keberangkatan").click()
    page.get_by_text("Belum ada pesanan.").wait_for()

    order()
    work(office, site)
    page.get_by_text("1 data").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Unduh Keberangkatan").click()
    assert waiting.value.suggested_filename == "berangkat-35.07-2026-11-20.xlsx"
    rows = CalamineWorkbook.from_path(waiting.value.path()).get_sheet_by_index(0).to_python()
    assert len(rows) == 2
    page.get_by_role("button", name="Hapus Keberangkatan").click()
    page.get_by_text("Belum ada pesanan.").wait_for()
    page.context.close()


def test_an_officer_has_files_made_every_month_until_they_stop_it(
    page: Page, office: Office, site: Site, sari: Officer
) -> None:
    publish_library(office.store, office.library)
    page.goto(page.url.rstrip("/") + "/ekspor")
    page.get_by_label("Formulir").select_option(label="Keberangkatan")
    page.get_by_label("Buatkan setiap bulan").check()
    page.get_by_role("button", name="Pesan", exact=True).click()
    page.get_by_text("Berikutnya 2 Des 2026 06.00 WIB").wait_for()
    page.get_by_role("link", name="Laporan", exact=True).first.click()
    page.get_by_label("Buatkan setiap bulan").check()
    page.get_by_label("Kata sandi berkas").fill("Rahasia Contoh 12")
    page.get_by_role("button", name="Unduh laporan").click()
    page.get_by_role("heading", name="Setiap bulan").wait_for()
    assert page.get_by_text("dengan kata sandi").is_visible()
    assert _fits(page)
    assert len(saved_exports.scheduled(sari.person.slug)) == 2
    page.get_by_role("button", name="Hentikan Laporan bulanan setiap bulan").click()
    page.get_by_role("heading", name="Ekspor data").wait_for()
    page.get_by_role("button", name="Hentikan Keberangkatan setiap bulan").click()
    page.get_by_text("Belum ada pesanan.").wait_for()
    assert saved_exports.scheduled(sari.person.slug) == []
    page.context.close()
