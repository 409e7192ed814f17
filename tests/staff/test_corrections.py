"""Officers correct answers in Excel on the page Koreksi: download, change, upload, look through, apply."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import falcon.testing
import openpyxl
import pytest
from openpyxl.utils import get_column_letter

from exports.access import Access
from server.corrections import MOST, Corrections
from server.intake.intake import Intake
from server.intake.upload import Upload
from server.store import cases, corrections, desks, submissions
from server.store.models import Event
from server.store.records import Wanted
from tests.phone.conftest import engine, lists, opened
from tests.phone.interviews import interviews
from tests.phone.javarosa import OpenForm
from tests.staff.conftest import MALANG, Browser, Office, Site

__all__ = ["engine", "lists", "opened"]  # fixtures

REASON = "Salah ketik menurut petugas desa"
EVERY = interviews(date.today())  # noqa: DTZ011 the JVM's own clock is local too
only_sqlite = pytest.mark.parametrize("home", ["sqlite"], indirect=True)


@pytest.fixture
def sent(office: Office, opened: dict[str, OpenForm]) -> str:
    """A departure that a village desk has sent; its instanceID."""
    office.clock.at = datetime.now(UTC)
    return send(office, opened)


def send(office: Office, opened: dict[str, OpenForm], number: int = 0) -> str:
    interview = [i for i in EVERY if i.form_id == "berangkat"][number]
    store = office.store
    with store.transaction():
        known = desks.by_username("desa-3507012001") or desks.add(MALANG, None, store.keys, office.clock())[0]
        xml = opened["berangkat"].fill(interview.answers).xml
        return Intake(store, office.clock).receive(Upload(xml, known, None)).instance_id


def change(content: bytes, path: str, value: Any) -> tuple[bytes, str]:
    """Change an answer of the first row; returns the file and the cell's name."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    page = book.worksheets[1]
    column = next(at for at, c in enumerate(page[2], start=1) if str(c.value).endswith(path))
    page.cell(3, column).value = value
    target = io.BytesIO()
    book.save(target)
    return target.getvalue(), f"{get_column_letter(column)}3"


def take(browser: Browser) -> bytes:
    browser.get("/koreksi")
    result = browser.press("/koreksi/unduh", formulir="berangkat", dari="2020-01-01", sampai="2099-12-31")
    assert result.headers["content-type"].endswith("spreadsheetml.sheet")
    return bytes(result.content)


def upload(browser: Browser, content: bytes, token: str | None = None) -> falcon.testing.Result:
    if token is None:
        found = re.search(r'name="token" value="(\w+)"', browser.page)
        assert found is not None
        token = found[1]
    body = (
        f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n'
        '--b\r\nContent-Disposition: form-data; name="berkas"; filename="k.xlsx"\r\n\r\n'
    ).encode()
    return browser.post_body(
        "/koreksi/unggah", body + content + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"
    )


