"""``docs/forms`` shows the forms as they are: every file is what the workbooks say today."""

from __future__ import annotations

from pathlib import Path

import pytest

from forms.form import Form
from forms.outline import LIBRARY, outline, write_outlines
from forms.schema import Schema
from forms.workbook import read_workbook

DOCS = Path(__file__).parents[2] / "docs" / "forms"


def test_the_texts_in_docs_are_up_to_date_with_the_workbooks(tmp_path: Path) -> None:
    made = {file.name: file.read_text("utf-8") for file in write_outlines(LIBRARY, tmp_path)}

    assert {file.name for file in DOCS.iterdir()} == set(made), "run: make forms-docs"
    stale = [name for name, text in made.items() if (DOCS / name).read_text("utf-8") != text]
    assert stale == [], "run: make forms-docs"


@pytest.mark.parametrize("language", ["Indonesia (id)", "English (en)"])
def test_every_question_choice_and_rule_of_every_form_is_in_its_text(
    language: str, library: dict[str, Form]
) -> None:
    code = language[-3:-1]
    for form_id, form in library.items():
        text = outline(read_workbook(LIBRARY / f"{form_id}.xlsx"), language)
        indicators = {indicator.node for indicator in form.indicators}
        for field in Schema.from_xform(form.xform).walk():
            top = field.path.split("/")[2]
            if field.kind == "question" and top not in ("start", "end", "meta", "advice", *indicators):
                assert f"`{field.name}`" in text, field.path
                for value, labels in field.choices:
                    assert f"- {labels[code]} `{value}`" in text, field.path
        for indicator in form.indicators:
            assert f"### {indicator.code} {indicator.label[code]}" in text
            assert indicator.advice[code] in text
