"""What is no expression is refused when it is compiled, with the place; nothing else ever comes out."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.xpath import Answers, Environment, UnsupportedFunction, XPathError, compile_expression
from forms.xpath.environment import READERS
from forms.xpath.functions import FUNCTIONS


@pytest.mark.parametrize(
    ("expression", "position", "says"),
    [
        ("", 0, "ends where a value was expected"),
        ("1 +", 3, "ends where a value was expected"),
        ("(1", 2, "'\\)' was expected, not the end"),
        ("1)", 1, "the end was expected, not '\\)'"),
        ("1 2", 2, "the end was expected, not .2."),
        ("a b", 2, "an operator is missing before 'b'"),
        ("'open", 0, "is never closed"),
        ("5 AND 6", 2, "an operator is missing"),
        ("1 + nosuch(2)", 4, "there is no function nosuch\\(\\)"),
        ("true() and substring('a', 1)", 11, "there is no function substring\\(\\)"),
        ("count(/data/rep, 2)", 0, "takes 1 argument, not 2"),
        ("if(1, 2)", 0, "takes 3 arguments, not 2"),
        ("sum(5)", 0, "needs a path as argument 1"),
        ("/data//x", 5, "// is not supported"),
        ("//x", 0, "// is not supported"),
        ("/data/a | /data/b", 8, "a union of paths"),
        ("following::x", 0, "the step following::x is not supported"),
        ("$x", 0, "cannot understand '\\$x'"),
        ("instance('a')", 0, "must be followed by a path"),
        ("instance(/data/x)/root", 0, "takes one name in quotes"),
        ("/data/x[1", 9, "']' was expected"),
        ("regex('a', '[')", 0, "regular expression"),
        ("format-date(/data/x, '%Q')", 0, "does not know the escape %Q"),
        ("../../../x", 0, "goes up past the root"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(expression: str, position: int, says: str) -> None:
    with pytest.raises(XPathError, match=says) as caught:
        compile_expression(expression, "/data/x")

    assert caught.value.position == position


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(st.text(alphabet="abd/.@*[]()'\"=<>!+-|,:$ 019\n\tandorivmodéÎ²", max_size=40))
def test_any_text_is_an_expression_or_an_xpath_error(text: str) -> None:
    _compile_and_ask(text)


_PIECES = st.sampled_from(
    (
        *FUNCTIONS,
        *("(", ")", "[", "]", ",", "/", "..", ".", "@", "::", "*", "+", "-", "div", "and", "=", "<", " "),
        *("'a'", "12", "0.5", "/data/x", "../x", "instance('l')", "current()", "name", "''", "'%Y'", "'['"),
    )
)


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(st.lists(_PIECES, max_size=12).map("".join))
def test_any_row_of_pieces_is_an_expression_or_an_xpath_error(text: str) -> None:
    _compile_and_ask(text)


def _compile_and_ask(text: str) -> None:
    place: int | None = 0
    try:
        compile_expression(text, "/data/x").evaluate(Environment(Answers({}, {})))
    except XPathError as error:
        place = error.position
    assert place is None or 0 <= place <= len(text)


def test_deep_nesting_is_refused_before_python_gives_up() -> None:
    with pytest.raises(XPathError, match="nested deeper"):
        compile_expression("(" * 5000 + "1" + ")" * 5000)
    with pytest.raises(XPathError, match="nested deeper"):
        compile_expression("not(" * 5000 + "1" + ")" * 5000)


def test_many_terms_in_a_row_are_no_nesting() -> None:
    nowhere = Environment(Answers({}, {}))
    assert compile_expression(" or ".join(["/data/x = '1'"] * 400)).evaluate(nowhere) is False
    assert compile_expression(" + ".join(["1"] * 100)).evaluate(nowhere) == 100.0
    with pytest.raises(XPathError, match="in a row"):
        compile_expression(" + ".join(["1"] * 1000))


@pytest.mark.parametrize(
    ("expression", "context", "placed"),
    [
        (". > 3 and ../y = 'a' or /data/y = 'b'", "/data/x", False),
        ("instance('l')/root/item[name = current()/../y]/label", "/data/x", False),
        ("sum(/data/rep/amt)", "/data/x", False),
        ("sum(/data/rep[k = 1]/amt)", "/data/x", True),
        (". > 3", "/data/rep/amt", True),
        ("instance('l')/root/item[name = current()/../k]/label", "/data/rep/amt", True),
        ("position()", "/data/x", True),
        ("once(3)", "/data/x", True),
        ("string-length()", "/data/x", True),
        ("normalize-space()", "/data/x", True),
        ("indexed-repeat(/data/rep/amt, /data/rep, 2)", "/data/x", True),
    ],
)
def test_it_is_known_whether_an_expression_looks_at_where_it_stands(
    expression: str, context: str, placed: bool
) -> None:
    assert compile_expression(expression, context, ["/data/rep"]).placed is placed


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(st.one_of(st.text(max_size=30), st.text(alphabet="0123456789-+:.,TZ truefalsEe", max_size=30)))
def test_no_text_that_a_phone_may_send_stops_an_answer_from_being_read(text: str) -> None:
    for kind, reader in READERS.items():
        assert reader(text, timedelta(hours=7)).__class__ in (str, float, bool, date, datetime), kind


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.floats(0, 3),
        st.integers(0, 10**16).map(lambda halves: halves / 2),
    )
)
def test_numbers_are_rounded_as_they_are_written(number: float) -> None:
    answers = Answers({}, {})
    answers["/data/x"] = number
    exact = Decimal(repr(number))
    whole = exact.quantize(Decimal(1), ROUND_HALF_UP if number > 0 else ROUND_HALF_DOWN, Context(prec=400))

    assert compile_expression("round(/data/x)").evaluate(Environment(answers)) == float(whole)


@pytest.mark.parametrize("call", ["property('deviceid')", "geofence('1 2', /data/x)", "jr:itext('x')"])
def test_a_function_that_only_a_phone_has_compiles_and_says_so_when_asked(call: str) -> None:
    expression = compile_expression(f"if(/data/x = 'y', {call}, 'z')", "/data/x")
    nowhere = Environment(Answers({}, {}))

    assert expression.evaluate(nowhere) == "z"
    with pytest.raises(UnsupportedFunction):
        compile_expression(call, "/data/x").evaluate(nowhere)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (r"^[\p{L} .'-]+$", ["Siti Nur'aini", "Élodie", "Łukasz"], ["Siti1", "", "a\n"]),
        (r"\p{Lu}\p{Ll}*", ["Ana", "Ée"], ["ana", "ANA"]),
        (r"(?<day>\d\d)-\k<day>", ["12-12"], ["12-13"]),
        (r"\Qa.b\E+", ["a.b", "a.bbb"], ["axb"]),
        (r"\d{3,}+x", ["123x"], ["12x"]),
        (r"a.c", ["abc"], ["a\nc", "a\u2028c"]),
        (r"\p{Alpha}\p{Punct}", ["a!", "z]"], ["é!", "a1"]),
        (r"\P{L}+", ["123"], ["12a"]),
        (r"[^\p{L}]", ["1"], ["é"]),
        (r"\x{41}\h", ["A ", "A\u00a0"], ["B "]),
        (r"(?i)ya|tidak", ["YA", "Tidak"], ["y"]),
    ],
)
def test_javas_regular_expressions_mean_what_they_mean_in_java(
    pattern: str, yes: list[str], no: list[str]
) -> None:
    test = compile_expression(
        f"regex(/data/x, '{pattern}')" if "'" not in pattern else f'regex(/data/x, "{pattern}")'
    )

    for text, matches in [(t, True) for t in yes] + [(t, False) for t in no]:
        answers = Answers({}, {})
        answers["/data/x"] = text
        assert test.evaluate(Environment(answers)) is matches, (pattern, text)


@pytest.mark.parametrize("pattern", [r"[a-z&&[^b]]", r"[a[b]]", r"\p{Nonsense}", r"\y", "(", "a{2,1}"])
def test_a_regular_expression_that_is_not_understood_is_refused_at_once(pattern: str) -> None:
    with pytest.raises(XPathError, match="regular expression"):
        compile_expression(f"regex('x', '{pattern}')")
