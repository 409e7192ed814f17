"""Scheduled jobs: when each last ran, for how long, what went wrong. So somebody can see that they run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from server.store.models import JobRun


@dataclass(frozen=True)
class Run:
    """The last run of a job in one process. ``error`` names the kind of failure, never data."""

    job: str
    worker: str
    started_at: datetime
    ended_at: datetime | None
    error: str | None


def note(run: Run) -> None:
    """Write down a run in place of the process's former one of the same job."""
    values = {"started_at": run.started_at, "ended_at": run.ended_at, "error": run.error}
    JobRun.insert(job=run.job, worker=run.worker, **values).on_conflict(
        conflict_target=[JobRun.job, JobRun.worker], update=values
    ).execute()


def last_runs() -> list[Run]:
    """The last run of each job in each process, newest first."""
    return [
        Run(r.job, r.worker, r.started_at, r.ended_at, r.error)
        for r in JobRun.select().order_by(JobRun.started_at.desc())
    ]


def forget(before: datetime) -> int:
    """Remove what processes that ended long ago have left; returns how many rows."""
    return int(JobRun.delete().where(JobRun.started_at < before).execute())
