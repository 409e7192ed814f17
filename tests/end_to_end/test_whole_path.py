"""From a desk's printed address to a text message, a page and a workbook: all of it real, on both engines.

One day in two districts is lived through once an engine (the fixture ``day``); each test looks at one side of it.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gsm0338
import httpx
import pytest
from python_calamine import CalamineWorkbook

from forms.form import Form
from tests.conftest import ENGINES, make_home
from tests.end_to_end.world import AREA_OF, LUMAJANG, MALANG, World, publish, running, told, until
from tests.phone.collect import Collect, SubmitResult
from tests.phone.desk import DeskPhone
from tests.phone.interviews import Interview, interviews
from tests.phone.javarosa import Engine

SHIPPED = ("berangkat", "laporan_bulanan", "pantau_penyedia", "pulang", "tindak_lanjut")
IN_MALANG = (
    "clean departure",
    "18 one day after departure",
    "scam ring in Cambodia",
    "NIK of another birthday",
    "departure refused",
    "trafficked",
    "sexual violence",
    "clean return",
)
IN_LUMAJANG = ("broker without a letter", "deported and pregnant", "clean departure")
LISTS = {"berangkat": {"desa.csv", "negara.csv", "biaya.csv", "p3mi.csv", "kurs.csv"}}


@dataclass(frozen=True)
class Sent:
    """An interview as it went out, and how the server answered."""

    interview: Interview
    village: str
    instance_id: str
    result: SubmitResult


@dataclass
class Day:
    """What happened."""

    world: World
    desks: dict[str, dict[str, Any]]
    phones: list[DeskPhone]
    sent: list[Sent]
    password: str
    by_id: dict[str, dict[str, Any]]
    alerts: list[dict[str, Any]]


@pytest.fixture(scope="module", params=ENGINES)
def day(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    library: dict[str, Form],
    engine: Engine,
) -> Iterator[Day]:
    home = make_home(request, request.param, tmp_path_factory.mktemp("a whole day"))
    publish(home, library)
    with running(home) as world:
        world.add_officers()
        page = world.run(
            "officers",
            "add",
            "Halaman",
            "--role",
            "disnaker",
            "--area",
            "35.07",
            "--email",
            "halaman@contoh.id",
        )
        desks = {village: world.run("desks", "add", village) for village in (MALANG, LUMAJANG)}
        by_url = DeskPhone(Collect(desks[MALANG]["url"]), engine)
        by_code = DeskPhone(Collect.from_settings(desks[LUMAJANG]["settings"]), engine)
        by_digest = DeskPhone(
            Collect(world.url, desks[MALANG]["username"], desks[MALANG]["password"]), engine
        )
        sent = []
        for phones, village, names in (
            ((by_url, by_digest), MALANG, IN_MALANG),
            ((by_code,), LUMAJANG, IN_LUMAJANG),
        ):
            known = {i.name: i for i in interviews(engine.today(), village)}
            for phone in phones:
                assert phone.sync() == SHIPPED
            for number, name in enumerate(names):
                phone = phones[number % len(phones)]
                filled = phone.hold(known[name])
                sent.append(Sent(known[name], village, filled.instance_id, phone.send(filled)))
        until(world.all_told, "not all was sent")
        lines = {line["instance_id"]: line for line in world.run("submissions", "list")}
        yield Day(
            world,
            desks,
            [by_url, by_code, by_digest],
            sent,
            page["password"],
            lines,
            world.run("alerts", "list"),
        )
        family_ended(world)


def family_ended(world: World) -> None:
    """The last act of every day: it ends in good order."""
    assert world.server is not None
    assert world.server.stop() == 0


def test_a_phone_that_knows_only_what_was_printed_gets_every_form_with_all_their_lists(day: Day) -> None:
    for phone in day.phones:
        forms = phone.collect.forms
        assert set(forms) == set(SHIPPED)
        assert set(forms["berangkat"].media) == LISTS["berangkat"]
        assert {"desa.csv", "negara.csv"} <= set(forms["pulang"].media)
    regencies = [
        {line[:6] for line in phone.collect.forms["pulang"].media["desa.csv"].decode().splitlines()[1:]}
        for phone in day.phones
    ]
    assert regencies == [{"35.07."}, {"35.08."}, {"35.07."}]


def test_everything_sent_is_kept_once_in_its_village_with_the_indicators_that_the_phone_saw(day: Day) -> None:
    assert {(s.result.sent, s.result.status) for s in day.sent} == {(True, 201)}
    assert set(day.by_id) == {s.instance_id for s in day.sent}
    for s in day.sent:
        line = day.by_id[s.instance_id]
        assert (line["village"], line["form_id"]) == (s.village, s.interview.form_id)
        assert set(line["indicators"]) == s.interview.expected, s.interview.name


def test_a_case_is_opened_for_exactly_those_that_show_an_indicator(day: Day) -> None:
    shown = {(a["submission"], a["indicator"]) for a in day.alerts}
    assert shown == {(s.instance_id, code) for s in day.sent for code in s.interview.expected}
    for alert in day.alerts:
        assert re.fullmatch(r"R-\d{6}-\d{4}", alert["ref"])
        assert alert["ref"][2:8] == alert["village"][:8].replace(".", "")
        assert alert["district"] == alert["village"][:5]


def test_officers_of_a_district_are_texted_about_its_cases_alone_and_once_for_each(day: Day) -> None:
    district = {a["ref"]: a["district"] for a in day.alerts}
    came = [(m.to, next(ref for ref in district if ref in m.body)) for m in day.world.twilio.messages]

    assert max(Counter(came).values()) == 1, "one message for each case and person"
    assert {AREA_OF[to] for to, _ in came} == {"35.07", "35.08", "35"}
    assert [(to, ref) for to, ref in came if not district[ref].startswith(AREA_OF[to])] == []
    listed = day.world.run("messages", "list")
    assert {(m["to"], m["body"]) for m in listed} == {(m.to, m.body) for m in day.world.twilio.messages}
    assert {(m["state"], m["attempts"], m["segments"]) for m in listed} <= {
        ("sent", 1, 1),
        ("delivered", 1, 1),
    }


def test_whom_each_case_is_told_to(day: Day) -> None:
    """From the workbook's recipients: D01 disnaker, p4mi and ppa; R05 ppa alone; D02 waits for the digest."""
    ref = {
        s.interview.name: next((a["ref"] for a in day.alerts if a["submission"] == s.instance_id), "none")
        for s in day.sent
        if s.village == MALANG
    }
    to = {name: {m.to for m in day.world.twilio.messages if code in m.body} for name, code in ref.items()}
    disnaker, ppa, p4mi = "+6281200000001", "+6281200000002", "+6281200000003"
    assert to["18 one day after departure"] == {disnaker, ppa, p4mi}
    assert to["sexual violence"] == {ppa}
    assert to["NIK of another birthday"] == set()
    assert to["scam ring in Cambodia"] >= {disnaker, p4mi}


