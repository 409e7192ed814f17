"""Submissions of the library's forms and of small made-up ones, put into a store without a phone."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from forms.compile import compile_workbook
from forms.form import Form, Indicator, SensitiveKind
from forms.schema import Field, Schema
from server.store import published, submissions
from server.store.database import Store
from server.store.submissions import NewSubmission

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
VILLAGE = "35.07.01.2001"
LIBRARY = Path(__file__).parents[2] / "forms" / "library"


@cache
def library_form(form_id: str) -> Form:
    """A form of the library, compiled."""
    return compile_workbook(LIBRARY / f"{form_id}.xlsx", validate=False).form


def publish_library_form(form_id: str, now: datetime = NOON) -> Form:
    """Publish a form of the library with its attached lists."""
    form = library_form(form_id)
    media = {name: (LIBRARY / "media" / name).read_bytes() for name in published.given_lists(form)}
    published.publish(form, b"", media, now)
    return form


def made_up_form(
    questions: Mapping[str, str],
    *,
    version: str = "1",
    form_id: str = "uji",
    sensitive: Mapping[str, SensitiveKind] | None = None,
    indicators: Sequence[Indicator] = (),
) -> Form:
    """A small form. ``questions`` maps a name to its type; labels are ``Label NAME``.

    A type is an XForms type, ``select: a b``, ``select1: a b``, or ``calculate: EXPRESSION``.
    """
    nodes, binds, body = "", "", ""
    for name, kind in questions.items():
        nodes += f"<{name}/>"
        word, _, rest = kind.partition(": ")
        label = f"<label>Label {name}</label>"
        if word == "calculate":
            binds += f'<bind nodeset="/{form_id}/{name}" type="string" calculate="{rest}"/>'
            continue
        if word in ("select", "select1"):
            items = "".join(
                f"<item><label>Pilihan {code}</label><value>{code}</value></item>" for code in rest.split()
            )
            binds += f'<bind nodeset="/{form_id}/{name}" type="string"/>'
            body += f'<{word} ref="/{form_id}/{name}">{label}{items}</{word}>'
            continue
        binds += f'<bind nodeset="/{form_id}/{name}" type="{kind}"/>'
        body += f'<input ref="/{form_id}/{name}">{label}</input>'
    xform = (
        '<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"><h:head><model>'
        f'<instance><{form_id} id="{form_id}" version="{version}">{nodes}'
        f"<meta><instanceID/></meta></{form_id}>"
        f"</instance>{binds}</model></h:head><h:body>{body}</h:body></h:html>"
    )
    marked = {f"/{form_id}/{name}": kind for name, kind in (sensitive or {}).items()}
    return Form(form_id, version, f"Formulir {form_id}", xform, tuple(indicators), marked)


def keep(
    store: Store,
    form: Form,
    answers: Mapping[str, Any],
    instance_id: str,
    *,
    village: str = VILLAGE,
    received_at: datetime = NOON,
    indicators: tuple[str, ...] = (),
    deprecated_id: str | None = None,
    expected_files: Sequence[str] | Mapping[str, str] = (),
    names: str = "",
) -> int:
    """Keep a submission as the intake would, with answers that are typed already; returns its number.

    ``expected_files`` may say which question names each; ``names`` is put into the XML's ``meta``.
    """
    with store.transaction():
        return submissions.keep(
            NewSubmission(
                form_id=form.form_id,
                version=form.version,
                instance_id=instance_id,
                deprecated_id=deprecated_id,
                desk_id=None,
                village=village,
                received_at=received_at,
                device_id=None,
                xml=f"<x id='x'><id>{instance_id}</id><meta>{names}</meta></x>".encode(),
                answers=answers,
                sensitive={**form.sensitive, **form.secrets_told(answers)},
                root_path=f"/{form.form_id}",
                indicators=indicators,
                verdict={},
                expected_files=(
                    expected_files
                    if isinstance(expected_files, Mapping)
                    else dict.fromkeys(expected_files, "/data/foto")
                ),
            ),
            store,
        ).id


def invented(form: Form, chance: random.Random) -> dict[str, Any]:
    """Answers to every question of a form, of the right types; one to three instances of each repeat."""
    schema = Schema.from_xform(form.xform)
    answers = _group(schema.fields, chance)
    if "loc" in answers:
        answers["loc"].update(village=VILLAGE, consent="yes", consent_share="yes")
    return answers


def _group(fields: Sequence[Field], chance: random.Random) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for field in fields:
        if field.kind == "repeat":
            answers[field.name] = [_group(field.children, chance) for _ in range(chance.randint(1, 3))]
        elif field.kind == "group":
            if field.name != "meta":
                answers[field.name] = _group(field.children, chance)
        elif not field.note:
            answers[field.name] = _answer(field, chance)
    return answers


_ATTACHED = {
    "desa": VILLAGE, "negara": "MY", "biaya": "sponsor", "p3mi": "p001", "kurs": "IDR",
    "pmi": "5f0c7a52-8c3e-4b7a-9a51-0d6f6c1e2a01", "kasus": "R-350701-0001",
}  # fmt: skip


def _answer(field: Field, chance: random.Random) -> Any:
    if field.list_name is not None:
        return _ATTACHED[field.list_name]
    codes = [code for code, _ in field.choices]
    if field.select == "many":
        return chance.sample(codes, min(2, len(codes)))
    if field.select == "one":
        return chance.choice(codes)
    if field.name == "nik":
        return f"350701{chance.randint(1, 28) + 40:02}0198{chance.randint(9000, 9999)}"
    if field.name.endswith("phone"):
        return f"+6281200000{chance.randint(0, 999):03}"
    match field.type:
        case "int":
            return chance.randint(0, 1) if field.calculated else chance.randint(1, 9_000_000)
        case "decimal":
            return chance.randint(1000, 9000) + 0.5
        case "date":
            return (date(2026, 1, 1) + timedelta(days=chance.randint(0, 300))).isoformat()
        case "dateTime":
            return f"2026-11-20T{chance.randint(8, 15):02}:15:30.000+07:00"
        case _ if field.calculated:
            return str(chance.randint(0, 5_000_000))
        case _:
            return chance.choice(["Sulastri Ningsih", "Dusun Krajan RT 02/RW 01", "Ibu Wening", "PT Contoh"])
