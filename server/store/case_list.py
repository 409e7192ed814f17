"""The attached list ``kasus.csv``: the open cases of a desk's village or of an officer's area, for follow-ups.

Who fills in a follow-up learns that there is a case, when it was opened and from which form: enough to say which
case it belongs to. No name, no indicator: a phone lies about. A case of restricted indicators alone does not exist
for village desks (DOMAIN 5.2); officers' phones list the cases that their role is told of.
"""

from __future__ import annotations

import csv
import io
from typing import Any

from peewee import SQL

from server.store import areas, cases
from server.store.models import Alert, Case

CASE_LIST = "kasus.csv"
COLUMNS = ("name", "label", "ref", "village", "form", "opened")


def kasus_csv(area: str, role: str | None = None) -> bytes:
    """The list of a village, or of the area of an officer with this role; newest case first.

    Columns ``name`` and ``ref`` (both the reference), ``label`` (reference, village, day), ``village``, ``form``,
    ``opened`` (ISO date).
    """
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\n")
    write.writerow(COLUMNS)
    write.writerows(_rows(area, role, SQL("1 = 1")))
    return out.getvalue().encode()


def case_row(ref: str, area: str, role: str | None = None) -> tuple[str, ...] | None:
    """One row of the list; None where it is not on it."""
    return next(iter(_rows(area, role, Case.ref == ref, closed=True)), None)


def _rows(area: str, role: str | None, condition: Any, *, closed: bool = False) -> list[tuple[str, ...]]:
    known = Alert.restricted == False if role is None else cases.visible(role)  # noqa: E712 - SQL
    told_of = Alert.select(Alert.case).where(known if closed else known & (Alert.state != "closed"))
    rows = (
        Case.select(Case.ref, Case.form_id, Case.village, Case.opened_at)
        .where(areas.scope(Case, area) & Case.id.in_(told_of) & condition)
        .order_by(Case.opened_at.desc(), Case.id.desc())
    )
    found = list(rows)
    names = areas.names(case.village for case in found)
    listed: list[tuple[str, ...]] = []
    for case in found:
        day = case.opened_at.astimezone(areas.zone(case.village)).date()
        label = f"{case.ref} {names.get(case.village, case.village)} {day:%d-%m-%Y}"
        listed.append((case.ref, label, case.ref, case.village, case.form_id, day.isoformat()))
    return listed
