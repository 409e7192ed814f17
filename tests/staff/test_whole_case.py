"""A whole case as its people see it: phone, alert, escalation, an answer by WhatsApp, follow-up, result, chain."""

from __future__ import annotations

import io
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import httpx
import openpyxl
import pytest
import uvicorn
from playwright.sync_api import Browser as Chromium

from server import installation
from server.app import create_app
from server.settings import Settings
from server.staff import words
from server.store import officers, roster_entries
from server.store.database import Store
from sync.carriers import carriers
from sync.scheduler import Sync
from tests.conftest import Clock
from tests.phone.desk import DeskPhone
from tests.phone.followups import without
from tests.phone.interviews import Interview, interviews
from tests.staff.conftest import Officer
from tests.staff.test_real_browser import PHONE, _fits, _open, chromium
from tests.twilio_standin import TwilioStandIn

__all__ = ["chromium"]

VILLAGE = "35.07.01.2001"


@dataclass
class District:
    """A district's server, its carrier and its clock."""

    store: Store
    clock: Clock
    twilio: TwilioStandIn
    sync: Sync
    settings: Settings
    url: str

    def officer(self, name: str, role: str, area: str, number: int) -> Officer:
        email = f"{name.split()[0].lower()}@contoh.example"
        with self.store.transaction():
            person, password = officers.add(
                name, role, area, self.clock(), phone=f"+62 812 0000 {number:04d}", email=email
            )
        assert password is not None
        return Officer(person, email, password)

    def phone(self) -> DeskPhone:
        desk = installation.add_desk(self.settings, self.store, VILLAGE, "Meja Donomulyo", self.clock())
        phone = DeskPhone.from_settings(desk["settings"])
        phone.sync()
        return phone

    def later(self, **step: float) -> None:
        self.clock.at += timedelta(**step)
        self.sync.run_once()

    def reply(self, officer: Officer, body: str) -> int:
        """An answer by WhatsApp, signed as Twilio signs it."""
        params = {"From": f"whatsapp:{officer.person.phone}", "Body": body, "MessageSid": "SM" + "0" * 32}
        address = f"{self.url}/twilio/inbound"
        return httpx.post(address, data=params, headers=self.twilio.signed(address, params)).status_code


