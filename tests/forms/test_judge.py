"""The server judges by itself, in spite of phones that are wrong and of rules that fail."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from html import escape

import pytest

from forms.form import Form, Indicator, Severity
from forms.instance import read_instance
from forms.judge import Judge, Verdict
from forms.lists import ListTable
from tests.forms.javarosa_oracle import Oracle, submission_of

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
COUNTRIES = ListTable(
    "negara.csv", ("name", "label", "open"), [("MY", "Malaysia", "1"), ("KH", "Kamboja", "0")]
)
FEES = ListTable("biaya.csv", ("name", "banned"), [("visa", "1"), ("photo", "0")])
LISTS = {"negara.csv": COUNTRIES, "biaya.csv": FEES}
RULES = {"R1": "/coba/age < 18", "R2": "/coba/place = '0'", "R3": "/coba/banned_n > 1"}

CALCULATES = {
    "place": "coalesce(instance('negara')/root/item[name= /coba/country ]/open,'9')",
    "fees/banned": "coalesce(instance('biaya')/root/item[name=current()/../fee]/banned, '0')",
    "fees/double": "number( ../amt ) * 2",
    "total": "sum( /coba/fees/amt )",
    "banned_n": "sum( /coba/fees/banned )",
    "seen": "once(today())",
    "half": "7 div 2",
    "due": "date(/coba/leave)",
    "hidden": "1 + 1",
    "ring": "coalesce(/coba/ring2, 'a')",
    "ring2": "coalesce(/coba/ring, 'b')",
    "label": "concat(jr:choice-name(/coba/sex, '/coba/sex'), ' ', jr:choice-name(/coba/country, '/coba/country'))",
}
TYPES = {
    "start": "dateTime",
    "end": "dateTime",
    "age": "int",
    "fees/amt": "int",
    "birth": "date",
    "leave": "date",
}
CALCULATED_TYPES = {"half": "int", "due": "date"}  # text, the others


def form(
    rules: Mapping[str, str] = RULES,
    severities: Mapping[str, Severity] | None = None,
    calculates: Mapping[str, str] = CALCULATES,
    filled: str = "<fees><fee/><amt/><banned/><double/></fees>",
) -> Form:
    """A form with these rules; three severities taken in turn unless given. ``filled`` is in its instance."""
    turn: tuple[Severity, ...] = ("medium", "critical", "high")
    severity = {code: turn[i % 3] for i, code in enumerate(rules)} | dict(severities or {})
    binds = "".join(f'<bind nodeset="/coba/{path}" type="{kind}"/>' for path, kind in TYPES.items())
    calculates = {**calculates} | {f"ri_{c.lower()}": f"if({rule}, 1, 0)" for c, rule in rules.items()}
    binds += "".join(
        f'<bind nodeset="/coba/{path}" type="{CALCULATED_TYPES.get(path, "string")}" calculate="{escape(text)}"/>'
        for path, text in calculates.items()
    )
    names = [*TYPES, "country", "sex", *calculates]
    nodes = "".join(f"<{name}/>" for name in names if "/" not in name and f"<{name}>" not in filled)
    item = "<value ref='name'/><label ref='label'/></itemset>"
    xform = (
        '<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml" '
        'xmlns:jr="http://openrosa.org/javarosa"><h:head><h:title>Coba</h:title><model><instance>'
        f'<coba id="coba" version="1">{nodes}{filled}'
        "<meta><instanceID/></meta></coba></instance>"
        '<instance id="negara" src="jr://file-csv/negara.csv"/><instance id="biaya" src="jr://file-csv/biaya.csv"/>'
        "<instance id='sex'><root><item><name>f</name><label>Perempuan</label></item></root></instance>"
        f"{binds}</model></h:head><h:body><input ref='/coba/age'><label>Umur</label></input>"
        f"<select1 ref='/coba/country'><label/><itemset nodeset=\"instance('negara')/root/item\">{item}</select1>"
        f"<select1 ref='/coba/sex'><label/><itemset nodeset=\"instance('sex')/root/item\">{item}</select1>"
        "<group ref='/coba/fees'><label/><repeat nodeset='/coba/fees'><input ref='/coba/fees/amt'><label/></input>"
        "<input ref='/coba/fees/fee'><label/></input></repeat></group></h:body></h:html>"
    )
    indicators = tuple(
        Indicator(code, severity[code], rule, ("ppa",), False, False, {}, {}, {})
        for code, rule in rules.items()
    )
    return Form("coba", "1", "Coba", xform, indicators)


def judge(
    judge_: Judge, answers: str, lists: Mapping[str, ListTable] = LISTS, now: datetime = NOW
) -> Verdict:
    xml = f'<coba id="coba" version="1">{answers}<meta><instanceID>uuid:1</instanceID></meta></coba>'
    return judge_.judge(read_instance(xml.encode()), lists, now)


@pytest.fixture(scope="module")
def plain() -> Judge:
    return Judge(form())


def test_what_holds_is_told_gravest_first_and_then_by_code() -> None:
    always = {"B2": "true()", "A9": "true()", "C1": "false()", "A1": "1 = 1", "Z1": "'x'"}
    severities: dict[str, Severity] = {
        "B2": "medium",
        "A9": "high",
        "C1": "critical",
        "A1": "high",
        "Z1": "critical",
    }

    assert judge(Judge(form(always, severities)), "").indicators == ("Z1", "A1", "A9", "B2")


def test_a_phone_that_lacked_the_list_is_overruled(plain: Judge) -> None:
    verdict = judge(
        plain, "<age>30</age><country>KH</country><place>9</place><ri_r1>0</ri_r1><ri_r2>0</ri_r2>"
    )

    assert verdict.indicators == ("R2",)
    assert verdict.phone == {"R1": False, "R2": False, "R3": None}
    assert verdict.differences == ("R2",)
    assert verdict.calculated == {"/coba/place": "0"}
    assert verdict.errors == ()


def test_a_phone_that_has_the_lists_is_agreed_with() -> None:
    """The phone is JavaRosa itself, its calculations made when it opens the form."""
    filled = "<age>17</age><country>KH</country><sex>f</sex><leave>2026-03-15</leave>" + "".join(
        f"<fees><fee>{fee}</fee><amt>{amount}</amt><banned/><double/></fees>"
        for fee, amount in [("visa", "10"), ("photo", "5"), ("visa", "")]
    )
    acyclic = {name: text for name, text in CALCULATES.items() if not name.startswith("ring")}
    rules = RULES | {"R4": "/coba/total > 15", "R5": "/coba/due = '2026-03-15' and /coba/half = 3"}
    coba = form(rules, calculates=acyclic, filled=filled)
    files = {
        name: "\n".join([",".join(table.columns), *(",".join(row.values()) for row in table.rows)])
        for name, table in LISTS.items()
    }
    phone = Oracle(coba.xform, files).scenario
    phone.finalizeInstance()
    verdict = Judge(coba).judge(read_instance(submission_of(phone)), LISTS, NOW)

    assert set(verdict.indicators) == {"R1", "R2", "R3", "R5"}
    assert verdict.differences == ()
    assert verdict.calculated == {}
    assert verdict.errors == ()


def test_a_phone_that_warned_too_much_is_overruled_too(plain: Judge) -> None:
    verdict = judge(plain, "<age>30</age><ri_r1>1</ri_r1>")

    assert (verdict.indicators, verdict.differences) == ((), ("R1",))


@pytest.mark.parametrize(
    ("written", "said"),
    [("1", True), ("true", True), ("0", False), ("false", False), ("", None), (" ", None)],
)
def test_the_phones_word_is_read_as_phones_write_it(plain: Judge, written: str, said: bool | None) -> None:
    assert judge(plain, f"<ri_r1>{written}</ri_r1>").phone["R1"] is said


def test_each_repeat_is_worked_out_with_its_own_answers(plain: Judge) -> None:
    verdict = judge(
        plain,
        "<fees><fee>visa</fee><amt>10</amt><banned>1</banned><double>20</double></fees>"
        "<fees><fee>photo</fee><amt>5</amt><banned>1</banned><double>10</double></fees>"
        "<fees><fee>visa</fee><amt/><banned>0</banned><double/></fees>"
        "<total>15</total><banned_n>2</banned_n>",
    )

    assert verdict.calculated == {"/coba/fees[2]/banned": "0", "/coba/fees[3]/banned": "1"}
    assert verdict.indicators == ("R3",), "two banned fees, not those that the phone counted"


def test_what_is_absent_was_not_relevant_and_counts_as_empty(plain: Judge) -> None:
    verdict = judge(plain, "<age/><country>KH</country>")

    assert verdict.indicators == (), "without its node the place is not worked out"
    assert verdict.calculated == {}


def test_only_calculations_that_came_out_otherwise_are_told(plain: Judge) -> None:
    same = (
        "<country>MY</country><place>1</place><fees><amt>3</amt><double>6.0</double></fees><hidden>2</hidden>"
    )

    assert judge(plain, same).calculated == {}
    assert judge(plain, same.replace("<hidden>2", "<hidden>3")).calculated == {"/coba/hidden": 2}


def test_a_calculation_is_kept_in_the_type_of_its_bind(plain: Judge) -> None:
    answers = "<leave>2026-03-15</leave><half>{}</half><due>{}</due>"

    assert judge(plain, answers.format("3", "2026-03-15")).calculated == {}
    assert judge(plain, answers.format("3.5", "2026-03-16")).calculated == {
        "/coba/half": 3,
        "/coba/due": "2026-03-15",
    }


@pytest.mark.parametrize(
    ("zone", "days"), [("+07:00", "20526.708333333332"), ("Z", "20527"), ("+09:00", "20526.625")]
)
def test_moments_are_the_phones_by_its_own_offset(zone: str, days: str) -> None:
    clock = Judge(form({"T1": f"decimal-date-time(/coba/leave) = {days}"}))
    answers = f"<start>2026-03-15T10:00:00.000{zone}</start><leave>2026-03-15</leave>"

    assert judge(clock, answers).indicators == ("T1",)


def test_a_missing_list_costs_only_what_needs_it(plain: Judge) -> None:
    answers = "<age>17</age><country>KH</country><place>0</place><ri_r2>1</ri_r2><hidden>3</hidden>"
    verdict = judge(plain, answers, {})

    assert verdict.indicators == ("R2", "R1"), "the phone had the list, so its word for the place is good"
    assert verdict.errors == (("/coba/place", "the list negara is missing"),)
    assert verdict.calculated == {"/coba/hidden": 2}


@pytest.mark.parametrize(("said", "held"), [("1", True), ("0", False), ("", False)])
def test_a_rule_that_fails_leaves_the_phones_word_and_hides_no_other(said: str, held: bool) -> None:
    rules = {
        "A1": "/coba/age < 18",
        "A2": "instance('negara')/root/item[name = /coba/country]/open = '0'",
        "A3": "date(/coba/country) > today()",
        "A4": "property('deviceid') = 'x'",
        "A5": "/coba/fees/amt > 3",
        "A6": "/coba/age < 19",
    }
    answers = "".join(f"<ri_a{n}>{said}</ri_a{n}>" for n in range(2, 6))
    answers += "<age>17</age><country>Rahasia</country><fees><amt>1</amt></fees><fees><amt>9</amt></fees>"
    verdict = judge(Judge(form(rules)), answers, {})

    assert set(verdict.indicators) == {"A1", "A6"} | ({"A2", "A3", "A4", "A5"} if held else set())
    assert [code for code, _ in verdict.errors] == ["A2", "A5", "A3", "A4"], "by severity"
    assert "Rahasia" not in str(verdict.errors), "an error may end in a log"
    assert verdict.differences == ()


def test_a_rule_that_cannot_be_compiled_is_a_fault_of_the_form_and_hides_no_other() -> None:
    flawed = Judge(form({"A1": "/coba/age <", "A2": "nosuch(1)", "A3": "/coba/age < 18"}))

    assert [code for code, _ in flawed.faults] == ["A2", "A1"], "gravest first"
    verdict = judge(flawed, "<age>17</age><ri_a1>1</ri_a1><ri_a2>0</ri_a2>")
    assert set(verdict.indicators) == {"A1", "A3"}
    assert verdict.errors == flawed.faults


@pytest.mark.parametrize(
    ("times", "day"),
    [
        (
            "<start>2026-01-01T10:00:00.000+07:00</start><end>2026-01-02T01:00:00.000+07:00</end>",
            "2026-01-02",
        ),
        ("<start>2026-01-01T10:00:00.000+07:00</start><end/>", "2026-01-01"),
        ("<start>2026-01-01T23:30:00.000Z</start>", "2026-01-01"),
        ("<start>yesterday</start>", "2026-11-21"),
        ("", "2026-11-21"),
    ],
)
def test_today_in_a_rule_is_the_day_of_the_interview(times: str, day: str) -> None:
    clock = Judge(form({"T1": f"today() = '{day}'", "T2": "now() >= today()"}))

    assert judge(clock, times).indicators == ("T2", "T1")


def test_where_the_submission_names_no_time_the_server_s_day_is_that_of_its_zone() -> None:
    clock = Judge(form({"T1": "today() = '2026-11-22'"}))
    late = datetime(2026, 11, 21, 23, 30, tzinfo=UTC).astimezone(timezone(timedelta(hours=7)))

    assert judge(clock, "", now=late).indicators == ("T1",)


def test_what_only_the_phone_could_know_is_taken_from_it() -> None:
    kept = Judge(form({"S1": "/coba/seen < date('2026-02-01')"}))
    verdict = judge(kept, "<seen>2026-01-05</seen><end>2026-11-20T10:00:00.000+07:00</end>")

    assert verdict.indicators == ("S1",)
    assert verdict.calculated == {}


def test_the_eighteenth_birthday_is_counted_by_the_day_of_departure() -> None:
    age = (
        "int((number(format-date(/coba/leave,'%Y%m%d')) - number(format-date(/coba/birth,'%Y%m%d')))"
        " div 10000) < 18"
    )
    child = Judge(form({"D1": age}))

    for leave, held in [("2026-03-14", True), ("2026-03-15", False), ("2026-03-16", False)]:
        answers = f"<birth>2008-03-15</birth><leave>{leave}</leave>"
        assert bool(judge(child, answers).indicators) is held, leave


def test_calculations_that_look_at_each_other_come_to_an_end(plain: Judge) -> None:
    verdict = judge(plain, "<ring/><ring2/><age>17</age>")

    assert verdict.indicators == ("R1",)
    assert set(verdict.calculated) == {"/coba/ring", "/coba/ring2"}
    assert verdict.errors == ()


def test_labels_of_choices_come_from_the_form_and_from_attached_lists(plain: Judge) -> None:
    verdict = judge(plain, "<sex>f</sex><country>KH</country><label/>")

    assert verdict.calculated["/coba/label"] == "Perempuan Kamboja"


@pytest.mark.parametrize("answer", ["abc", "", " ", "1e9999", "NaN", "17 ", "-", "９"])
def test_an_answer_that_is_no_number_stops_nothing(answer: str) -> None:
    judge_ = Judge(form({"A1": "/coba/age < 18", "A2": "not(/coba/age < 18)", "A3": "true()"}))
    verdict = judge(judge_, f"<age>{answer}</age>")

    assert "A3" in verdict.indicators
    assert len(verdict.indicators) == 2
    assert verdict.errors == ()


def test_a_submission_with_another_root_is_judged_by_the_phones_word() -> None:
    xml = b'<other id="coba"><age>30</age><ri_r1>1</ri_r1></other>'
    verdict = Judge(form()).judge(read_instance(xml), LISTS, NOW)

    assert verdict.indicators == ("R1",)
    assert verdict.phone["R1"] is True
    assert verdict.errors[0] == ("/coba", "the root element is not the form's")


def test_many_threads_may_ask_one_judge(plain: Judge) -> None:
    young, abroad = "<age>17</age>", "<age>30</age><country>KH</country><place/>"

    def ask(number: int) -> Verdict:
        return judge(plain, young if number % 2 else abroad)

    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(ask, range(400)))

    assert {v.indicators for v in verdicts[1::2]} == {("R1",)}
    assert {v.indicators for v in verdicts[0::2]} == {("R2",)}


DEMANDING = """
<bind nodeset="/coba/age" type="int" required="true()" constraint=". &gt;= 0 and . &lt; 130"/>
<bind nodeset="/coba/country" type="string" required="/coba/age &gt; 17"/>
"""


@pytest.mark.parametrize(
    ("answers", "unmet"),
    [
        ("<age>30</age><country>MY</country>", ()),
        ("<age>300</age><country>MY</country>", (("/coba/age", "constraint"),)),
        ("<age/><country/>", (("/coba/age", "required"),)),
        ("<age>30</age><country/>", (("/coba/country", "required"),)),
        ("<age>-1</age><country/>", (("/coba/age", "constraint"),)),
        ("<country>MY</country>", ()),  # what is absent was not relevant
        ("<fees><amt>5</amt></fees><fees><amt>-5</amt></fees>", (("/coba/fees[2]/amt", "constraint"),)),
    ],
)
def test_what_a_phone_would_not_have_let_through_is_noted_by_place_never_by_value(
    answers: str, unmet: tuple[tuple[str, str], ...]
) -> None:
    sound = form()
    xform = sound.xform.replace('<bind nodeset="/coba/age" type="int"/>', DEMANDING).replace(
        '<bind nodeset="/coba/fees/amt" type="int"/>',
        '<bind nodeset="/coba/fees/amt" type="int" constraint=". &gt;= 0"/>',
    )
    judge = Judge(Form.load(xform, sound.definition()))
    instance = read_instance(f'<coba id="coba" version="1">{answers}</coba>'.encode())
    verdict = judge.judge(instance, LISTS, NOW)
    assert verdict.unmet == unmet
    assert [place for place, _ in verdict.errors if place in ("/coba/age", "/coba/country")] == []
