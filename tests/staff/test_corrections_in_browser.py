"""An officer corrects an answer in Excel, in a real Chromium on a phone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium

from server.store import cases, submissions
from tests.phone.conftest import engine, lists, opened
from tests.staff.conftest import Office, Site
from tests.staff.test_corrections import REASON, change, sent
from tests.staff.test_real_browser import PHONE, _fits, _open, address, chromium

__all__ = ["address", "chromium", "engine", "lists", "opened", "sent"]  # fixtures

pytestmark = pytest.mark.parametrize("home", ["sqlite"], indirect=True)


def test_an_officer_corrects_an_answer_in_a_real_browser(
    office: Office, sent: str, site: Site, address: str, chromium: Chromium, tmp_path: Path
) -> None:
    officer = office.officer("Sari Contoh", "disnaker", "35.07")
    page = _open(chromium, address, PHONE, officer)
    page.get_by_role("link", name="Koreksi", exact=True).click()
    assert _fits(page)
    page.get_by_label("Formulir").select_option(label="Keberangkatan")
    with page.expect_download() as download:
        page.get_by_role("button", name="Unduh buku koreksi").click()
    assert download.value.suggested_filename == "koreksi-berangkat-35.07.xlsx"
    changed, cell = change(download.value.path().read_bytes(), "docg/visa", "visit")
    file = tmp_path / "koreksi.xlsx"
    file.write_bytes(changed)

    page.get_by_label("Buku koreksi", exact=True).set_input_files(file)
    page.get_by_role("button", name="Periksa perubahan").click()
    page.get_by_role("heading", name="1 perubahan").wait_for()
    row = page.get_by_role("row").nth(1).inner_text()
    assert cell in row
    assert re.search(r"work - .+\s.*visit - ", row)
    assert _fits(page)
    assert submissions.show(sent, office.store)["current"], "looking changes nothing"

    page.get_by_label("Alasan").fill(REASON)
    page.get_by_role("button", name="Terapkan pada 1 data").click()
    page.get_by_text("Selesai: 1 data sudah dikoreksi.").wait_for()
    assert not submissions.show(sent, office.store)["current"]
    assert list((site.home / "tmp").glob("koreksi-*")) == []

    (case,) = cases.listing("35.07", None)
    page.goto(f"{address}/kasus/{case['ref']}")
    history = page.get_by_text("Data diperbaiki lewat Excel oleh Sari Contoh (Disnaker).")
    assert REASON in history.inner_text()
    page.context.close()