@pytest.fixture
def district(published: Store) -> Iterator[District]:
    clock = Clock(datetime.now(UTC))  # the phone's engine has no other
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with TwilioStandIn(clock=clock) as twilio:
        given: dict[str, Any] = {"home": published.home, "public_url": url, "quiet_hours": "none"}
        settings = Settings(**given, **twilio.settings, **twilio.whatsapp)  # type: ignore[arg-type]
        web = create_app(settings, published, clock)
        server = uvicorn.Server(uvicorn.Config(web.asgi, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        channels, sms = carriers(settings)
        sync = Sync(published, settings, clock, channels, sms, random=Random(1))
        yield District(published, clock, twilio, sync, settings, url)
        sync.close()
        server.should_exit = True
        thread.join()


def grave() -> Interview:
    """A departure that shows a critical sign for the labour office, and none for PPA alone."""
    today = date.today()  # noqa: DTZ011 - the phone's own day
    return next(i for i in interviews(today, VILLAGE) if i.form_id == "berangkat" and "D05" in i.expected)


def test_a_case_from_the_phone_to_its_result_with_every_step_and_its_time_on_the_page(
    district: District, chromium: Chromium
) -> None:
    sari = district.officer("Sari Contoh", "disnaker", "35.07", 1)
    budi = district.officer("Budi Contoh", "disnaker", "35.07", 2)
    district.officer("Tono Contoh", "p4mi", "35.07", 3)
    district.officer("Rina Contoh", "bp3mi", "35", 4)
    now = district.clock()
    roster_entries.add_duty(
        sari.person.slug, now, now + timedelta(days=7), now, "operator", deputy=budi.person.slug
    )
    phone = district.phone()

    assert phone.send(phone.hold(grave())).sent
    district.later(minutes=1)
    told = [m.to for m in district.twilio.messages]
    assert f"whatsapp:{sari.person.phone}" in told
    assert f"whatsapp:{budi.person.phone}" not in told
    ref = re.search(r"R-\d{6}-\d{4}", district.twilio.messages[0].body)
    assert ref is not None
    sent = next(m for m in district.twilio.messages if m.to == f"whatsapp:{sari.person.phone}")
    district.twilio.send_receipt(sent, "delivered")

    district.later(hours=4)
    assert f"whatsapp:{budi.person.phone}" in [m.to for m in district.twilio.messages]
    district.later(minutes=5)
    assert district.reply(budi, f"1 {ref[0]}") == 200

    district.later(hours=1)
    phone.sync()
    visit = without("worker", case_id=ref[0], worker_known="no")
    assert phone.send(phone.hold(Interview("kunjungan", "tindak_lanjut", visit, frozenset()))).sent

    district.later(minutes=30)
    page = _open(chromium, district.url, PHONE, budi)
    page.goto(f"{district.url}/kasus/{ref[0]}")
    assert page.locator(".state").inner_text() == "Ditangani"
    assert _fits(page)
    page.get_by_label("Benar, sudah diperiksa").check()
    page.get_by_role("button", name="Tutup kasus").click()
    page.get_by_role("button", name="Ya, tutup kasus").click()
    page.get_by_text("Kasus sudah ditutup.").wait_for()
    assert _fits(page)

    chain = page.locator(".history li").all_inner_texts()
    wanted = [
        "Formulir Keberangkatan diterima dari meja desa Meja Donomulyo",
        "Sari Contoh (Disnaker) diberi tahu karena bertugas jaga: ",
        "Pesan kepada Sari Contoh dikirim lewat WhatsApp.",
        "Pesan sampai di HP Sari Contoh.",
        "Belum ada jawaban. Budi Contoh (Disnaker) diberi tahu sebagai wakil: ",
        "Ditangani oleh Budi Contoh.",
        "Formulir Tindak Lanjut diterima dari Meja Donomulyo.",
        "Ditutup oleh Budi Contoh. Hasil: Benar, sudah diperiksa.",
    ]
    places = [next((n for n, line in enumerate(chain) if text in line), -1) for text in wanted]
    assert -1 not in places, chain
    assert places == sorted(places), chain
    assert all(re.match(r"\d{1,2} \w{3} 20\d\d \d\d\.\d\d WIB", line) for line in chain)
    page.context.close()


def test_a_colleague_is_asked_and_rosters_are_kept_on_a_phone(district: District, chromium: Chromium) -> None:
    sari = district.officer("Sari Contoh", "disnaker", "35.07", 1)
    district.officer("Budi Contoh", "disnaker", "35.07", 2)
    phone = district.phone()
    assert phone.send(phone.hold(grave())).sent
    district.later(minutes=1)
    page = _open(chromium, district.url, PHONE, sari)
    page.get_by_role("link", name="Lihat").first.click()
    page.get_by_label("Siapa yang diminta menangani?").select_option(label="Budi Contoh (Disnaker)")
    page.get_by_role("button", name="Minta menangani").click()
    page.get_by_text("Petugas itu sudah diminta.").wait_for()
    assert "Sari Contoh meminta Budi Contoh (Disnaker) menangani kasus ini." in page.content()
    assert _fits(page)

    told = page.locator(".history").inner_text()
    assert "Sari Contoh (Disnaker) diberi tahu: " in told
    assert "bertugas jaga" not in told, "there is no roster yet"

    district.later(minutes=1)
    page.get_by_role("link", name="Jaga").click()
    today = district.clock().date()
    page.get_by_label("Bertugas jaga").check()
    page.get_by_label("Petugas", exact=True).select_option(label="Budi Contoh (Disnaker)")
    page.get_by_label("Mulai tanggal").fill(today.isoformat())
    page.get_by_label("Sampai tanggal").fill((today - timedelta(days=3)).isoformat())
    page.get_by_role("button", name="Catat", exact=True).click()
    page.get_by_text("Waktu selesai harus sesudah waktu mulai").wait_for()
    assert today.isoformat() not in page.locator(".note.wrong").inner_text()
    assert words.day(today.isoformat()) in page.locator(".note.wrong").inner_text()
    assert page.get_by_label("Bertugas jaga").is_checked()
    assert page.get_by_label("Petugas", exact=True).input_value() == "budi-contoh"
    assert page.get_by_label("Mulai tanggal").input_value() == today.isoformat()
    page.get_by_label("Sampai tanggal").fill((today + timedelta(days=6)).isoformat())
    page.get_by_role("button", name="Catat", exact=True).click()
    page.get_by_text("Sudah dicatat.").wait_for()
    assert page.locator(".card h2").all_inner_texts() == ["Budi Contoh"]
    assert _fits(page)

    with page.expect_download() as download:
        page.get_by_role("button", name="Unduh Excel").click()
    page.get_by_role("button", name="Hapus catatan").click()
    page.get_by_text("Sudah dihapus.").wait_for()
    page.get_by_label("Berkas yang sudah diisi").set_input_files(download.value.path())
    page.get_by_role("button", name="Pakai berkas ini").click()
    page.get_by_text("Jaga budi-contoh").wait_for()  # it is older than what was done on the page since
    assert "Unduh Excel sekali lagi" in page.locator(".note.wrong").inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Unduh Excel").click()
    filled = openpyxl.load_workbook(io.BytesIO(download.value.path().read_bytes()))
    filled["Jaga"].append(("budi-contoh", today.isoformat(), (today + timedelta(days=6)).isoformat()))
    target = io.BytesIO()
    filled.save(target)
    page.get_by_label("Berkas yang sudah diisi").set_input_files(
        {"name": "jaga.xlsx", "mimeType": "application/octet-stream", "buffer": target.getvalue()}
    )
    page.get_by_role("button", name="Pakai berkas ini").click()
    page.get_by_text("Jadwal dari berkas sudah dipakai.").wait_for()
    assert page.locator(".card h2").all_inner_texts() == ["Budi Contoh"]
    page.get_by_role("link", name="Kasus").click()
    page.get_by_role("link", name="Lihat").first.click()
    told = page.locator(".history").inner_text()
    assert "bertugas jaga" not in told, "what was written afterwards was nobody's reason"
    page.context.close()
