"""What people read in a terminal or a pipe: nothing cut, times with their zone, names as they are."""

from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime

import pytest

from server.terminal import show

ROW = {
    "instance_id": "uuid:5f0c3a52-7d4e-4b1a-9c38-0a2f6f1f4a11",
    "village": "35.07.01.2001",
    "name": "Meja [red]PMI[/red] Tulungrejo di Kecamatan Donomulyo, Kabupaten Malang",
    "received_at": datetime(2026, 11, 21, 5, 0, tzinfo=UTC),
}


class Window(io.StringIO):
    """A terminal of 60 columns."""

    def isatty(self) -> bool:
        return True


def test_a_row_in_a_pipe_is_one_line_with_whole_identifiers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show([ROW, ROW], json=False)
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == list(ROW)
    assert len(rows) == 2
    for row in rows:
        assert all(str(ROW[name]) in row for name in ("instance_id", "village", "name"))


def test_in_a_window_that_is_too_narrow_each_row_becomes_a_block_and_nothing_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window = Window()
    monkeypatch.setattr(sys, "stdout", window)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    show([ROW, ROW], json=False)
    said = window.getvalue()
    assert "…" not in said
    assert said.count(str(ROW["instance_id"])) == said.count(str(ROW["name"])) == 2


def test_a_time_names_its_zone(capsys: pytest.CaptureFixture[str]) -> None:
    show({"received_at": ROW["received_at"]}, json=False)
    assert re.search(r"2026-11-2[012] \d\d:\d\d [A-Z+-][A-Z0-9+-]+$", capsys.readouterr().out.strip())


def test_facts_within_facts_are_words_and_no_code(capsys: pytest.CaptureFixture[str]) -> None:
    forms = [{"form_id": "pulang", "closed": False}, {"form_id": "berangkat", "closed": True}]
    show({"forms": forms, "attachments": {"expected": 2, "present": 0}, "none": {}}, json=False)
    assert [line.split(maxsplit=1)[1:] for line in capsys.readouterr().out.splitlines()] == [
        ["form_id pulang, closed no; form_id berangkat, closed yes"],
        ["expected 2, present 0"],
        [],
    ]
