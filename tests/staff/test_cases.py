"""Who sees which case, in which words, and what they can do with it."""

from __future__ import annotations

import re

from server.store import cases, desks, escalations, officers, reopening
from server.store.models import Event
from tests.staff.conftest import BLITAR, MALANG, Office, Site


def _refs(page: str) -> list[str]:
    return re.findall(r'<h2><a href="/kasus/(R-[0-9-]+)">', page)


def test_an_officer_sees_the_cases_of_their_own_area_only(office: Office, site: Site) -> None:
    ours, theirs = office.case("D01"), office.case("D01", BLITAR)
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/")
    assert _refs(browser.page) == [ours]
    assert theirs not in browser.page


def test_a_foreign_case_answers_exactly_as_one_that_does_not_exist(office: Office, site: Site) -> None:
    theirs = office.case("D01", BLITAR)
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    foreign, absent = browser.get(f"/kasus/{theirs}"), browser.get("/kasus/R-350501-99999")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.text.replace(theirs, "REF") == absent.text.replace("R-350501-99999", "REF")
    assert dict(foreign.headers).keys() == dict(absent.headers).keys()


def test_a_restricted_case_exists_for_its_recipients_alone(office: Office, site: Site) -> None:
    ref = office.case("R05")
    for role, area, sees in [("ppa", "35.07", True), ("disnaker", "35.07", False), ("admin", "ID", False)]:
        browser = site.browser()
        browser.sign_in(office.officer(f"Petugas {role}", role, area))
        browser.get("/?status=semua")
        assert (ref in browser.page) is sees
        assert browser.get(f"/kasus/{ref}").status_code == (200 if sees else 404)


def test_a_shared_case_tells_nothing_of_its_restricted_part(office: Office, site: Site) -> None:
    ref = office.case("R02 R05")
    ppa, disnaker = site.browser(), site.browser()
    ppa.sign_in(office.officer("Wulan Rahasia", "ppa", "35.07"))
    disnaker.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    ppa.get("/")
    assert ppa.press(f"/kasus/{ref}/terima").status_code == 303
    for path in ("/", f"/kasus/{ref}"):
        disnaker.get(path)
        assert "R02" in disnaker.page
        assert "R05" not in disnaker.page
        assert "Wulan Rahasia" not in disnaker.page
        assert "Menunggu" in disnaker.page


def test_the_gravest_comes_first_and_open_before_acknowledged(office: Office, site: Site) -> None:
    medium, critical = office.case("D02"), office.case("D01 D02")
    office.later(minutes=5)
    high, taken = office.case("D04"), office.case("D01")
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/")
    browser.press(f"/kasus/{taken}/terima")
    browser.get("/?status=semua")
    assert _refs(browser.page) == [critical, high, medium, taken]


def test_a_card_says_in_indonesian_what_where_and_when(office: Office, site: Site) -> None:
    ref = office.case("D01 D02")
    office.later(hours=3)
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/")
    for words in (
        ref,
        "KRITIS",
        "Di bawah 18 tahun",
        "Keberangkatan",
        "Kec. Donomulyo",
        "3 jam yang lalu",
        "20 Nov 2026 12.00 WIB",
        "Menunggu",
    ):
        assert words in browser.page


def test_times_are_those_of_the_village(office: Office, site: Site) -> None:
    ref = office.case("D01", "53.01.06.1001")
    browser = site.browser()
    browser.sign_in(office.officer("Yohana Contoh", "province", "53"))
    browser.get(f"/kasus/{ref}")
    assert "13.00 WITA" in browser.page


def test_one_tap_acknowledges_and_says_who(office: Office, site: Site) -> None:
    ref = office.case("D01")
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/")
    office.later(minutes=10)
    answer = browser.press(f"/kasus/{ref}/terima")
    browser.get(answer.headers["location"])
    assert "Kasus ini sekarang Anda tangani." in browser.page
    assert "Sari Contoh, 20 Nov 2026 12.10 WIB" in browser.page


def test_the_second_to_acknowledge_is_told_so_and_the_first_stays_on_record(
    office: Office, site: Site
) -> None:
    ref = office.case("D01")
    first, second = site.browser(), site.browser()
    first.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    second.sign_in(office.officer("Budi Contoh", "disnaker", "35.07"))
    first.get("/")
    second.get("/")
    first.press(f"/kasus/{ref}/terima")
    second.get(second.press(f"/kasus/{ref}/terima").headers["location"])
    assert "Tidak ada yang berubah" in second.page
    assert "Ditangani oleh Sari Contoh." in second.page
    assert "Ditangani oleh Budi Contoh." not in second.page


