"""What happened to a case, as one officer may know it: the chain from the form to the result.

It is told from the alerts that this officer may see, and from the steps, messages and follow-ups of those alerts. Of
the recorded events only those are added that name an indicator among them: somebody else's act, or a number of alerts,
could give away that there is an alert which is kept from them (DOMAIN 5.2, R05).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exports.access import Access
from server.staff import words
from server.store.case_chain import Chain, MessageView
from server.store.cases import CaseView
from server.store.corrections import Correction
from server.store.follow_ups import FollowUpView
from server.store.officers import Person
from server.store.reopening import Reopening
from server.store.steps import StepView

_CHANGES = {
    "indicator.gone": "Formulir diperbaiki: tanda {code} tidak muncul lagi.",
    "indicator.back": "Formulir diperbaiki: tanda {code} muncul lagi.",
    "alert.unanswered": "Semua petugas sudah diberi tahu tentang {code}, belum ada yang menangani.",
}
_WHY = {
    "duty": "{name} ({role}) diberi tahu: {codes}.",
    "deputy": "Belum ada jawaban. {name} ({role}) diberi tahu sebagai wakil: {codes}.",
    "supervisor": "Belum ada jawaban. {name} ({role}) diberi tahu sebagai atasan: {codes}.",
    "province": "{name} ({role}) diberi tahu di tingkat provinsi: {codes}.",
    "nation": "{name} ({role}) diberi tahu di tingkat pusat: {codes}.",
    "last_resort": "{name} ({role}) diberi tahu sebagai cadangan terakhir: {codes}.",
    "away": "{name} ({role}) diberi tahu walau sedang cuti, karena tidak ada yang lain: {codes}.",
    "again": "Tetap belum ada jawaban. {name} ({role}) diberi tahu sekali lagi: {codes}.",
    "assigned": "{by} meminta {name} ({role}) menangani kasus ini.",
    "reminder": "{name} ({role}) diingatkan: belum ada tindak lanjut.",
}
_ON_DUTY = "{name} ({role}) diberi tahu karena bertugas jaga: {codes}."
"""Only where a roster says so; without one all officers of an office are told."""
_CHANNELS = {"sms": "SMS", "whatsapp": "WhatsApp", "email": "surel", "console": "log server"}


@dataclass(frozen=True)
class Entry:
    """Something that happened, and when."""

    at: datetime
    text: str


def of(
    view: CaseView,
    chain: Chain,
    recorded: Sequence[dict[str, Any]],
    corrected: Sequence[Correction],
    reopened: Sequence[Reopening],
    person: Person,
) -> list[Entry]:
    """Oldest first. ``recorded`` are the events of the case (:func:`server.store.events.of`), ``corrected`` its
    submission's corrections, ``reopened`` how often the case was opened again.
    """
    sender = f" dari meja desa {view.desk}" if view.desk else ""
    form = f"Formulir {words.form(view.form_id)}"
    entries = {Entry(view.opened_at, f"{form} diterima{sender}; kasus dibuka."): 0}
    if chain.held is not None:
        entries = {
            Entry(chain.held, f"{form} sampai{sender}, tetapi tertahan dan belum dinilai."): 0,
            Entry(view.opened_at, f"{form} yang tertahan diterima dan dinilai; kasus dibuka."): 0,
        }
    codes = {alert.indicator for alert in view.alerts}
    told = [*_of_steps(chain.steps), *_of_messages(chain.messages), *map(_of_follow_up, chain.follow_ups)]
    told += [_of_correction(one, person) for one in corrected]
    told += [_of_reopening(one, person) for one in reopened]
    entries |= dict.fromkeys(told, 1)
    for alert in view.alerts:
        if alert.opened_at > view.opened_at:
            entries[Entry(alert.opened_at, f"Formulir diperbaiki: tanda {alert.indicator} bertambah.")] = 0
        if alert.acknowledged_at is not None and alert.acknowledged_at != alert.closed_at:
            entries[Entry(alert.acknowledged_at, f"Ditangani oleh {alert.acknowledged_by}.")] = 2
        if alert.closed_at is not None:
            entries[_closed(alert.closed_at, alert.closed_by, alert.result)] = 3
    for end in (end for one in reopened for end in one.ends):
        if end.acknowledged_at != end.closed_at:
            entries[Entry(end.acknowledged_at, f"Ditangani oleh {end.acknowledged_by}.")] = 2
        if end.closed_at is not None:
            entries[_closed(end.closed_at, end.closed_by, end.result)] = 3
    for event in recorded:
        code = (event["detail"] or {}).get("indicator")
        if event["verb"] in _CHANGES and code in codes:
            entries[Entry(event["at"], _CHANGES[event["verb"]].format(code=code))] = 2
    return sorted(entries, key=lambda entry: (entry.at, entries[entry]))


def _closed(at: datetime, by: str | None, result: str | None) -> Entry:
    return Entry(at, f"Ditutup oleh {by}. Hasil: {words.RESULTS.get(result or '', result)}.")


def _of_reopening(one: Reopening, person: Person) -> Entry:
    if not one.by:
        if one.left:
            return Entry(
                one.at, "Petugas yang menangani tidak bertugas lagi. Petugas jaga diminta mengambil alih."
            )
        return Entry(one.at, "Formulir diperbaiki: kasus pindah tempat. Petugas di tempat baru diberi tahu.")
    text = f"Dibuka lagi oleh {one.by} ({words.ROLES.get(one.role, one.role)})."
    return Entry(one.at, f"{text} Alasan: {one.reason}" if _may_read(one.role, person) else text)


def _of_steps(steps: Sequence[StepView]) -> list[Entry]:
    """One line a person and moment, with all the indicators."""
    groups: dict[tuple[datetime, int, str], list[StepView]] = {}
    for step in steps:
        groups.setdefault((step.at, step.officer_id, step.why), []).append(step)
    return [
        Entry(
            at,
            (_ON_DUTY if why == "duty" and group[0].rosters else _WHY[why]).format(
                name=group[0].officer,
                role=words.ROLES.get(group[0].role, group[0].role),
                codes=", ".join(sorted({step.indicator for step in group})),
                by=group[0].by or "Pengelola",
            ),
        )
        for (at, _, why), group in groups.items()
    ]


def _of_messages(messages: Sequence[MessageView]) -> list[Entry]:
    found = []
    for message in messages:
        way = next((word for kind, word in _CHANNELS.items() if kind in message.channel), message.channel)
        if message.sent_at is not None:
            found.append(Entry(message.sent_at, f"Pesan kepada {message.officer} dikirim lewat {way}."))
        if message.delivered_at is not None:
            found.append(Entry(message.delivered_at, f"Pesan sampai di HP {message.officer}."))
        if message.read_at is not None:
            found.append(Entry(message.read_at, f"{message.officer} membuka pesan."))
        if message.state == "failed":
            at = message.sent_at or message.created_at
            found.append(Entry(at, f"Pesan kepada {message.officer} tidak sampai."))
    return found


def _of_correction(one: Correction, person: Person) -> Entry:
    """Who, and why; but what one office wrote may tell of what another must not know (DOMAIN 5.2)."""
    text = f"Data diperbaiki lewat Excel oleh {one.by} ({words.ROLES.get(one.role, one.role)})."
    if _may_read(one.role, person):
        text += f" Alasan: {one.reason}"
    return Entry(one.at, text)


def _may_read(writer_role: str, person: Person) -> bool:
    return Access(person.role).kinds >= Access(writer_role).kinds


def _of_follow_up(one: FollowUpView) -> Entry:
    sender = f" dari {one.desk}" if one.desk else ""
    return Entry(one.received_at, f"Formulir Tindak Lanjut diterima{sender}.")
