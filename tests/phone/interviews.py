"""Complete, honest interviews of invented people, and what each must raise on the phone and on the server."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tests.phone.departures import DEPARTURES, PAPERS
from tests.phone.people import Person, Sex, invent, years_before
from tests.phone.returns import RETURNS
from tests.phone.stories import DAY, Story

VILLAGE = "35.07.01.2001"
DAYS_HOME = 10  # between return and interview
ASKED_BEFORE_CONSENT = ("village", "visit_date", "info_source", "private", "consent")


@dataclass(frozen=True)
class Interview:
    """One interview: answers by question name, and exactly the indicators that it must raise."""

    name: str
    form_id: str
    answers: dict[str, Any]
    expected: frozenset[str]
    note: str = ""


def departure(person: Person, today: date, story: Story = DEPARTURES[0]) -> Interview:
    """The interview of somebody who will leave, as ``story`` tells it."""
    leaving, person = _birthday(story, today + timedelta(days=story.depart_in), person)
    ordinary: dict[str, Any] = {
        **_opening(person, today),
        "birth_place": "Dusun Contoh",
        "address": "Dusun Contoh RT 01 RW 02",
        "marital": "married",
        "education": "sma",
        "disability": "no",
        "permit_from": "spouse",
        "permit_village": "yes",
        "child_u5": 0,
        "child_u18": 1,
        "carer": "yes",
        "other_dep": 0,
        "emg_name": "Keluarga Contoh",
        "emg_phone": "+628130000" + person.phone[-4:],
        "scheme": "p2p",
        "recruiter_type": "p3mi",
        "contact_via": "face",
        "offer_date": today - timedelta(days=story.offered_before),
        "recruiter_name": "Petugas Contoh",
        "recruiter_phone": "+6281400000001",
        "p3mi": "p001",
        "country": "TW",
        "city": "Taoyuan",
        "sector": "factory",
        "job_title": "Operator produksi",
        "employer_type": "company",
        "employer_name": "Pabrik Contoh",
        "knows_job": "yes",
        "wage": 28590,
        "wage_cur": "TWD",
        "contract": "signed",
        "contract_read": "yes",
        "contract_months": 36,
        "paid_any": "no",
        "debt_any": "no",
        "pocket_money": "no",
        "cancel_penalty": "no",
        "deduct_months": 0,
        "docs": PAPERS,
        "docs_withheld": ["none"],
        "false_data": ["none"],
        "visa": "work",
        "shelter": "none",
        "mcu": "fit",
        "clinic_name": "Klinik Contoh",
        "bpjs": "yes",
        "opp": "yes",
        "depart_date": leaving,
        "exit_point": "air",
        "told": ["none"],
        "observe": ["none"],
    }
    return _told("berangkat", ordinary, story, person)


def homecoming(person: Person, today: date, story: Story = RETURNS[0]) -> Interview:
    """The interview of somebody who came back, as ``story`` tells it."""
    home = today - timedelta(days=DAYS_HOME)
    left, person = _birthday(story, home - timedelta(days=story.abroad), person)
    ordinary: dict[str, Any] = {
        **_opening(person, today),
        "private": "yes",
        "country": "MY",
        "sector": "factory",
        "depart_date": left,
        "depart_status": "proc",
        "recruiter_type": "p3mi",
        "recruiter_name": "PT Contoh Aktif",
        "return_date": home,
        "return_reason": "end",
        "return_mode": "self",
        "entry_point": "Bandara Juanda",
        "stay_status": "doc",
        "travel_doc": "passport",
        "diff": ["none"],
        "passport_by": "self",
        "wage_state": "full",
        "hours_day": 8,
        "rest_day": "yes",
        "forced_ot": "no",
        "move": "free",
        "comm": "free",
        "threat": ["none"],
        "violence": ["none"],
        "leave_why": ["could"],
        "living_bad": "no",
        "crime": ["none"],
        "health": ["well"],
        "debt_left": 0,
        "child_with": 0,
        "recruiter_threat": "no",
        "needs": ["none"],
        "refer": ["none"],
        "complaint": ["no"],
        "observe": ["none"],
    }
    return _told("pulang", ordinary, story, person)


def _birthday(story: Story, leaving: date, person: Person) -> tuple[date, Person]:
    """Give the person the story's birthday. Nobody turns 18 on 29 February: such a departure waits."""
    if story.born is None:
        return leaving, person
    if (leaving.month, leaving.day) == (2, 29):
        leaving += DAY
    return leaving, person.born(story.born(leaving))


def _opening(person: Person, today: date) -> dict[str, Any]:
    return {
        "village": person.village,
        "visit_date": today,
        "info_source": "worker",
        "consent": "yes",
        "consent_share": "yes",
        "full_name": person.name,
        "has_nik": "yes",
        "nik": person.nik,
        "sex": person.sex,
        "birth_date": person.birth_date,
        "phone": person.phone,
    }


def _told(form_id: str, ordinary: dict[str, Any], story: Story, person: Person) -> Interview:
    changes = {name: value(person) if callable(value) else value for name, value in story.changes.items()}
    answers = {name: value for name, value in (ordinary | changes).items() if value is not None}
    if answers["consent"] == "no":
        answers = {name: value for name, value in answers.items() if name in ASKED_BEFORE_CONSENT}
    return Interview(story.name, form_id, answers, frozenset(story.raises.split()), story.note)


def interviews(today: date, village: str = VILLAGE) -> tuple[Interview, ...]:
    """Every story, told by somebody of ``village`` on ``today``."""
    told = []
    for number, story in enumerate((*DEPARTURES, *RETURNS), start=1):
        sex: Sex = story.sex or ("f" if number % 3 else "m")
        name = "Sulastri Contoh" if sex == "f" else "Slamet Contoh"
        person = Person(name, sex, years_before(today, 30) - timedelta(days=100), village, number)
        told.append((departure if story in DEPARTURES else homecoming)(person, today, story))
    return tuple(told)


DEMO_DEPARTURES = (
    "clean departure", "scam ring in Cambodia", "clean departure G to G", "18 one day after departure",
    "Malaysian plantation, clean", "broker without a letter", "clean departure", "many fees", "bank credit",
    "rat port", "clean departure", "passport withheld", "household in Saudi Arabia", "clean departure",
    "mail-order bride", "small child without a carer", "Malaysian plantation through a broker",
    "clean departure", "NIK of another birthday", "departure without a NIK",
)  # fmt: skip
DEMO_RETURNS = (
    "clean return", "trafficked", "part of the wage unpaid", "clean return", "deported and pregnant",
    "ten hours with a rest day", "sexual violence", "forced to scam", "fourteen hours a day", "died abroad",
)  # fmt: skip


def demo_people(seed: int, villages: Sequence[str], today: date | None = None) -> tuple[Interview, ...]:
    """20 departures and 10 returns of different invented people, in turn from each of ``villages``.

    Mixed as at a real desk: about a third clean, the rest from a single doubt to an emergency. The same
    seed and day give the same people.
    """
    day = today or date.today()  # noqa: DTZ011 the phone's own day is what the form asks for
    chance = random.Random(seed)
    departures = {story.name: story for story in DEPARTURES}
    returns = {story.name: story for story in RETURNS}
    told = []
    for number, name in enumerate((*DEMO_DEPARTURES, *DEMO_RETURNS), start=1):
        leaving = number <= len(DEMO_DEPARTURES)
        story = (departures if leaving else returns)[name]
        person = invent(chance, day, villages[(number - 1) % len(villages)], 100 + number, story.sex)
        told.append((departure if leaving else homecoming)(person, day, story))
    return tuple(told)
