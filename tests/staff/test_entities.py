"""The page where a conflict between two phones is seen and settled: by whom, and with whose names."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from forms.entities import Block
from forms.form import Form
from server.store import desks, entities, entity_history, published
from server.store.entities import Sender
from server.store.models import Submission
from tests.staff.conftest import BLITAR, MALANG, Office, Site

ID = "11111111-1111-4111-8111-111111111111"
PAGE = f"/daftar/pmi/{ID}"


def crossed(office: Office, village: str = MALANG, *, shared: bool = True) -> None:
    """A worker whom two phones changed without knowing of each other."""
    said = [
        ("", 0, {"full_name": "Sulastri Contoh", "last_country": "MY"}),
        ("22222222-2222-4222-8222-222222222222", 1, {"last_country": "HK"}),
        ("33333333-3333-4333-8333-333333333333", 1, {"last_country": "TW"}),
    ]
    for number, (branch, base, properties) in enumerate(said):
        office.case("D01", village)
        block = Block("pmi", ID, not number, bool(number), "Sulastri (1996)", properties, base, 0, branch)
        row = Submission.select().order_by(Submission.id.desc()).get()
        with office.store.transaction():
            sender = Sender(row.id, village, village[:5], shared)
            assert entities.take([block], sender, office.store, office.clock()) == []


def test_a_province_sees_the_conflicts_of_its_area_and_settles_one_with_a_reason(
    office: Office, site: Site
) -> None:
    crossed(office)
    browser = site.browser()
    browser.sign_in(office.officer("Rahma Contoh", "province", "35"))
    browser.get("/daftar")
    assert "Sulastri (1996)" in browser.page
    browser.get(PAGE)
    assert "tidak tahu versi 2" in browser.page
    assert browser.press(PAGE, aksi="selesai", versi="2", alasan=" ").status_code == 422
    assert 'name="dilihat" value="3"' in browser.page, (
        "the page says which version was the newest when it was opened"
    )
    browser.press(PAGE, aksi="selesai", versi="3", dilihat="2", alasan="Ditanyakan ke desa")
    assert "HP mengirim versi baru (3)" in browser.page
    browser.press(PAGE, aksi="selesai", versi="2", dilihat="3", alasan="Ditanyakan ke desa")
    browser.get(PAGE)
    assert "Selisih diselesaikan oleh rahma-contoh: Ditanyakan ke desa" in browser.page
    view = entity_history.find("pmi", ID, "ID", office.store)
    assert (view.conflict, view.properties["last_country"]) == (False, "HK")
    browser.get("/daftar")
    assert "Tidak ada yang berselisih" in browser.page


def test_an_entry_is_deleted_and_put_back_on_the_page(office: Office, site: Site) -> None:
    crossed(office)
    browser = site.browser()
    browser.sign_in(office.officer("Rahma Contoh", "province", "35"))
    for act, seen, deleted in (("dihapus", "2", False), ("dihapus", "3", True), ("kembali", "3", False)):
        browser.get(PAGE)
        browser.press(PAGE, aksi=act, dilihat=seen, alasan="Tercatat dua kali")
        assert ("HP mengirim versi baru (3)" in browser.page) is (seen == "2")
        assert (entity_history.find("pmi", ID, "ID", office.store).deleted_at is not None) is deleted


@pytest.mark.parametrize(
    ("role", "shared", "named"),
    [("province", True, True), ("province", False, False), ("admin", True, False)],
)
def test_names_are_shown_only_to_roles_that_may_see_them_and_where_sharing_was_agreed(
    role: str, shared: bool, named: bool, office: Office, site: Site
) -> None:
    crossed(office, shared=shared)
    browser = site.browser()
    browser.sign_in(office.officer("Rahma Contoh", role, "ID"))
    for page in ("/daftar", PAGE):
        assert browser.get(page).status_code == 200
        assert ("Sulastri" in browser.page) is named
    assert "TW" in browser.page


def test_a_property_is_as_secret_as_the_group_whose_answer_it_keeps(
    office: Office, site: Site, library: dict[str, Form]
) -> None:
    form = library["pulang"]
    secret = replace(form, version="9999010101", sensitive={**form.sensitive, "/pulang/tripg": "violence"})
    with office.store.transaction():
        published.publish(secret, b"", {}, office.clock())
    crossed(office)
    browser = site.browser()
    browser.sign_in(office.officer("Rahma Contoh", "province", "35"))
    browser.get(PAGE)
    assert "<dt>Negara terakhir</dt>" in browser.page
    assert not re.search(r">(MY|HK|TW)<", browser.page)


def test_others_and_other_areas_get_nothing(office: Office, site: Site) -> None:
    crossed(office, BLITAR)
    for role, area, status in (("disnaker", "35.05", 403), ("ppa", "35.05", 403), ("province", "35.07", 404)):
        browser = site.browser()
        browser.sign_in(office.officer(f"Petugas {role}", role, area))
        assert browser.get(PAGE).status_code == status
        assert ("/daftar" in browser.page) is (status == 404)
        browser.get("/")
        token = browser.page.partition('name="token" value="')[2].partition('"')[0]
        posted = browser.post(PAGE, {"token": token, "aksi": "dihapus", "alasan": "Coba saja"})
        assert posted.status_code == status
    assert entity_history.find("pmi", ID, "ID", office.store).deleted_at is None


def test_a_case_shows_where_its_village_is_reached(office: Office, site: Site) -> None:
    ref = office.case("D01")
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get(f"/kasus/{ref}")
    assert "tel:" not in browser.page
    with office.store.transaction():
        desks.set_phone(desks.listing()[0]["desk"], "+62 812 0000 0011")
    browser.get(f"/kasus/{ref}")
    assert '<a href="tel:+6281200000011">0812-0000-0011</a>' in browser.page
