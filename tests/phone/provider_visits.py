"""Visits to providers as they happen: answers, the colour they must give, and what each principle counts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

TODAY = date.today()  # noqa: DTZ011 the JVM's own clock is local too
PRINCIPLES = ("a", "b", "1", "2", "3", "4", "5")

OPENING: dict[str, Any] = {
    "village": "35.07.01.2001",
    "visited_with": ["disnaker", "cso"],
    "access": "yes",
    "licence": "yes",
    "licence_no": "CONTOH-001",
    "licence_until": TODAY + timedelta(days=300),
    "fee_asked": "no",
    "deposit": "no",
    "deduct_months": 0,
    "private": "yes",
    "heard_f": 3,
    "heard_m": 2,
    "complain_n": 0,
    "under18": "no",
    "originals": 0,
    "phones_taken": "no",
    "data_safe": "yes",
    "complaint_box": "yes",
    "shelter": "no",
}
CONDUCT = {
    "price_list": "yes",
    "advert": ["country", "job", "wage", "employer"],
    "explained": "yes",
    "school_recruit": "no",
}
CONTRACT = {"contract_copy": "yes", "contract_id": "yes"}
AGENCY: dict[str, Any] = OPENING | CONDUCT | CONTRACT | {
    "provider_type": "p3mi", "provider": "p001", "job_order": "yes", "staff_letters": "yes",
    "coord": "-8.25 112.40 0 0",
}  # fmt: skip
SHELTER = {
    "shelter": "yes",
    "shelter_leave": "free",
    "shelter_cap": 40,
    "shelter_separate": "yes",
    "women_staff": "yes",
}
SPONSOR: dict[str, Any] = OPENING | CONDUCT | CONTRACT | {
    "provider_type": "sponsor", "provider_name": "Pak Contoh", "price_list": None,
}  # fmt: skip
TRAINING: dict[str, Any] = OPENING | CONDUCT | SHELTER | {
    "provider_type": "lpk", "provider_name": "LPK Contoh", "train_hours": 400, "instructor": "yes",
    "job_link": "yes", "cert_body": "lsp", "train_paid": "p3mi", "dropout_penalty": "no",
}  # fmt: skip
CLINIC: dict[str, Any] = OPENING | dict.fromkeys(("shelter", "deposit", "deduct_months")) | {
    "provider_type": "clinic", "provider_name": "Klinik Contoh", "clinic_pmi": "yes", "exam_consent": "yes",
    "preg_test": "private", "result_explained": "yes", "price_shown": "yes",
}  # fmt: skip
TRAVEL: dict[str, Any] = SPONSOR | {
    "provider_type": "travel", "provider_name": "Travel Contoh", "price_list": "yes",
}  # fmt: skip
REFUSED: dict[str, Any] = {
    "village": "35.07.01.2001", "visited_with": ["alone"], "provider_type": "p3mi", "provider": "notlisted",
    "provider_name": "PT Contoh Lain", "access": "refused", "private": "yes", "heard_f": 0, "heard_m": 0,
}  # fmt: skip
HEARD = {name: OPENING[name] for name in ("under18", "originals", "phones_taken", "data_safe")} | {
    "heard_f": 2, "complain_n": 1, "main_complaint": "docs", "complaint_box": "no", "shelter": "no",
}  # fmt: skip

# name: (answers, colour, what each principle counts that is not zero)
VISITS: dict[str, tuple[dict[str, Any], str, dict[str, int]]] = {
    "agency, all in order": (AGENCY, "green", {}),
    "branch with a shelter, all in order": (AGENCY | SHELTER | {"provider_type": "branch"}, "green", {}),
    "sponsor, all in order": (SPONSOR, "green", {}),
    "training centre, all in order": (TRAINING, "green", {}),
    "clinic, all in order": (CLINIC, "green", {}),
    "travel bureau without adverts": (TRAVEL | {"advert": ["noad"]}, "green", {}),
    "licence without an end": (AGENCY | {"licence_until": None}, "green", {}),
    "licence ends on the day": (AGENCY | {"licence_until": TODAY}, "green", {}),
    "fees": (
        AGENCY
        | {
            "fee_asked": "yes",
            "fees": [
                {"fee_type": "ticket_out", "fee_amt": 3000000, "fee_receipt": "no"},
                {"fee_type": "visa", "fee_amt": 1000000, "fee_receipt": "dk"},
            ],
            "refund": "none",
            "deduct_months": 6,
        },
        "yellow",
        {"1": 2, "5": 1},
    ),
    "nothing explained": (
        AGENCY | {"price_list": "no", "contract_copy": "no", "contract_id": "no", "explained": "no"},
        "yellow",
        {"3": 4},
    ),
    "false advert": (AGENCY | {"advert": ["country", "wage"]}, "yellow", {"b": 1}),
    "recruits in schools, no letters": (
        AGENCY | {"school_recruit": "yes", "staff_letters": "no", "job_order": "no"},
        "yellow",
        {"a": 2, "b": 1},
    ),
    "training against the rules": (
        TRAINING | {"train_paid": "loan", "dropout_penalty": "yes", "instructor": "no", "cert_body": "none"},
        "yellow",
        {"1": 1, "2": 1, "b": 2},
    ),
    "clinic tells results to others": (
        CLINIC | {"preg_test": "shared", "exam_consent": "no", "result_explained": "no"},
        "yellow",
        {"4": 2, "3": 1},
    ),
    "permission needed to leave": (AGENCY | SHELTER | {"shelter_leave": "limited"}, "yellow", {"2": 1}),
    "something is not known": (AGENCY | {"explained": "dk"}, "yellow", {}),
    "number of documents not known": (CLINIC | {"originals": None}, "yellow", {}),
    "deductions not known": (AGENCY | {"deduct_months": None}, "yellow", {}),
    "seen only in part": (AGENCY | {"access": "part"}, "yellow", {}),
    "nobody could be heard alone": (
        {
            name: value
            for name, value in AGENCY.items()
            if name not in (*HEARD, "heard_f", "heard_m", "complain_n", "shelter")
        }
        | {"private": "no"},
        "yellow",
        {},
    ),
    "refused at the door": (REFUSED, "yellow", {}),
    "no licence": (
        {k: v for k, v in SPONSOR.items() if k not in ("licence_no", "licence_until")} | {"licence": "no"},
        "red",
        {"a": 1},
    ),
    "licence ended yesterday": (AGENCY | {"licence_until": TODAY - timedelta(days=1)}, "red", {"a": 1}),
    "licence ended on the list": (AGENCY | {"provider": "p002"}, "red", {"a": 1}),
    "one diploma held": (AGENCY | {"originals": 1}, "red", {"2": 1}),
    "locked in": (AGENCY | SHELTER | {"shelter_leave": "locked"}, "red", {"2": 1}),
    "phones taken": (AGENCY | {"phones_taken": "yes"}, "red", {"2": 1}),
    "a child seen": (AGENCY | {"under18": "seen"}, "red", {"a": 1}),
    "a child told of": (TRAINING | {"under18": "told"}, "red", {"a": 1}),
    "refused, but candidates tell": (REFUSED | HEARD | {"originals": 4}, "red", {"2": 1, "5": 1}),
}


def given(answers: dict[str, Any]) -> dict[str, Any]:
    """Only what is answered."""
    return {name: value for name, value in answers.items() if value is not None}
