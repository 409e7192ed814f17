"""The shape of the code: who may know whom, and how long a module may get (design/ARCHITECTURE.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("forms", "server", "sync", "exports")
LONGEST = 450
"""Lines of a module: a few screens. About 400 is what we aim for."""


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imported(module: Path) -> set[str]:
    """The first words of everything that a module imports, at whatever depth the import stands."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute here"
            found.add((node.module or "").partition(".")[0])
    return found


def name(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


def test_imports_go_downwards_only() -> None:
    run = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", run, "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_rooms_know_neither_the_command_line_nor_the_tests() -> None:
    above = {"posmigran", "tests", "bench"}
    assert [name(m) for m in modules(*ROOMS) if imported(m) & above] == []


def test_of_the_tests_the_command_line_knows_the_demo_only() -> None:
    tree = ast.parse((ROOT / "posmigran.py").read_text("utf-8"))
    said = {
        n.module
        for n in ast.walk(tree)
        if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("tests")
    }
    assert said == {"tests.phone.demo"}


def test_modules_fit_on_a_few_screens() -> None:
    lengths = {
        name(m): len(m.read_text("utf-8").splitlines())
        for m in modules(*ROOMS)
        if m.parent.name != "migrations"  # those are generated
    }
    assert {module: lines for module, lines in lengths.items() if lines > LONGEST} == {}


def test_the_picture_of_the_rooms_has_the_layers_of_the_import_contract() -> None:
    picture = (ROOT / "design" / "ARCHITECTURE.md").read_text("utf-8")
    _, _, rest = picture.partition("## Rooms")
    drawn = rest.split("```")[1]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers")
    below = -1
    for layer in layers:
        rows = set()
        for room in layer.split(" | "):
            path = room.replace(".", "/")
            said = [
                i for i, line in enumerate(drawn.splitlines()) if f"{path}/" in line or f"{path}.py" in line
            ]
            # a longer name holds a shorter one: server/store/ is not server/
            assert len(said) == 1, f"{room} stands {len(said)} times in the picture"
            rows.add(said[0])
        assert len(rows) == 1, f"{layer} is not on one line"
        assert min(rows) > below, f"{layer} stands too high"
        below = max(rows)


def test_every_room_has_its_line_in_the_table_of_rooms() -> None:
    table = (ROOT / "design" / "ARCHITECTURE.md").read_text("utf-8")
    within = [p for p in (ROOT / "server").iterdir() if p.stem != "__init__" and p.suffix in ("", ".py")]
    rooms = [f"{p.relative_to(ROOT).as_posix()}{'/' if p.is_dir() else ''}" for p in within]
    rooms += [f"{room}/" for room in ROOMS if room != "server"]
    assert [
        room for room in sorted(rooms) if "__pycache__" not in room and f"| `{room}` |" not in table
    ] == []


def test_serving_phones_and_sending_load_no_library_for_workbooks_or_paper() -> None:
    """Each of them is megabytes that every process of a small server would hold for nothing."""
    large = ("openpyxl", "pyxform", "xlsxwriter", "reportlab", "numpy", "PIL")
    program = (
        "import sys, posmigran, server.serving, server.app, sync;"
        f"print([name for name in {large} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
