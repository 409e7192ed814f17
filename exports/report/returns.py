"""Sheet 2: who came back this month."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from exports.report.people import said as answer
from exports.report.registers import Line, Register, as_date, several
from exports.report.sheets import Sheet
from exports.values import Cell
from server.store.database import Store

_DAYS_A_MONTH: Final = 30.4375  # mean days of a month


def returns(register: Register, store: Store) -> Sheet:
    """One line a person who came back. Answers that tell of violence are in the restricted variant only."""
    ask, make = register.question, register.item
    items = [
        *register.line(),
        ask("tripg/return_date", "Tgl pulang", "date", 11),
        *register.place(),
        *register.person(),
        register.age(
            "Umur", 7, "Umur genap pada hari pulang.", "dihitung dari idg/birth_date dan tripg/return_date"
        ),
        ask("tripg/country", "Negara", width=14),
        ask("tripg/sector", "Sektor", width=20),
        make(
            "months",
            "Lama bekerja (bln)",
            _months_abroad,
            "small",
            9,
            "Lama di luar negeri, dari berangkat sampai pulang, dibulatkan.",
            "dihitung dari tripg/depart_date dan tripg/return_date",
            "bulan",
        ),
        ask("tripg/depart_status", "Cara berangkat", width=14),
        ask("tripg/return_reason", "Alasan pulang", width=19),
        ask("tripg/return_mode", "Cara pulang", width=17),
        ask("tripg/stay_status", "Status izin", width=16),
        ask("workg/unpaid_amt", "Upah belum dibayar (Rp)", "money", 15, "rupiah"),
        make(
            "care",
            "Butuh layanan kesehatan",
            lambda x: _needs_care(x.entry.answers),
            width=11,
            meaning="ya bila layanan kesehatan termasuk kebutuhan; keadaan kesehatan sendiri tidak disebut.",
            source="pulang: stateg/needs",
        ),
        ask("stateg/child_with", "Anak ikut", "small", 7, "anak"),
        ask("stateg/needs", "Kebutuhan", width=22),
        ask("stateg/refer", "Rujukan", width=20),
        *register.case(),
    ]
    return register.sheet(
        "2 Register Kepulangan",
        "Register Kepulangan Pekerja Migran",
        "pmi_register_kepulangan",
        items,
        store,
    )


def _months_abroad(line: Line) -> Cell:
    left = as_date(answer(line.entry.answers, "tripg", "depart_date"))
    back = line.entry.event_date
    if not isinstance(left, date) or back is None or left > back:
        return None
    return round((back - left).days / _DAYS_A_MONTH)


def _needs_care(answers: Mapping[str, Any]) -> Cell:
    needs = answer(answers, "stateg", "needs")
    if not needs:
        return None
    return "ya" if "health" in several(needs) else "tidak"
