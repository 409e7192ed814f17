"""The attached list ``kasus.csv``: the open cases of a desk's village, for follow-ups.

A village officer learns that there is a case, when it was opened and from which form: enough to say which case a
follow-up belongs to. No name, no indicator: the phone lies about in a village. A case of restricted indicators
alone does not exist for it (DOMAIN 5.2).
"""

from __future__ import annotations

import csv
import io

from server.store import areas
from server.store.models import Alert, Case

CASE_LIST = "kasus.csv"


def kasus_csv(village: str) -> bytes:
    """The list of a village, newest case first.

    Columns ``name`` and ``ref`` (both the reference), ``label`` (reference, village, day), ``village``, ``form``,
    ``opened`` (ISO date).
    """
    open_ones = Alert.select(Alert.case).where(
        (Alert.restricted == False) & (Alert.state != "closed")  # noqa: E712 - SQL
    )
    rows = (
        Case.select(Case.ref, Case.form_id, Case.opened_at)
        .where(areas.scope(Case, village) & Case.id.in_(open_ones))
        .order_by(Case.opened_at.desc(), Case.id.desc())
    )
    name, zone = areas.names([village]).get(village, village), areas.zone(village)
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["name", "label", "ref", "village", "form", "opened"])
    for case in rows:
        day = case.opened_at.astimezone(zone).date()
        label = f"{case.ref} {name} {day:%d-%m-%Y}"
        write.writerow([case.ref, label, case.ref, village, case.form_id, day.isoformat()])
    return out.getvalue().encode()
