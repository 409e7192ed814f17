"""Opening files that came with submissions: what lacks, who may open what, and that it is on record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from forms.compile import compile_workbook
from forms.problems import Problem, Problems
from server.store import attachments, desks, room, submissions
from server.store.files import Files
from server.store.models import Attachment, Event
from server.store.published import publish
from server.store.submissions import NewSubmission
from tests.forms import workbooks
from tests.staff.conftest import BLITAR, MALANG, Browser, Office, Site

SURVEY = """
| type        | name  | label:id | label:en | sensitive |
| begin_group | g     | Bagian   | Part     | |
| image       | face  | Wajah    | Face     | identity |
| image       | wound | Luka     | Wound    | violence |
| audio       | voice | Suara    | Voice    | |
| text        | consent_share | Boleh dibagikan? | May it be shared? | |
| end_group   |       |          |          | |
"""
NAMED = {"wajah.jpg": "/coba/g/face", "luka.jpg": "/coba/g/wound", "suara <b>.m4a": "/coba/g/voice"}


@pytest.fixture
def sent(office: Office, tmp_path: Path) -> Office:
    """A submission in Malang with three files and a log, one in Blitar, and one in Malang that lacks a file."""
    book = workbooks.write(tmp_path, survey=SURVEY, choices="", indicators="")
    form = compile_workbook(book, validate=False).form
    files = Files(office.store.home, office.store.keys)
    with office.store.transaction():
        publish(form, book.read_bytes(), {}, datetime(2026, 11, 1, tzinfo=UTC))
        for number, (village, share, came) in enumerate(
            (
                (MALANG, "yes", [*NAMED, "audit.csv"]),
                (BLITAR, "yes", [*NAMED]),
                (MALANG, "no", ["wajah.jpg"]),
            ),
            start=1,
        ):
            kept = submissions.keep(
                NewSubmission(
                    form_id="coba",
                    version=form.version,
                    instance_id=f"uuid:{number}",
                    deprecated_id=None,
                    desk_id=None,
                    village=village,
                    received_at=office.clock(),
                    device_id=None,
                    xml=b"<coba/>",
                    answers={"g": {"consent_share": share}},
                    sensitive={},
                    root_path="/coba",
                    indicators=(),
                    verdict={},
                    expected_files=NAMED,
                ),
                office.store,
            )
            for name in came:
                staged = files.stage()
                staged.write(name.encode() * 50_000)
                address = staged.keep()
                staged.settle()
                new = attachments.NewFile(name, address, len(name.encode()) * 50_000, "image/jpeg")
                attachments.attach(kept.id, [new], office.clock())
    return office


def signed_in(office: Office, site: Site, role: str, area: str = "35.07") -> Browser:
    browser = site.browser()
    browser.sign_in(office.officer(f"{role} contoh", role, area))
    return browser


def number(name: str, submission: int = 1) -> int:
    (row,) = Attachment.select().where(
        (Attachment.filename == name) & (Attachment.submission == submission_id(submission))
    )
    return int(row.id)


def submission_id(which: int) -> int:
    found = submissions.find("coba", f"uuid:{which}")
    assert found is not None
    return int(found.id)


def test_the_page_shows_first_what_lacks_a_file(sent: Office, site: Site) -> None:
    browser = signed_in(sent, site, "ppa")
    browser.get("/lampiran")
    assert "1 dari 3 lampiran sudah datang.</strong> Minta" in browser.page
    assert "3 dari 3" not in browser.page
    browser.get("/lampiran?status=semua")
    assert "3 dari 3 lampiran sudah datang" in browser.page
    assert "suara &lt;b&gt;.m4a" in browser.page


def test_the_page_names_the_desks_of_the_area_whose_files_found_no_room(sent: Office, site: Site) -> None:
    with sent.store.transaction():
        for village in (MALANG, BLITAR):
            desk, _ = desks.add(village, f"Meja {village}", sent.store.keys, sent.clock())
            for _ in range(3):
                room.note_refused(desk.slug, Problem(Problems.DESK_FULL), sent.clock())
    assert Event.select().where(Event.subject == room.REFUSED).count() == 2
    browser = signed_in(sent, site, "ppa")
    browser.get("/lampiran")
    assert f"Meja {MALANG}" in browser.page
    assert f"Meja {BLITAR}" not in browser.page
    sent.later(days=2)
    assert room.refused(sent.clock()) == []


def test_a_file_is_opened_as_it_came_and_that_is_on_record(sent: Office, site: Site) -> None:
    browser = signed_in(sent, site, "ppa")
    browser.get("/lampiran?status=semua")
    answer = browser.press(f"/lampiran/{number('suara <b>.m4a')}")
    assert answer.status_code == 200
    assert answer.content == b"suara <b>.m4a" * 50_000
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    (event,) = Event.select().where(Event.verb == "attachment.opened")
    assert (event.actor, event.detail["form"]) == ("ppa-contoh", "coba")


@pytest.mark.parametrize(
    ("role", "area", "may"),
    [
        ("ppa", "35.07", {"wajah.jpg", "luka.jpg", "suara <b>.m4a", "audit.csv"}),
        ("disnaker", "35.07", {"wajah.jpg", "suara <b>.m4a"}),
        ("dinsos", "35.07.01", {"wajah.jpg", "suara <b>.m4a"}),
        ("province", "35", set()),
        ("admin", "ID", set()),
        ("ppa", "35.08", set()),
    ],
)
def test_each_role_opens_what_it_may_and_nothing_else(
    sent: Office, site: Site, role: str, area: str, may: set[str]
) -> None:
    browser = signed_in(sent, site, role, area)
    browser.get("/lampiran?status=semua")
    listed = browser.page
    token = listed.partition('name="token" value="')[2].partition('"')[0]
    opened = {
        name
        for name in (*NAMED, "audit.csv")
        if browser.post(f"/lampiran/{number(name)}", {"token": token}).status_code == 200
    }
    assert opened == may
    assert {name for name in NAMED if name.replace("<", "&lt;").replace(">", "&gt;") in listed} == may - {
        "audit.csv"
    }


def test_who_did_not_agree_to_sharing_is_seen_by_ppa_alone(sent: Office, site: Site) -> None:
    for role, status in (("ppa", 200), ("disnaker", 403)):
        browser = signed_in(sent, site, role)
        browser.get("/lampiran")
        token = browser.page.partition('name="token" value="')[2].partition('"')[0]
        assert browser.post(f"/lampiran/{number('wajah.jpg', 3)}", {"token": token}).status_code == status


def test_what_has_not_come_or_is_no_number_is_404_and_links_open_nothing(sent: Office, site: Site) -> None:
    browser = signed_in(sent, site, "ppa")
    browser.get("/lampiran")
    token = browser.page.partition('name="token" value="')[2].partition('"')[0]
    for address in (f"/lampiran/{number('luka.jpg', 3)}", "/lampiran/999999", "/lampiran/x"):
        assert browser.post(address, {"token": token}).status_code == 404
    assert browser.get(f"/lampiran/{number('wajah.jpg')}").headers["location"] == "/lampiran"
    assert not Event.select().where(Event.verb == "attachment.opened").exists()
