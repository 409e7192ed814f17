"""A roster that comes back as a workbook takes the place of the former one, or nothing is changed."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import openpyxl
import pytest

from exports import roster_book
from server.store import roster_entries
from tests.staff.conftest import Office, Site

pytestmark = pytest.mark.parametrize("home", ["sqlite"], indirect=True)


def test_a_roster_is_taken_over_from_a_workbook_and_a_broken_one_changes_nothing(
    office: Office, site: Site
) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    made = io.BytesIO()
    roster_book.write("35.07", made, office.clock(), "disnaker")
    filled = openpyxl.load_workbook(made)
    filled["Jaga"].append(("sari-contoh", "2099-11-23", "2099-11-29"))
    made = io.BytesIO()
    filled.save(made)
    roster_entries.add_leave(
        "sari-contoh",
        datetime(2099, 12, 1, tzinfo=UTC),
        datetime(2099, 12, 2, tzinfo=UTC),
        office.clock(),
        "x",
    )
    for content, status in ((b"bukan buku", 422), (made.getvalue(), 409), (made.getvalue(), 303)):
        browser.get("/jaga")
        token = re.findall(r'name="token" value="(\w+)"', browser.page)[0]
        parts = (
            f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n'
            '--b\r\nContent-Disposition: form-data; name="berkas"; filename="jaga.xlsx"\r\n\r\n'
        ).encode()
        body = parts + content + b"\r\n--b--\r\n"
        answer = browser.post_body("/jaga/unggah", body, "multipart/form-data; boundary=b")
        assert answer.status_code == status
        if status == 409:
            assert "Cuti sari-contoh" in browser.page
            assert "Unduh Excel sekali lagi" in browser.page
            roster_entries.remove("leave-1")
    assert [entry.officer for entry in roster_entries.entries()] == ["sari-contoh"]
