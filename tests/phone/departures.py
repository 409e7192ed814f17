"""Stories of people who will leave; each of D01 to D25 fires alone in one of them, where it can."""

from __future__ import annotations

from typing import Any

from tests.phone.people import Person
from tests.phone.stories import DAY, Story, turning


def wrong_day(person: Person) -> str:
    """A NIK that speaks of another day of birth."""
    day = person.birth_date
    return person.born(day + DAY if day.day < 28 else day - DAY).nik


PAPERS = [
    "ktp",
    "kk",
    "birth",
    "marital",
    "permit",
    "comp",
    "health",
    "passport",
    "visa",
    "placement",
    "contract",
]


def papers_without(*missing: str) -> list[str]:
    """All papers of Art. 13 UU 18/2017 and the civil ones, but for those named."""
    return [paper for paper in PAPERS if paper not in missing]


def fee(kind: str, amount: int, to: str = "sponsor") -> dict[str, Any]:
    """One cost item."""
    return {"fee_type": kind, "fee_amt": amount, "fee_to": to, "fee_receipt": "no"}


NO_P3MI = {"p3mi": None}
MARRIAGE = {"country": "CN", "sector": "marriage", "employer_type": "dk", "employer_name": None}
PLANTATION = {"country": "MY", "sector": "plantation", "wage": 1700, "wage_cur": "MYR"}
LATER = {"contract": "later", "contract_read": None}
REFUSED = {"consent": "no"}

