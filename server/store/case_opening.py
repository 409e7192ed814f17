"""What a submission does to cases: it opens one, adds to the one of its chain of edits, or joins two."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from forms.form import Indicator
from server.store import areas, counters, escalations, events
from server.store.chains import in_chain
from server.store.models import Alert, Case, Submission
from server.store.statements import Insert

_insert_case = Insert(Case, unless=("ref",))
_insert_alert = Insert(Alert)


def open_or_extend(
    submission_id: int,
    form_id: str,
    root: str,
    village: str,
    indicators: Sequence[Indicator],
    now: datetime,
    *,
    chained: bool,
) -> str | None:
    """Owe the alerts of a submission: a new case, or more alerts on the case that its chain of edits has.

    ``chained`` says that the submission is an edit or was edited: only then can a case exist already.
    An indicator that an edit no longer shows is noted on its alert, never dropped. Returns the reference, or
    None where there is no case. Call inside the submission's own transaction.
    """
    case = Case.get_or_none((Case.form_id == form_id) & (Case.root == root)) if chained else None
    if case is not None:
        case_id, ref = case.id, case.ref
        known = [a.indicator for a in Alert.select(Alert.indicator).where(Alert.case == case_id)]
    elif indicators:
        case_id, ref = _open(submission_id, form_id, root, village, now)
        known = []
    else:
        return None
    fresh = [i for i in indicators if i.code not in known]
    _insert_alert.many(
        [
            {
                "case": case_id,
                "indicator": i.code,
                "severity": i.severity,
                "recipients": "+".join(i.recipients),
                "digest": i.digest,
                "restricted": i.restricted,
                "state": "open",
                "owed": True,
                "opened_at": now,
                "rung": 0,
                "reminded": 0,
            }
            for i in fresh
        ]
    )
    if chained:  # the newest version of the submission may be another one
        _settle(Case.get_by_id(case_id), now)
    return str(ref)


def _open(submission_id: int, form_id: str, root: str, village: str, now: datetime) -> tuple[int, str]:
    """A new case, with a number drawn at random: a gap in numbers that run on would tell of a case kept from one."""
    # what an officer sent may be of a wider area: R-350700-0001, of the whole nation R-000000-0001
    district = village[:8].replace(".", "").replace(areas.NATION, "").ljust(6, "0")
    row = {
        "form_id": form_id,
        "root": root,
        "submission": submission_id,
        **areas.split(village),
        "opened_at": now,
    }
    numbers = _numbers(counters.increment(f"case:{district}"))
    while True:
        ref = f"R-{district}-{secrets.choice(numbers):04d}"
        case_id = _insert_case.one({"ref": ref, **row})
        if case_id is not None:
            return case_id, ref


def _numbers(count: int) -> range:
    """What the number of a district's ``count``-th case is drawn from: of so many digits that half of all are free."""
    digits = max(4, len(str(2 * count)))
    return range(10 ** (digits - 1) if digits > 4 else 1, 10**digits)


def join_chain(form_id: str, former_root: str, root: str, now: datetime) -> None:
    """Two ends of a chain of edits have met: their cases become one.

    Where both ends had opened a case, people may know both references: the alerts of the later case that the
    earlier one lacks move over, the others are closed as ``merged``; both keep a note of it.
    """
    late = Case.get_or_none((Case.form_id == form_id) & (Case.root == former_root))
    if late is None:
        return
    early = Case.get_or_none((Case.form_id == form_id) & (Case.root == root))
    if early is None:
        Case.update(root=root).where(Case.id == late.id).execute()
        return
    known = [a.indicator for a in Alert.select(Alert.indicator).where(Alert.case == early.id)]
    Alert.update(case=early.id).where((Alert.case == late.id) & Alert.indicator.not_in(known)).execute()
    Alert.update(state="closed", result="merged", closed_at=now, owed=False).where(
        (Alert.case == late.id) & (Alert.state != "closed")
    ).execute()
    events.record(now, "system", "case.merged", late.ref, into=early.ref)
    events.record(now, "system", "case.merged", early.ref, other=late.ref)


def _settle(case: Case, now: datetime) -> None:
    """After an edit: the newest version of the submission says which indicators still show."""
    newest = Submission.get_or_none(in_chain(case.form_id, case.root) & Submission.current)
    if newest is None:
        return
    Case.update(submission=newest.id).where(Case.id == case.id).execute()
    if newest.village != case.village:
        # The case moves with its person, and those who look after the new place are told.
        Case.update(areas.split(newest.village)).where(Case.id == case.id).execute()
        undone = escalations.reopen(case.id, newest.village, now)
        Alert.update(owed=True, route_after=None).where(
            (Alert.case == case.id) & (Alert.state == "open") & ~Alert.digest
        ).execute()
        events.record(now, "system", "case.moved", case.ref, village=newest.village, ends=undone)
    for alert in Alert.select().where(Alert.case == case.id):
        shows = alert.indicator in newest.indicators
        if shows != (alert.gone_at is None):
            Alert.update(gone_at=None if shows else now).where(Alert.id == alert.id).execute()
            verb = "indicator.back" if shows else "indicator.gone"
            events.record(now, "system", verb, case.ref, indicator=alert.indicator)
