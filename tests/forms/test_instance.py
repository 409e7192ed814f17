"""Reading submissions: what Collect writes, what others write, and what is meant to hurt."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from forms import instance
from forms.instance import (
    UNKNOWN,
    AnswerReader,
    expected_attachments,
    names_given,
    read_instance,
    typed_answers,
)
from forms.problems import Problem, Problems
from forms.schema import Schema

META = "<meta><instanceID>uuid:1</instanceID></meta>"
XFORM = """<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"
  xmlns:jr="http://openrosa.org/javarosa" xmlns:orx="http://openrosa.org/xforms">
<h:head><h:title>Coba</h:title><model><instance><coba id="coba" version="3"><start/><end/><note/>
<g><age/><wage/><born/><docs/><photo/><where/></g>
<fees jr:template=""><fee/><amt/><bill/><parts><part/></parts></fees>
<orx:meta><orx:audit/><orx:instanceID/></orx:meta></coba></instance>
<bind nodeset="/coba/start" type="dateTime"/><bind nodeset="/coba/note" readonly="true()"/>
<bind nodeset="/coba/g/age" type="int"/><bind nodeset="/coba/g/wage" type="decimal"/>
<bind nodeset="/coba/g/born" type="date"/><bind nodeset="/coba/g/photo" type="binary"/>
<bind nodeset="/coba/fees/amt" type="int"/><bind nodeset="/coba/fees/bill" type="binary"/></model></h:head>
<h:body><input ref="/coba/note"><label>n</label></input><input ref="/coba/g/age"><label>a</label></input>
<select ref="/coba/g/docs"><label>d</label><item><label>K</label><value>kk</value></item></select>
<group ref="/coba/fees"><label>f</label><repeat nodeset="/coba/fees"><input ref="/coba/fees/fee"><label/></input>
<group ref="/coba/fees/parts"><label/><repeat nodeset="/coba/fees/parts"><input ref="/coba/fees/parts/part">
<label/></input></repeat></group></repeat></group></h:body></h:html>"""
SCHEMA = Schema.from_xform(XFORM)


def coba(answers: str, meta: str = META) -> bytes:
    return f'<?xml version=\'1.0\' ?><coba id="coba" version="3">{answers}{meta}</coba>'.encode()


def test_a_submission_as_collect_writes_it() -> None:
    xml = (
        '<?xml version=\'1.0\' ?><coba xmlns:h="http://www.w3.org/1999/xhtml" xmlns:orx="http://openrosa.org/xforms"'
        ' id="coba" version="3"><g><age>17</age></g><orx:meta><orx:instanceID>uuid:abc</orx:instanceID>'
        "<orx:instanceName>Budi</orx:instanceName><deprecatedID>uuid:old</deprecatedID></orx:meta></coba>"
    )
    instance = read_instance(xml.encode())

    assert (instance.form_id, instance.version) == ("coba", "3")
    assert (instance.instance_id, instance.derived_id) == ("uuid:abc", False)
    assert (instance.deprecated_id, instance.instance_name) == ("uuid:old", "Budi")
    assert instance.text("/coba/g/age") == "17"
    assert instance.text("/coba/g/none") == ""


def test_an_instance_id_may_stand_on_the_root_as_briefcase_writes_it() -> None:
    instance = read_instance(
        b'<coba id="coba" instanceID="uuid:b"><meta><instanceID> </instanceID></meta></coba>'
    )

    assert (instance.instance_id, instance.derived_id, instance.version) == ("uuid:b", False, "")


def test_without_an_instance_id_the_same_bytes_are_the_same_submission() -> None:
    once, again, other = (read_instance(coba(f"<start>{t}</start>", "")) for t in ("1", "1", "2"))

    assert once.derived_id
    assert once.instance_id == again.instance_id != other.instance_id
    assert once.instance_id.startswith("md5:")
    assert len(once.instance_id) == 36


def test_an_instance_id_of_a_repeat_s_own_meta_is_not_the_submission_s() -> None:
    instance = read_instance(coba("<fees><meta><instanceID>uuid:9</instanceID></meta></fees>"))

    assert instance.instance_id == "uuid:1"


def test_nodes_know_their_place_among_siblings_of_their_name() -> None:
    instance = read_instance(
        coba("<fees><parts/><parts/></fees><x/><fees><parts/></fees>").replace(
            b"<parts/>", b"<parts><part/></parts>"
        )
    )

    assert [n.position for n in instance.index["/coba/fees"]] == [1, 2]
    assert [n.position for n in instance.index["/coba/fees/parts"]] == [1, 2, 1]
    assert [n.parent and n.parent.position for n in instance.index["/coba/fees/parts"]] == [1, 1, 2]
    assert [n.path for n in instance.root.walk()][:3] == ["/coba", "/coba/fees", "/coba/fees/parts"]


def test_comments_and_cdata_do_not_cut_an_answer() -> None:
    instance = read_instance(coba("<start>ab<!-- c -->cd<![CDATA[<e>]]><?x y?>f</start>"))

    assert instance.text("/coba/start") == "abcd<e>f"


def test_a_repr_shows_no_answer() -> None:
    instance = read_instance(coba("<start>Rahasia</start>"))

    assert "Rahasia" not in repr(instance) + repr(instance.index["/coba/start"][0])


def test_answers_are_nested_and_typed_as_the_form_is() -> None:
    answers = typed_answers(
        read_instance(
            coba(
                "<start>2026-11-21T10:00:00.000+07:00</start><note/>"
                "<g><age>17</age><wage>1.50E3</wage><born>2009-01-02</born><docs>kk  ktp</docs><photo>1.jpg</photo></g>"
                "<fees><fee>visa</fee><amt>250000</amt></fees>"
                "<fees><fee>lain</fee><amt/><parts><part>a</part></parts><parts><part>b</part></parts></fees>"
            )
        ),
        SCHEMA,
    )

    assert answers == {
        "start": "2026-11-21T10:00:00.000+07:00",
        "g": {"age": 17, "wage": 1500.0, "born": "2009-01-02", "docs": ["kk", "ktp"], "photo": "1.jpg"},
        "fees": [
            {"fee": "visa", "amt": 250000},
            {"fee": "lain", "amt": None, "parts": [{"part": "a"}, {"part": "b"}]},
        ],
    }
    assert isinstance(answers["g"]["age"], int)


def test_two_forms_read_in_turn_are_not_mixed_up() -> None:
    instance = read_instance(coba("<g><age>17</age></g>"))
    for _ in range(3):
        texts = Schema.from_xform(XFORM.replace('"/coba/g/age" type="int"', '"/coba/g/age" type="string"'))
        assert typed_answers(instance, texts) == {"g": {"age": "17"}}
        assert typed_answers(instance, SCHEMA) == {"g": {"age": 17}}
        del texts


def test_an_empty_answer_is_none_and_an_irrelevant_one_absent() -> None:
    answers = typed_answers(read_instance(coba("<g><age/><docs></docs></g>")), SCHEMA)

    assert answers == {"g": {"age": None, "docs": None}}


@pytest.mark.parametrize("text", ["abc", "1.5", "1e3", "0x10", "１２", "9" * 40])
def test_what_is_no_whole_number_stays_text(text: str) -> None:
    assert typed_answers(read_instance(coba(f"<g><age>{text}</age></g>")), SCHEMA) == {"g": {"age": text}}


@pytest.mark.parametrize("text", ["NaN", "inf", "1e999", "1_000", "1,5"])
def test_what_json_cannot_hold_as_a_number_stays_text(text: str) -> None:
    answers = typed_answers(read_instance(coba(f"<g><wage>{text}</wage></g>")), SCHEMA)

    assert answers == {"g": {"wage": text}}
    json.dumps(answers, allow_nan=False)


def test_nothing_that_the_form_does_not_know_is_lost() -> None:
    answers = typed_answers(
        read_instance(
            coba(
                "<new>1</new><new>2</new><g>loose</g><g><age>1</age><age>2</age><deep><a>x</a></deep></g>"
                "<fees><fee><odd>y</odd></fee><later>z</later></fees>"
            )
        ),
        SCHEMA,
    )

    assert answers == {
        "g": {"age": 1, UNKNOWN: {"age": ["2"], "deep": [{"a": ["x"]}]}},
        "fees": [{UNKNOWN: {"fee": [{"odd": ["y"]}], "later": ["z"]}}],
        UNKNOWN: {"new": ["1", "2"], "g": ["loose"]},
    }


def test_attachments_are_named_by_binary_answers_and_the_audit() -> None:
    meta = "<meta><audit>audit.csv</audit><instanceID>uuid:1</instanceID></meta>"
    instance = read_instance(
        coba(
            "<g><photo>1.jpg</photo></g><fees><bill>2.jpg</bill></fees><fees><bill>1.jpg</bill></fees><fees/>",
            meta,
        )
    )

    assert list(expected_attachments(instance, SCHEMA)) == ["1.jpg", "2.jpg", "audit.csv"]
    assert expected_attachments(read_instance(coba("<g><photo/></g>")), SCHEMA) == {}


def _refused(xml: bytes, **limits: int) -> Problem:
    with pytest.raises(Problem) as caught:
        read_instance(xml, **limits)
    assert "Rahasia" not in caught.value.text("id") + caught.value.text("en") + str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"Rahasia",
        b"<coba id='coba'><g>Rahasia</g>",
        b"<coba id='coba'><g>Rahasia</f></coba>",
        b"<coba id='coba'>Rahasia & co</coba>",
        b"<coba id='coba'>\xff\xfeRahasia</coba>",
        b"<coba id='coba'>Rahasia\x00</coba>",
        b"<coba id='coba'>Rahasia\x01</coba>",
        b"<coba id='coba'>&Rahasia;</coba>",
        b"<?xml version='1.0' encoding='Rahasia'?><coba id='coba'/>",
        b"<coba id='coba'/><coba id='Rahasia'/>",
        b"<!DOCTYPE coba [<!ENTITY x 'Rahasia'>]><coba id='coba'>&x;</coba>",
        b"<!DOCTYPE coba SYSTEM 'file:///etc/passwd'><coba id='coba'/>",
        "<?xml version='1.0' encoding='UTF-16'?><!DOCTYPE coba [<!ENTITY x 'y'>]><coba id='c'>&x;</coba>".encode(
            "utf-16"
        ),
        b"<coba id='coba'>" + b"<a>" * 64 + b"</a>" * 64 + b"</coba>",
        b"<coba id='coba'>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</coba>",
    ],
    ids=lambda xml: repr(xml[:40]),
)
def test_what_cannot_be_read_is_refused_without_quoting_it(xml: bytes) -> None:
    assert _refused(xml).problem is Problems.XML_UNREADABLE


def test_an_external_entity_is_never_opened(tmp_path: object) -> None:
    xml = f"<!DOCTYPE c [<!ENTITY x SYSTEM 'file://{tmp_path}/secret'>]><coba id='c'>&x;</coba>"

    assert _refused(xml.encode()).facts["detail"] == "DOCTYPE"


def test_nothing_of_a_doctype_is_worked_through() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    xml = f"<!DOCTYPE c [<!ENTITY l0 'ha'>{laughs}]><coba id='&l11;'>cut off"

    assert _refused(xml.encode()).facts["detail"] == "DOCTYPE"


def test_a_submission_bigger_than_the_limit_is_refused() -> None:
    xml = coba(f"<start>{'x' * 3000}</start>")

    assert _refused(xml, most_bytes=3000).problem is Problems.XML_TOO_BIG
    assert read_instance(xml, most_bytes=len(xml)).text("/coba/start") == "x" * 3000


@pytest.mark.parametrize("root", ["<coba/>", "<coba id=''/>", "<coba id='  '><a/></coba>"])
def test_a_submission_that_names_no_form_is_refused(root: str) -> None:
    assert _refused(root.encode()).problem is Problems.XML_NO_FORM_ID


def test_a_byte_order_mark_does_no_harm() -> None:
    assert read_instance(b"\xef\xbb\xbf" + coba("<start>x</start>")).text("/coba/start") == "x"


def test_the_same_name_with_and_without_a_namespace_is_one_question() -> None:
    ours = "xmlns:o='http://openrosa.org/xforms'"
    for answers in (
        f"<g {ours}><age>1</age><o:age>2</o:age></g>",
        f"<o:g {ours}><o:age>1</o:age><age>2</age></o:g>",
    ):
        ages = read_instance(coba(answers)).index["/coba/g/age"]

        assert [(n.name, n.text, n.position) for n in ages] == [("age", "1", 1), ("age", "2", 2)]


def test_names_that_somebody_makes_up_do_not_stay_in_memory() -> None:
    def kept(steps: instance._Steps) -> Iterator[str]:
        for _, path, below in steps.values():
            yield path
            yield from kept(below)

    for n in range(8):
        long = f"<l{n}>" * 60 + f"</l{n}>" * 60 + f"<{'x' * 10_000}/>"
        read = read_instance(coba("".join(f"<made_{n}_{m}/>" for m in range(900)) + long))
        assert len(read.index) == 900 + 60 + 4
    for _ in range(2):  # they may have been forgotten a moment ago
        read_instance(coba("<age/>"))
    paths = list(kept(instance._top))
    assert 1 < len(paths) < instance._MOST_STEPS
    assert max(map(len, paths)) < instance._LONGEST_STEP


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_no_bytes_bring_anything_but_a_problem(noise: bytes, place: int) -> None:
    whole = coba("<g><age>17</age></g>")
    place = min(place, len(whole))
    try:
        instance = read_instance(whole[:place] + noise + whole[place:])
    except Problem:
        return
    json.dumps(typed_answers(instance, SCHEMA), allow_nan=False)


_NAMES = st.sampled_from(
    ["start", "note", "g", "age", "wage", "docs", "photo", "fees", "amt", "parts", "meta", "zz"]
)
# what no XML holds is left out, those two among it
_IN_XML = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
_TREES = st.recursive(
    st.tuples(_NAMES, st.text(_IN_XML, max_size=5)),
    lambda inner: st.tuples(_NAMES, st.lists(inner, max_size=4)),
    max_leaves=12,
)


def _element(tree: tuple[str, str | list]) -> etree._Element:  # type: ignore[type-arg]  # as deep as it likes
    name, inside = tree
    element = etree.Element(name)
    if isinstance(inside, str):
        element.text = inside
    else:
        element.extend([_element(child) for child in inside])
    return element


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(st.lists(_TREES, max_size=5))
def test_every_text_of_any_tree_is_among_the_answers_or_its_meta(trees: list) -> None:  # type: ignore[type-arg]
    root = etree.Element("coba", id="coba")
    root.extend([_element(tree) for tree in trees])
    answers = json.dumps(
        AnswerReader(SCHEMA).answers(read_instance(etree.tostring(root))), ensure_ascii=False
    )

    for leaf in root.iter():
        skipped = any(e.tag == "meta" for e in [leaf, *leaf.iterancestors()]) or leaf.tag in ("note", "docs")
        if not len(leaf) and (leaf.text or "").strip() and not skipped and leaf is not root:
            number = leaf.tag in ("age", "amt", "wage")
            assert number or json.dumps(leaf.text, ensure_ascii=False)[1:-1] in answers


@pytest.mark.parametrize(
    "meta",
    [
        "<meta><entity dataset='pmi'><label>A &amp; &#233;</label></entity><instanceName> Satu </instanceName></meta>",
        "<o:meta xmlns:o='urn:o'><o:entity><o:label>A &amp; \u00e9</o:label></o:entity>"
        "<o:instanceName>Satu</o:instanceName></o:meta>",
        "<g><meta><instanceName>lain</instanceName></meta></g>"
        "<meta><entity><label>A &amp; \u00e9</label></entity><instanceName>Satu</instanceName></meta>",
        "<meta><entity><label><![CDATA[A & \u00e9]]></label></entity>"
        "<instanceName>Sa<!-- x -->tu</instanceName></meta>",
    ],
    ids=["plain", "prefixed", "two metas", "CDATA and a comment"],
)
def test_the_names_that_a_submission_gives_are_found_however_they_are_written(meta: str) -> None:
    for encoding in ("utf-8", "utf-16", "iso-8859-1"):
        xml = f"<?xml version='1.0' encoding='{encoding}'?><x id='x'>{meta}<q>instanceName</q></x>".encode(
            encoding
        )
        assert names_given(xml) == {"meta/instanceName": "Satu", "meta/entity/label": "A & \u00e9"}
    assert names_given(b"<x id='x'><label>bukan</label><meta><instanceName/></meta></x>") == {}
