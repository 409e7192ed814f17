"""Downloading the monthly report of one's own area."""

from __future__ import annotations

import io

from openpyxl import load_workbook

from server.store import events
from tests.conftest import publish_library
from tests.staff.conftest import Office, Site


def test_the_report_of_the_last_month_is_offered_first_and_comes_with_ones_own_area(
    office: Office, site: Site
) -> None:
    publish_library(office.store, office.library)
    sari = office.officer("Sari Contoh", "disnaker", "35.07")
    browser = site.browser()
    browser.sign_in(sari)
    browser.get("/laporan")
    offered = browser.page.index("Oktober 2026"), browser.page.index("November 2026")
    assert offered[0] < offered[1]
    assert "Terbatas" not in browser.page
    answer = browser.press("/laporan", bulan="2026-11", jenis="dinas")
    assert answer.headers["content-disposition"] == 'attachment; filename="laporan-35.07-2026-11-dinas.xlsx"'
    assert answer.headers["cache-control"] == "no-store"
    book = load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames[:3] == ["Sampul", "1 Register Keberangkatan", "2 Register Kepulangan"]
    assert "Kabupaten Malang" in str(book["Sampul"]["B3"].value)
    assert [(e["actor"], e["verb"], e["detail"]) for e in events.of("35.07")] == [
        (sari.person.slug, "report.downloaded", {"month": "2026-11", "variant": "dinas"})
    ]
    assert list((site.home / "tmp").iterdir()) == []


def test_only_the_protection_unit_is_offered_the_restricted_report(office: Office, site: Site) -> None:
    publish_library(office.store, office.library)
    browser = site.browser()
    browser.sign_in(office.officer("Wening Contoh", "ppa", "35.07"))
    browser.get("/laporan")
    assert "Terbatas" in browser.page
    assert browser.press("/laporan", bulan="2026-11", jenis="terbatas").status_code == 200
    other = site.browser()
    other.sign_in(office.officer("Bagus Contoh", "province", "35"))
    other.get("/laporan")
    assert other.press("/laporan", bulan="2026-11", jenis="terbatas").status_code == 403
    other.get("/laporan")
    assert other.press("/laporan", bulan="1999-01", jenis="dinas").status_code == 422
