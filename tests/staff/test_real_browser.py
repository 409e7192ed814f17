"""The pages in a real Chromium, on a phone and on a desk."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator

import openpyxl
import pytest
import uvicorn
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, sync_playwright

from tests.staff.conftest import BLITAR, Office, Officer, Site
from tests.staff.worker import work

pytestmark = pytest.mark.parametrize("home", ["sqlite"], indirect=True)

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 800}
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """The Chromium of this machine."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.fail("no Chromium on this machine; install it (Debian, Ubuntu: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    """The pages served by uvicorn on a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(site.app, host="127.0.0.1", port=0, log_level="warning"))
    started = threading.Event()
    start_up = server.startup

    async def noting(sockets: object = None) -> None:
        await start_up()
        started.set()

    server.startup = noting  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    assert started.wait(30)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def _open(chromium: Chromium, address: str, size: dict[str, int], officer: Officer) -> Page:
    context = chromium.new_context(viewport=size, java_script_enabled=False)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    page.get_by_label("E-mail").fill(officer.email)
    page.get_by_label("Kata sandi").fill(officer.password)
    page.get_by_role("button", name="Masuk").click()
    page.get_by_role("heading", name="Kasus").wait_for()
    return page


def _fits(page: Page) -> bool:
    """Nothing sticks out to the right, and the menu is one row: judged by the browser's own layout.

    The menu may be wider than the screen, since it can be pushed aside; the page that one is on is in sight.
    """
    width = page.viewport_size["width"] if page.viewport_size else 0
    inside = "main, .card, .panel, button, table, .brand, .who, .top nav, .top nav [aria-current]"
    boxes = [element.bounding_box() for element in page.locator(inside).all()]
    rows = {box["y"] for box in (a.bounding_box() for a in page.locator(".top nav a").all()) if box}
    if len(rows) > 1 or page.evaluate("document.documentElement.scrollWidth") > width:
        return False
    return all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes if box is not None)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_an_officer_signs_in_acknowledges_and_downloads(
    office: Office, site: Site, address: str, chromium: Chromium, size: dict[str, int]
) -> None:
    ref, secret, elsewhere = office.case("D01 D04"), office.case("R05"), office.case("D01", BLITAR)
    office.later(hours=3)
    page = _open(chromium, address, size, office.officer("Sari Contoh", "disnaker", "35.07"))
    assert page.locator(".card h2").all_inner_texts() == [ref]
    assert secret not in page.content()
    assert elsewhere not in page.content()
    assert _fits(page)

    page.get_by_role("button", name=f"Saya tangani kasus {ref}").click()
    page.get_by_text("Kasus ini sekarang Anda tangani.").wait_for()
    assert page.get_by_text("Jangan keluarkan surat izin.").is_visible()  # the advice of D01
    assert _fits(page)

    page.get_by_role("link", name="Unduh", exact=True).first.click()
    assert _fits(page)
    page.get_by_role("button", name="Unduh Excel Keberangkatan").click()
    page.get_by_role("heading", name="Berkas sedang dibuat").wait_for()
    work(office, site)
    page.get_by_role("heading", name="Berkas siap").wait_for()  # the page loads itself again
    assert _fits(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Unduh Keberangkatan").click()
    assert download.value.suggested_filename == "berangkat-35.07-2026-11-20.xlsx"
    with download.value.path().open("rb") as file:
        rows = list(openpyxl.load_workbook(file).worksheets[0].values)
    assert len(rows) == 2

    page.get_by_role("button", name="Keluar").click()
    page.get_by_role("heading", name="Masuk").wait_for()
    page.context.close()


def test_the_restricted_case_reaches_the_one_office_it_is_for(
    office: Office, site: Site, address: str, chromium: Chromium
) -> None:
    ref = office.case("R05")
    page = _open(chromium, address, PHONE, office.officer("Wulan Contoh", "ppa", "35.07"))
    page.get_by_role("link", name=f"Lihat kasus {ref}").click()
    assert page.get_by_role("heading", name="R05").is_visible()
    page.get_by_label("Dirujuk ke lembaga lain").check()
    page.get_by_role("button", name="Tutup kasus").click()
    page.get_by_role("button", name="Ya, tutup kasus").click()
    page.get_by_text("Kasus sudah ditutup.").wait_for()
    page.context.close()


def test_a_page_loads_nothing_from_elsewhere_and_keeps_its_own_rules(
    office: Office, site: Site, address: str, chromium: Chromium
) -> None:
    context = chromium.new_context(viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{address}/masuk")
    assert (
        page.locator(".narrow button").evaluate("b => getComputedStyle(b).backgroundColor")
        == "rgb(15, 92, 99)"
    )
    assert all(url.startswith(address) for url in asked)
    assert complaints == []
    context.close()