def test_closing_needs_a_result_and_tells_it_in_the_history(office: Office, site: Site) -> None:
    ref = office.case("D01")
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get(f"/kasus/{ref}")
    refused = browser.press(f"/kasus/{ref}/tutup", hasil="entah")
    assert refused.status_code == 422
    assert "Pilih hasilnya dulu" in refused.text
    asked = browser.press(f"/kasus/{ref}/tutup", hasil="referred", yakin="referred")
    browser.get(asked.headers["location"])
    assert "Ditutup oleh Sari Contoh. Hasil: Dirujuk ke lembaga lain." in browser.page
    assert re.findall(r'action="(/kasus[^"]*)"', browser.page) == [f"/kasus/{ref}/buka"]
    browser.get("/?status=ditutup")
    assert _refs(browser.page) == [ref]


def test_a_sign_that_an_edit_no_longer_shows_is_noted_not_dropped(office: Office, site: Site) -> None:
    ref = office.case("D01 D04")
    edited = office.last_instance
    office.later(hours=1)
    assert office.case("D04", edits=edited) == ref
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get(f"/kasus/{ref}")
    assert "Desa sudah memperbaiki formulir ini." in browser.page
    assert "Formulir diperbaiki: tanda D01 tidak muncul lagi." in browser.page


def test_a_case_of_somebody_who_did_not_agree_to_sharing_says_to_ask_the_desk_first(
    office: Office, site: Site
) -> None:
    refused, agreed = office.case("D01", share="no"), office.case("D01", share="yes")
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get(f"/kasus/{refused}")
    assert "belum setuju" in browser.page
    browser.get(f"/kasus/{agreed}")
    assert "belum setuju" not in browser.page


def test_many_cases_come_in_pages(office: Office, site: Site) -> None:
    all_refs = {office.case("D04") for _ in range(27)}
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/")
    first = _refs(browser.page)
    assert "Halaman 1 dari 2" in browser.page
    browser.get("/?status=menunggu&hal=2")
    second = _refs(browser.page)
    assert (len(first), len(second)) == (25, 2)
    assert {*first, *second} == all_refs
    browser.get("/?hal=99999999999")
    assert _refs(browser.page) == first


def test_nothing_to_do_is_said_kindly(office: Office, site: Site) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get("/")
    assert "Tidak ada kasus yang menunggu." in browser.page


def test_names_from_outside_are_shown_as_text(office: Office, site: Site) -> None:
    office.case("D01", MALANG)
    browser = site.browser()
    browser.sign_in(office.officer("<script>alert(1)</script>", "disnaker", "35.07"))
    browser.get("/")
    assert "<script" not in browser.page
    assert "&lt;script&gt;" in browser.page


def test_addresses_that_are_no_references_are_not_found(office: Office, site: Site) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    for path in ("/kasus/x%00y", "/kasus/%3Cscript%3E", "/kasus/R-350701-0001'--"):
        answer = browser.get(path)
        assert answer.status_code == 404
        assert "Tidak ditemukan" in answer.text


def test_verified_referred_and_false_alarms_are_counted_apart(office: Office, site: Site) -> None:
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    office.case("D04")  # nobody knows yet
    for result in ("verified", "verified", "referred", "false_alarm", "resolved"):
        browser.get(f"/kasus/{(ref := office.case('D04'))}")
        assert browser.press(f"/kasus/{ref}/tutup", hasil=result).status_code == 303
    browser.get("/tanda")
    counts = re.findall(r"<td[^>]*>(.*?)</td>", browser.page)
    assert counts == ["6", "5", "2", "1", "1 (20%)", "1"]


def test_a_case_shows_where_to_call_its_desk_or_whom_to_ask_for_the_number(
    office: Office, site: Site
) -> None:
    ref = office.case("D01")
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get(f"/kasus/{ref}")
    assert "Nomor telepon belum dicatat" in browser.page
    assert "tel:" not in browser.page
    with office.store.transaction():
        desks.set_phone(desks.listing()[0]["desk"], "+62 812 0000 0011")
    browser.get(f"/kasus/{ref}")
    assert browser.page.count('href="tel:+6281200000011"') == 2
    assert "Nomor telepon belum dicatat" not in browser.page


def test_a_critical_case_is_closed_only_after_it_was_asked_again_with_case_and_result(
    office: Office, site: Site
) -> None:
    ref = office.case("D01")
    browser = site.browser()
    browser.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    browser.get(f"/kasus/{ref}")
    asked = browser.press(f"/kasus/{ref}/tutup", hasil="false_alarm")
    assert asked.status_code == 200
    for words in (ref, "KRITIS", "Tidak terbukti", "Ya, tutup kasus", "Jangan tutup"):
        assert words in asked.text
    assert cases.for_person(officers.require("sari-contoh"), ref).state == "open"
    done = browser.press(f"/kasus/{ref}/tutup", hasil="false_alarm", yakin="false_alarm")
    assert "pesan=ditutup" in done.headers["location"]
    assert cases.for_person(officers.require("sari-contoh"), ref).state == "closed"