def test_messages_are_one_segment_and_tell_nothing_of_the_person(day: Day, library: dict[str, Form]) -> None:
    templates = " ".join(i.sms["id"] for form in library.values() for i in form.indicators).lower()
    # "online" is an answer, and a word that each message of D05 has whoever it is about
    said = {text for s in day.sent for text in told(s.interview) if text.lower() not in templates}
    assert len(said) > 50
    for message in day.world.twilio.messages:
        encoded, _ = gsm0338.Codec().encode(message.body)
        assert len(encoded) <= 160
        words = {text for text in said if text.lower() in message.body.lower()}
        assert words == set(), message.body


def test_a_receipt_of_the_carrier_is_noted(day: Day) -> None:
    message = day.world.twilio.messages[0]
    assert message.status_callback is not None
    assert message.status_callback.startswith(day.world.url + "/twilio/status")
    assert day.world.twilio.send_receipt(message, "delivered") in (200, 204)
    (noted,) = [m for m in day.world.run("messages", "list") if m["provider_id"] == message.sid]
    assert noted["state"] == "delivered"


def test_the_same_post_again_answers_201_and_a_cut_one_is_refused_and_nothing_is_stored_twice(
    day: Day, engine: Engine
) -> None:
    phone = day.phones[1]
    filled = phone.hold({i.name: i for i in interviews(engine.today(), LUMAJANG)}["clean return"])
    assert not phone.collect.submit(filled.xml[:-3]).sent
    assert filled.instance_id not in {s["instance_id"] for s in day.world.run("submissions", "list")}
    assert [phone.send(filled).status for _ in range(2)] == [201, 201]
    kept = [s["instance_id"] for s in day.world.run("submissions", "list")]
    assert kept.count(filled.instance_id) == 1


