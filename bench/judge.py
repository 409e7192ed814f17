"""How long a submission's judging takes once its form is loaded, and how long a form takes to compile.

Each of the library's forms, filled by JavaRosa: reading the XML, judging it whole (calculations, all rules,
``required`` and ``constraint`` again), and for comparison parsing the same XML with lxml alone. A submission is
judged once after it was read, as the server does: one that is judged again and again lies in the processor's
caches, and takes two thirds of the time.
"""

from __future__ import annotations

import math
import time
import timeit
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from lxml import etree

import forms
from forms.compile import compile_workbook
from forms.instance import read_instance
from forms.judge import Judge
from forms.lists import ListTable
from forms.schema import Schema
from tests.phone.followups import VISIT
from tests.phone.interviews import interviews
from tests.phone.javarosa import Engine
from tests.phone.lists import library_lists
from tests.phone.provider_visits import VISITS
from tests.phone.village_reports import REPORTS
from tests.phone.workers import CASES, WORKERS

LIBRARY = Path(forms.__file__).parent / "library"
OTHERS: dict[str, dict[str, Any]] = {
    "tindak_lanjut": VISIT,
    "pantau_penyedia": next(iter(VISITS.values()))[0],
    "laporan_bulanan": next(iter(REPORTS.values())),
}
RUNS = 5
TIMES = 1_000
JUST_READ = 20
"""So many are read before they are judged: more than one, for the clock; few enough to stay at hand."""


def main() -> None:
    """Print microseconds a submission, and seconds a form."""
    lists = library_lists()
    engine, now = Engine(), datetime.now(UTC)
    tables = {name.removesuffix(".csv"): ListTable.from_csv(name, content) for name, content in lists.items()}
    told = interviews(engine.today())
    print(
        f"{'form':18} {'compile':>9} {'+ Validate':>11} {'load':>9} {'judge':>9} {'read':>9} {'of lxml':>8}"
    )
    for workbook in sorted(LIBRARY.glob("*.xlsx")):
        form = compile_workbook(workbook, validate=False).form
        compiling = _once(partial(compile_workbook, workbook, validate=False), RUNS)
        whole = _once(partial(compile_workbook, workbook), 2)
        judge, schema = Judge(form), Schema.from_xform(form.xform)
        loading = _once(partial(Judge, form), RUNS)
        line = f"{workbook.stem:18} {compiling * 1e3:6.0f} ms {whole * 1e3:8.0f} ms {loading * 1e3:6.1f} ms"
        given = OTHERS.get(schema.form_id) or next(i.answers for i in told if i.form_id == schema.form_id)
        answers = {name: value for name, value in given.items() if value is not None}
        # a return is told of somebody whom the list does not know, a follow-up of somebody whom it knows
        chosen = {"pmi.csv": WORKERS, "kasus.csv": CASES} if schema.form_id in OTHERS else {}
        xml = engine.open(form.xform, lists | chosen).fill(answers).xml
        judging = _judging(judge, xml, tables, now)
        reading = _each(partial(_read, xml))
        parsing = _each(partial(etree.fromstring, xml))
        line += f" {judging:6.0f} us {reading:6.0f} us {(judging + reading) / parsing:6.1f} x"
        print(line, flush=True)


def _read(xml: bytes) -> None:
    read_instance(xml).release()


def _judging(judge: Judge, xml: bytes, tables: Mapping[str, ListTable], now: datetime) -> float:
    """Microseconds of judging, of the quickest run over submissions that were just read."""
    quickest = math.inf
    for _ in range(TIMES // JUST_READ * RUNS):
        instances = [read_instance(xml) for _ in range(JUST_READ)]
        begun = time.perf_counter()
        for instance in instances:
            judge.judge(instance, tables, now)
        quickest = min(quickest, time.perf_counter() - begun)
        for instance in instances:
            instance.release()
    return quickest / JUST_READ * 1e6


def _once(work: Callable[[], object], runs: int) -> float:
    """Seconds, of the quickest run."""
    return min(timeit.repeat(work, number=1, repeat=runs))


def _each(work: Callable[[], object]) -> float:
    """Microseconds a time, of the quickest run."""
    return min(timeit.repeat(work, number=TIMES, repeat=RUNS)) / TIMES * 1e6


if __name__ == "__main__":
    main()
