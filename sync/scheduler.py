"""The sync process: what it does by the clock, and how it starts and ends.

Every job may run in several processes at once, because the database decides who does what. A job that fails
is noted and tried again at its next time; it never stops another.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import BinaryIO

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from server.logs import where
from server.settings import Quiet, Settings
from server.store import entities, escalations, jobs, officers, owed, patience, quarantine, spending
from server.store.database import Store
from server.store.files import Files
from server.store.jobs import Run
from server.store.rosters import Rosters
from server.store.writer import Writer
from sync import detours, digest, escalation, held, routing
from sync.carriers import carriers, setup_of
from sync.channels import Channel, Trouble
from sync.export_jobs import EVERY as EXPORTS
from sync.export_jobs import ExportJobs
from sync.outbox import Clock, Outbox, Policy

log = structlog.get_logger()

ROUND = timedelta(seconds=0.5)
"""How often alerts are routed and messages sent."""
STEPS = timedelta(seconds=30)
"""How often alerts are looked for that nobody answered, or nobody followed up."""
DIGEST = timedelta(minutes=10)
"""How often it is asked whether this week's digest is due somewhere. Each person gets it once, however often."""
HOUSEKEEPING = timedelta(hours=1)
EVERY: Mapping[str, timedelta] = {
    "messages": ROUND,
    "escalation": STEPS,
    "reminders": STEPS,
    "digest": DIGEST,
    "held": STEPS,
    "detours": STEPS,
    "files": HOUSEKEEPING,
    "sessions": HOUSEKEEPING,
    "entities": HOUSEKEEPING,
    "exports": EXPORTS,
}
"""All jobs by name, and how often each runs."""
HEARTBEAT = timedelta(seconds=15)
"""How often a job that has nothing new to say still notes that it runs; ``doctor`` goes by it."""
PAGE = 5
"""Cases routed in one transaction: a few hundredths of a second, for which phones wait."""
GAP = 0.15
"""Seconds between two transactions of this process, in which those of the server get their turn (SQLite)."""
_FORGOTTEN = timedelta(days=7)
_CLOCK_CHECK = 1.0  # seconds


