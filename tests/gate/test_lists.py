"""Policy lists change without a new form, and a submission is judged by the list of its interview's day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from forms.compile import FormErrors
from forms.problems import Problem, Problems
from server.intake.intake import Intake
from server.openrosa.answers import Document
from server.openrosa.catalogue import Catalogue
from server.policy_lists import history, set_policy_list, show_policy_list
from server.publishing import check
from server.store import editions, events, submissions
from server.store.database import Store
from server.store.desks import KnownDesk
from server.store.models import Case
from tests.conftest import Clock
from tests.gate import small

DAY = timedelta(days=1)


@pytest.fixture
def running(store: Store, clock: Clock, tmp_path: Path) -> Store:
    """The small form, published thirty days ago."""
    small.published(store, tmp_path / "form", clock() - 30 * DAY)
    return store


def given(
    store: Store, folder: Path, content: bytes, now: datetime, valid_from: datetime | None = None
) -> object:
    file = folder / "new.csv"
    file.write_bytes(content)
    return set_policy_list(store, "fee", file, valid_from, "Rini", now)["edition"]


def judged(store: Store, intake: Intake, sender: KnownDesk, **when: str) -> tuple[list[str], int]:
    """The indicators of a submission that pays for a visa, and the edition that it was judged with."""
    visit = when.pop("visit", "")
    identity = f"uuid:{submissions.count('coba'):08}-0000-4000-8000-000000000000"
    content = small.xml({"age": "30", "visit_date": visit}, fee="visa", identity=identity, **when)
    small.send(store, intake, sender, content)
    shown = submissions.show(identity, store)
    return shown["indicators"], shown["lists"]["fee.csv"]


def test_a_submission_is_judged_by_the_list_that_counted_when_the_interview_took_place(
    running: Store, clock: Clock, tmp_path: Path
) -> None:
    intake, sender = Intake(running, clock), small.desk(running, clock())
    assert judged(running, intake, sender) == ([], 1)
    given(running, tmp_path, small.FEES_BANNED, clock(), clock() - 3 * DAY)
    clock.at += timedelta(seconds=5)
    day_before, day_after = (f"{clock() - days * DAY:%Y-%m-%d}" for days in (5, 1))
    assert judged(running, intake, sender) == (["X02"], 2)
    assert judged(running, intake, sender, end=f"{day_before}T09:00:00.000+07:00") == ([], 1)
    assert judged(running, intake, sender, end=f"{day_after}T09:00:00.000+07:00") == (["X02"], 2)
    assert judged(running, intake, sender, visit=day_before) == ([], 1)
    assert judged(running, intake, sender, visit=day_after) == (["X02"], 2)
    assert judged(running, intake, sender, visit=day_after, end=f"{day_before}T09:00:00Z") == ([], 1)
    assert Case.select().count() == 3


def test_an_announced_list_counts_from_its_day_on_and_a_clock_that_is_ahead_does_not_bring_it_near(
    running: Store, clock: Clock, tmp_path: Path
) -> None:
    given(running, tmp_path, small.FEES_BANNED, clock(), clock() + DAY)
    intake, sender = Intake(running, clock), small.desk(running, clock())
    ahead = f"{clock() + 2 * DAY:%Y-%m-%d}T09:00:00+07:00"
    assert judged(running, intake, sender, end=ahead) == ([], 1)
    clock.at += DAY
    assert judged(running, intake, sender) == (["X02"], 2)
    clock.at -= DAY  # it was ahead, and is set right
    given(running, tmp_path, small.FEES + b"doctor,Dokter,0\n", clock(), clock() - DAY)
    assert judged(running, intake, sender) == ([], 3)


def test_a_list_put_right_afterwards_counts_for_its_own_span(
    running: Store, clock: Clock, tmp_path: Path
) -> None:
    now = clock()
    given(running, tmp_path, small.FEES_BANNED, now, now + 10 * DAY)
    given(running, tmp_path, small.FEES + b"doctor,Dokter,0\n", now, now - 10 * DAY)
    known = editions.dated("fee.csv")
    spans = [(-4000, 1), (-20, 1), (-10, 3), (0, 3), (9, 3), (10, 2), (99, 2)]
    assert [editions.in_force(known, now + d * DAY)["fee.csv"] for d, _ in spans] == [n for _, n in spans]


def test_phones_get_the_new_list_at_their_next_sync_and_an_announced_one_on_its_day(
    running: Store, clock: Clock, tmp_path: Path
) -> None:
    catalogue, sender = Catalogue(running, clock), small.desk(running, clock())

    def fees() -> bytes:
        shown = catalogue.shown()
        (form,) = shown.forms[sender.draft]
        (file,) = catalogue.media(shown, form, sender)
        return file.load()

    assert fees() == small.FEES
    given(running, tmp_path, small.FEES_BANNED, clock())
    assert fees() == small.FEES_BANNED
    given(running, tmp_path, small.FEES, clock(), clock() + DAY)
    assert fees() == small.FEES_BANNED
    clock.at += DAY
    assert fees() == small.FEES
    clock.at -= DAY  # it was ahead, and is set right
    assert fees() == small.FEES_BANNED
    shown = catalogue.shown()
    with pytest.raises(
        Problem
    ) as busy:  # a manifest without it would leave empty look-ups on the phone, unsaid
        catalogue.media(replace(shown, lists={}), shown.forms[sender.draft][0], sender)
    assert busy.value.problem is Problems.STORE_BUSY


def test_made_up_addresses_fill_no_memory(running: Store, clock: Clock) -> None:
    shown = Catalogue(running, clock).shown()
    written = [shown.written((f"http://{n}",), partial(Document.of, b"%d" % n)) for n in range(2000)]
    assert written[1999].body == b"1999"
    assert shown.written(("http://1999",), lambda: Document.of(b"again")) is written[1999]
    assert shown.written(("http://0",), lambda: Document.of(b"again")) is not written[0], "long forgotten"
    endless = [shown.written(("http://a",), partial(Document.of, b"a" * 100_000)) for _ in range(2)]
    assert endless[0] is not endless[1], "the name of a host may have no end"


def test_the_history_says_who_changed_what_and_when(running: Store, clock: Clock, tmp_path: Path) -> None:
    given(running, tmp_path, b"name,label,banned,note\nvisa,Visa,1,x\ndoctor,Dokter,0,\n", clock())
    first, second = history("fee")
    assert (first["edition"], first["added"]) == (1, ["visa", "photo"])
    assert (second["set_by"], second["set_at"]) == ("Rini", clock())
    assert second["added"] == ["doctor"]
    assert second["removed"] == ["photo"]
    assert second["changed"] == {"visa": ["banned"]}
    assert (second["columns_added"], second["columns_removed"]) == (["note"], [])
    assert [e["actor"] for e in events.of("fee.csv")] == ["Rini"]
    shown = show_policy_list("fee.csv", clock())
    assert (shown["edition"], shown["rows"][0]["banned"]) == (2, "1")


def test_the_same_list_again_is_no_new_edition(running: Store, clock: Clock, tmp_path: Path) -> None:
    assert given(running, tmp_path, small.FEES_BANNED, clock()) == 2
    assert given(running, tmp_path, small.FEES_BANNED, clock()) == 2
    assert len(history("fee")) == 2


def test_an_edition_may_bring_a_former_content_back(running: Store, clock: Clock, tmp_path: Path) -> None:
    given(running, tmp_path, small.FEES_BANNED, clock())
    assert given(running, tmp_path, small.FEES, clock()) == 3
    assert show_policy_list("fee", clock())["rows"][0]["banned"] == "0"


@pytest.mark.parametrize(
    ("content", "place", "word"),
    [
        (b"name,label\nvisa,Visa\n", ("fee.csv", 1, "banned"), "coba"),
        (b"name,banned\nvisa,1\n", ("fee.csv", 1, "label"), "coba"),
        (b"name,label,banned\nvisa,Visa,1\nvisa,Visa,0\n", ("fee.csv", 3, "name"), "visa"),
        ("name,label,banned\nvisa,Visé,1\n".encode("latin-1"), ("fee.csv", 2, None), "UTF-8"),
        (b"name,label,banned\nvisa,Visa\n", ("fee.csv", 2, None), "2 columns"),
    ],
)
def test_a_faulty_list_is_refused_with_its_cell_and_changes_nothing(
    running: Store, clock: Clock, tmp_path: Path, content: bytes, place: tuple[object, ...], word: str
) -> None:
    with pytest.raises(FormErrors) as wrong:
        given(running, tmp_path, content, clock())
    (finding,) = wrong.value.findings
    assert (finding.sheet, finding.row, finding.column) == place
    assert word in finding.message
    assert len(history("fee")) == 1


def test_a_list_that_no_form_uses_is_refused_with_the_names_of_those_in_use(
    running: Store, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_bytes(small.FEES)
    with pytest.raises(Problem, match="In use are: fee"):
        set_policy_list(running, "fees", tmp_path / "x.csv", None, "Rini", clock())


def test_publishing_from_a_folder_with_an_old_list_does_not_bring_it_back(
    running: Store, clock: Clock, tmp_path: Path
) -> None:
    given(running, tmp_path, small.FEES_BANNED, clock())
    found = check(small.book(tmp_path / "form", version="2026112102"), None, running).found
    assert [(f.sheet, f.severity) for f in found.findings] == [("fee.csv", "warning")]
    small.published(running, tmp_path / "form", clock(), version="2026112102")
    assert show_policy_list("fee", clock())["edition"] == 2


def test_an_ordinary_submission_asks_nothing_of_the_editions(
    running: Store, clock: Clock, tmp_path: Path
) -> None:
    intake, sender = Intake(running, clock), small.desk(running, clock())
    judged(running, intake, sender)
    asked: list[str] = []
    running.db.query_hooks.append(lambda event: asked.append(event.sql))
    clock.at += timedelta(microseconds=5)
    small.send(
        running, intake, sender, small.xml({"age": "30"}, end=f"{datetime.now(UTC):%Y-%m-%d}T01:00:00Z")
    )
    assert asked
    assert not [sql for sql in asked if "attached_list" in sql or "form_version" in sql or "counter" in sql]
