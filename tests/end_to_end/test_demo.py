"""The demo as somebody sees it who has typed ``make demo`` and nothing else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from python_calamine import CalamineWorkbook

from tests.conftest import Home
from tests.end_to_end.world import family
from tests.server_process import ROOT

# Runs the demo's frame around nothing but the start of the server.
ONLY_THE_SERVER = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins without it
from pathlib import Path
from tests.phone import demo
demo.Demo.run = lambda self: print(self._start(), flush=True)
sys.exit(demo.run_demo(Path(sys.argv[1])))
"""


def environment(**more: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k != "DEMO_EXIT"} | more


def test_the_demo_shows_the_whole_path_and_ends_with_0_and_nothing_running(tmp_path: Path) -> None:
    home = tmp_path / "a folder with a space"
    ended = subprocess.run(
        [sys.executable, "-m", "posmigran", "demo", "--home", home],
        cwd=ROOT,
        env=environment(DEMO_EXIT="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "30 are kept" in ended.stdout
    texts = re.findall(r"PMI (?:KRITIS|TINGGI) [DR]\d\d", ended.stdout)
    assert len(texts) >= 30
    assert f"{len(texts)} SMS" in ended.stdout
    assert "by petugas-disnaker-malang" in ended.stdout
    found = re.search(r"page +(http://127\.0\.0\.1:\d+)/", ended.stdout)
    assert found is not None
    assert not answers(found[1])
    for form_id, rows in (("berangkat", 20), ("pulang", 10)):
        book = CalamineWorkbook.from_path(str(home / f"{form_id}.xlsx"))
        assert len(book.get_sheet_by_index(0).to_python()) == rows + 1
    assert len(ended.stdout.splitlines()) > 100, "its progress is told"
    assert "Traceback" not in (home / "server.log").read_text()


def test_it_leaves_the_server_running_until_ctrl_c(shipped: Home) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ONLY_THE_SERVER, shipped.path],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert "Ctrl-C" in process.stdout.readline()
    assert answers(url)
    below = family(process.pid)
    assert any("serve" in line for line in below.values())
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not answers(url)
    process.stdout.close()


def test_invented_people_never_get_among_real_ones(shipped: Home) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "posmigran", "demo", "--home", shipped.path],
        cwd=ROOT,
        env=environment(DEMO_EXIT="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    (said,) = ended.stderr.splitlines()
    assert f"{shipped.path} is not empty" in said


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz").status_code == 200
    except httpx.ConnectError:
        return False