class _Every(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """So long after the last time. The library's own would list all the times that a clock set ahead skipped."""

    def __init__(self, every: timedelta) -> None:
        self.every = every

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return now if previous is None else now + self.every


@dataclass(frozen=True)
class Job:
    """Something done by the clock; ``run`` returns counts of what it did."""

    name: str
    every: timedelta
    run: Callable[[], Mapping[str, int]]


def _job(name: str, run: Callable[[], Mapping[str, int]]) -> Job:
    return Job(name, EVERY[name], run)


class Sync:
    """Routes alerts, sends messages, keeps house. One to a process.

    ``channels`` are the ways to send, ``channel`` the one for new messages. ``clock`` gives aware times. ``gap``
    is the writer's.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Clock,
        channels: Mapping[str, Channel],
        channel: str,
        *,
        random: Random,
        policy: Policy = Policy(),  # noqa: B008 - frozen
        gap: float = GAP,
    ) -> None:
        self._store = store
        self._clock = clock
        self._channel = channel
        self._settings = settings
        self._quiet = Quiet.parse(settings.quiet_hours)
        self._files = Files(settings.home, store.keys)
        self._writer = Writer(store, gap=gap)
        self._setup = setup_of(settings, channels, channel)
        self._kinds = frozenset(self._setup.channels)
        self._outbox = Outbox(self._writer, channels, clock, random, policy, self._setup)
        self._worker = f"{socket.gethostname()[:40]}:{os.getpid()}"
        self._noted: dict[str, Run] = {}
        self._stop = threading.Event()
        self._exports = ExportJobs(
            store, settings, self._writer, clock, self._worker, lambda: self._stop.is_set()
        )
        self.jobs: tuple[Job, ...] = (
            _job("messages", self._messages),
            _job("escalation", self._escalate),
            _job("reminders", self._remind),
            _job("digest", self._digest),
            _job("held", self._held),
            _job("detours", self._detour),
            _job("files", lambda: {"files": self._files.sweep()}),
            _job("sessions", self._sessions),
            _job("entities", self._entities),
            _job("exports", self._exports.run),
        )

    def run_once(self) -> dict[str, int]:
        """Do all that is due, alerts that were put off included, then return the counts.

        ``cases`` routed, messages ``owed`` for them, ``sent``, and what housekeeping removed. Raises what the
        store raises: whoever runs this by hand should see it.
        """
        counts = self._route(again=True)
        for job in self.jobs[1:]:
            counts.update(job.run())
        return {**counts, "sent": self._outbox.drain()}

    def run_forever(self, stop: threading.Event, parent: BinaryIO | None = None) -> None:
        """Work by the clock until ``stop`` is set; then finish what is running and return.

        ``parent`` is the reading end of a pipe whose other end the parent process holds (stdin of an embedded
        sync): at its end the parent is gone, however it died, and this process ends too.
        """
        self._stop = stop
        if parent is not None:
            threading.Thread(target=_watch, args=(parent, stop), name="parent", daemon=True).start()
        # At twice a second its own words on each job would be all that a log holds.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(self.jobs))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for job in self.jobs:
            scheduler.add_job(
                self._run_noted,
                _Every(job.every),
                args=(job,),
                id=job.name,
                next_run_time=datetime.now().astimezone(),
            )
        scheduler.start()
        log.info("sync.started", worker=self._worker, channel=self._channel)
        while not stop.wait(_CLOCK_CHECK):
            _set_back(scheduler)
        scheduler.shutdown(wait=True)
        self.close()
        log.info("sync.stopped", worker=self._worker)

    def run_until_stopped(self, *, watch_stdin: bool = False) -> None:
        """:meth:`run_forever` in the main thread of a process of its own, until SIGTERM or SIGINT.

        ``watch_stdin``: also until standard input ends, for a sync process that the server starts.
        """
        self.run_forever(stop_on_signals(), sys.stdin.buffer if watch_stdin else None)

    def close(self) -> None:
        """Finish the calls under way and what waits to be written."""
        self._outbox.close()
        self._writer.close()

    def _messages(self) -> Mapping[str, int]:
        begun = 0

        def send() -> None:
            nonlocal begun
            begun += self._outbox.start_due()

        send()
        routed = self._route(send) if owed.anything_unrouted(self._clock()) else {}
        return {**routed, "begun": begun}

    def _route(self, meanwhile: Callable[[], None] = lambda: None, *, again: bool = False) -> dict[str, int]:
        """Route page by page, each in its own short transaction, gravest first; ``meanwhile`` after each.

        Where there is nothing, it only reads.
        """
        cases = told = 0
        after = None
        while not self._stop.is_set():
            now = self._clock()
            page = owed.unrouted(PAGE, None if again else now, after)
            if not page:
                break
            rosters = self._rosters(now)
            decided = routing.decide(page, self._channel, rosters)
            routed = self._writer.wait(partial(routing.owe, decided, rosters))
            cases += routed.cases
            told += routed.owed
            # What is routed or put off is asked for no more, so a graver case that comes meanwhile is next.
            after = page[-1] if again or not routed.cases else None
            meanwhile()
        return {"cases": cases, "owed": told}

    def _escalate(self) -> Mapping[str, int]:
        return {"escalated": self._step_by_step(escalations.unanswered, escalation.escalate)}

    def _remind(self) -> Mapping[str, int]:
        return {"reminded": self._step_by_step(escalations.not_followed_up, escalation.remind)}

    def _step_by_step(
        self,
        late: Callable[[datetime, int], list[int]],
        work: Callable[[Sequence[int], str, Rosters], int],
    ) -> int:
        """Do ``work`` for all cases that are ``late``, a few in a transaction; returns how many messages are owed."""
        made = 0
        before: list[int] = []
        while not self._stop.is_set():
            now = self._clock()
            page = late(now, PAGE)
            if not page or page == before:  # what stays late was not ours to change
                break
            made += self._writer.wait(partial(self._taken, work, page, now))
            before = page
        return made

    def _taken(
        self, work: Callable[[Sequence[int], str, Rosters], int], page: Sequence[int], now: datetime
    ) -> int:
        return work(page, self._channel, self._rosters(now))

    def _rosters(self, now: datetime) -> Rosters:
        return Rosters(now, self._quiet, self._kinds)

    def _digest(self) -> Mapping[str, int]:
        rosters = self._rosters(self._clock())
        made = 0
        for summary in digest.summaries(rosters):
            made += self._writer.wait(partial(digest.owe, summary, self._channel, rosters))
        return {"digests": made}

    def _held(self) -> Mapping[str, int]:
        """Tell the overseers of uploads that wait in quarantine."""
        if not quarantine.waiting():
            return {"notices": 0}
        now, zone = self._clock(), self._settings.timezone
        told = self._writer.wait(lambda: held.tell(now, self._channel, self._quiet, zone, self._kinds))
        return {"notices": told}

    def _detour(self) -> Mapping[str, int]:
        """Where channels are down: tell the administrators, and others of what is critical and reaches nobody."""
        down, now = self._outbox.down(), self._clock()
        for name in sorted(down):
            self._outbox.tell(Trouble.DOWN, name)
        stuck = patience.stuck(now, self._setup, down) if down else {}
        if not stuck:
            return {"detours": 0}
        kinds = {kind for kind, name in self._setup.channels.items() if name not in down}
        rosters = Rosters(now, self._quiet, kinds)
        return {"detours": self._writer.wait(lambda: detours.tell(stuck, self._channel, rosters))}

    def _sessions(self) -> Mapping[str, int]:
        now = self._clock()
        removed = self._writer.wait(lambda: officers.forget_sessions(now))
        self._writer.wait(lambda: jobs.forget(now - _FORGOTTEN))
        self._writer.wait(lambda: spending.forget(now))
        return {"sessions": removed}

    def _entities(self) -> Mapping[str, int]:
        """Apply updates of workers that have waited too long for what they build on."""
        now = self._clock()
        return {"entities": self._writer.wait(lambda: entities.force_held(self._store, now))}

    def _run_noted(self, job: Job) -> None:
        started = self._clock()
        error = None
        try:
            did = job.run()
        except Exception as fault:  # noqa: BLE001 - noted, and tried again at the next time
            did = {}
            error = type(fault).__name__
            # its message may quote a row: only its type and place are logged
            log.error("job.failed", job=job.name, error=error, at=where(fault))
            # A connection that broke is replaced by the next query.
            self._store.release()
        if any(did.values()):
            log.debug("job.done", job=job.name, **did)
        self._note(Run(job.name, self._worker, started, self._clock(), error))

    def _note(self, run: Run) -> None:
        before = self._noted.get(run.job)
        if (
            before is not None
            and before.error == run.error
            and abs(run.started_at - before.started_at) < HEARTBEAT
        ):
            return
        try:
            self._writer.wait(lambda: jobs.note(run))
        except Exception as fault:  # noqa: BLE001 - a job whose run cannot be noted has still run
            log.error("job.not_noted", job=run.job, error=type(fault).__name__)
            return
        self._noted[run.job] = run


def build_sync(settings: Settings, store: Store, clock: Clock) -> Sync:
    """Put the sync process together from the settings. Raises :class:`Problem` (SETTING_INVALID)."""
    channels, channel = carriers(settings)
    return Sync(store, settings, clock, channels, channel, random=Random())  # noqa: S311 - jitter, no secret


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set. For the main thread of the sync process."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _set_back(scheduler: BackgroundScheduler) -> None:
    """Where the machine's clock was set back, jobs would wait until it is again as late as it was."""
    now = datetime.now().astimezone()
    for job in scheduler.get_jobs():
        if job.next_run_time > now + 2 * job.trigger.every:
            job.modify(next_run_time=now)


def _watch(parent: BinaryIO, stop: threading.Event) -> None:
    try:
        # not parent.read(): a thread that waits in there would block the interpreter's end
        while os.read(parent.fileno(), 1024):
            pass
    finally:
        stop.set()
