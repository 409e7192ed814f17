"""The queue of exports: ordered on a page, written by a sync process, kept for a while.

A job is claimed by a conditional UPDATE, and each word of progress renews its lease. Who finds that the row is no
longer theirs stops at once: it was cancelled, or another took it over when the lease had run out.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from forms.problems import Problem, Problems
from server.store import areas
from server.store.database import Store
from server.store.models import ExportJob
from server.store.officers import Person

REPORT: Final = "report"
"""The kind of a job whose file is the monthly report; its ``form_id`` is empty, ``request["report"]`` says which."""
LEASE: Final = timedelta(seconds=60)
MOST_ATTEMPTS: Final = 5
"""A job at which so many workers died is given up: it would kill the next one too."""
MOST_WAITING: Final = 10
"""Jobs of one person that may wait or run."""
OPEN: Final = ("waiting", "running")


@dataclass(frozen=True)
class Job:
    """An export that was ordered. States: ``waiting running done failed cancelled removed``."""

    id: int
    token: str
    owner: str
    role: str
    area: str
    form_id: str
    kind: str
    request: Mapping[str, Any]
    saved_id: int | None
    state: str
    done: int
    total: int
    attempts: int
    ordered_at: datetime
    ended_at: datetime | None
    rows: int | None
    size: int | None
    address: str | None
    error: str | None
    expires_at: datetime | None

    @property
    def suffix(self) -> str:
        """The ending of its file's name, without the dot."""
        return "xlsx" if self.kind == REPORT else self.kind

    @property
    def locked(self) -> bool:
        """Is the file locked with a password?"""
        return bool(self.request.get("locked"))


def order(
    person: Person,
    form_id: str,
    kind: str,
    request: Mapping[str, Any],
    store: Store,
    now: datetime,
    *,
    password: str | None = None,
    saved_id: int | None = None,
) -> str:
    """Put an export into the queue; returns its token. Call inside a transaction.

    ``request`` holds the filters and options as plain JSON. Raises :class:`Problem` (EXPORTS_MANY).
    """
    store.lock(f"exports of {person.slug}")
    waiting = ExportJob.select().where((ExportJob.owner == person.slug) & ExportJob.state.in_(OPEN)).count()
    if waiting >= MOST_WAITING:
        raise Problem(Problems.EXPORTS_MANY, most=MOST_WAITING)
    token = secrets.token_urlsafe(16)
    ExportJob.insert(
        token=token,
        owner=person.slug,
        role=person.role,
        area=person.area,
        form_id=form_id,
        kind=kind,
        request={**request, "locked": password is not None},
        saved=saved_id,
        sealed=store.keys.seal(password.encode(), token) if password is not None else None,
        state="waiting",
        ordered_at=now,
    ).execute()
    return token


def anything(now: datetime) -> bool:
    """Is there a job that nobody works on?"""
    return bool(ExportJob.select().where(_free(now)).exists())


def _free(now: datetime) -> Any:
    return (ExportJob.state == "waiting") | ((ExportJob.state == "running") & (ExportJob.claimed_until < now))


def claim(worker: str, now: datetime) -> Job | None:
    """Take the oldest job that nobody works on, for the time of a lease. Call inside a transaction."""
    free = _free(now)
    for row in ExportJob.select().where(free).order_by(ExportJob.ordered_at, ExportJob.id).limit(5):
        if row.attempts >= MOST_ATTEMPTS:
            _end(row.id, free, "failed", now, error="attempts", sealed=None)
            continue
        taken = (
            ExportJob.update(
                state="running",
                claimed_by=worker,
                claimed_until=now + LEASE,
                attempts=ExportJob.attempts + 1,
                done=0,
            )
            .where((ExportJob.id == row.id) & free & (ExportJob.attempts == row.attempts))
            .execute()
        )
        if taken:
            return _job(ExportJob.get_by_id(row.id))
    return None


def password_of(job: Job, store: Store) -> str | None:
    """The password that the file gets."""
    row = ExportJob.get_by_id(job.id)
    return store.keys.unseal(bytes(row.sealed), job.token).decode() if row.sealed is not None else None


def go_on(job: Job, worker: str, done: int, total: int, now: datetime) -> bool:
    """Note progress and renew the lease; False where the job is no longer this worker's."""
    return bool(
        ExportJob.update(done=done, total=total, claimed_until=now + LEASE)
        .where(_held(job, worker))
        .execute()
    )


def renew(job: Job, worker: str, now: datetime) -> bool:
    """Renew the lease in the middle of a long step; False where the job is no longer this worker's."""
    return bool(ExportJob.update(claimed_until=now + LEASE).where(_held(job, worker)).execute())


