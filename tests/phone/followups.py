"""Follow-ups of a case as they happen, each complete and honest."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.phone.workers import SULASTRI, VILLAGE

TODAY = date.today()  # noqa: DTZ011 the JVM's own clock is local too
DAY = timedelta(days=1)

VISIT: dict[str, Any] = {
    "village": VILLAGE,
    "case_id": "R-350701-0001",
    "contact_made": "visit",
    "private": "yes",
    "worker": SULASTRI,
    "person_safe": "safe",
    "departure_state": "postponed",
    "alert_valid": "confirmed",
    "actions": ["doc_returned", "money_returned"],
    "amount_recovered": 1500000,
    "consent_referral": "yes",
    "referred_to": ["disnaker", "ppa"],
    "referral_accepted": "yes",
    "accepted_date": TODAY,
    "severity_now": "medium",
    "next_date": TODAY + 14 * DAY,
    "notes": "Dokumen sudah kembali.",
}


def without(*names: str, **changes: Any) -> dict[str, Any]:
    """The visit without some answers, with others instead."""
    return {name: value for name, value in VISIT.items() if name not in names} | changes


AFTER_SAFETY = ("departure_state", "consent_referral", "referred_to", "referral_accepted", "accepted_date")
FOLLOWUPS: dict[str, dict[str, Any]] = {
    "visit": VISIT,
    "at risk, no referral wanted": without(
        *AFTER_SAFETY[2:], person_safe="at_risk", consent_referral="no", contact_made="phone"
    ),
    "not private": without(
        *AFTER_SAFETY, "person_safe", "actions", "amount_recovered", "notes", private="no"
    ),
    "not reached, contact lost": without(
        "private",
        *AFTER_SAFETY[1:],
        contact_made="failed",
        person_safe="lost",
        last_contact_date=TODAY - 40 * DAY,
        departure_state="went_nonproc",
    ),
    "not reached, nothing known": without(
        "private",
        *AFTER_SAFETY[1:],
        "amount_recovered",
        contact_made="failed",
        person_safe="unknown",
        departure_state="dk",
        actions=["none"],
        alert_valid="not_yet",
    ),
    "returned worker": without("departure_state", case_id="R-350701-0002", severity_now="high"),
    "closed": without(
        "next_date", "referral_accepted", "accepted_date", referred_to=["none"],
        severity_now="closed", close_reason="resolved", departure_state="cancelled",
    ),
    "provider": without(
        "private", "worker", "person_safe", *AFTER_SAFETY, case_id="R-350701-0003", actions=["mediation"]
    )
    | {"amount_recovered": None},
    "neither case nor person on the list": without(
        "worker", case_id=None, case_listed="no", case_ref="R-350701-0042", worker_known="no"
    ),
    "no code yet": without("worker", case_id=None, case_listed="no", worker_known="no"),
}  # fmt: skip
