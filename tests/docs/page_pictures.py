"""Makes ``docs/halaman-kasus.png``, two staff pages as wide as a phone, of the home that a demo left behind.

``python -m tests.docs.page_pictures HOME E-MAIL PASSWORD REF``, with what the demo printed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from shutil import which
from typing import Final

from playwright.sync_api import sync_playwright

from tests.conftest import Home
from tests.server_process import Server

PICTURE: Final = Path(__file__).parents[2] / "docs" / "halaman-kasus.png"
PHONE: Final = {"width": 360, "height": 740}
_FLAGS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
]


def main(home: str, email: str, password: str, ref: str) -> None:
    """Make the picture."""
    at = Path(home).resolve()
    executable = which("chromium") or which("chromium-browser") or which("google-chrome")
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Home(at, f"sqlite:///{at}/posmigran.sqlite3"), "--no-sync") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        page = browser.new_page(viewport=PHONE)  # type: ignore[arg-type]
        page.goto(server.url)
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Kata sandi").fill(password)
        with page.expect_navigation():
            page.get_by_role("button", name="Masuk").click()
        shots = []
        for number, address in enumerate(("/", f"/kasus/{ref}")):
            page.goto(f"{server.url}{address}")
            shots.append(Path(folder) / f"{number}.png")
            page.screenshot(path=shots[-1])
        both = browser.new_page(viewport={"width": 756, "height": 764})
        images = "".join(f'<img src="{shot.as_uri()}" width="360">' for shot in shots)
        sheet = Path(folder) / "both.html"
        sheet.write_text(
            f'<body style="margin:12px;background:#dfe5e5;display:flex;gap:12px">{images}</body>', "utf-8"
        )
        both.goto(sheet.as_uri())
        both.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:5])