def test_the_workbook_has_as_many_rows_as_there_are_submissions(day: Day, tmp_path: Path) -> None:
    for form_id in ("berangkat", "pulang"):
        for area in ("ID", "35.07"):
            file = tmp_path / f"{form_id} {area}.xlsx"
            day.world.run("export", form_id, "-o", file, "--area", area)
            listed = day.world.run("submissions", "list", "--form", form_id, "--area", area)
            rows = CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python()
            _, *data = rows
            assert len(data) == len(listed) > 0
            keys = {str(cell) for row in data for cell in row if str(cell).startswith("uuid:")}
            assert keys == {s["instance_id"] for s in listed}


def test_an_officer_sees_their_own_district_on_the_page_takes_a_case_on_and_downloads(day: Day) -> None:
    mine = {a["ref"] for a in day.alerts if a["district"] == "35.07" and a["indicator"] == "D01"}
    others = {a["ref"] for a in day.alerts if a["district"] == "35.08"}
    with httpx.Client(
        base_url=day.world.url, headers={"Origin": day.world.url}, follow_redirects=True
    ) as page:
        press(page, page.get("/masuk"), "/masuk", email="halaman@contoh.id", password=day.password)
        cases = page.get("/").text
        assert [ref for ref in mine if ref not in cases] == []
        assert [ref for ref in others if ref in cases] == []
        assert page.get(f"/kasus/{min(others)}").status_code == 404

        (ref,) = mine
        press(page, page.get(f"/kasus/{ref}"), f"/kasus/{ref}/terima")
        took = [a for a in day.world.run("alerts", "list", "--state", "acknowledged") if a["ref"] == ref]
        assert {a["acknowledged_by"] for a in took} == {"halaman"}

        answer = press(page, page.get("/unduh"), "/unduh/berangkat", bahasa="id")
        while "Berkas sedang dibuat" in answer.text:  # as the page does by itself
            answer = page.get(answer.url)
        if "Berkas siap" in answer.text:
            answer = press(page, answer, f"{answer.url.path}/ambil")
        file = answer.content
    rows = CalamineWorkbook.from_filelike(io.BytesIO(file)).get_sheet_by_index(0).to_python()
    shared = [s for s in day.sent if s.village == MALANG and s.interview.form_id == "berangkat"]
    assert len(rows) - 1 == len(shared)


def test_a_case_is_acknowledged_and_closed_by_command_and_never_by_another_district(day: Day) -> None:
    ref = next(a["ref"] for a in day.alerts if a["district"] == "35.08" and a["indicator"] == "D08")

    def states() -> set[tuple[str, str | None]]:
        return {
            (a["state"], a["acknowledged_by"])
            for a in day.world.run("alerts", "list", "--area", "35.08")
            if a["ref"] == ref
        }

    with pytest.raises(AssertionError, match=f"There is no case {ref}"):
        day.world.run("alerts", "ack", ref, "--by", "disnaker-malang")
    assert states() == {("open", None)}
    day.world.run("alerts", "ack", ref, "--by", "disnaker-lumajang")
    assert states() == {("acknowledged", "disnaker-lumajang")}
    day.world.run("alerts", "close", ref, "--by", "disnaker-lumajang", "--result", "verified")
    assert states() == {("closed", "disnaker-lumajang")}


def test_the_figures_for_whoever_watches_count_what_is_there(day: Day) -> None:
    figures = httpx.get(f"{day.world.url}/metrics").text.splitlines()
    listed = day.world.run("submissions", "list", "--form", "pulang")
    assert f'posmigran_submissions{{form="pulang"}} {len(listed)}.0' in figures
    assert 'posmigran_waiting{what="alert"} 0.0' in figures


def test_nothing_personal_is_in_the_logs(day: Day) -> None:
    assert day.world.server is not None
    logged = day.world.server.logged()
    names = set().union(
        *(
            {str(s.interview.answers[q]) for q in ("full_name", "nik", "phone") if q in s.interview.answers}
            for s in day.sent
        )
    )
    assert names
    assert [text for text in names if text in logged] == []
    assert day.desks[MALANG]["url"].rpartition("/")[2] not in logged, "a desk's token"


def press(page: httpx.Client, shown: httpx.Response, action: str, **fields: str) -> httpx.Response:
    """Send the form of a page that goes to ``action``, with its hidden token."""
    found = re.search(
        rf'action="{re.escape(action)}">\s*<input type="hidden" name="token" value="(\w+)">', shown.text
    )
    assert found is not None, f"no form to {action}"
    answer = page.post(action, data={"token": found[1], **fields})
    assert answer.status_code == 200
    return answer
