"""What is wrong with an expression, told in Indonesian, by our own reader and by ODK Validate."""

from __future__ import annotations

import pytest

from forms.expression_words import in_indonesian
from forms.validate import validate_xform
from forms.xpath import XPathError, compile_expression

SPOILED = (
    *(
        "foo(1)",
        "substr(1)",
        "(1 + 2",
        "/a/b = 'x",
        ". > ",
        "1 + + 2",
        "/a/b + 1 2",
        "//b",
        "parent::b",
        "sum(1)",
    ),
    *("concat(1,,2)", "/a/b && 1", "a = = b", "current()", "regex(., '[')", "../../../../x", "*", "/a | /b"),
    *("format-date(today(), '%Q')", "join()", "‘x’", "if(1, 2)", "(" * 400),
)


@pytest.mark.parametrize("text", SPOILED)
def test_an_author_reads_in_indonesian_why_an_expression_cannot_be_read(text: str) -> None:
    with pytest.raises(XPathError) as wrong:
        compile_expression(text, "/a/c")
    assert "Inggris" not in in_indonesian(wrong.value.message), wrong.value.message


def test_what_nobody_translated_is_passed_on_and_called_english() -> None:
    assert in_indonesian("Flux capacitor overrun") == "(bahasa Inggris) Flux capacitor overrun"


FORM = """<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"><h:head>
<h:title>U</h:title><model><instance><uji id="uji" version="1"><a/><b/><meta><instanceID/></meta></uji></instance>
<bind nodeset="/uji/a" type="string" calculate="date('x')"/><bind nodeset="/uji/b" type="string"
relevant="/uji/a == 1"/></model></h:head><h:body><input ref="/uji/a"><label>A</label></input><input ref="/uji/b">
<label>B</label></input></h:body></h:html>"""


def test_odk_validate_s_findings_keep_their_cell_and_are_told_in_indonesian() -> None:
    places = {
        ("/uji/a", "calculate"): ("survey", 2, "calculation"),
        ("/uji/b", "relevant"): ("survey", 3, "relevant"),
    }
    errors, _ = validate_xform(FORM, places)
    told = {(f.row, f.column): f.pesan for f in errors}
    assert 'nilai "x" bukan tanggal' in told[2, "calculation"]
    assert "ada yang kurang atau kelebihan" in told[3, "relevant"]
