"""Each code of the carrier's for SMS leads to its action (DOMAIN 7), in a receipt as in an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from server.store.claims import Claimed, Verdict
from sync import verdicts
from sync.channels import Trouble
from sync.channels.twilio_sms.errors import MEANINGS, meaning_of, meaning_of_receipt
from sync.verdicts import Policy

NOW = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def message(code: str, retries: int) -> Claimed:
    return Claimed(
        *(1, "R-350712-0417", "twilio_sms", "+6281200000001", "PMI", NOW),
        attempts=retries + 1,
        unsure=False,
        removed=False,
        retries=retries,
        bounced=code,
    )


def judged(code: str, retries: int = 0) -> Verdict:
    meaning = meaning_of_receipt(code)
    return verdicts.of_receipt(message(code, retries), meaning, Policy(), NOW, Random(1))


MENDED_BY_THE_ADMINISTRATOR = {
    20003: Trouble.ACCOUNT,
    20404: Trouble.ACCOUNT,
    21212: Trouble.SENDER,
    21408: Trouble.ACCOUNT,
    21606: Trouble.SENDER,
    21608: Trouble.ACCOUNT,
    21609: Trouble.OTHER,
    21612: Trouble.SENDER,
    30002: Trouble.ACCOUNT,
    30042: Trouble.SENDER,
}
NO_USE_FOR_THIS_MESSAGE = {
    21655: Trouble.TEMPLATE,
    21656: Trouble.TEMPLATE,
    30004: None,
    30007: Trouble.SPAM,
}
OF_WHATSAPP = 63_000
DEAD = (21211, 21610, 21614, 30005, 30006)
SLOWER = (20429, 21611, 30001, 30036)
TRIED_ON_A_LADDER = {30003: (HOUR / 2, 2 * HOUR, 6 * HOUR), 30008: (5 * MINUTE,)}


def test_every_code_of_sms_has_its_place_in_the_table() -> None:
    places = (*MENDED_BY_THE_ADMINISTRATOR, *NO_USE_FOR_THIS_MESSAGE, *DEAD, *SLOWER, *TRIED_ON_A_LADDER)
    assert sorted(places) == sorted(code for code in MEANINGS if code < OF_WHATSAPP)


@pytest.mark.parametrize("code", MENDED_BY_THE_ADMINISTRATOR)
def test_what_the_administrator_must_mend_goes_another_way_or_waits_a_while(code: int) -> None:
    verdict = judged(str(code))
    assert (verdict.action, verdict.dead) == ("elsewhere", False)
    assert NOW + 15 * MINUTE <= verdict.due_at <= NOW + 30 * MINUTE
    assert MEANINGS[code].trouble is MENDED_BY_THE_ADMINISTRATOR[code]


@pytest.mark.parametrize("code", NO_USE_FOR_THIS_MESSAGE)
def test_what_cannot_go_this_way_takes_the_next_and_the_address_stays_good(code: int) -> None:
    verdict = judged(str(code))
    assert (verdict.action, verdict.dead) == ("finish", False)
    assert MEANINGS[code].trouble is NO_USE_FOR_THIS_MESSAGE[code]


@pytest.mark.parametrize("code", DEAD)
def test_an_address_that_is_none_is_marked_and_the_administrator_told(code: int) -> None:
    verdict = judged(str(code))
    assert (verdict.action, verdict.dead, verdict.code) == ("finish", True, str(code))
    assert MEANINGS[code].trouble is Trouble.ADDRESS


@pytest.mark.parametrize("code", SLOWER)
def test_a_full_queue_slows_down_and_gives_up_nobody(code: int) -> None:
    for retries in (0, 5, 50):
        verdict = judged(str(code), retries)
        assert (verdict.action, verdict.dead) == ("retry", False)
        assert NOW < verdict.due_at <= NOW + 30 * MINUTE
    assert MEANINGS[code].trouble is None
    assert MEANINGS[code].crowded or code == 30036
    many = replace(message(str(code), 0), attempts=20)  # before the queue was full
    soon = verdicts.of_receipt(
        many, replace(MEANINGS[code], pause=None, crowded=True), Policy(), NOW, Random(1)
    )
    assert soon.due_at <= NOW + 1.5 * MINUTE, "once the way is free again, nobody waits for much longer"


@pytest.mark.parametrize("code", TRIED_ON_A_LADDER)
def test_a_phone_out_of_reach_is_tried_at_the_pauses_of_the_table_and_then_given_up(code: int) -> None:
    pauses = TRIED_ON_A_LADDER[code]
    for retries, pause in enumerate(pauses):
        verdict = judged(str(code), retries)
        assert (verdict.action, verdict.counts) == ("retry", True)
        assert NOW + pause <= verdict.due_at <= NOW + 1.1 * pause
    last = judged(str(code), len(pauses))
    assert (last.action, last.dead) == ("finish", False)
    assert last.hand_on is (code == 30003), "the next person hears as well"


@pytest.mark.parametrize("word", ["failed", "undelivered", "canceled", "99999"])
def test_a_receipt_without_a_reason_is_tried_once_more(word: str) -> None:
    assert [judged(word, retries).action for retries in (0, 1)] == ["retry", "finish"]


def test_an_answer_without_a_known_code_is_judged_by_its_status() -> None:
    assert meaning_of(None, 401) is meaning_of(99999, 403) is MEANINGS[20003]
    assert meaning_of(None, 404) is MEANINGS[20404]
    assert meaning_of(None, 429) is MEANINGS[20429]
    assert meaning_of(None, 503).crowded
    assert meaning_of(None, 503).trouble is None
    unknown = meaning_of(99999, 400)
    assert (unknown.trouble, unknown.dead) == (Trouble.OTHER, False)


def test_pauses_grow_to_a_quarter_of_an_hour_and_are_spread_out() -> None:
    policy, random = Policy(), Random(1)
    means = [sum((policy.pause(n, random) for _ in range(40)), timedelta()) / 40 for n in (1, 3, 6, 20)]
    assert means == sorted(means)
    assert max(policy.pause(20, random) for _ in range(40)) <= 22.5 * MINUTE
    assert len({policy.pause(4, random) for _ in range(9)}) == 9
