"""Rosters by the command line: what officers of an office keep, and what happens to a spoiled workbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl

from tests.cli.conftest import Place, Run


def test_a_roster_is_kept_asked_and_carried_by_a_workbook_and_a_spoiled_one_changes_nothing(
    place: Place, run: Run, tmp_path: Path
) -> None:
    def ask(*words: str | Path) -> Any:
        ended = run(*words, "--json", **place.environment)
        assert ended.status == 0, ended.err
        return ended.document

    for name in ("Sari", "Budi"):
        ask("officers", "add", name, "--role", "disnaker", "--area", "35.07", "--phone", "+62 812 0000 0001")
    days = ("--from", "2020-01-01", "--to", "2099-12-31")
    ask("rosters", "add", "sari", *days, "--deputy", "budi")
    (now,) = ask("rosters", "now", "35.07.01.2001")
    assert (now["on_duty"], now["deputies"]) == (["sari"], ["budi"])
    ask("rosters", "swap", "sari", "--by", "budi", *days)
    (now,) = ask("rosters", "now", "35.07.01.2001")
    assert (now["on_duty"], now["deputies"]) == (["budi"], ["sari"])
    before = ask("rosters", "list")
    file, spoiled = tmp_path / "jaga.xlsx", tmp_path / "rusak.xlsx"
    ask("rosters", "export", "-o", file, "--area", "35.07")
    book = openpyxl.load_workbook(file)
    book["Jaga"].append(("siapa", "2026-12-01", "2099-12-02"))
    book.save(spoiled)
    refused = run("rosters", "import", spoiled, "--area", "35.07", **place.environment)
    assert refused.status == 1
    assert "rusak.xlsx: Jaga row 4, column Petugas: There is no officer siapa." in refused.err
    assert ask("rosters", "list") == before
    assert ask("rosters", "import", file, "--area", "35.07")["stored"] == 2