def fields(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(token|buku|tanda)" value="(\w+)"', page))


def test_a_wrong_code_is_shown_with_its_cell_and_nothing_can_be_applied(
    office: Office, sent: str, site: Site
) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    changed, cell = change(take(browser), "docg/visa", "liburan")
    browser.get("/koreksi")
    assert upload(browser, changed).status_code == 422
    assert f"sel {cell}: pilihan ini tidak ada" in browser.page
    assert 'action="/koreksi/terapkan"' not in browser.page
    assert list((site.home / "tmp").glob("koreksi-*")) == []
    taken = Event.get(Event.verb == "corrections.made")
    assert (taken.subject, taken.detail) == ("berangkat", {"area": "35.07", "rows": 1})


def test_only_what_was_looked_through_by_this_officer_in_this_session_is_applied(
    office: Office, sent: str, site: Site
) -> None:
    one, other = site.browser(), site.browser()
    one.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    other.sign_in(office.officer("Dewi Contoh", "disnaker", "35.07"))
    changed, _ = change(take(one), "docg/visa", "visit")
    one.get("/koreksi")
    assert upload(one, changed).status_code == 200
    mine = {**fields(one.page), "alasan": REASON}
    (kept,) = (site.home / "tmp").glob("koreksi-*")
    assert b"PK\x03\x04" not in kept.read_bytes(), "it is sealed"
    assert kept.stat().st_mode & 0o077 == 0

    other.get("/koreksi")
    theirs = {**mine, "token": fields(other.page)["token"]}
    assert other.post("/koreksi/terapkan", theirs).status_code == 403
    assert one.post("/koreksi/terapkan", {**mine, "alasan": " "}).status_code == 422
    assert one.post("/koreksi/terapkan", {**mine, "tanda": "0" * 64}).status_code == 409
    assert submissions.show(sent, office.store)["current"]

    assert one.post("/koreksi/terapkan", mine).headers["location"] == "/koreksi?selesai=1"
    assert one.post("/koreksi/terapkan", mine).status_code == 403, "pressed twice: it is gone already"
    assert Event.select().where(Event.verb == "submission.corrected").count() == 1


def test_an_upload_is_thrown_away_after_an_hour(office: Office, sent: str, site: Site) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    changed, _ = change(take(browser), "docg/visa", "visit")
    browser.get("/koreksi")
    upload(browser, changed)
    late = {**fields(browser.page), "alasan": REASON}
    office.later(minutes=61)
    assert browser.post("/koreksi/terapkan", late).status_code == 403
    assert list((site.home / "tmp").glob("koreksi-*")) == []
    assert submissions.show(sent, office.store)["current"]


def test_answers_that_fall_away_are_named_first(office: Office, sent: str, site: Site) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Wulan Contoh", "ppa", "35.07"))
    changed, _ = change(take(browser), "/contract", "no")
    browser.get("/koreksi")
    upload(browser, changed)
    assert "Jawaban ini ikut hilang" in browser.page


@only_sqlite
def test_roles_without_answers_to_look_after_have_no_such_page(office: Office, site: Site) -> None:
    for number, (role, area) in enumerate([("admin", "35"), ("dinsos", "35.07"), ("p4mi", "35.07")]):
        browser = site.browser()
        browser.sign_in(office.officer(f"Petugas {number}", role, area))
        assert browser.get("/koreksi").status_code == 403
        browser.get("/")
        assert "/koreksi" not in browser.page


@only_sqlite
def test_a_form_that_another_site_sends_is_refused(office: Office, sent: str, site: Site) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    content = take(browser)
    assert upload(browser, content, token="0" * 64).status_code == 403


@only_sqlite
def test_what_would_not_fit_into_memory_is_refused(office: Office, sent: str, site: Site) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    content = take(browser)
    for bomb in (with_sheet(content, b" " * 120_000_000), with_sheet(content, FAR_DOWN), content[:-400]):
        assert len(bomb) < 1_000_000
        browser.get("/koreksi")
        assert upload(browser, bomb).status_code == 422
        assert "bukan buku koreksi" in browser.page
    browser.get("/koreksi")
    assert upload(browser, bytes(11 * 2**20)).status_code == 413
    assert "10 MB" in browser.page


FAR_DOWN = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="2"><c r="A2" t="inlineStr"><is><t>kunci</t></is></c></row>'
    + b"".join(b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>' % (n, n) for n in range(3, 1000))
    + b"</sheetData></worksheet>"
)


def with_sheet(content: bytes, xml: bytes) -> bytes:
    """The workbook with another first register sheet."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for part in source.namelist():
            made.writestr(part, xml if part.endswith("sheet2.xml") else source.read(part))
    return target.getvalue()


@only_sqlite
def test_a_workbook_of_too_many_is_refused_with_what_to_do(
    office: Office, sent: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST == 2_000
    monkeypatch.setattr("server.corrections.MOST", 0)
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/koreksi")
    refused = browser.press("/koreksi/unduh", formulir="berangkat", dari="2020-01-01", sampai="2099-12-31")
    assert refused.status_code == 422
    assert "Persempit wilayah atau tanggalnya" in browser.page


@only_sqlite
def test_what_ppa_wrote_as_a_reason_stays_with_those_who_see_as_much(
    office: Office, sent: str, site: Site, tmp_path: Path
) -> None:
    ppa = office.officer("Wulan Contoh", "ppa", "35.07")
    made = Corrections(office.store, Intake(office.store, office.clock), office.clock)
    file, reader = tmp_path / "k.xlsx", Access.of(ppa.person)
    made.make(file, Wanted("berangkat", "35.07"), reader, ppa.person.name)
    file.write_bytes(change(file.read_bytes(), "docg/visa", "visit")[0])
    review = made.review(file, reader)
    with office.store.transaction():
        (edit,) = made.apply(review, ppa.person, REASON)
    assert [c.reason for c in corrections.of_chain("berangkat", sent, office.store)] == [REASON]
    (case,) = cases.listing("35.07", None)
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get(f"/kasus/{case['ref']}")
    assert "Data diperbaiki lewat Excel oleh Wulan Contoh" in browser.page
    assert REASON not in browser.page
    assert submissions.show(edit, office.store)["correction"]["reason"] == REASON
