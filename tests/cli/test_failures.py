"""Exit status 1 with one line that names the place and what to do; 2 for wrong usage; nothing else on stdout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from forms.form import Form
from tests.cli.conftest import Run
from tests.conftest import Home
from tests.forms.workbooks import INDICATORS, SETTINGS, SURVEY, put, write
from tests.server_process import ROOT, environment

VILLAGE = "35.07.01.2001"


def line(run: Run, *words: str | Path, **settings: str) -> str:
    """Run a command that must end with 1 and exactly one line on standard error; that line."""
    ended = run(*words, **settings)
    assert (ended.status, ended.out) == (1, ""), ended
    (said,) = ended.err.splitlines()
    return said


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["desks", "add", "35.07.01.9999"], ["35.07.01.9999", "35.07.01.2001"]),
        (["desks", "add", "35.07"], ["35.07", "Kemendagri"]),
        (["desks", "revoke", "desa-1"], ["desa-1", "desks list"]),
        (["officers", "add", "A", "--role", "ppa", "--area", "99"], ["99", "Kemendagri"]),
        (["officers", "add", "A", "--role", "ppa", "--area", "35", "--phone", "12"], ["+62 812"]),
        (["officers", "remove", "nobody"], ["nobody", "officers list"]),
        (["alerts", "ack", "R-350701-0001", "--by", "nobody"], ["nobody", "officers list"]),
        (["alerts", "list", "--area", "3507"], ["3507", "Kemendagri"]),
        (["submissions", "show", "uuid:none"], ["uuid:none", "submissions list"]),
        (["submissions", "list", "--area", "00"], ["00", "Kemendagri"]),
        (["export", "nix", "-o", "x.xlsx"], ["nix", "forms list"]),
        (["export", "berangkat", "-o", "x.pdf"], ["x.pdf", ".xlsx .csv .zip"]),
        (["export", "berangkat", "-o", "/dev/null/x.xlsx"], ["/dev/null/x.xlsx", "Choose another folder"]),
        (["export", "berangkat", "-o", "no folder/x.csv"], ["no folder/x.csv", "Choose another folder"]),
        (["forms", "publish", "none.xlsx"], ["none.xlsx", "Check the name"]),
    ],
)
@pytest.mark.parametrize("json", [[], ["--json"]])
def test_what_is_not_done_is_said_in_one_line(
    run: Run, shipped: Path, words: list[str], named: list[str], json: list[str]
) -> None:
    said = line(run, *words, *json, POSMIGRAN_HOME=str(shipped))
    assert [part for part in named if part not in said] == []


def test_in_indonesian_where_the_computer_speaks_it(run: Run, shipped: Path) -> None:
    said = line(run, "officers", "remove", "nobody", POSMIGRAN_HOME=str(shipped), LANG="id_ID.UTF-8")
    assert said == "Petugas nobody tidak ada. Lihat posmigran officers list."


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nothing"],
        ["forms"],
        ["desks", "add"],
        ["desks", "list", "--colour"],
        ["serve", "--port", "many"],
        ["serve", "--workers", "0"],
        ["serve", "--public-url", "desa.example"],
        ["officers", "add", "A", "--role", "king", "--area", "35"],
        ["alerts", "list", "--state", "asleep"],
        ["alerts", "close", "R-350701-0001", "--by", "a", "--result", "good"],
        ["messages", "list", "--state", "lost"],
        ["export", "berangkat"],
        ["export", "berangkat", "-o", "x.xlsx", "--lang", "nl"],
        ["export", "berangkat", "-o", "x.xlsx", "--from", "20-11-2026"],
        ["submissions", "list", "--since", "yesterday"],
    ],
)
def test_wrong_usage_is_status_2(run: Run, shipped: Path, words: list[str]) -> None:
    ended = run(*words, POSMIGRAN_HOME=str(shipped))
    assert ended.status == 2
    assert "posmigran" in ended.out + ended.err


@pytest.mark.parametrize(
    "words", [["desks", "list"], ["sync", "--once"], ["export", "pulang", "-o", "x.xlsx"]]
)
def test_without_a_home_one_is_told_to_make_it(run: Run, tmp_path: Path, words: list[str]) -> None:
    said = line(run, *words, "--home", tmp_path / "none")
    assert str(tmp_path / "none") in said
    assert "posmigran init" in said
    assert not (tmp_path / "none").exists()


def test_a_home_that_cannot_be_made_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert line(run, "init", "--home", tmp_path / "file" / "home").startswith(f"{tmp_path}/file")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('POSMIGRAN_SMS = "pigeon"', ["POSMIGRAN_SMS", "'console' or 'twilio'"]),
        ('POSMIGRAN_SMZ = "console"', ["POSMIGRAN_SMZ", "no such setting"]),
        ('POSMIGRAN_TIMEZONE = "Asia/Atlantis"', ["POSMIGRAN_TIMEZONE", "Asia/Makassar"]),
        ("POSMIGRAN_SMS = ", ["line 1"]),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(
    run: Run, tmp_path: Path, content: str, named: list[str]
) -> None:
    (tmp_path / "posmigran.toml").write_text(content + "\n")
    said = line(run, "desks", "list", "--home", tmp_path)
    assert [part for part in [str(tmp_path / "posmigran.toml"), *named] if part not in said] == []


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("POSMIGRAN_SMS", "pigeon", "'console' or 'twilio'"),
        ("POSMIGRAN_DATABASE_URL", "mysql://u:secret@db/x", "postgresql://"),
        ("POSMIGRAN_DATABASE_URL", "postgresql://u:secret@127.0.0.1:1/x", "is it running"),
        ("POSMIGRAN_PUBLIC_URL", "desa.example", "https://"),
        ("POSMIGRAN_TIMEZONE", "Jakarta", "Asia/Makassar"),
    ],
)
def test_a_wrong_setting_of_the_environment_is_named_and_never_quoted(
    run: Run, shipped: Path, name: str, value: str, what: str
) -> None:
    said = line(run, "desks", "list", "--home", shipped, **{name: value})
    assert said.startswith(f"{name}: ")
    assert what in said
    assert "secret" not in said


def test_serve_says_at_once_that_a_setting_of_the_carrier_is_missing(run: Run, shipped: Path) -> None:
    said = line(run, "serve", "--port", "0", "--home", shipped, POSMIGRAN_SMS="twilio")
    assert said.startswith("TWILIO_ACCOUNT_SID: ")


def test_serve_says_that_a_port_is_taken(run: Run, shipped: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = line(run, "serve", "--no-sync", "--port", str(port), "--home", shipped)
    assert said.startswith(f"127.0.0.1:{port}: ")
    assert "--port" in said


def test_a_broken_form_is_named_by_file_sheet_row_and_column(run: Run, shipped: Path, tmp_path: Path) -> None:
    workbook = write(tmp_path, survey=put(SURVEY, 6, "calculation", "${nobody} * 2"))
    said = line(run, "forms", "publish", workbook, "--home", shipped)
    assert [p for p in ["coba.xlsx", "survey", "6", "calculation", "nobody"] if p not in said] == []

    ended = run("forms", "check", workbook, "--json")
    assert ended.status == 1
    (found,) = ended.document["errors"]
    assert ended.document["ok"] is False
    assert (found["sheet"], found["row"], found["column"]) == ("survey", 6, "calculation")
    assert ended.err.splitlines() == [said]


def test_of_several_faults_the_line_names_the_first_and_check_lists_all(run: Run, tmp_path: Path) -> None:
    workbook = write(
        tmp_path,
        survey=put(SURVEY, 6, "calculation", "${nobody} * 2"),
        indicators=put(INDICATORS, 2, "severity", "awful"),
    )
    ended = run("forms", "check", workbook)
    assert ended.status == 1
    (said,) = ended.err.splitlines()
    assert "1 more" in said
    assert "nobody" in ended.out
    assert "awful" in ended.out


@pytest.mark.parametrize("what", ["compile", "publish", "check"])
def test_what_is_no_workbook_is_named(run: Run, shipped: Path, tmp_path: Path, what: str) -> None:
    file = tmp_path / "surat.xlsx"
    file.write_bytes(b"PK\x03\x04 not really")
    more = ["-o", tmp_path / "surat.xml"] if what == "compile" else []
    ended = run("forms", what, file, *more, "--home", shipped)
    assert ended.status == 1
    (said,) = ended.err.splitlines()
    assert said.startswith("surat.xlsx: ")


def test_an_xform_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    said = line(run, "forms", "compile", write(tmp_path), "-o", tmp_path / "none" / "x.xml")
    assert said.startswith(f"{tmp_path}/none/x.xml: ")


def test_an_attached_list_that_phones_could_not_read_is_named_by_row(
    run: Run, shipped: Path, tmp_path: Path
) -> None:
    (tmp_path / "negara.csv").write_text("name,label\nMY,Malaysia\nTW\n")
    library = ROOT / "forms" / "library"
    said = line(run, "forms", "publish", library / "berangkat.xlsx", "--media", tmp_path, "--home", shipped)
    assert "negara.csv row 3" in said


def test_a_used_version_with_other_bytes_is_refused(
    run: Run, shipped: Path, library: dict[str, Form], tmp_path: Path
) -> None:
    version = library["berangkat"].version
    settings = put(put(SETTINGS, 2, "form_id", "berangkat"), 2, "version", version)
    said = line(run, "forms", "publish", write(tmp_path, settings=settings), "--home", shipped)
    assert version in said
    assert "Write a higher one" in said


def test_standard_output_holds_nothing_but_the_document_in_a_real_process(home: Home) -> None:
    """In-process tests cannot see what a library prints while it is loaded."""
    ended = subprocess.run(
        [sys.executable, "-m", "posmigran", "desks", "add", VILLAGE, "--json"],
        cwd=ROOT,
        env=environment(home)
        | {
            "POSMIGRAN_PUBLIC_URL": "https://pos.example",  # without it, one line warns that phones cannot reach it
            "PYTHONWARNINGS": "error::DeprecationWarning:__main__",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("{")
    assert ended.stdout.endswith("}\n")


def test_a_reader_that_goes_away_is_no_fault(shipped: Path) -> None:
    """As in ``posmigran forms list | head -1``."""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "posmigran", "forms", "list", "--home", str(shipped)],
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert "Traceback" not in ended.stderr


def test_an_officer_whom_nobody_can_reach_is_registered_with_a_warning(run: Run, shipped: Path) -> None:
    words = ("officers", "add", "Tanpa Kontak", "--role", "ppa", "--area", "35.07", "--home", shipped)
    ended = run(*words)
    assert ended.status == 0
    assert "neither --phone nor --email" in ended.err


def test_an_export_up_to_a_day_before_its_first_is_wrong_usage(
    run: Run, shipped: Path, tmp_path: Path
) -> None:
    days = ("--from", "2026-10-02", "--to", "2026-10-01")
    ended = run("export", "berangkat", "-o", tmp_path / "x.csv", *days, "--home", shipped)
    assert ended.status == 2
    assert "2026-10-01 lies before --from 2026-10-02" in ended.err
