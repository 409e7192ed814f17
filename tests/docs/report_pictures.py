"""Makes ``docs/laporan-*.png``, pages of the report of an invented month: ``python -m tests.docs.report_pictures``.

LibreOffice prints the workbook, poppler draws the pages; both must be installed.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from exports.access import Access
from exports.report import Order, write_report
from server.store import areas
from server.store.database import Store
from server.store.sealing import Keys
from tests.conftest import compiled_library, publish_library
from tests.exports.province import MONTH, NOW, PROVINCE, Province

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGES: Final = {
    "sampul": ("laporan", "Laporan Bulanan Pelindungan"),
    "register": ("laporan", "Register Keberangkatan"),
    "bulanan": ("laporan", "Rekapitulasi Bulanan"),
    "negara": ("umum", "Rekapitulasi menurut Negara"),
    "indikator": ("laporan", "Indikator Risiko"),
    "tren": ("laporan", "Tren 12 Bulan"),
}
"""Name of the picture -> which report, and how the text of its page begins; the first page that does."""
_DOTS: Final = 84  # an inch


def main() -> None:
    """Make the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = Store(f"sqlite:///{home}/posmigran.sqlite3", home, Keys.make(home))
        store.migrate()
        with store.transaction():
            areas.load_areas()
        library = compiled_library()
        publish_library(store, library)
        province = Province(store, library)
        province.fill(900, months=12)
        province.answer_cases()
        province.open_desks()
        for name, public in (("laporan", False), ("umum", True)):
            order = Order(PROVINCE, MONTH, Access("province", PROVINCE), NOW, "Sari Contoh", public=public)
            write_report(order, home / f"{name}.xlsx", store)
            _run("soffice", f"-env:UserInstallation=file://{home}/office", "--headless", "--convert-to", "pdf",
                 "--outdir", folder, str(home / f"{name}.xlsx"))  # fmt: skip
        store.release()
        for picture, (name, begins) in PAGES.items():
            pdf = str(home / f"{name}.pdf")
            texts = _run("pdftotext", pdf, "-").split("\f")
            page = str(next(n for n, text in enumerate(texts, start=1) if text.startswith(begins)))
            target = str(DOCS / f"laporan-{picture}")
            _run("pdftoppm", "-r", str(_DOTS), "-f", page, "-l", page, "-singlefile", "-png", pdf, target)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
