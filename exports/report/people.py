"""What recaps say of somebody: age group, procedural or not, kind of employer, P3MI, reason of return."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from exports.report.tables import UNKNOWN, Sex
from server.store.recaps import Person

AGES: Final[tuple[tuple[str, int, int], ...]] = (
    ("< 18", 0, 17), ("18-20", 18, 20), ("21-24", 21, 24), ("25-34", 25, 34), ("35-44", 35, 44),
    ("45-54", 45, 54), ("55+", 55, 120),
)  # fmt: skip
"""Age groups: name, first and last age in years."""

PROCEDURAL, NONPROCEDURAL, UNCLEAR = "proc", "nonproc", "dk"
STATUS_WORDS: Final = {
    PROCEDURAL: "Prosedural",
    NONPROCEDURAL: "Nonprosedural (indikasi)",
    UNCLEAR: "Belum jelas",
}

NOT_LISTED: Final = "notlisted"
_TOURISTS: Final = ("visit", "free", "umrah", "ziarah")  # visas on which D04 looks as on none
_OFFICIAL: Final = ("air", "sea", "land")


def said(answers: Mapping[str, Any], group: str, name: str) -> Any:
    """The answer to a question of a group; None where there is none."""
    found = answers.get(group)
    return found.get(name) if isinstance(found, Mapping) else None


def sex_of(sex: str | None) -> Sex:
    """``f``, ``m``, or empty where it was not recorded."""
    return "f" if sex == "f" else "m" if sex == "m" else ""


def age_on(day: date, born: date | None) -> int | None:
    """Completed years, exact to the day (DOMAIN 2); None where the birth date is unknown or impossible."""
    if born is None or born > day:
        return None
    years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return years if years <= AGES[-1][2] else None


def age_group(person: Person) -> str:
    """The age group on the day of departure or return."""
    age = age_on(person.day, person.birth_date)
    return next((name for name, first, last in AGES if age is not None and first <= age <= last), UNKNOWN)


def departure_status(answers: Mapping[str, Any]) -> str:
    """How somebody is leaving, as far as the answers indicate: an indication, never a verdict.

    Non-procedural: a visa that is not for work (but for marriages), an unofficial way out, or a country that the
    list says is no placement country (as rules D04, D05 and D19 look at them). Procedural: a scheme, a work visa,
    a signed contract and an official way out. Anything else is unclear.
    """
    visa, sector = said(answers, "docg", "visa"), said(answers, "jobg", "sector")
    way_out = said(answers, "depg", "exit_point")
    if (
        (visa in _TOURISTS and sector != "marriage")
        or way_out == "illegal"
        or str(answers.get("c_place")) == "0"
    ):
        return NONPROCEDURAL
    scheme, contract = said(answers, "recg", "scheme"), said(answers, "jobg", "contract")
    if visa == "work" and contract == "signed" and scheme not in (None, "none") and way_out in _OFFICIAL:
        return PROCEDURAL
    return UNCLEAR


def return_reason(person: Person) -> str:
    """``death`` and ``deport`` as the reason or the way of returning says; anything else is ``rest``."""
    ways = {said(person.answers, "tripg", name) for name in ("return_reason", "return_mode")}
    if ways & {"death", "body"}:
        return "death"
    return "deport" if "deport" in ways else "rest"


def employer(person: Person) -> str:
    """``company``, ``indiv``, or unknown."""
    kind = said(person.answers, "jobg", "employer_type")
    return kind if kind in ("company", "indiv") else UNKNOWN


def p3mi_of(person: Person) -> str | None:
    """The P3MI's code; None for those who leave without one."""
    code = said(person.answers, "recg", "p3mi")
    if isinstance(code, str) and code:
        return code
    return UNKNOWN if person.scheme == "p2p" else None
