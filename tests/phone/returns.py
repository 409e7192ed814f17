"""Stories of people who came back; each of R01 to R15 fires alone in one of them, where it can."""

from __future__ import annotations

from tests.phone.stories import Story, turning

UNASKED = dict.fromkeys(
    [
        *("diff", "passport_by", "wage_state", "hours_day", "rest_day", "forced_ot", "move", "comm"),
        *("threat", "violence", "leave_why", "living_bad", "crime"),
    ]
)
"""The working conditions: not asked about the dead, nor where others listen."""

RETURNS = (
    Story("clean return", "", "contract ended, all paid"),
    Story("return without a NIK", "", "", {"has_nik": "no", "nik": None}),
    Story("return refused", "", "without consent nothing is asked and no rule may fire", {"consent": "no"}),
    Story(
        "return, not in private",
        "",
        "working conditions stay unasked where others listen",
        {"private": "no", **UNASKED, "recruiter_threat": None, "complaint": None, "observe": None},
    ),
    Story(
        "return, answers nothing that hurts",
        "",
        "who does not want to answer raises no warning",
        {
            **dict.fromkeys(("forced_ot", "move", "comm", "living_bad", "recruiter_threat"), "refuse"),
            **{name: ["refuse"] for name in ("threat", "violence", "leave_why", "crime")},
        },
    ),
    Story("worked at 17", "R01", "turned 18 abroad, one day after leaving", born=turning(18, late=1)),
    Story("left on the 18th birthday", "", "old enough, to the day", born=turning(18)),
    Story("returned as a child", "R01", "", {"travel_doc": "splp"}, born=turning(15), abroad=200),
    Story("passport held by the employer", "R02", "", {"passport_by": "held"}),
    Story(
        "part of the wage unpaid",
        "R03",
        "",
        {
            "wage_state": "partial",
            "unpaid_months": 1,
            "unpaid_amt": 4_500_000,
            "needs": ["wage"],
            "refer": ["disnaker"],
        },
    ),
    Story("wage two months late", "R03", "", {"wage_state": "late", "unpaid_months": 2}),
    Story("wage one month late", "", "below the threshold", {"wage_state": "late", "unpaid_months": 1}),
    Story("beaten", "R04", "", {"violence": ["verbal", "phys"], "needs": ["health", "psych"]}),
    Story("came home because of violence", "R04", "", {"return_reason": "abuse", "violence": ["refuse"]}),
    Story(
        "sexual violence",
        "R05",
        "for the women and child protection unit alone",
        {"violence": ["sexual"], "needs": ["psych"], "refer": ["ppa"]},
        sex="f",
    ),
    Story("cut off from the family", "R06", "", {"comm": "cut"}),
    Story("locked in at work", "R06", "", {"move": "locked"}),
    Story("threatened with the police", "R07", "", {"threat": ["police"]}),
    Story("threatened by the recruiter since", "R07", "", {"recruiter_threat": "yes"}),
    Story("had to pay off a debt first", "R08", "", {"leave_why": ["debt"], "debt_left": 7_000_000}),
    Story("fourteen hours a day", "R09", "", {"hours_day": 14}),
    Story("ten hours and no rest day", "R09", "", {"hours_day": 10, "rest_day": "no"}),
    Story("ten hours with a rest day", "", "below the threshold", {"hours_day": 10}),
    Story("another wage than promised", "R10", "", {"diff": ["wage", "hours"]}),
    Story("forced to scam", "R11", "", {"crime": ["scam"], "sector": "online", "country": "KH"}),
    Story(
        "papers held and threatened",
        "R12",
        "involuntary and under menace, nothing else",
        {"leave_why": ["doc", "threat"]},
    ),
    Story(
        "non-procedural, other job than promised",
        "R10 R13",
        "act, means and purpose",
        {"depart_status": "nonproc", "recruiter_type": "sponsor", "diff": ["job"]},
    ),
    Story(
        "trafficked",
        "R02 R03 R06 R07 R08 R09 R10 R12 R13 R14",
        "all of it together",
        {
            "depart_status": "nonproc",
            "recruiter_type": "family",
            "diff": ["job", "wage", "place"],
            "passport_by": "agent",
            "wage_state": "never",
            "unpaid_months": 9,
            "unpaid_amt": 40_000_000,
            "hours_day": 16,
            "rest_day": "no",
            "forced_ot": "yes",
            "move": "guarded",
            "comm": "cut",
            "threat": ["family", "fine"],
            "leave_why": ["debt", "guard"],
            "return_reason": "harm",
            "return_mode": "escape",
            "stay_status": "undoc",
            "travel_doc": "splp",
            "health": ["mental"],
        },
    ),
    Story(
        "deported and pregnant",
        "R14",
        "",
        {"return_reason": "deport", "return_mode": "deport", "travel_doc": "splp", "health": ["pregnant"]},
        sex="f",
    ),
    Story("overstayed, 61 years old", "R14", "", {"stay_status": "over"}, born=turning(59, late=-1)),
    Story(
        "undocumented with a child",
        "R14",
        "",
        {
            "stay_status": "undoc",
            "travel_doc": "none",
            "child_with": 2,
            "child_nodoc": 2,
            "needs": ["doc", "school"],
        },
    ),
    Story("deported but well", "", "no vulnerability", {"return_reason": "deport", "return_mode": "deport"}),
    Story(
        "died abroad",
        "R15",
        "the family tells",
        {
            "info_source": "family",
            "return_reason": "death",
            "return_mode": "body",
            "health": None,
            **UNASKED,
        },
    ),
)