def test_a_case_closed_by_mistake_is_opened_again_with_a_reason_and_its_former_result_stays_told(
    office: Office, site: Site
) -> None:
    ref = office.case("D04")
    sari, budi = site.browser(), site.browser()
    sari.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    budi.sign_in(office.officer("Budi Contoh", "disnaker", "35.07"))
    sari.get(f"/kasus/{ref}")
    sari.press(f"/kasus/{ref}/tutup", hasil="false_alarm")
    office.later(minutes=5)
    budi.get(f"/kasus/{ref}")
    refused = budi.press(f"/kasus/{ref}/buka", alasan=" ")
    assert refused.status_code == 422
    assert "Tulis dulu alasannya" in refused.text
    budi.get(budi.press(f"/kasus/{ref}/buka", alasan="Salah tekan").headers["location"])
    assert "Kasus dibuka lagi dan sekarang Anda tangani." in budi.page
    assert "Dibuka lagi oleh Budi Contoh (Disnaker). Alasan: Salah tekan" in budi.page
    assert "Ditutup oleh Sari Contoh. Hasil: Tidak terbukti." in budi.page
    assert "Ditangani oleh Budi Contoh." in budi.page
    assert budi.page.index("Hasil: Tidak terbukti.") < budi.page.index("Dibuka lagi oleh")
    budi.get("/tanda")
    assert re.findall(r"<td[^>]*>(.*?)</td>", budi.page) == ["1", "0", "0", "0", "0", "0"]

    office.later(days=7)
    [case_id] = escalations.not_followed_up(office.clock(), 10)
    [waiting] = escalations.overdue(case_id, office.clock())
    assert waiting.holder == officers.require("budi-contoh").id
    assert "Salah tekan" not in str(list(Event.select(Event.detail).tuples()))


def test_an_office_opens_its_own_part_of_a_case_again_and_others_hear_nothing_of_it(
    office: Office, site: Site
) -> None:
    ref = office.case("R02 R05 R14")  # both offices know of R14
    ppa, disnaker = site.browser(), site.browser()
    ppa.sign_in(office.officer("Wulan Rahasia", "ppa", "35.07"))
    disnaker.sign_in(office.officer("Sari Contoh", "disnaker", "35.07"))
    sari, wulan = officers.require("sari-contoh"), officers.require("wulan-rahasia")

    def restricted_one() -> str:
        [state] = [a.state for a in cases.for_person(wulan, ref).alerts if a.indicator == "R05"]
        return state

    with office.store.transaction():
        cases.close(sari, ref, "verified", office.clock())
        assert restricted_one() == "open", "an office closes nothing that it may not know of"
        cases.close(wulan, ref, "resolved", office.clock())
        reopening.reopen(sari, ref, "Salah tekan", office.store, office.clock())
        assert restricted_one() == "closed"
        cases.close(sari, ref, "verified", office.clock())
        done = reopening.reopen(wulan, ref, "Keluarganya melapor", office.store, office.clock())
    assert restricted_one() == "acknowledged"
    theirs = {a.indicator for a in cases.for_person(sari, ref).alerts}
    assert theirs == {"R02", "R14"}
    assert done == 2
    disnaker.get(f"/kasus/{ref}")
    assert "Dibuka lagi oleh Wulan Rahasia (UPTD PPA)." in disnaker.page
    for theirs_alone in ("Keluarganya melapor", "R05", "Ditutup oleh Wulan Rahasia"):
        assert theirs_alone not in disnaker.page


def test_a_case_closed_because_its_person_had_gone_is_open_again_where_they_are_with_all_that_was_done(
    office: Office, site: Site
) -> None:
    here, there = (office.officer(f"Petugas {n}", "disnaker", f"35.07.0{n}") for n in (1, 2))
    ref = office.case("D08", "35.07.01.2001")
    with office.store.transaction():
        cases.close(here.person, ref, "moved", office.clock())
    office.later(hours=1)
    assert office.case("D08", "35.07.02.2001", edits=office.last_instance) == ref
    browser = site.browser()
    browser.sign_in(there)
    browser.get(f"/kasus/{ref}")
    assert cases.for_person(there.person, ref).state == "open"
    told = ("Ditutup oleh Petugas 1. Hasil: Orangnya pindah", "kasus pindah tempat")
    assert [word in browser.page for word in told] == [True, True]
