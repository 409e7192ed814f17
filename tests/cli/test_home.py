"""A home's key belongs to its database, and what staff published belongs to staff."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forms.form import Form
from forms.problems import Problem
from server import installation
from server.settings import Settings
from server.store import published
from server.store.sealing import KEY_FILE, Keys
from tests.conftest import Home

NOW = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


def _init(home: Home, library: dict[str, Form]) -> Settings:
    """Init as the command does it, with the forms compiled beforehand."""
    settings = Settings(home=home.path, database_url=home.url)
    store = installation.open_store(settings)
    with store.transaction():
        for form in library.values():
            workbook = (Path("forms/library") / f"{form.form_id}.xlsx").read_bytes()
            published.publish(form, workbook, {}, NOW)
    store.release()
    installation.init(settings, "admin@contoh.example", NOW)
    return settings


def test_a_lost_key_is_never_replaced_by_a_new_one(
    home: Home, library: dict[str, Form], tmp_path: Path
) -> None:
    settings = _init(home, library)
    key = shutil.move(home.path / KEY_FILE, tmp_path / "kept")
    with pytest.raises(Problem) as lost:
        installation.init(settings, "admin@contoh.example", NOW)
    assert lost.value.kind.code == "home.key"
    assert not (home.path / KEY_FILE).exists()
    shutil.move(key, home.path / KEY_FILE)
    installation.open_store(settings).release()


def test_another_homes_key_does_not_open_the_database(
    home: Home, library: dict[str, Form], tmp_path: Path
) -> None:
    settings = _init(home, library)
    (home.path / KEY_FILE).unlink()
    Keys.make(home.path)
    with pytest.raises(Problem) as wrong:
        installation.open_store(settings)
    assert wrong.value.kind.code == "home.key"


def test_init_leaves_what_staff_published(home: Home, library: dict[str, Form]) -> None:
    settings = _init(home, library)
    store = installation.open_store(settings)
    form = published.get_form("berangkat")
    assert form is not None
    with store.transaction():
        published.publish(
            replace(form, version="3000", xform=form.xform + " "),
            b"theirs",
            {"p3mi.csv": b"name,label\n"},
            NOW,
        )
    store.release()
    said: list[str] = []
    installation.init(settings, "admin@contoh.example", NOW, progress=said.append)
    store = installation.open_store(settings)
    assert [f.version for f in published.current_forms() if f.form_id == "berangkat"] == ["3000"]
    assert published.newest_lists(["p3mi.csv"])["p3mi.csv"].content == b"name,label\n"
    assert any("3000 stays" in line for line in said)
    store.release()
