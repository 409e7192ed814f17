"""Lists of which only the rows in question are at hand: what they cannot tell is an error, never an empty value."""

from __future__ import annotations

import pytest

from forms.known_rows import KnownRows
from forms.xpath import Answers, Environment, XPathError, compile_expression

CASES = KnownRows("kasus", ("name", "form"), [("R-350701-0001", "berangkat")])


def value(text: str) -> object:
    environment = Environment(Answers({}, {}, None), lists={"kasus": CASES})  # type: ignore[arg-type]
    return compile_expression(text, "/uji/a").evaluate(environment)


def test_a_row_in_question_is_looked_up_and_an_empty_key_finds_nothing() -> None:
    assert value("instance('kasus')/root/item[name='R-350701-0001']/form") == "berangkat"
    assert value("coalesce(instance('kasus')/root/item[name='']/form, 'none')") == "none"


@pytest.mark.parametrize(
    "text",
    [
        "instance('kasus')/root/item[name='R-350701-0002']/form",
        "instance('kasus')/root/item[form='berangkat']/name",
        "count(instance('kasus')/root/item)",
        "pulldata('kasus', 'form', 'name', 'R-350701-0002')",
    ],
)
def test_what_the_rows_cannot_tell_is_an_error(text: str) -> None:
    with pytest.raises(XPathError, match="known here"):
        value(text)
