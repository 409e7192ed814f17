"""What each command prints with ``--json``: exactly the keys that outsiders rely on."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.cli.conftest import Place, Run
from tests.forms.workbooks import write
from tests.phone.settings_code import read_settings
from tests.server_process import command

LIBRARY = Path(__file__).parents[2] / "forms" / "library"
VILLAGE = "35.07.01.2001"
SHIPPED = {"berangkat", "laporan_bulanan", "pantau_penyedia", "pulang", "tindak_lanjut"}

Done = Callable[..., Any]


@pytest.fixture
def here(place: Place, done: Done) -> Done:
    """``done`` for the home of the test."""
    return lambda *words: done(*words, **place.environment)


def test_init_makes_everything_and_a_second_init_changes_nothing(done: Done, tmp_path: Path) -> None:
    home = tmp_path / "a home"
    first = done("init", "--home", home, "--admin-email", "kepala@contoh.id")
    second = done("init", "--home", home)

    assert set(first) == {"home", "database", "admin", "forms"}
    assert first["home"] == str(home)
    assert first["admin"]["email"] == "kepala@contoh.id"
    assert first["admin"]["password"]
    assert {f["form_id"] for f in first["forms"]} == SHIPPED
    assert all(set(f) == {"form_id", "version", "title"} for f in first["forms"])
    assert second == first | {"admin": {"email": "kepala@contoh.id", "password": None}}


def test_forms_are_checked_compiled_published_and_listed(here: Done, tmp_path: Path) -> None:
    workbook = write(tmp_path)
    checked = here("forms", "check", workbook)
    assert set(checked) == {"ok", "errors", "warnings"}
    assert (checked["ok"], checked["errors"]) == (True, [])

    xform = tmp_path / "coba.xml"
    assert here("forms", "compile", workbook, "-o", xform)["form_id"] == "coba"
    assert etree.parse(xform).find(".//{*}ri_x01") is not None

    made = here("forms", "publish", workbook)
    assert set(made) == {"form_id", "version", "hash"}
    assert here("forms", "publish", workbook) == made, "the same bytes once more are no new version"
    listed = {f["form_id"]: f for f in here("forms", "list")}
    assert set(listed) == {*SHIPPED, "coba"}
    assert set(listed["coba"]) == {"form_id", "version", "title", "state", "hash", "submissions"}
    assert {k: listed["coba"][k] for k in made} == made


def test_attached_lists_are_taken_from_the_folder_that_is_named(here: Done, tmp_path: Path) -> None:
    shipped = (LIBRARY / "media" / "negara.csv").read_text("utf-8").splitlines()
    (tmp_path / "negara.csv").write_text("\n".join(shipped[:-1]) + "\n", "utf-8")
    settings = here("desks", "add", VILLAGE)
    before = here("forms", "list")
    here("forms", "publish", LIBRARY / "berangkat.xlsx", "--media", tmp_path)

    assert here("forms", "list") == before, "a list has editions of its own; the form stays as it is"
    assert settings["url"]


def test_a_desk_gets_all_that_its_phones_need_and_is_listed_without_it(place: Place, here: Done) -> None:
    made = here("desks", "add", VILLAGE, "--name", "Balai desa")
    assert set(made) == {"desk", "village", "username", "password", "url", "settings", "qr", "sheet"}
    assert made["village"] == VILLAGE
    assert "/desk/" in made["url"]
    assert read_settings(made["settings"])["general"]["server_url"] == made["url"]
    assert Path(made["qr"]).read_bytes().startswith(b"\x89PNG")
    assert Path(made["qr"]).stat().st_mode & 0o077 == 0

    (listed,) = here("desks", "list")
    assert (listed["desk"], listed["name"], listed["state"]) == (made["desk"], "Balai desa", "open")
    assert made["password"] not in str(listed)
    here("desks", "revoke", made["desk"])
    assert here("desks", "list")[0]["state"] == "revoked"


def test_officers_are_added_listed_and_removed(here: Done) -> None:
    phone = here(
        "officers", "add", "Siti Contoh", "--role", "ppa", "--area", "35.07", "--phone", "081200000001"
    )
    page = here(
        "officers", "add", "Budi Contoh", "--role", "province", "--area", "35", "--email", "b@contoh.id"
    )
    assert set(phone) == set(page) == {"officer", "password"}
    assert phone["password"] is None
    assert page["password"]
    listed = {o["officer"]: o for o in here("officers", "list")}
    assert listed[phone["officer"]]["phone"] == "+6281200000001"
    assert page["password"] not in str(listed)
    here("officers", "remove", phone["officer"])
    assert [o["officer"] for o in here("officers", "list")] == [page["officer"]]


def test_submissions_alerts_and_messages_are_listed_answered_and_exported(
    place: Place, here: Done, run: Run, tmp_path: Path
) -> None:
    here("officers", "add", "Malang", "--role", "disnaker", "--area", "35.07", "--phone", "081200000001")
    ref = place.case("D08 D10")

    (line,) = here("submissions", "list")
    assert list(line) == [
        "instance_id",
        "form_id",
        "version",
        "village",
        "received_at",
        "indicators",
        "attachments",
        "state",
    ]
    assert line["indicators"] == ["D08", "D10"]
    assert line["attachments"] == {"expected": 0, "present": 0}
    assert here("submissions", "list", "--form", "berangkat", "--area", "35.07") == [line]
    assert (
        here("submissions", "list", "--form", "pulang")
        == here("submissions", "list", "--area", "35.05")
        == []
    )
    assert here("submissions", "list", "--since", "2026-11-21") == []
    whole = here("submissions", "show", line["instance_id"])
    assert {k: whole[k] for k in line} == line
    assert (whole["answers"], whole["xml"]) == ({"loc": {"village": VILLAGE}}, "<data/>")

    alerts = here("alerts", "list")
    assert [list(a) for a in alerts] == 2 * [
        [
            "ref",
            "indicator",
            "severity",
            "village",
            "district",
            "state",
            "opened_at",
            "acknowledged_by",
            "submission",
        ]
    ]
    assert {(a["ref"], a["district"], a["state"], a["submission"]) for a in alerts} == {
        (ref, "35.07", "open", line["instance_id"])
    }

    counts = command(place.home, "sync", "--once")
    assert (counts["cases"], counts["sent"]) == (1, 1)
    (message,) = here("messages", "list", "--state", "sent")
    assert list(message) == [
        "id",
        "ref",
        "to",
        "channel",
        "body",
        "state",
        "segments",
        "attempts",
        "provider_id",
        "error",
        "cost",
    ]
    assert (message["ref"], message["to"], message["channel"]) == (ref, "+6281200000001", "console")

    here("alerts", "ack", ref, "--by", "malang")
    assert {a["acknowledged_by"] for a in here("alerts", "list", "--state", "acknowledged")} == {"malang"}
    here("alerts", "close", ref, "--by", "malang", "--result", "resolved")
    assert {a["state"] for a in here("alerts", "list", "--area", "35")} == {"closed"}
    again = run("alerts", "close", ref, "--by", "malang", "--result", "moved", **place.environment)
    assert again.status == 1
    assert f"Nothing changed: case {ref} is closed: resolved (" in again.err
    assert here("alerts", "reopen", ref, "--by", "malang", "--reason", "Salah tekan")["reopened"] >= 1
    assert {a["state"] for a in here("alerts", "list", "--area", "35")} == {"acknowledged"}

    written = here("export", "berangkat", "-o", tmp_path / "b.csv", "--area", "35.07", "--lang", "en")
    with (tmp_path / "b.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert len(list(csv.reader(stream))) - 1 == written["rows"] == 1
    assert here("export", "berangkat", "-o", tmp_path / "b.xlsx", "--from", "2026-11-21")["rows"] == 0
    assert here("export", "berangkat", "-o", tmp_path / "b.zip", "--to", "2026-11-20")["rows"] == 1


def test_lists_are_tables_for_people(place: Place, run: Run, done: Done) -> None:
    done("desks", "add", VILLAGE, **place.environment)
    done(
        "officers",
        "add",
        "M",
        "--role",
        "ppa",
        "--area",
        "ID",
        "--phone",
        "081200000001",
        **place.environment,
    )
    place.case("D01")
    command(place.home, "sync", "--once")
    for what in ("forms", "desks", "officers", "submissions", "alerts", "messages"):
        ended = run(what, "list", **place.environment)
        assert (ended.status, ended.err) == (0, ""), what
        assert len(ended.out.splitlines()) >= 2, "a header and a line"