DEPARTURES = (
    Story("clean departure", "", "everything as the law wants it"),
    Story(
        "clean departure G to G",
        "",
        "Korea",
        {
            "scheme": "g2g",
            "recruiter_type": "gov",
            "country": "KR",
            "wage": 2_060_740,
            "wage_cur": "KRW",
            "recruiter_name": None,
            "recruiter_phone": None,
            **NO_P3MI,
        },
    ),
    Story(
        "departure without a NIK",
        "",
        "half the re-entry workers of one office had none",
        {"has_nik": "no", "nik": None},
    ),
    Story("departure refused", "", "without consent nothing is asked and no rule may fire", REFUSED),
    Story("18 on the day of departure", "", "old enough, to the day", born=turning(18)),
    Story("18 one day before departure", "", "old enough", born=turning(18, late=-1)),
    Story("18 one day after departure", "D01", "still 17 on leaving", born=turning(18, late=1)),
    Story("15 at departure", "D01", "a child", {"education": "smp", "marital": "single"}, born=turning(15)),
    Story("NIK of another birthday", "D02", "NIK and date of birth differ", {"nik": wrong_day}),
    Story("NIK of the other sex", "D02", "NIK and sex differ", {"nik": lambda p: p.other_sex.nik}),
    Story("age changed in papers", "D03", "", {"false_data": ["age"]}),
    Story("name and address changed", "D03", "", {"false_data": ["name", "address"]}),
    Story("tourist visa", "D04", "", {"visa": "visit", "docs": papers_without("visa")}),
    Story("umrah visa", "D04", "", {"visa": "umrah", "docs": papers_without("visa")}),
    Story(
        "no visa in the last week",
        "D04 D17",
        "",
        {"visa": "none", "docs": papers_without("visa")},
        depart_in=7,
    ),
    Story("no visa yet, a month ahead", "", "time enough", {"visa": "none", "docs": papers_without("visa")}),
    Story("to Cambodia", "D05", "not a placement country", {"country": "KH"}),
    Story(
        "online job in Laos",
        "D06",
        "high pay, no skill asked",
        {
            "country": "LA",
            "sector": "online",
            "wage": 1200,
            "wage_cur": "USD",
            "docs": papers_without("comp"),
        },
    ),
    Story(
        "scam ring in Cambodia",
        "D04 D05 D06 D08 D15 D17 D18 D22",
        "all of it together",
        {
            "country": "KH",
            "sector": "online",
            "recruiter_type": "online",
            "contact_via": "tele",
            "visa": "visit",
            "contract": "no",
            "contract_read": None,
            "scheme": "none",
            "told": ["lie", "delete"],
            "wage": 1000,
            "wage_cur": "USD",
            "docs": ["ktp", "passport"],
            "bpjs": "no",
            "opp": "no",
            **NO_P3MI,
        },
        depart_in=4,
        offered_before=6,
    ),
    Story(
        "household in Saudi Arabia",
        "D07",
        "",
        {"country": "SA", "sector": "domestic", "employer_type": "indiv", "wage": 1500, "wage_cur": "SAR"},
    ),
    Story("broker without a letter", "D08", "", {"recruiter_type": "sponsor"}),
    Story("brought along by a friend", "D08", "", {"recruiter_type": "family", "scheme": "none", **NO_P3MI}),
    Story(
        "brought along by family, re-entry",
        "",
        "renewals go through acquaintances",
        {"recruiter_type": "family", "scheme": "reentry", **NO_P3MI},
    ),
    Story("P3MI with an expired licence", "D09", "", {"p3mi": "p002"}),
    Story("P3MI not in the list", "D09", "", {"p3mi": "notlisted", "p3mi_other": "PT Tidak Dikenal"}),
    Story("P3MI unknown", "D09", "left open: nobody knows the name", NO_P3MI),
    Story(
        "charged for the medical check",
        "D10",
        "",
        {"paid_any": "yes", "fees": [fee("mcu", 1_500_000, "clinic")]},
    ),
    Story(
        "costs above a month's wage",
        "D11",
        "",
        {
            "paid_any": "yes",
            "wage": 3000,
            "wage_cur": "MYR",
            "country": "BN",
            "fees": [fee("other", 6_000_000), fee("other", 5_200_000)],
        },
    ),
    Story(
        "five million, no wage named",
        "D11",
        "",
        {"paid_any": "yes", "wage": None, "wage_cur": None, "fees": [fee("other", 5_000_000)]},
    ),
    Story(
        "a little less, no wage named",
        "",
        "below the threshold",
        {"paid_any": "yes", "wage": None, "wage_cur": None, "fees": [fee("other", 4_999_999)]},
    ),
    Story(
        "many fees",
        "D10 D11",
        "",
        {
            "paid_any": "yes",
            "fees": [
                fee("training", 7_500_000, "lpk"),
                fee("passport", 650_000, "gov"),
                fee("other", 250_000, "other"),
                fee("sponsor", 9_000_000),
            ],
        },
    ),
    Story(
        "debt to a moneylender",
        "D12",
        "",
        {
            "debt_any": "yes",
            "debt_source": ["bank", "lender"],
            "debt_amt": 12_000_000,
            "collateral": ["none"],
        },
    ),
    Story("three months of wages deducted", "D12", "", {"deduct_months": 3}),
    Story("two months of wages deducted", "", "below the threshold", {"deduct_months": 2}),
    Story(
        "bank credit",
        "",
        "a loan that does not trap",
        {"debt_any": "yes", "debt_source": ["bank"], "debt_amt": 5_000_000, "collateral": ["vehicle"]},
    ),
    Story("must pay when cancelling", "D13", "", {"cancel_penalty": "yes"}),
    Story(
        "diploma as collateral",
        "D13",
        "",
        {
            "debt_any": "yes",
            "debt_source": ["coop"],
            "debt_amt": 3_000_000,
            "collateral": ["diploma", "land"],
        },
    ),
    Story("passport withheld", "D14", "", {"docs_withheld": ["passport", "kk"]}),
    Story(
        "no contract in the last fortnight",
        "D15",
        "individual scheme: six papers are enough",
        {
            "scheme": "indiv",
            "recruiter_type": "employer",
            "docs": papers_without("contract"),
            **LATER,
            **NO_P3MI,
        },
        depart_in=14,
    ),
    Story(
        "no contract, 15 days ahead",
        "",
        "one day short of the rule",
        {
            "scheme": "indiv",
            "recruiter_type": "employer",
            "docs": papers_without("contract"),
            **LATER,
            **NO_P3MI,
        },
        depart_in=15,
    ),
    Story("does not know the job", "D16", "", {"knows_job": "no"}),
    Story("contract without a copy", "D16", "", {"contract": "nocopy"}),
    Story("contract not understood", "D16", "", {"contract_read": "no"}),
    Story(
        "no health certificate in the last week", "D17", "", {"docs": papers_without("health")}, depart_in=7
    ),
    Story("told to keep silent", "D18", "", {"told": ["hide"]}),
    Story("leaving ten days after the offer", "D18", "", depart_in=5, offered_before=5),
    Story("rat port", "D19", "", {"exit_point": "illegal"}),
    Story("locked in a shelter", "D20", "", {"shelter": "locked"}),
    Story("phone taken in a shelter", "D20", "", {"shelter": "limited"}),
    Story(
        "mail-order bride",
        "D21",
        "",
        {
            **MARRIAGE,
            "visa": "spouse",
            "recruiter_type": "matchmaker",
            "marital": "single",
            "permit_from": "parent",
        },
        sex="f",
    ),
    Story("not insured in the last week", "D22", "", {"bpjs": "dk"}, depart_in=7),
    Story("no orientation in the last week", "D22", "", {"opp": "no"}, depart_in=7),
    Story("small child without a carer", "D23", "", {"child_u5": 1, "carer": "no"}),
    Story("frightened", "D24", "", {"observe": ["fear", "coach"]}),
    Story(
        "Malaysian plantation, contract later",
        "D25",
        "",
        {**PLANTATION, **LATER, "docs": papers_without("contract")},
    ),
    Story(
        "Malaysian plantation through a broker", "D08 D25", "", {**PLANTATION, "recruiter_type": "sponsor"}
    ),
    Story("Malaysian plantation, clean", "", "", PLANTATION),
)
