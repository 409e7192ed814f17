"""The register row of a departure or a return: the few answers that recaps, searches and pairing ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from server.store.sealing import Keys
from server.store.submissions import as_date

Answers = Mapping[str, Any]
Row = dict[str, Any]


def _group(answers: Answers, name: str) -> Answers:
    group = answers.get(name)
    return group if isinstance(group, dict) else {}


def _text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


def _number(value: Any) -> Any:
    # what the column holds; a typing slip beyond that stays in the answers
    return value if isinstance(value, int | float) and abs(value) < 1e15 else None


def _person(answers: Answers, keys: Keys) -> Row:
    place, identity, job = _group(answers, "loc"), _group(answers, "idg"), _group(answers, "jobg")
    nik, phone = _text(identity.get("nik")), _text(identity.get("phone"))
    return {
        "consent": place.get("consent") == "yes",
        "visit_date": as_date(place.get("visit_date")),
        "sex": _text(identity.get("sex")),
        "birth_date": as_date(identity.get("birth_date")),
        "country": _text(job.get("country")),
        "sector": _text(job.get("sector")),
        "nik_key": keys.find("nik", nik) if nik else None,
        "phone_key": keys.find("phone", _comparable(phone)) if phone else None,
    }


def _comparable(phone: str) -> str:
    """One spelling for a number: ``0812...``, ``62812...`` and ``+62812...`` are the same."""
    digits = "".join(c for c in phone if c.isdigit())
    return "62" + digits[1:] if digits.startswith("0") else digits


def _departure(answers: Answers, keys: Keys) -> Row:
    return {
        **_person(answers, keys),
        "event_date": as_date(_group(answers, "depg").get("depart_date")),
        "scheme": _text(_group(answers, "recg").get("scheme")),
        "status": _text(_group(answers, "docg").get("visa")),
        "cost_idr": _number(_group(answers, "costg").get("fee_total")),
    }


def _return(answers: Answers, keys: Keys) -> Row:
    trip = _group(answers, "tripg")
    return {
        **_person(answers, keys),
        "event_date": as_date(trip.get("return_date")),
        "country": _text(trip.get("country")),
        "sector": _text(trip.get("sector")),
        "status": _text(trip.get("depart_status")),
        "cost_idr": _number(_group(answers, "workg").get("unpaid_amt")),
    }


REGISTERED: dict[str, Callable[[Answers, Keys], Row]] = {"berangkat": _departure, "pulang": _return}


def register_row(form_id: str, answers: Answers, keys: Keys) -> Row | None:
    """The register's columns for a submission, or None for forms that have no register."""
    build = REGISTERED.get(form_id)
    return build(answers, keys) if build is not None else None
