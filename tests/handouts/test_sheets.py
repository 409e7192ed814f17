"""The sheets of village desks as they are printed: rendered, and read as a phone and a person would."""

from __future__ import annotations

import stat
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp

from server.handouts.desk_sheets import sheets
from server.store import desks
from server.store.areas import require
from server.store.database import Store
from server.store.models import Event
from tests.conftest import Clock, Home
from tests.phone.settings_code import read_settings
from tests.server_process import command

VILLAGES = ("35.07.01.2001", "35.07.13.2004", "73.71.06.1001")
PUBLIC = "https://migrasi.contoh.example"


@pytest.fixture
def opened(store: Store, clock: Clock) -> Store:
    with store.transaction():
        for village in VILLAGES:
            desks.add(village, None, store.keys, clock())
        desks.add(VILLAGES[0], "Meja kedua", store.keys, clock(), draft=True)
    return store


def printed(document: bytes) -> pypdfium2.PdfDocument:
    return pypdfium2.PdfDocument(document)


def text_of(document: pypdfium2.PdfDocument, page: int) -> str:
    return " ".join(document[page].get_textpage().get_text_bounded().split())


def scanned(document: pypdfium2.PdfDocument, page: int) -> str:
    """What a camera reads off the page, printed at the coarse 100 dots an inch of a cheap copy."""
    [code] = zxingcpp.read_barcodes(document[page].render(scale=100 / 72).to_pil())
    assert code.format == zxingcpp.BarcodeFormat.QRCode
    return str(code.text)


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_the_code_on_each_page_sets_a_phone_up_for_that_desk(opened: Store) -> None:
    known = desks.open_in("ID")
    document = printed(sheets(known, opened.keys, PUBLIC, "Disnaker Contoh, +62 812 0000 0001"))
    assert len(document) == 4
    for number, desk in enumerate(known):
        width, height = (side / 72 * 25.4 for side in document[number].get_size())
        assert (round(width), round(height)) == (148, 210)  # A5
        code = scanned(document, number)
        assert len(code) < 1000
        asked = read_settings(code)["general"]["server_url"]
        assert asked == f"{PUBLIC}/desk/{desks.credentials(desk, opened.keys).token}"
        words = text_of(document, number)
        name = require(desk.village) if not desk.draft else "Meja kedua"
        for said in (name, desk.slug, PUBLIC, "Isi Formulir Kosong", "+62 812 0000 0001", "RAHASIA"):
            assert said in words, said
        assert ("COBA" in words) is desk.draft


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "name", ["Désa Ngàwén “baru”", "村の机", "D" * 200, "a\nb\tc \U0001f600", "Ñandú İstanbul Őrs"]
)
def test_odd_names_still_give_a_page_with_a_code(store: Store, clock: Clock, name: str) -> None:
    with store.transaction():
        desk, _ = desks.add(VILLAGES[0], name, store.keys, clock())
    document = printed(sheets([desk], store.keys, PUBLIC))
    assert read_settings(scanned(document, 0))["project"]["name"] == f"Meja PMI {name}"
    assert desk.slug in text_of(document, 0)


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_district_s_sheets_hold_its_open_desks_and_are_on_record(
    opened: Store, home: Home, clock: Clock, tmp_path: Path
) -> None:
    revoked = desks.open_in("35.07.13")[0].slug
    with opened.transaction():
        desks.revoke(revoked, clock())
    file = tmp_path / "sheets.pdf"
    done = command(
        home, "desks", "sheet", "--area", "35.07", "-o", str(file), extra={"POSMIGRAN_PUBLIC_URL": PUBLIC}
    )
    assert done["desks"] == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    document = printed(file.read_bytes())
    assert [desk.slug in text_of(document, n) for n, desk in enumerate(desks.open_in("35.07"))] == [
        True,
        True,
    ]
    assert revoked not in text_of(document, 0) + text_of(document, 1)
    event = Event.get(Event.verb == "desk.sheets")
    assert (event.subject, event.detail["desks"]) == ("35.07", [d.slug for d in desks.open_in("35.07")])


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_new_desk_comes_with_its_code_and_its_sheet(home: Home) -> None:
    made = command(home, "desks", "add", VILLAGES[0], extra={"POSMIGRAN_PUBLIC_URL": PUBLIC})
    assert scanned(printed(Path(made["sheet"]).read_bytes()), 0) == made["settings"]
    assert stat.S_IMODE(Path(made["sheet"]).stat().st_mode) == 0o600
    assert len(made["settings"]) < 1000
