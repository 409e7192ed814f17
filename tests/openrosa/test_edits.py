"""Submissions that correct others (``deprecatedID``): in any order, of any desk, with what follows for cases."""

from __future__ import annotations

import threading

import psycopg
import pytest

from server.intake.intake import Intake, Prepared
from server.intake.upload import Upload
from server.store import cases, desks, submissions
from server.store.database import Store
from server.store.models import Alert, Case, Submission
from tests.conftest import Clock, Home
from tests.openrosa.conftest import Running, again, instance_id
from tests.phone.collect import Collect


def edit_of(xml: bytes, old: bytes) -> bytes:
    mark = f"<deprecatedID>{instance_id(old)}</deprecatedID></meta>".encode()
    return again(xml).replace(b"</meta>", mark)


@pytest.mark.parametrize("order", ["123", "132", "213", "231", "312", "321"])
def test_a_chain_of_edits_ends_the_same_in_whatever_order_it_comes(
    running: Running, filled: dict[str, bytes], published: Store, order: str
) -> None:
    phone = running.phone()
    chain = [again(filled["broker without a letter"])]
    for _ in range(2):
        mark = f"<deprecatedID>{instance_id(chain[-1])}</deprecatedID></meta>".encode()
        chain.append(again(filled["broker without a letter"]).replace(b"</meta>", mark))
    for place in order:
        assert phone.submit(chain[int(place) - 1]).sent
    assert [s["instance_id"] for s in submissions.listing()] == [instance_id(chain[2])]
    assert {s.root for s in Submission.select()} == {instance_id(chain[0])}
    live = [a for a in cases.listing() if a["state"] == "open"]
    assert [(a["indicator"], a["submission"]) for a in live] == [("D08", instance_id(chain[2]))]


