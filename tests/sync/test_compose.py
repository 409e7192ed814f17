"""Texts: one segment, the alphabet of GSM, nothing personal."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.compose import (
    KEC_LENGTH,
    SEGMENT,
    Place,
    Ref,
    compose,
    digest,
    fallback_text,
    fill,
    held,
    in_gsm,
    notice,
    septets,
)

REF = "R-350712-0417"
TEMPLATE = "PMI KRITIS D01 {ref} Kec {kec}: calon PMI diduga di bawah 18 th. Buka dasbor."
AREAS = Path(__file__).parents[2] / "forms" / "library" / "wilayah" / "districts.csv"


def test_an_alert_names_the_case_and_the_kecamatan() -> None:
    assert fill(TEMPLATE, REF, "Wagir").body == (
        "PMI KRITIS D01 R-350712-0417 Kec Wagir: calon PMI diduga di bawah 18 th. Buka dasbor."
    )


def test_further_indicators_are_counted_before_the_reference() -> None:
    assert " D01 +2 R-350712-0417 Kec " in fill(TEMPLATE, REF, "Wagir", 2).body


def test_every_kecamatan_of_indonesia_is_cut_to_eighteen_characters_and_stays_readable() -> None:
    with AREAS.open(encoding="utf-8") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert len(names) == 7_285
    for name in names:
        shown = fill("{ref}|{kec}|", REF, name).body.split("|")[1]
        assert shown == name[:KEC_LENGTH].rstrip()


def test_a_long_text_costs_the_kecamatan_first_and_never_the_reference() -> None:
    template = "PMI KRITIS D01 {ref} Kec {kec}: " + "x" * 112
    text = fill(template, REF, "Kecamatan Panjang Sekali", 12)
    assert len(text.body) == SEGMENT
    assert "+12 R-350712-0417 Kec K" in text.body
    assert text.body.endswith("x" * 112)
    endless = fill("y" * 300 + "{ref}", REF, "Wagir", 3)
    assert endless.body.startswith("+3 R-350712-0417 y")


def test_letters_that_gsm_lacks_are_written_plainly() -> None:
    assert in_gsm("Désa “Sumber–Waras”\n\u200bő \u4e2d") == 'Désa "Sumber-Waras" o ?'


def test_characters_of_the_extension_table_count_twice() -> None:
    assert septets("[PMI] €") == 10


@given(
    sms=st.text(max_size=400) | st.just(TEMPLATE) | st.just(fallback_text("D01", "critical")),
    kec=st.text(max_size=60),
    more=st.integers(0, 40),
)
def test_whatever_a_workbook_says_the_message_is_one_segment_with_its_reference(
    sms: str, kec: str, more: int
) -> None:
    text = fill(sms, REF, kec, more)
    assert septets(text.body) <= SEGMENT
    assert text.segments == 1
    assert REF in text.body
    assert "\n" not in text.body
    assert "\r" not in text.body


@given(
    secret=st.from_regex(r"[0-9]{16}", fullmatch=True)
    | st.from_regex(r"Siti [A-Z][a-z]{5,12}", fullmatch=True),
    name=st.sampled_from(["nik", "nama", "0", "ref.__class__", "kec!r", "kec:>999", "ref} {nik", ""]),
)
def test_nothing_can_be_smuggled_in_by_placeholder_reference_or_format(secret: str, name: str) -> None:
    template = "PMI {" + name + "} {ref} Kec {kec}."
    body = fill(template, REF, "Wagir").body
    assert secret not in body
    assert "class" not in body
    # a name with braces is just a name: it is not filled in a second time
    assert fill("{kec}|{ref}", REF, "{ref}").body.startswith("{ref}|")
    for ref in (secret, f"{REF} {secret}", f"{REF}\n{secret}", f"{REF}\n", f"R-{secret}", ""):
        with pytest.raises(ValueError, match="not a case reference"):
            fill(TEMPLATE, ref, "Wagir")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Ref(f"{REF}\n"),
        lambda: Ref("R-350712-3507124107900001"),  # a NIK behind what looks right
        lambda: Place("35.07.12\n"),
        lambda: Place("35.07.12.2001"),
        lambda: Place("Wagir"),
        lambda: compose({}, "D01\n", "high", Ref(REF), Place("35.07.12")),
        lambda: compose({}, "D011", "high", Ref(REF), Place("35.07.12")),
        lambda: compose({}, "D01", "tinggi", Ref(REF), Place("35.07.12")),
        lambda: digest({"tinggi": 1}, []),
        lambda: digest({"high": -1}, []),
        lambda: fill(TEMPLATE, REF, "Wagir", -1),
        lambda: notice("nama"),
        lambda: held(0),
    ],
)
def test_each_check_of_an_argument_refuses_by_itself(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        wrong()
