"""The monthly report of one's own area: of a month, or every month."""

from __future__ import annotations

import io

import msoffcrypto
from openpyxl import load_workbook

from server.store import events, export_jobs, saved_exports
from tests.conftest import publish_library
from tests.staff.conftest import Browser, Office, Officer, Site
from tests.staff.worker import work, working


def signed_in(site: Site, officer: Officer) -> Browser:
    browser = site.browser()
    browser.sign_in(officer)
    browser.get("/laporan")
    return browser


def test_the_report_of_the_last_month_is_offered_first_and_comes_with_ones_own_area(
    office: Office, patient_site: Site
) -> None:
    publish_library(office.store, office.library)
    sari = office.officer("Sari Contoh", "disnaker", "35.07")
    browser = signed_in(patient_site, sari)
    offered = browser.page.index("Oktober 2026"), browser.page.index("November 2026")
    assert offered[0] < offered[1]
    assert "Terbatas" not in browser.page
    with working(office, patient_site):
        answer = browser.press("/laporan", bulan="2026-11", jenis="dinas")
    assert answer.headers["content-disposition"] == 'attachment; filename="laporan-35.07-2026-11-dinas.xlsx"'
    assert answer.headers["cache-control"] == "no-store"
    book = load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames[:3] == ["Sampul", "1 Register Keberangkatan", "2 Register Kepulangan"]
    assert "Kabupaten Malang" in str(book["Sampul"]["B3"].value)
    wanted = {"month": "2026-11", "variant": "dinas"}
    assert [(e["actor"], e["verb"], e["detail"]) for e in events.of("35.07")] == [
        (sari.person.slug, "report.ordered", wanted),
        (sari.person.slug, "report.made", wanted),
        (sari.person.slug, "report.downloaded", wanted),
    ]


def test_only_the_protection_unit_is_offered_the_restricted_report(office: Office, site: Site) -> None:
    publish_library(office.store, office.library)
    browser = signed_in(site, office.officer("Wening Contoh", "ppa", "35.07"))
    assert "Terbatas" in browser.page
    where = browser.press("/laporan", bulan="2026-11", jenis="terbatas").headers["location"]
    work(office, site)
    browser.get(where)
    assert browser.press(f"{where}/ambil").status_code == 200
    other = signed_in(site, office.officer("Bagus Contoh", "province", "35"))
    assert other.press("/laporan", bulan="2026-11", jenis="terbatas").status_code == 403
    other.get("/laporan")
    assert other.press("/laporan", bulan="1999-01", jenis="dinas").status_code == 422


def test_a_monthly_report_is_made_on_the_second_of_the_month_before_and_locked_if_asked(
    office: Office, site: Site
) -> None:
    publish_library(office.store, office.library)
    sari = office.officer("Sari Contoh", "disnaker", "35.07")
    browser = signed_in(site, sari)
    assert browser.press("/laporan", bulanan="1", sandi="pendek").status_code == 422
    browser.get("/laporan")
    browser.press("/laporan", jenis="umum", bulanan="1", sandi="Rahasia Contoh 12")
    browser.get("/laporan")
    assert "Untuk umum: tanpa data pribadi; dengan kata sandi" in browser.page
    assert "Berikutnya 2 Des 2026 06.00 WIB" in browser.page
    [saved] = saved_exports.scheduled(sari.person.slug)
    kept = office.store.db.execute_sql("select request, sealed from saved_export").fetchone()
    assert b"Rahasia" not in bytes(kept[1])
    assert "Rahasia" not in str(kept[0])

    assert saved.next_at is not None
    office.clock.at = saved.next_at
    assert work(office, site) == {"exports": 1, "exports_ordered": 1}
    assert work(office, site) == {"exports": 0, "exports_ordered": 0}
    [job] = export_jobs.mine(sari.person.slug)
    browser = signed_in(site, sari)
    browser.get("/ekspor")
    assert "Laporan bulanan November 2026" in browser.page
    answer = browser.press(f"/ekspor/{job.token}/ambil")
    assert answer.headers["content-disposition"] == 'attachment; filename="laporan-35.07-2026-11-umum.xlsx"'
    locked = msoffcrypto.OfficeFile(io.BytesIO(answer.content))
    locked.load_key(password="Rahasia Contoh 12")
    plain = io.BytesIO()
    locked.decrypt(plain)
    assert "Sampul" in load_workbook(plain).sheetnames

    browser.get("/laporan")
    browser.press(f"/ekspor/bulanan/{saved.id}/henti")
    assert saved_exports.scheduled(sari.person.slug) == []
    assert office.store.db.execute_sql("select sealed from saved_export").fetchone()[0] is None
