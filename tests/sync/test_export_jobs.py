"""Exports outlive their worker, and leave nothing where nobody wants them."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from exports.options import Filters, Options, to_json
from exports.verifying import verify
from server.settings import Settings
from server.store import export_jobs, officers, saved_exports
from server.store.database import Store
from server.store.export_files import ExportFiles
from server.store.models import ExportJob
from server.store.officers import Person
from server.store.writer import Writer
from sync.export_jobs import ExportJobs
from tests.conftest import Home
from tests.exports.filled import keep, made_up_form
from tests.staff.conftest import MALANG

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sari(store: Store) -> Person:
    """An officer, and a form with some submissions of her area."""
    from server.store import published

    form = made_up_form({"name": "string"})
    with store.transaction():
        published.publish(form, b"", {}, now())
        person, _ = officers.add("Sari Contoh", "disnaker", "35.07", now())
    for number in range(3):
        keep(store, form, {"name": f"Wening {number}"}, f"uuid:{number}", village=MALANG)
    return person


def now() -> datetime:
    return datetime.now(UTC)


def order(store: Store, person: Person, form_id: str = "uji") -> str:
    request = {"filters": to_json(Filters(area=person.area)), "options": to_json(Options())}
    with store.transaction():
        return export_jobs.order(person, form_id, "xlsx", request, store, now())


def work(
    store: Store,
    home: Home,
    clock: Callable[[], datetime] = now,
    stop: Callable[[], bool] = lambda: False,
    worker: str = "pekerja-2",
) -> None:
    writer = Writer(store)
    try:
        ExportJobs(store, Settings(home=home.path), writer, clock, worker, stop).run()
    finally:
        writer.close()


def files(home: Home) -> list[str]:
    return sorted(file.name for file in (home.path / "exports").iterdir())


def test_a_job_whose_worker_was_killed_is_finished_by_another(store: Store, home: Home, sari: Person) -> None:
    token = order(store, sari)
    command = [sys.executable, "-m", "tests.sync.export_worker", str(home.path), home.url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "page\n"
        worker.kill()  # SIGKILL: nothing is tidied up
    left = files(home)
    assert len(left) == 1
    assert left[0].endswith(".part")

    work(store, home)
    assert export_jobs.mine(sari.slug)[0].state == "running", "the lease holds"
    work(store, home, lambda: now() + export_jobs.LEASE + timedelta(seconds=1))
    [job] = export_jobs.mine(sari.slug)
    assert (job.state, job.rows, job.attempts) == ("done", 3, 2)
    assert files(home) == [token]
    assert job.address is not None
    content = b"".join(ExportFiles(home.path, store.keys).read(token, job.address))
    assert verify(io.BytesIO(content), store.keys.proof).ok
    assert b"PK" not in (home.path / "exports" / token).read_bytes()[:64], "it lies sealed"


def test_a_job_that_is_cancelled_while_it_is_written_leaves_no_file(
    store: Store, home: Home, sari: Person
) -> None:
    token = order(store, sari)
    # as a worker leaves it that is killed while it puts a report together: rows of people, readable
    left = Path(tempfile.mkdtemp(prefix=f".{ExportFiles(home.path, store.keys).draft(token, 'xlsx').name}.",
        dir=home.path / "exports"))  # fmt: skip
    (left / "baris.xml").write_text("Wening")
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:
            with store.transaction():
                assert export_jobs.cancel(sari.slug, token, now())
        return False

    work(store, home, stop=stop)
    assert files(home) == []
    assert export_jobs.mine(sari.slug) == []


def test_a_worker_that_was_overtaken_spoils_nothing_of_the_file_of_the_other(
    store: Store, home: Home, sari: Person
) -> None:
    token = order(store, sari)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:  # in the middle of a page, for so long that another takes over
            work(store, home, lambda: now() + export_jobs.LEASE + timedelta(seconds=1), worker="pekerja-3")
        return False

    work(store, home, stop=stop)
    [job] = export_jobs.mine(sari.slug)
    assert (job.state, job.attempts) == ("done", 2)
    assert files(home) == [token]
    assert job.address is not None
    content = b"".join(ExportFiles(home.path, store.keys).read(token, job.address))
    assert verify(io.BytesIO(content), store.keys.proof).ok


def test_a_long_step_keeps_its_lease(
    store: Store, home: Home, sari: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.export_jobs._RENEW", 0.02)
    token = order(store, sari)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            before = ExportJob.get(ExportJob.token == token).claimed_until
            for _ in range(500):
                if ExportJob.get(ExportJob.token == token).claimed_until > before:
                    return False
                time.sleep(0.02)
            pytest.fail("the lease was not renewed")
        return False

    work(store, home, stop=stop)
    assert export_jobs.mine(sari.slug)[0].state == "done"


def test_a_worker_that_is_told_to_end_leaves_its_job_to_another_at_once(
    store: Store, home: Home, sari: Person
) -> None:
    order(store, sari)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 1

    work(store, home, stop=stop)
    [job] = export_jobs.mine(sari.slug)
    assert (job.state, job.attempts) == ("waiting", 0)
    work(store, home)
    assert export_jobs.mine(sari.slug)[0].state == "done"


def test_of_two_workers_only_one_gets_a_job(store: Store, home: Home, sari: Person) -> None:
    order(store, sari)
    with store.transaction():
        first, second = export_jobs.claim("satu", now()), export_jobs.claim("dua", now())
    assert first is not None
    assert second is None
    assert not export_jobs.go_on(first, "dua", 1, 2, now())
    assert export_jobs.go_on(first, "satu", 1, 2, now())


def test_what_kills_every_worker_is_given_up(store: Store, home: Home, sari: Person) -> None:
    order(store, sari)
    later = now()
    for _ in range(export_jobs.MOST_ATTEMPTS):
        with store.transaction():
            assert export_jobs.claim("satu", later) is not None
        later += export_jobs.LEASE + timedelta(seconds=1)
    ExportJob.update(sealed=b"a sealed password").execute()
    work(store, home, lambda: later)
    assert export_jobs.mine(sari.slug)[0].state == "failed"
    assert ExportJob.get().sealed is None, "no password is kept for a file that will never be"


def test_an_order_of_somebody_who_has_left_is_not_carried_out(store: Store, home: Home, sari: Person) -> None:
    order(store, sari)
    with store.transaction():
        officers.remove(sari.slug, now())
    work(store, home)
    [job] = export_jobs.mine(sari.slug)
    assert (job.state, job.error) == ("failed", "auth.forbidden")
    assert files(home) == []


def test_somebody_with_a_full_queue_holds_up_neither_others_nor_their_own_monthly_export(
    store: Store, home: Home, sari: Person
) -> None:
    request = {"kind": "xlsx", "filters": to_json(Filters(area=sari.area)), "options": to_json(Options())}
    with store.transaction():
        saved_exports.schedule(sari.slug, "bulanan", "uji", request, ZoneInfo("Asia/Jakarta"), now(), store)
    for _ in range(export_jobs.MOST_WAITING):
        order(store, sari)
    later = now() + timedelta(days=40)  # the monthly one is due, and there is no room for it
    work(store, home, lambda: later)
    assert not export_jobs.anything(later), "what waited was written"
    work(store, home, lambda: later)
    states = [job.state for job in export_jobs.mine(sari.slug)]
    assert states == ["done"] * (export_jobs.MOST_WAITING + 1), "the monthly one came when there was room"
