"""Invented people. No name, NIK or phone number here belongs to anybody."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

Sex = Literal["f", "m"]

FIRST_NAMES: dict[Sex, tuple[str, ...]] = {
    "f": (
        "Sulastri",
        "Wening",
        "Marlina",
        "Yuliana",
        "Rukmini",
        "Dewi",
        "Fitri",
        "Kartini",
        "Nurhayati",
        "Lestari",
    ),
    "m": ("Bagus", "Slamet", "Yohanes", "Rizal", "Agung", "Hendra", "Markus", "Joko", "Fauzan", "Wahyu"),
}
LAST_NAMES: dict[Sex, tuple[str, ...]] = {
    "f": ("Ningsih", "Handayani", "Puspita", "Rahayu", "Wulandari", "Anggraini", "Safitri", "Utami"),
    "m": ("Santoso", "Prasetyo", "Kurniawan", "Hidayat", "Saputra", "Nugroho", "Setiawan", "Wibowo"),
}
LATE_SERIAL = (
    9000  # serial numbers of a NIK from here on are next to unheard of: 9,000 births in a day and district
)


@dataclass(frozen=True)
class Person:
    """Somebody invented. ``village`` is a Kemendagri code with dots; ``number`` tells people apart."""

    name: str
    sex: Sex
    birth_date: date
    village: str
    number: int = 1

    @property
    def nik(self) -> str:
        """A NIK of the right structure: district, day of birth (women plus 40), month, year, serial."""
        district = self.village.replace(".", "")[:6]
        day = self.birth_date.day + (40 if self.sex == "f" else 0)
        return f"{district}{day:02}{self.birth_date:%m%y}{LATE_SERIAL + self.number % 1000:04}"

    @property
    def phone(self) -> str:
        """A number of the form +62 8xx 0000 xxxx."""
        return f"+628120000{self.number % 10_000:04}"

    @property
    def other_sex(self) -> Person:
        """The same person written down with the other sex."""
        return replace(self, sex="m" if self.sex == "f" else "f")

    def born(self, birth_date: date) -> Person:
        """The same person with another day of birth."""
        return replace(self, birth_date=birth_date)


def years_before(day: date, years: int) -> date:
    """The same day of an earlier year; 1 March where that year has no 29 February."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 3, 1)


def invent(chance: random.Random, today: date, village: str, number: int, sex: Sex | None = None) -> Person:
    """Invent an adult of 21 to 45 years; the same ``chance`` gives the same person."""
    either: tuple[Sex, ...] = ("f", "f", "m")
    chosen: Sex = sex if sex is not None else chance.choice(either)
    name = f"{chance.choice(FIRST_NAMES[chosen])} {chance.choice(LAST_NAMES[chosen])}"
    birth_date = date.fromordinal(years_before(today, 21).toordinal() - chance.randrange(24 * 365))
    return Person(name, chosen, birth_date, village, number)
