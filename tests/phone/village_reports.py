"""Monthly reports of a village, from a quiet month to a full one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

TODAY = date.today()  # noqa: DTZ011 the JVM's own clock is local too
LAST_MONTH = TODAY.replace(day=1) - timedelta(days=1)

COUNTS = (
    "open_days", "staff_f", "staff_m", "sessions", "home_visits", "letters_f", "letters_m", "letters_no",
    "cand_f", "cand_m", "dep_f", "dep_m", "abroad_f", "abroad_m", "ret_f", "ret_m",
    "comp_in", "child_n", "recr_n", "budget_plan",
)  # fmt: skip
QUIET: dict[str, Any] = {
    "village": "35.07.01.2001",
    "month": LAST_MONTH,
    **dict.fromkeys(COUNTS, 0),
    "perdes": "no",
    "obstacles": ["none"],
    "support": ["none"],
}
DEPARTURES = QUIET | {"dep_f": 4, "dep_m": 3, "dep_proc": 5, "dep_nonproc": 1}
RETURNS = QUIET | {"ret_f": 2, "ret_m": 1, "ret_why": ["end", "deport"], "ret_end": 2, "ret_deport": 1}
COMPLAINTS = QUIET | {"comp_in": 3, "comp_done": 1, "comp_ref": 1, "child_n": 9, "child_school": 2}
RECRUITERS = QUIET | {
    "recr_n": 2, "recr_phones": "+6281400000001, 081400000002",
    "letters_no": 2, "letters_why": ["age", "recruiter"],
}  # fmt: skip
SESSIONS = QUIET | {
    "sessions": 2, "part_f": 30, "part_m": 12, "topics": ["law", "tppo"], "with_whom": ["disnaker", "pkk"],
    "open_days": 20, "staff_f": 2, "staff_m": 1, "budget_plan": 25000000, "budget_used": 5000000,
    "perdes": "yes", "obstacles": ["signal", "fear"], "support": ["training"],
}  # fmt: skip
REPORTS = {
    "quiet month": QUIET,
    "departures": DEPARTURES,
    "returns": RETURNS,
    "complaints and children": COMPLAINTS,
    "recruiters and refused letters": RECRUITERS,
    "sessions and budget": SESSIONS,
    "sessions with a photo": SESSIONS | {"photo": "hadir.jpg"},
    "everything": SESSIONS | DEPARTURES | RETURNS | COMPLAINTS | RECRUITERS
    | {k: SESSIONS[k] for k in ("sessions", "obstacles", "support", "budget_plan")}
    | {k: DEPARTURES[k] for k in ("dep_f", "dep_m")} | {k: RETURNS[k] for k in ("ret_f", "ret_m")}
    | {k: COMPLAINTS[k] for k in ("comp_in", "child_n")},
}  # fmt: skip
