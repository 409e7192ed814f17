"""An export of 50,000 submissions of 39 columns with 100,000 repeat rows: seconds, and memory over an idle process.

``python -m bench.export [SUBMISSIONS]`` fills a fresh SQLite home, then exports it in processes of their own: as one
.xlsx, sealed, and as a ZIP of CSV files. Beside them stand what ODK Central takes for the ZIP on a machine like this
(24.6 s and 582 MB; it writes no .xlsx), and a baseline of this machine at this moment: openpyxl's write-only
workbook of a tenth of the same cells, with no store, no labels, no styles and no seal.
"""

from __future__ import annotations

import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from openpyxl import Workbook

from exports.access import Access
from exports.form_export import export_form
from forms.form import Form
from server.store import areas, published, submissions
from server.store.database import Store
from server.store.sealing import Keys
from server.store.submissions import NewSubmission
from tests.exports.filled import NOON, VILLAGE, made_up_form

RUNS = 3
SUBMISSIONS = 50_000
_TEXTS = ("Sulastri Ningsih", "Dusun Krajan RT 02/RW 01", "Ibu Wening", "PT Contoh", "Jl. Melati & Mawar 3")
_SENSITIVE = {"t0": "identity", "t1": "identity", "t2": "health", "i0": "money", "m0": "violence"}


def measure(count: int = SUBMISSIONS) -> dict[str, dict[str, float]]:
    """Seconds (median of three) and MB over idle for each kind of file; the baseline's seconds for all cells."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = _opened(home)
        store.migrate()
        with store.transaction():
            areas.load_areas()
            fill(store, count)
        store.release()
        found = {}
        for kind in ("xlsx", "zip"):
            command = [sys.executable, "-m", "bench.export", "--one", folder, kind]
            runs = [json.loads(subprocess.check_output(command, text=True)) for _ in range(RUNS)]
            found[kind] = {
                "seconds": statistics.median(run["seconds"] for run in runs),
                "cpu": statistics.median(run["cpu"] for run in runs),
                "mb": statistics.median(run["mb"] for run in runs),
            }
        found["openpyxl"] = {"seconds": 10 * _baseline(home, count // 10)}
    return found


def one(home: Path, kind: str) -> dict[str, float]:
    """Export once, in this process."""
    store = _opened(home)
    idle = _peak()
    started, worked = time.perf_counter(), time.process_time()
    target = home / f"keluar.{kind}"
    export_form("uji", target, store, reader=Access.operator(), made_at=NOON, made_by="bench")
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - worked,
        "mb": _peak() - idle,
    }


def form_of_39_columns() -> Form:
    """39 questions of all types, and a repeat of three more."""
    questions = {f"t{n}": "string" for n in range(10)}
    questions |= {f"s{n}": "select1: a b c d" for n in range(10)}
    questions |= {f"m{n}": "select: a b c d e" for n in range(5)}
    questions |= {f"i{n}": "int" for n in range(6)}
    questions |= {f"d{n}": "date" for n in range(4)}
    questions |= {f"w{n}": "dateTime" for n in range(2)}
    questions |= {f"c{n}": "calculate: 1+1" for n in range(2)}
    form = made_up_form(questions, sensitive=_SENSITIVE)  # type: ignore[arg-type]
    meta, types, body = "<meta><instanceID/></meta>", "", ""
    for name, kind in (("f0", "string"), ("f1", "int"), ("f2", "date")):
        types += f'<bind nodeset="/uji/fees/{name}" type="{kind}"/>'
        body += f'<input ref="/uji/fees/{name}"><label>Label {name}</label></input>'
    xform = form.xform.replace(meta, f"<fees><f0/><f1/><f2/></fees>{meta}").replace(
        "</model>", f"{types}</model>"
    )
    repeat = (
        f'<group ref="/uji/fees"><label>Rincian</label><repeat nodeset="/uji/fees">{body}</repeat></group>'
    )
    return replace(form, xform=xform.replace("</h:body>", f"{repeat}</h:body>"))


def fill(store: Store, count: int) -> None:
    """Submissions with every question answered and two rows of the repeat, 3 kB of XML each."""
    form = form_of_39_columns()
    published.publish(form, b"", {}, NOON)
    chance = random.Random(1)
    for number in range(count):
        answers: dict[str, object] = {}
        for n in range(10):
            text = chance.choice(_TEXTS)
            answers[f"t{n}"] = f"{text} {number}" if n < 4 else text
            answers[f"s{n}"] = chance.choice("abcd")
        answers |= {f"m{n}": chance.sample("abcde", 2) for n in range(5)}
        answers |= {f"i{n}": chance.randint(0, 9_000_000) for n in range(6)}
        answers |= {f"d{n}": f"2026-{chance.randint(1, 11):02}-{chance.randint(1, 28):02}" for n in range(4)}
        answers |= {f"w{n}": f"2026-11-20T{chance.randint(10, 15)}:30:00.000+07:00" for n in range(2)}
        answers |= {f"c{n}": str(chance.randint(0, 100)) for n in range(2)}
        answers["fees"] = [
            {"f0": chance.choice(_TEXTS), "f1": chance.randint(1, 999_999), "f2": "2026-05-05"}
            for _ in range(2)
        ]
        submissions.keep(
            NewSubmission(
                form_id="uji",
                version="1",
                instance_id=f"uuid:{number:08}-0000-4000-8000-000000000000",
                deprecated_id=None,
                desk_id=None,
                village=VILLAGE,
                received_at=NOON + timedelta(seconds=number),
                device_id=None,
                xml=b"<x>" + b"y" * 2_900 + b"</x>",
                answers=answers,
                sensitive=form.sensitive,
                root_path="/uji",
                indicators=(),
                verdict={},
            ),
            store,
        )


def _opened(home: Path) -> Store:
    return Store(f"sqlite:///{home / 'bench.sqlite3'}", home, Keys.make(home))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _baseline(home: Path, count: int) -> float:
    row = ["Sulastri Ningsih", "Pilihan a", 4_000_000, "Dusun Krajan RT 02/RW 01"] * 14
    started = time.perf_counter()
    book = Workbook(write_only=True)
    main, repeat = book.create_sheet(), book.create_sheet()
    for _ in range(count):
        main.append(row)
        repeat.append(row[:7])
        repeat.append(row[:7])
    book.save(home / "plain.xlsx")
    return time.perf_counter() - started


def main() -> None:
    """Print what was measured."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else SUBMISSIONS
    found = measure(count)
    baseline = found["openpyxl"]["seconds"]
    for kind, limit, central in (("xlsx", "12 s, 150 MB", "none"), ("zip", "6 s", "24.6 s, 582 MB")):
        run = found[kind]
        print(
            f"export {kind:4} of {count:,} submissions: {run['seconds']:5.1f} s ({run['cpu']:.1f} s of CPU), "
            f"{run['mb']:3.0f} MB over idle; wanted: {limit}; ODK Central: {central}; "
            f"{baseline / run['seconds']:.1f} x openpyxl write-only"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(Path(sys.argv[2]), sys.argv[3])))
    else:
        main()