def finish(
    job: Job, worker: str, rows: int, size: int, address: str, expires_at: datetime, now: datetime
) -> bool:
    """The file is there. False where it is no longer wanted: then it must go."""
    return _end(
        job.id,
        _held(job, worker),
        "done",
        now,
        rows=rows,
        size=size,
        address=address,
        expires_at=expires_at,
        sealed=None,
    )


def fail(job: Job, worker: str, error: str, now: datetime) -> bool:
    """It cannot be written; ``error`` is a problem's code, never data."""
    return _end(job.id, _held(job, worker), "failed", now, error=error, sealed=None)


def give_back(job: Job, worker: str) -> bool:
    """Leave it to another at once: this worker is told to end."""
    return bool(
        ExportJob.update(
            state="waiting", claimed_by=None, claimed_until=None, attempts=ExportJob.attempts - 1
        )
        .where(_held(job, worker))
        .execute()
    )


def cancel(owner: str, token: str, now: datetime) -> bool:
    """Not wanted any more, or the finished file may go at once. Says whether there was one."""
    mine = (ExportJob.token == token) & (ExportJob.owner == owner)
    row = ExportJob.get_or_none(mine)
    if row is None:
        return False
    return _end(row.id, mine & ExportJob.state.in_((*OPEN, "done")), "cancelled", now, sealed=None)


def mine(owner: str, most: int = 20) -> list[Job]:
    """The jobs of somebody, newest first; cancelled ones are left out."""
    rows = (
        ExportJob.select()
        .where((ExportJob.owner == owner) & (ExportJob.state != "cancelled"))
        .order_by(ExportJob.id.desc())
        .limit(most)
    )
    return [_job(row) for row in rows]


def of_owner(owner: str, token: str) -> Job:
    """A job of somebody, however it stands. Raises :class:`Problem` (EXPORT_GONE)."""
    row = ExportJob.get_or_none((ExportJob.token == token) & (ExportJob.owner == owner))
    if row is None or row.state == "cancelled":
        raise Problem(Problems.EXPORT_GONE)
    return _job(row)


def to_download(person: Person, token: str, now: datetime) -> Job:
    """A finished job whose file this person may have: who ordered it, with the rights of then or greater ones.

    Raises :class:`Problem` (EXPORT_GONE): never ordered, somebody else's, expired, or the rights are others now.
    """
    row = ExportJob.get_or_none((ExportJob.token == token) & (ExportJob.owner == person.slug))
    if row is None or row.state != "done" or row.expires_at is None or row.expires_at <= now:
        raise Problem(Problems.EXPORT_GONE)
    job = _job(row)
    if not may_have(person, job):
        raise Problem(Problems.EXPORT_GONE)
    return job


def may_have(person: Person, job: Job) -> bool:
    """Is it this person's, and are their rights still those with which they ordered it, or greater?"""
    return job.owner == person.slug and job.role == person.role and areas.covers(person.area, job.area)


def anything_expired(now: datetime) -> bool:
    """Has the time of a file come?"""
    gone = (ExportJob.state == "done") & (ExportJob.expires_at <= now)
    return bool(ExportJob.select().where(gone).exists())


def expire(now: datetime) -> int:
    """Mark jobs whose time has come; their files are wanted no more. Returns how many."""
    gone = (ExportJob.state == "done") & (ExportJob.expires_at <= now)
    return int(ExportJob.update(state="removed").where(gone).execute())


def wanted() -> tuple[set[str], set[str]]:
    """Tokens of the jobs that may be written now, and of those that have a file."""
    rows = ExportJob.select(ExportJob.token, ExportJob.state).where(ExportJob.state.in_((*OPEN, "done")))
    running: set[str] = set()
    done: set[str] = set()
    for token, state in rows.tuples():
        (done if state == "done" else running).add(token)
    return running, done


def forget(before: datetime) -> int:
    """Remove rows of jobs that ended long ago; returns how many."""
    over = ExportJob.state.in_(("removed", "cancelled", "failed")) & (ExportJob.ended_at < before)
    return int(ExportJob.delete().where(over).execute())


def _held(job: Job, worker: str) -> Any:
    return (
        (ExportJob.id == job.id)
        & (ExportJob.state == "running")
        & (ExportJob.claimed_by == worker)
        & (ExportJob.attempts == job.attempts)
    )


def _end(job_id: int, condition: Any, state: str, now: datetime, **values: Any) -> bool:
    return bool(
        ExportJob.update(state=state, ended_at=now, claimed_by=None, claimed_until=None, **values)
        .where((ExportJob.id == job_id) & condition)
        .execute()
    )


def _job(row: Any) -> Job:
    return Job(
        row.id,
        row.token,
        row.owner,
        row.role,
        row.area,
        row.form_id,
        row.kind,
        row.request,
        row.saved_id,
        row.state,
        row.done,
        row.total,
        row.attempts,
        row.ordered_at,
        row.ended_at,
        row.rows,
        row.size,
        row.address,
        row.error,
        row.expires_at,
    )
