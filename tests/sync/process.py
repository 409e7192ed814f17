"""A sync process for tests: ``python -m tests.sync.process HOME DATABASE_URL TWILIO_URL LEASE_SECONDS``.

As the product starts it beside the server (stdin is a pipe that the parent holds), with a shorter lease, so that a
test need not wait two minutes for what a killed process leaves behind.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from server.settings import Settings
from server.store.database import Store
from server.store.sealing import Keys
from sync.channels.twilio_sms import TwilioSms
from sync.outbox import Policy
from sync.scheduler import GAP, Sync
from tests.twilio_standin import ACCOUNT, SENDER, TOKEN

LIGHT = multiprocessing.get_context("forkserver")
"""Starts processes out of one that has loaded everything already: a few hundredths of a second each."""
LIGHT.set_forkserver_preload(["tests.sync.process", "tests.sync.test_two_processes"])


def light(home: Path, url: str, api_url: str, lease: float) -> None:
    """For a process that is forked: with its output thrown away."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        main(home, url, api_url, lease, watch_stdin=False, gap=0.02)


def main(
    home: Path, url: str, api_url: str, lease: float, *, watch_stdin: bool = True, gap: float = GAP
) -> None:
    settings = Settings(
        home=home,
        quiet_hours="none",
        TWILIO_ACCOUNT_SID=ACCOUNT,
        TWILIO_AUTH_TOKEN=TOKEN,
        TWILIO_FROM=SENDER,
        TWILIO_API_URL=api_url,
        cap_person=0,
        cap_case=0,
        cap_hour=0,
        cap_month=0,
    )
    policy = Policy(
        lease=timedelta(seconds=lease),
        first_retry=timedelta(seconds=0.2),
        settled=timedelta(seconds=lease / 2),
    )
    store = Store(url, home, Keys.open(home))
    channel = TwilioSms(settings, timeout=lease / 2)

    def clock() -> datetime:
        return datetime.now(UTC)

    channels = {"twilio_sms": channel}
    sync = Sync(store, settings, clock, channels, "twilio_sms", random=Random(), policy=policy, gap=gap)
    sync.run_until_stopped(watch_stdin=watch_stdin)
    store.release()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4]))
