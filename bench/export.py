"""Rows a second of a workbook: 5,000 filled departure forms with their repeats, against openpyxl alone.

``python -m bench.export [SUBMISSIONS]`` prints the median of three runs and its ratio to a baseline: the same
cells handed to openpyxl's write-only workbook as they are, with no store, no labels and no styles.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from openpyxl import Workbook, load_workbook

from exports.access import Access
from exports.form_export import ExportResult, export_form
from server.store import areas
from server.store.database import Store
from server.store.sealing import Keys
from tests.exports.filled import NOON, invented, keep, publish_library_form

RUNS = 3


def measure(submissions: int = 5_000) -> dict[str, float]:
    """Fill a fresh SQLite home, export it, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = Store(f"sqlite:///{home / 'bench.sqlite3'}", home, Keys.make(home))
        store.migrate()
        with store.transaction():
            areas.load_areas()
            fill(store, submissions)
        target = home / "berangkat.xlsx"
        ours, plain = [], []
        result: ExportResult | None = None
        for _ in range(RUNS):
            started = time.perf_counter()
            result = export_form(
                "berangkat", target, store, reader=Access.operator(), made_at=NOON, made_by="bench"
            )
            ours.append(time.perf_counter() - started)
        assert result is not None
        rows = sum(result.tables.values())
        tables = [
            list(sheet.iter_rows(values_only=True))
            for sheet in load_workbook(target, read_only=True).worksheets[:-2]
        ]
        for _ in range(RUNS):
            started = time.perf_counter()
            book = Workbook(write_only=True)
            for table in tables:
                sheet = book.create_sheet()
                for row in table:
                    sheet.append(row)
            book.save(home / "plain.xlsx")
            plain.append(time.perf_counter() - started)
        store.release()
    mine, baseline = statistics.median(ours), statistics.median(plain)
    cells = sum(1 for table in tables for row in table for cell in row if cell is not None)
    return {
        "submissions": submissions,
        "rows": rows,
        "cells": cells,
        "rows_per_second": rows / mine,
        "submissions_per_second": submissions / mine,
        "openpyxl_rows_per_second": rows / baseline,
        "ratio": baseline / mine,
    }


def fill(store: Store, submissions: int) -> None:
    """Departures of invented people, each with every question answered."""
    form = publish_library_form("berangkat")
    chance = random.Random(5)
    codes = tuple(i.code for i in form.indicators)
    people = [invented(form, chance) for _ in range(min(200, submissions))]
    for number in range(submissions):
        keep(
            store,
            form,
            people[number % len(people)],
            f"uuid:{number:08}-0000-4000-8000-000000000000",
            received_at=NOON + timedelta(seconds=number),
            indicators=tuple(chance.sample(codes, 2)),
        )


def main() -> None:
    """Print what was measured."""
    measured = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
    print(
        f"export xlsx: {measured['rows_per_second']:,.0f} rows/s "
        f"({measured['submissions_per_second']:,.0f} submissions/s, {measured['cells']:,.0f} cells), "
        f"{measured['ratio']:.2f} x openpyxl write-only of the same cells "
        f"({measured['openpyxl_rows_per_second']:,.0f} rows/s)"
    )


if __name__ == "__main__":
    main()
