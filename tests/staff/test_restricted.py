"""A case with and without R05: whoever may not know of it gets the same pages, list and figures, byte for byte."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from forms.form import Form
from server.settings import Settings
from server.store import case_list, figures, messages, officers
from server.store.database import Store
from server.store.models import Message
from server.store.sealing import Keys
from sync.channels.console import Console
from sync.scheduler import Sync
from tests.conftest import ENGINES, Clock, make_home, publish_library
from tests.staff.conftest import MALANG, Office, served

SEATS = (("disnaker", "35.07"), ("dinsos", "35.07"), ("p4mi", "35"), ("province", "35"), ("admin", "ID"))


def everything(store: Store, library: dict[str, Form], codes: str) -> dict[str, str]:
    """All that others than ppa can see of a case some hours after it was told, taken on and reminded of."""
    clock = Clock(datetime(2026, 11, 20, 14, 30, tzinfo=UTC))  # half past nine at night: R05 goes, R14 waits
    office = Office(store, clock, library)
    publish_library(store, library)
    wulan = office.officer("Wulan Rahasia", "ppa", "35.07")
    readers = [office.officer(f"Petugas {role}", role, area) for role, area in SEATS]
    with store.transaction():
        for number, one in enumerate((wulan, *readers)):
            officers.set_contact(one.person.slug, clock(), phone=f"+62 812 0000 {number:04d}")
    settings = Settings(home=store.home)
    sync = Sync(store, settings, clock, {"console": Console()}, "console", random=Random(1), gap=0.0)
    office.file("R05" if "R05" in codes else "", form_id="pulang")  # a case that others see nothing of
    ref = office.case(codes)
    for _ in range(5):
        sync.run_once()
        with store.transaction():
            Message.update(state="delivered", delivered_at=clock()).where(Message.state == "sent").execute()
        office.later(hours=3)
    sync.close()
    seen = {"kasus.csv": case_list.kasus_csv(MALANG).decode()}
    seen["figures"] = str([f for f in figures.counted() if not f.name.startswith("posmigran_job")])
    theirs = [m for m in messages.listing() if m["officer"] != wulan.person.slug]
    seen["messages"] = str([(m["officer"], m["body"], m["state"]) for m in theirs])
    with served(store, clock) as site:
        for one in readers:
            browser = site.browser()
            browser.sign_in(one)
            for path in ("/", "/?status=semua", f"/kasus/{ref}", "/tanda"):
                text = browser.get(path).text
                seen[f"{one.person.role} {path}"] = re.sub(r'name="token" value="\w+"', "", text)
    assert "Wulan Rahasia (UPTD PPA) diberi tahu" in seen[f"disnaker /kasus/{ref}"]
    return seen


@pytest.mark.parametrize("engine", ENGINES)
def test_nobody_but_ppa_can_tell_a_case_with_a_restricted_sign_from_one_without(
    request: pytest.FixtureRequest, engine: str, tmp_path: Path, library: dict[str, Form]
) -> None:
    seen = []
    for codes in ("R14", "R14 R05"):
        folder = tmp_path / codes.replace(" ", "")
        folder.mkdir()
        home = make_home(request, engine, folder)
        store = Store(home.url, home.path, Keys.open(home.path))
        told = everything(store, library, codes)
        seen.append({numberless(what): numberless(text) for what, text in told.items()})
        store.release()
    without, with_it = seen
    assert with_it.keys() == without.keys()
    for what, text in without.items():
        assert with_it[what] == text, what


def numberless(text: str) -> str:
    """Without the numbers of cases, which are drawn at random."""
    return re.sub(r"R-\d{6}-\d{4}", "R", text)


def test_numbers_of_cases_do_not_run_on_so_that_a_gap_tells_of_nothing(office: Office) -> None:
    district = [office.case("R14") for _ in range(8)]
    numbers = [int(ref[-4:]) for ref in district]
    assert len({*numbers}) == 8
    assert numbers != list(range(numbers[0], numbers[0] + 8))
