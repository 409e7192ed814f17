"""That a monthly file is ready is said by e-mail, with a link that needs signing in, and by nothing else."""

from __future__ import annotations

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from server.store import export_jobs, published, saved_exports
from server.store.database import Store
from server.store.officers import Person
from tests.conftest import Clock
from tests.exports.filled import made_up_form
from tests.sync.test_ways import Office, opened, person
from tests.sync.world import officer

pytestmark = pytest.mark.parametrize("home", ["sqlite"], indirect=True)
SITE = "https://pmi.contoh.example"


def made_for(office: Office, owner: Person) -> None:
    """Order a file every month, and let the day come on which the first is made, and some days after it."""
    with office.store.transaction():
        request = {"kind": "xlsx", "filters": {}, "options": {}}
        zone = ZoneInfo("Asia/Jakarta")
        published.publish(made_up_form({"name": "string"}), b"", {}, office.clock())
        saved_exports.schedule(owner.slug, "bulanan", "uji", request, zone, office.clock(), office.store)
    [saved] = saved_exports.scheduled(owner.slug)
    assert saved.next_at is not None
    office.clock.at = saved.next_at
    for _ in range(6):
        office.send(after=timedelta(hours=4))


def test_the_owner_of_a_monthly_file_gets_a_link_by_e_mail_and_no_file(store: Store, clock: Clock) -> None:
    with opened(store, clock, public_url=SITE) as office:
        owner = person(office, "sms email")
        made_for(office, owner)
        assert export_jobs.mine(owner.slug)[0].state == "done"
        [mail] = office.mail.mails
        assert mail["To"] == owner.email
        assert re.findall(r"https?://[^\s]+", mail.get_content()) == [f"{SITE}/ekspor"], (
            "a link to the page alone"
        )
        assert not mail.is_multipart(), "personal data does not travel by e-mail"
        assert export_jobs.mine(owner.slug)[0].token not in mail.get_content()
        assert office.twilio.messages == []


def test_where_the_mailbox_is_gone_no_sms_is_sent_instead(store: Store, clock: Clock) -> None:
    with opened(store, clock, public_url=SITE) as office:
        owner = person(office, "sms email")
        assert owner.email is not None
        office.mail.refused.add(owner.email)
        made_for(office, owner)
        assert export_jobs.mine(owner.slug)[0].state == "done"
        assert (office.mail.mails, office.twilio.messages) == ([], [])


def test_whoever_has_no_e_mail_finds_the_file_on_the_page_alone(store: Store, clock: Clock) -> None:
    with opened(store, clock, public_url=SITE) as office:
        owner = officer("disnaker", "35.07", clock())
        assert owner.email is None
        made_for(office, owner)
        assert export_jobs.mine(owner.slug)[0].state == "done"
        assert (office.mail.mails, office.twilio.messages) == ([], [])