def test_an_edit_replaces_what_it_edits_even_if_it_comes_first(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    phone = running.phone()
    risky, clean = filled["broker without a letter"], filled["clean departure"]
    first = again(risky)
    second = edit_of(clean, first)
    third = edit_of(risky, second)
    for xml in (third, first, second):
        assert phone.submit(xml).sent
    listed = submissions.listing()
    assert [(s["instance_id"], s["state"]) for s in listed] == [(instance_id(third), "edited")]
    assert {s.root for s in Submission.select()} == {instance_id(first)}
    # the two ends of the chain each opened a case before the middle joined them
    assert [
        (a.case.root == instance_id(first), a.state, a.result) for a in Alert.select().order_by(Alert.state)
    ] == [
        (False, "closed", "merged"),
        (True, "open", None),
    ]


@pytest.mark.parametrize("first", ["original", "edit"])
def test_a_desk_of_another_regency_edits_nothing_and_both_records_alert(
    running: Running, filled: dict[str, bytes], published: Store, clock: Clock, first: str
) -> None:
    with published.transaction():
        _, theirs = desks.add("35.08.10.2001", None, published.keys, clock())
    stranger = Collect(f"{running.server.url}/desk/{theirs.token}")
    original = again(filled["broker without a letter"])
    foreign = edit_of(filled["rat port"], original)
    steps = [(running.phone(), original), (stranger, foreign)]
    for phone, xml in steps if first == "original" else reversed(steps):
        assert phone.submit(xml).status == 201
    listed = {s["instance_id"]: s["village"][:5] for s in submissions.listing()}
    assert listed == {instance_id(original): "35.07", instance_id(foreign): "35.08"}
    alerts = {(a["district"], a["indicator"]) for a in cases.listing() if a["state"] == "open"}
    assert ("35.07", "D08") in alerts
    assert all(
        a["district"] == ("35.07" if a["submission"] == instance_id(original) else "35.08")
        for a in cases.listing()
    )
    assert not Alert.select().where(Alert.gone_at.is_null(False)).exists()


def test_what_edits_itself_or_its_own_editor_stays_in_sight(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    itself = again(filled["clean departure"])
    itself = itself.replace(b"</meta>", f"<deprecatedID>{instance_id(itself)}</deprecatedID></meta>".encode())
    one = again(filled["clean departure"])
    two = edit_of(filled["clean departure"], one)
    one = one.replace(b"</meta>", f"<deprecatedID>{instance_id(two)}</deprecatedID></meta>".encode())
    for xml in (itself, one, two):
        assert running.phone().submit(xml).status == 201
    assert [s["instance_id"] for s in submissions.listing()] == [instance_id(itself), instance_id(two)]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
def test_of_two_edits_of_one_submission_the_last_counts(
    running: Running, filled: dict[str, bytes], published: Store, order: tuple[int, ...]
) -> None:
    original = again(filled["broker without a letter"])
    versions = [original, *(edit_of(filled["broker without a letter"], original) for _ in range(2))]
    for number in order:
        assert running.phone().submit(versions[number]).sent
    assert [s["instance_id"] for s in submissions.listing()] == [instance_id(versions[2])]
    assert {s.root for s in Submission.select()} == {instance_id(original)}
    live = [a for a in cases.listing() if a["state"] == "open"]
    assert [(a["indicator"], a["submission"]) for a in live] == [("D08", instance_id(versions[2]))]


@pytest.mark.parametrize("home", ["postgresql"], indirect=True)  # SQLite has one writer
def test_versions_that_two_processes_take_in_at_the_same_moment_are_one_chain(
    running: Running, filled: dict[str, bytes], published: Store, clock: Clock, home: Home
) -> None:
    desk = desks.by_username(running.desk)
    assert desk is not None
    intake = Intake(published, clock)
    first = again(filled["broker without a letter"])
    second = edit_of(first, first)
    third, fourth = edit_of(first, second), edit_of(first, first)
    # an original and its edit; then two edits that know different versions, and so share no name
    for one, other in ((first, second), (third, fourth)):
        prepared = [intake.prepare(Upload(xml, desk, None)) for xml in (one, other)]

        def take(what: Prepared = prepared[1]) -> None:
            try:
                with published.transaction():
                    intake.write(what)
            finally:
                published.release()

        thread = threading.Thread(target=take)
        with psycopg.connect(home.url, autocommit=True) as looking, published.transaction():
            intake.write(prepared[0])
            thread.start()
            while looking.execute("select count(*) from pg_locks where not granted").fetchone() == (0,):
                assert thread.is_alive()
        thread.join(20)
        assert [s["instance_id"] for s in submissions.listing()] == [instance_id(other)]
        assert {s.root for s in Submission.select()} == {instance_id(first)}


def test_a_case_moves_with_a_corrected_village_and_is_owed_again(
    running: Running, filled: dict[str, bytes], published: Store
) -> None:
    original = again(filled["broker without a letter"])
    assert running.phone().submit(original).sent
    Alert.update(owed=False).execute()
    corrected = edit_of(filled["broker without a letter"], original).replace(
        b"35.07.01.2001", b"35.07.13.2004"
    )
    assert running.phone().submit(corrected).sent
    case = Case.get()
    assert (case.district, case.village, case.ref[:9]) == ("35.07.13", "35.07.13.2004", "R-350701-")
    assert Alert.get().owed


@pytest.mark.parametrize("first", ["original", "edit"])
def test_an_edit_without_the_risk_is_noted_and_the_alert_stays(
    running: Running, filled: dict[str, bytes], published: Store, first: str
) -> None:
    original = again(filled["broker without a letter"])
    versions = [original, edit_of(filled["clean departure"], original)]
    for xml in versions if first == "original" else reversed(versions):
        assert running.phone().submit(xml).sent
    alert = Alert.get()
    assert alert.case.submission.instance_id == instance_id(versions[1]), "staff open what counts"
    assert alert.gone_at is not None
    assert alert.state == "open"
