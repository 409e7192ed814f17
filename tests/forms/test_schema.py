"""A schema is read from the XForm alone, from forms of our library and from forms that others wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from forms.compile import compile_workbook
from forms.schema import Schema, language_code
from tests.forms.workbooks import SETTINGS, put, write

SURVEY = """
| type                            | name   | label:id  | label:en   | relevant    | constraint | calculation |
| start                           | start  |           |            |             |            |             |
| begin_group                     | g      | Bagian    | Part       |             |            |             |
| integer                         | age    | Umur      | Age        |             | . >= 0     |             |
| note                            | n      | ${age} th | Age ${age} | ${age} > 1  |            |             |
| end_group                       |        |           |            |             |            |             |
| begin_repeat                    | kids   | Anak      | Children   | ${age} > 15 |            |             |
| text                            | name   | Nama      | Name       |             |            |             |
| begin_repeat                    | toys   | Mainan    | Toys       |             |            |             |
| image                           | photo  | Foto      | Photo      |             |            |             |
| end_repeat                      |        |           |            |             |            |             |
| end_repeat                      |        |           |            |             |            |             |
| select_multiple yn              | many   | Pilih     | Choose     |             |            |             |
| rank yn                         | ranked | Urutkan   | Rank       |             |            |             |
| select_one_from_file negara.csv | land   | Negara    | Country    |             |            |             |
| geopoint                        | place  | Tempat    | Place      |             |            |             |
| audio                           | voice  | Suara     | Voice      |             |            |             |
| calculate                       | sum    |           |            |             |            | ${age} + 1  |
"""
SURVEY = put(put(SURVEY, 4, "required", "yes"), 18, "bind::type", "int")
SURVEY = put(SURVEY, 5, "image:id", "umur.png")

PLAIN = """<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml">
<h:head><h:title>Plain</h:title><model>
<instance><survey id="plain" version="7"><!-- a note of the author --><colour/><pets/></survey></instance>
<bind nodeset="/survey/colour" type="select1"/><bind nodeset="/survey/pets" type="xsd:string"/>
</model></h:head>
<h:body><select1 ref="/survey/colour"><label>Colour?</label>
<item><label>Red</label><value>r</value></item><item><label>Blue</label><value>b</value></item>
</select1><input ref="/survey/pets"><label>Pets of <output value="/survey/colour"/> kind</label></input>
</h:body>
</h:html>"""


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    book = write(tmp_path_factory.mktemp("book"), survey=SURVEY, settings=SETTINGS, indicators="")
    return Schema.from_xform(compile_workbook(book, validate=False).form.xform)


def test_the_form_is_named_with_its_version_and_languages(schema: Schema) -> None:
    assert (schema.root, schema.form_id, schema.version) == ("coba", "coba", "2026112101")
    assert (schema.languages, schema.default_language) == (("id", "en"), "id")


def test_fields_come_as_a_tree_in_the_forms_order(schema: Schema) -> None:
    assert [f.name for f in schema.fields][:5] == ["start", "g", "kids", "many", "ranked"]
    assert [f.name for f in schema.walk()][1:8] == ["g", "age", "n", "kids", "name", "toys", "photo"]


@pytest.mark.parametrize(
    ("path", "kind", "bind"),
    [
        ("/coba/start", "question", "dateTime"),
        ("/coba/g", "group", ""),
        ("/coba/g/age", "question", "int"),
        ("/coba/kids", "repeat", ""),
        ("/coba/kids/toys", "repeat", ""),
        ("/coba/kids/toys/photo", "question", "binary"),
        ("/coba/many", "question", "string"),
        ("/coba/place", "question", "geopoint"),
        ("/coba/sum", "question", "int"),
        ("/coba/meta/instanceID", "question", "string"),
    ],
)
def test_each_field_has_its_kind_and_type(schema: Schema, path: str, kind: str, bind: str) -> None:
    field = schema.find(path)

    assert field is not None
    assert (field.kind, field.type) == (kind, bind)


def test_repeats_and_the_questions_that_name_files_are_found(schema: Schema) -> None:
    assert [f.path for f in schema.repeats()] == ["/coba/kids", "/coba/kids/toys"]
    assert [f.name for f in schema.binaries()] == ["photo", "voice"]
    assert [f.name for f in schema.repeats_of("/coba/kids/toys/photo")] == ["kids", "toys"]
    assert schema.repeats_of("/coba/g/age") == ()


def test_expressions_are_kept_as_compiled(schema: Schema) -> None:
    age, kids, total = (schema.find(p) for p in ("/coba/g/age", "/coba/kids", "/coba/sum"))

    assert age is not None
    assert kids is not None
    assert total is not None
    assert (age.required, age.constraint) == ("true()", ". >= 0")
    assert kids.relevant == "/coba/g/age  > 15"
    assert (total.calculated, total.calculate) == (True, "/coba/g/age  + 1")
    assert not age.calculated


def test_labels_are_keyed_by_language_and_keep_a_mark_where_an_answer_goes(schema: Schema) -> None:
    (note,) = schema.named("n")
    (kids,) = schema.named("kids")

    assert note.note
    assert note.labels == {"id": "… th", "en": "Age …"}
    assert kids.labels == {"id": "Anak", "en": "Children"}


def test_choices_of_the_form_come_with_labels_and_attached_lists_by_name(schema: Schema) -> None:
    many, ranked, land = (schema.named(n)[0] for n in ("many", "ranked", "land"))

    assert many.select == ranked.select == "many"
    assert many.choices == (("yes", {"id": "Ya", "en": "Yes"}), ("no", {"id": "Tidak", "en": "No"}))
    assert many.list_name is None
    assert (land.select, land.list_name, land.choices) == ("one", "negara", ())


def test_a_form_without_languages_and_with_inline_items_is_read_too() -> None:
    schema = Schema.from_xform(PLAIN)

    colour, pets = schema.fields
    assert (schema.root, schema.form_id, schema.version, schema.languages) == ("survey", "plain", "7", ())
    assert colour.choices == (("r", {"": "Red"}), ("b", {"": "Blue"}))
    assert (pets.type, pets.labels) == ("string", {"": "Pets of … kind"})


@pytest.mark.parametrize(
    "text",
    ["", "<", "<a/>", '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>'],
)
def test_what_is_no_xform_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an XForm"):
        Schema.from_xform(text)


def test_the_language_code_is_what_stands_in_brackets() -> None:
    assert [language_code(n) for n in ("Indonesia (id)", "English", "")] == ["id", "English", ""]


def test_library_forms_are_the_same_whichever_way_their_schema_is_asked(tmp_path: Path) -> None:
    schema = Schema.from_xform(compile_workbook(write(tmp_path), validate=False).form.xform)

    assert [schema.find(f.path) for f in schema.walk()] == list(schema.walk())
