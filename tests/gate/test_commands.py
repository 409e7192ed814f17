"""The gate and the policy lists on the command line, as operators and other programs meet them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Home
from tests.forms.workbooks import put
from tests.gate import small
from tests.server_process import ROOT, environment


def run(home: Home, *words: str, locale: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "posmigran", *words],
        cwd=ROOT,
        env=environment(home, {"LC_ALL": locale}),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """No home at all: a form may be checked without."""
    return Home(tmp_path / "none", "")


@pytest.mark.parametrize(
    ("locale", "word"), [("C.UTF-8", "cannot be read"), ("id_ID.UTF-8", "tidak terbaca")]
)
def test_a_form_is_checked_without_a_home_in_the_language_of_the_locale(
    home: Home, tmp_path: Path, locale: str, word: str
) -> None:
    workbook = small.book(tmp_path, survey=put(small.SURVEY, 4, "constraint", "floor(.) > 1"))
    done = run(home, "forms", "check", str(workbook), "--json", locale=locale)
    assert done.returncode == 1
    said = json.loads(done.stdout)
    (error,) = said["errors"]
    assert list(error) == ["sheet", "row", "column", "message"]
    assert (error["sheet"], error["row"], error["column"]) == ("survey", 4, "constraint")
    assert word in error["message"]
    assert said["ok"] is False
    assert said["warnings"] == []
    assert done.stderr.strip().count("\n") == 0
    assert done.stderr.startswith(f"{workbook.name}: ")
    assert word in done.stderr
    assert not home.path.exists()
