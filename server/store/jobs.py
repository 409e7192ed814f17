"""Scheduled jobs: when each last ran, for how long, what went wrong. So somebody can see that they run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.store.models import JobRun


@dataclass(frozen=True)
class Run:
    """The last run of a job in one process. ``error`` names the kind of failure, never data.

    ``succeeded_at`` is when it last ended well, ``failures`` how often it has failed since.
    """

    job: str
    worker: str
    started_at: datetime
    ended_at: datetime | None
    error: str | None
    succeeded_at: datetime | None = None
    failures: int = 0


def note(run: Run) -> None:
    """Write down a run in place of the process's former one of the same job."""
    values: dict[str, Any] = {"started_at": run.started_at, "ended_at": run.ended_at, "error": run.error}
    failed = run.error is not None
    if not failed:
        values["succeeded_at"] = run.ended_at
    JobRun.insert(job=run.job, worker=run.worker, failures=int(failed), **values).on_conflict(
        conflict_target=[JobRun.job, JobRun.worker],
        update={**values, "failures": JobRun.failures + 1 if failed else 0},
    ).execute()


def last_runs() -> list[Run]:
    """The last run of each job in each process, newest first."""
    return [
        Run(r.job, r.worker, r.started_at, r.ended_at, r.error, r.succeeded_at, r.failures)
        for r in JobRun.select().order_by(JobRun.started_at.desc())
    ]


def newest() -> dict[str, Run]:
    """The last run of each job in any process."""
    found: dict[str, Run] = {}
    for run in last_runs():
        found.setdefault(run.job, run)
    return found


def forget(before: datetime) -> int:
    """Remove what processes that ended long ago have left; returns how many rows."""
    return int(JobRun.delete().where(JobRun.started_at < before).execute())
