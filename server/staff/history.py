"""What happened to a case, as one officer may know it.

It is told from the alerts that this officer may see. Of the recorded events only those are added that name
an indicator among them: somebody else's act, or a number of alerts, could give away that there is an alert
which is kept from them (DOMAIN 5.2, R05).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.staff import words
from server.store.cases import CaseView

_CHANGES = {
    "indicator.gone": "Formulir diperbaiki: tanda {code} tidak muncul lagi.",
    "indicator.back": "Formulir diperbaiki: tanda {code} muncul lagi.",
}


@dataclass(frozen=True)
class Entry:
    """Something that happened, and when."""

    at: datetime
    text: str


def of(view: CaseView, recorded: Sequence[dict[str, Any]]) -> list[Entry]:
    """Oldest first. ``recorded`` are the events of the case (:func:`server.store.events.of`)."""
    sender = f" dari meja desa {view.desk}" if view.desk else ""
    entries = {Entry(view.opened_at, f"Formulir {words.form(view.form_id)} diterima{sender}; kasus dibuka.")}
    codes = {alert.indicator for alert in view.alerts}
    for alert in view.alerts:
        if alert.opened_at > view.opened_at:
            entries.add(Entry(alert.opened_at, f"Formulir diperbaiki: tanda {alert.indicator} bertambah."))
        if alert.acknowledged_at is not None and alert.acknowledged_at != alert.closed_at:
            entries.add(Entry(alert.acknowledged_at, f"Ditangani oleh {alert.acknowledged_by}."))
        if alert.closed_at is not None:
            result = words.RESULTS.get(alert.result or "", alert.result)
            entries.add(Entry(alert.closed_at, f"Ditutup oleh {alert.closed_by}. Hasil: {result}."))
    for event in recorded:
        code = (event["detail"] or {}).get("indicator")
        if event["verb"] in _CHANGES and code in codes:
            entries.add(Entry(event["at"], _CHANGES[event["verb"]].format(code=code)))
    return sorted(entries, key=lambda entry: (entry.at, entry.text))
