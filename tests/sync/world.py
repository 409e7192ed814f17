"""What tests of sending need: a form with indicators, officers, submissions that open cases."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime

from forms.form import Form, Indicator, Severity
from server.store import case_opening, officers, published, submissions
from server.store.database import Store
from server.store.officers import Person
from server.store.submissions import NewSubmission

VILLAGE = "35.07.01.2001"  # Donomulyo, Malang
REST = "Buka dasbor."


def indicator(
    code: str, severity: Severity, recipients: str, *, digest: bool = False, restricted: bool = False
) -> Indicator:
    level = {"critical": "KRITIS", "high": "TINGGI", "medium": "SEDANG"}[severity]
    return Indicator(
        code=code,
        severity=severity,
        rule="true()",
        recipients=tuple(recipients.split("+")),
        digest=digest,
        restricted=restricted,
        label={"id": code},
        sms={"id": f"PMI {level} {code} {{ref}} Kec {{kec}}: periksa hari ini. {REST}", "en": "in English"},
        advice={"id": ""},
    )


INDICATORS = {
    i.code: i
    for i in (
        indicator("D01", "critical", "disnaker+p4mi+ppa"),
        indicator("D02", "medium", "disnaker", digest=True),
        indicator("D05", "critical", "disnaker+p4mi+bp3mi"),
        indicator("D08", "high", "disnaker"),
        indicator("D24", "high", "disnaker+ppa"),
        indicator("R05", "critical", "ppa", restricted=True),
        indicator("R14", "high", "dinsos+ppa+disnaker"),
    )
}
FORM = Form("berangkat", "1", "Berangkat", "<h/>", tuple(INDICATORS.values()))

_numbers = itertools.count(1)


def publish(now: datetime) -> None:
    published.publish(FORM, b"", {}, now)


def officer(role: str, area: str, now: datetime) -> Person:
    number = next(_numbers)
    phone = f"+62 812 0000 {number % 10_000:04d}"
    return officers.add(f"Petugas {number}", role, area, now, phone=phone)[0]


def submit(
    store: Store, codes: Sequence[str], now: datetime, *, village: str = VILLAGE, edits: str | None = None
) -> tuple[str, str]:
    """A submission that shows these indicators, kept as the intake does; returns (instanceID, reference)."""
    instance_id = f"uuid:{next(_numbers):08d}"
    new = NewSubmission(
        form_id=FORM.form_id,
        version=FORM.version,
        instance_id=instance_id,
        deprecated_id=edits,
        desk_id=None,
        village=village,
        received_at=now,
        device_id=None,
        xml=b"<data/>",
        answers={},
        sensitive={},
        root_path="/berangkat",
        indicators=tuple(codes),
        verdict={},
    )
    with store.transaction():
        kept = submissions.keep(new, store)
        ref = case_opening.open_or_extend(
            kept.id,
            FORM.form_id,
            kept.root,
            village,
            [INDICATORS[c] for c in codes],
            now,
            chained=edits is not None,
        )
    assert ref is not None
    return instance_id, ref
