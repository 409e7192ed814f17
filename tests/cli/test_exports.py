"""``posmigran export`` with its options, and ``posmigran verify``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from server.store import saved_exports
from tests.cli.conftest import Place, Run, opened
from tests.exports.filled import NOON, keep


def now() -> datetime:
    return datetime.now(UTC)


def kept(place: Place, instance_id: str, received_at: datetime = NOON) -> None:
    """A departure, kept."""
    with opened(place.home) as store:
        keep(store, place.library["berangkat"], {}, instance_id, received_at=received_at)


def test_a_whole_workbook_is_told_from_an_edited_one(
    place: Place, run: Run, done: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "berangkat.xlsx"
    kept(place, "uuid:1")
    assert done("export", "berangkat", "-o", file, **place.environment)["rows"] == 1
    said = done("verify", file, **place.environment)
    assert list(said) == ["ok", "rows", "made_at", "made_by", "differences"]
    assert (said["ok"], said["rows"], said["made_by"], said["differences"]) == (True, 1, "operator", [])

    book = openpyxl.load_workbook(file)
    book["berangkat"]["C2"] = "35.07.01.2002"
    book.save(file)
    ended = run("verify", file, "--json", **place.environment)
    assert ended.status == 1
    assert ended.document["ok"] is False
    [difference] = ended.document["differences"]
    assert (difference["sheet"], difference["row"], difference["column"]) == ("berangkat", 2, "C")
    assert "sheet berangkat, row 2, column C" in ended.err
    assert ended.err.count("\n") == 1
    assert run("verify", tmp_path / "nirwana.xlsx", **place.environment).status == 1


def test_only_what_is_new_since_the_last_export_of_a_name(
    place: Place, done: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "baru.csv"
    old = now() - 2 * saved_exports.SETTLED

    def new(*more: str) -> int:
        return int(
            done("export", "berangkat", "-o", file, "--new", "mingguan", *more, **place.environment)["rows"]
        )

    kept(place, "uuid:1", old)
    assert new() == 1
    assert new() == 0
    kept(place, "uuid:2", old + timedelta(seconds=1))
    assert new() == 1
    assert new("--area", "35.07") == 2, "with other filters it is another series"
    kept(place, "uuid:3", now())
    assert new() == 0, "others may still be committed before it"


def test_a_password_comes_from_a_file_and_stands_in_no_argument(
    place: Place, run: Run, done: Callable[..., Any], tmp_path: Path
) -> None:
    kept(place, "uuid:1")
    file, secret = tmp_path / "berangkat.xlsx", tmp_path / "sandi"
    secret.write_text("Rahasia Contoh 12\n")
    done("export", "berangkat", "-o", file, "--password-file", secret, **place.environment)
    ended = run("verify", file, **place.environment)
    assert ended.status == 1
    assert "--password" in ended.err
    assert done("verify", file, "--password-file", secret, **place.environment)["ok"]


@pytest.mark.parametrize("wrong", [("--choices", "semua"), ("--state", "dibuka"), ("--indicator", "D99")])
def test_what_cannot_be_meant_is_said_in_one_line(
    place: Place, run: Run, tmp_path: Path, wrong: tuple[str, str]
) -> None:
    ended = run("export", "berangkat", "-o", tmp_path / "a.csv", *wrong, **place.environment)
    assert ended.status == 1
    assert ended.err.count("\n") == 1
