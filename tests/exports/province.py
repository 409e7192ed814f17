"""An invented province in an invented year: 20 regencies, people who leave and come back, cases, messages, reports.

Everything goes into the store through the functions that the server itself uses; nobody here exists.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from forms.form import Form
from server.intake.register import register_row
from server.store import case_opening, cases, desks, officers, recaps, submissions
from server.store.database import Store
from server.store.models import Alert, Case, Message
from server.store.submissions import NewSubmission
from tests.phone.people import invent

PROVINCE = "53"
MONTH = date(2026, 11, 1)
NOW = datetime(2026, 12, 2, 1, 15, tzinfo=UTC)
COUNTRIES = ("TW", "HK", "MY", "SG", "JP", "KR", "SA", "BN", "AE", "DE", "KH", "TH", "QA", "IT")
SECTORS = ("domestic", "care", "factory", "plantation", "construction", "hospitality", "fishing", "health", "agri",
           "cleaning", "online", "driver", "sea", "marriage")  # fmt: skip
DEPARTURE_RISKS = ("D01", "D02", "D04", "D05", "D06", "D08", "D09", "D10", "D11", "D12", "D14", "D16", "D17", "D18",
                   "D19", "D22", "D25")  # fmt: skip
RETURN_RISKS = ("R02", "R03", "R04", "R05", "R06", "R07", "R08", "R09", "R10", "R12", "R14", "R15")


@dataclass
class Province:
    """What fills the store. The same ``seed`` gives the same people."""

    store: Store
    library: Mapping[str, Form]
    seed: int = 1
    area: str = PROVINCE
    number: int = 0
    chance: random.Random = field(init=False)
    villages: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.villages = {}
        for regency in list(recaps.children(self.area))[:20]:
            district = next(iter(recaps.children(regency)))
            self.villages[regency] = list(recaps.children(district))[:4]

    def fill(self, people: int, *, months: int = 1, share_of_returns: float = 0.3) -> None:
        """``people`` in the month of the report, and fewer in each of the months before it."""
        weights = [self.chance.paretovariate(1.3) for _ in self.villages]
        with self.store.transaction():
            for back in range(months):
                month = _months_before(MONTH, back)
                scale = 1.0 if back == 0 else 0.55 + 0.4 * self.chance.random()
                for _ in range(int(people * scale)):
                    regency = self.chance.choices(list(self.villages), weights)[0]
                    village = self.chance.choice(self.villages[regency])
                    day = month + timedelta(days=self.chance.randrange(28))
                    if self.chance.random() < share_of_returns:
                        self.comes_back(village, day)
                    else:
                        self.leaves(village, day)

    def leaves(self, village: str, day: date, **other: Any) -> str:
        """A departure; returns its instanceID. ``other`` replaces answers by their names."""
        chance = self.chance
        person = invent(chance, day, village, self.number)
        status = chance.choices(("proc", "nonproc", "dk"), (70, 12, 18))[0]
        country = other.get("country") or chance.choices(COUNTRIES, range(len(COUNTRIES) * 3, 0, -3))[0]
        sector = other.get("sector") or chance.choices(SECTORS, range(len(SECTORS) * 3, 0, -3))[0]
        scheme = (
            other.get("scheme")
            or chance.choices(("p2p", "g2g", "indiv", "reentry", "none"), (60, 9, 10, 15, 6))[0]
        )
        proper = status == "proc"
        answers: dict[str, Any] = {
            "loc": {
                "village": village, "visit_date": (day - timedelta(days=chance.randrange(2, 30))).isoformat(),
                "info_source": "worker", "consent": other.get("consent", "yes"),
                "consent_share": "yes" if chance.random() < 0.92 else "no",
            },
            "idg": {
                "full_name": other.get("full_name", person.name), "has_nik": "yes", "nik": person.nik,
                "sex": other.get("sex", person.sex), "birth_date": str(other.get("birth_date", person.birth_date)),
                "phone": person.phone,
                "marital": chance.choice(("single", "married", "divorced")),
                "education": chance.choices(("sd", "smp", "sma", "dip"), (20, 35, 40, 5))[0],
            },
            "recg": {
                "scheme": scheme,
                "recruiter_type": "p3mi" if proper else chance.choice(("sponsor", "family", "online")),
                **({"p3mi": chance.choice(("p001", "p002", "p003", "notlisted"))} if scheme == "p2p" else {}),
            },
            "jobg": {
                "country": country, "sector": sector,
                "job_title": chance.choice(("Caregiver", "Operator", "Pekerja ladang")),
                "employer_type": other.get("employer_type") or chance.choice(("indiv", "company", "company", "dk")),
                "contract": "signed" if proper else "later",
            },
            "costg": {
                "paid_any": "yes", "fee_total": str(chance.randrange(0, 30) * 1_000_000), "debt_any": "no",
                "debt_amt": chance.choice((None, 5_000_000, 12_500_000)),
            },
            "docg": {"docs": ["ktp", "kk", "passport"], "visa": "work" if proper or status == "dk" else "visit"},
            "prepg": {"bpjs": chance.choice(("yes", "yes", "no", "dk")), "shelter": "none"},
            "depg": {"depart_date": day.isoformat(), "exit_point": "air", "observe": ["none"]},
            "doc8": str(8 if proper else chance.randrange(3, 8)),
            "c_place": "0" if country in ("KH", "TH") else "1",
        }  # fmt: skip
        if answers["loc"]["consent"] != "yes":
            answers = {"loc": answers["loc"]}
        rate = 0.12 if proper else 0.8
        indicators = other.get("indicators")
        if indicators is None:
            indicators = self._risks(DEPARTURE_RISKS, rate)
        return self.keep("berangkat", village, answers, tuple(indicators), day - timedelta(days=5))

    def comes_back(self, village: str, day: date, **other: Any) -> str:
        """A return; returns its instanceID."""
        chance = self.chance
        person = invent(chance, day, village, self.number)
        reason = (
            other.get("return_reason")
            or chance.choices(("end", "leave", "term", "sick", "deport", "death"), (60, 14, 10, 6, 8, 2))[0]
        )
        answers: dict[str, Any] = {
            "loc": {
                "village": village, "visit_date": (day + timedelta(days=3)).isoformat(), "private": "yes",
                "consent": other.get("consent", "yes"), "consent_share": "yes" if chance.random() < 0.9 else "no",
            },
            "idg": {
                "full_name": person.name, "has_nik": "yes", "nik": person.nik, "sex": other.get("sex", person.sex),
                "birth_date": str(person.birth_date), "phone": person.phone,
            },
            "tripg": {
                "country": chance.choices(COUNTRIES, range(len(COUNTRIES) * 2, 0, -2))[0],
                "sector": chance.choice(SECTORS),
                "depart_date": (day - timedelta(days=chance.randrange(200, 1100))).isoformat(),
                "depart_status": chance.choices(("proc", "nonproc", "dk"), (75, 17, 8))[0],
                "return_date": day.isoformat(), "return_reason": reason,
                "return_mode": "deport" if reason == "deport" else "self", "stay_status": "doc",
            },
            "workg": {"violence": ["none"], "unpaid_amt": chance.choice((None, None, 4_500_000)), "move": "free"},
            "stateg": {
                "health": ["well"], "child_with": chance.choice((0, 0, 0, 1)),
                "needs": chance.choice((["none"], ["job"], ["health", "psych"], ["wage"])),
                "refer": chance.choice((["none"], ["disnaker"], ["puskesmas"])), "observe": ["none"],
            },
        }  # fmt: skip
        if answers["loc"]["consent"] != "yes":
            answers = {"loc": answers["loc"]}
        indicators = other.get("indicators")
        if indicators is None:
            indicators = self._risks(RETURN_RISKS, 0.35)
        return self.keep("pulang", village, answers, tuple(indicators), day + timedelta(days=4))

    def _risks(self, codes: tuple[str, ...], rate: float) -> list[str]:
        if self.chance.random() > rate:
            return []
        return sorted(set(self.chance.choices(codes, range(len(codes), 0, -1), k=self.chance.randint(1, 3))))

    def keep(
        self, form_id: str, village: str, answers: dict[str, Any], indicators: tuple[str, ...], day: date
    ) -> str:
        """Keep a submission as the intake does, received at ten o'clock of a day. Call inside a transaction."""
        form = self.library[form_id]
        self.number += 1
        instance_id = f"uuid:{self.seed:04d}{self.number:04d}-0000-4000-8000-{self.number:012d}"
        now = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
        kept = submissions.keep(
            NewSubmission(
                form_id=form_id, version=form.version, instance_id=instance_id, deprecated_id=None, desk_id=None,
                village=village, received_at=now, device_id=None, xml=b"<x/>", answers=answers,
                sensitive=form.sensitive, root_path=f"/{form_id}", indicators=indicators, verdict={},
                register=register_row(form_id, answers, self.store.keys),
            ),
            self.store,
        )  # fmt: skip
        known = {i.code: i for i in form.indicators}
        case_opening.open_or_extend(
            kept.id, form_id, kept.root, village, [known[code] for code in indicators], now, chained=False
        )
        return instance_id

    def answer_cases(self) -> None:
        """Messages go out, and most cases are taken on and closed."""
        with self.store.transaction():
            officer, _ = officers.add("Petugas Contoh", "disnaker", self.area, NOW, phone="+62 812 0000 0001")
            for case in list(Case.select().order_by(Case.id)):
                self._message(case, officer.id)
                chance = self.chance.random()
                if chance < 0.15:
                    continue
                answered = case.opened_at + timedelta(hours=self.chance.expovariate(1 / 9))
                Alert.update(state="acknowledged", acknowledged_at=answered).where(
                    Alert.case == case.id
                ).execute()
                if chance < 0.75:
                    result = self.chance.choices(cases.RESULTS, (4, 2, 2, 2, 1, 1))[0]
                    closed = answered + timedelta(days=self.chance.expovariate(1 / 7))
                    if closed < NOW:
                        Alert.update(state="closed", closed_at=closed, result=result).where(
                            Alert.case == case.id
                        ).execute()

    def _message(self, case: Any, officer: int) -> None:
        codes = [a.indicator for a in Alert.select().where(Alert.case == case.id)]
        state = self.chance.choices(("delivered", "sent", "failed"), (88, 7, 5))[0]
        Message.insert(
            case=case.id, officer=officer, indicators=" ".join(codes), channel="console", recipient="+6281200000001",
            body="PMI", segments=1, state=state, created_at=case.opened_at, due_at=case.opened_at, attempts=1,
            error=self.chance.choice(("30003", "30005")) if state == "failed" else None,
        ).execute()  # fmt: skip

    def report(self, village: str, **counts: int) -> None:
        """A village's own report about the month."""
        said = {"sessions": 0, "part_f": None, "part_m": None, "letters_f": 0, "letters_m": 0, "dep_f": 0, "dep_m": 0,
                "ret_f": 0, "ret_m": 0, **counts}  # fmt: skip
        place = {
            "infog": ("sessions", "part_f", "part_m"), "letterg": ("letters_f", "letters_m"),
            "depg": ("dep_f", "dep_m"), "retg": ("ret_f", "ret_m"),
        }  # fmt: skip
        answers: dict[str, Any] = {
            group: {name: said[name] for name in names} for group, names in place.items()
        }
        answers["loc"] = {"village": village, "month": MONTH.isoformat()}
        self.keep("laporan_bulanan", village, answers, (), date(2026, 12, 1))

    def open_desks(self) -> None:
        """Desks in all villages; three of four send their report."""
        with self.store.transaction():
            for village in self.every_village():
                desks.add(village, None, self.store.keys, datetime(2026, 1, 5, tzinfo=UTC))
                if self.chance.random() < 0.75:
                    self.report(
                        village, sessions=1, part_f=self.chance.randint(3, 40), part_m=self.chance.randint(0, 25),
                        letters_f=self.chance.randint(0, 9), letters_m=self.chance.randint(0, 7),
                        dep_f=self.chance.randint(0, 9), dep_m=self.chance.randint(0, 7), ret_f=1, ret_m=0,
                    )  # fmt: skip

    def every_village(self) -> Iterator[str]:
        """All villages that have people."""
        for villages in self.villages.values():
            yield from villages


def _months_before(month: date, back: int) -> date:
    number = month.year * 12 + month.month - 1 - back
    return date(number // 12, number % 12 + 1, 1)


__all__ = ["MONTH", "NOW", "PROVINCE", "Province"]
