"""Attached files that are no CSV: XML and GeoJSON lists are judged by as the phone does, pictures reach the phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from forms.compile import compile_workbook, inspect_workbook
from forms.list_files import read_list
from forms.lists import ListUnreadable
from server.intake.intake import Intake
from server.publishing import publish
from server.store.database import Store
from server.store.models import Submission
from tests.conftest import Clock
from tests.forms.workbooks import write
from tests.gate import small
from tests.phone.javarosa import Engine

SURVEY = """
| type          | name  | label:id | label:en | media::image | calculation |
| integer       | age   | Umur     | Age      | keluarga.png | |
| select_one_from_file tarif.xml | kind | Jenis | Kind | | |
| calculate     | idr   |          |          |              | instance('tarif')/root/item[name=${kind}]/idr |
| calculate     | dear  |          |          |              | count(instance('tarif')/root/item[idr > 40]) |
| select_one_from_file pos.geojson | post | Pos | Post | | |
| calculate     | where |          |          |              | instance('pos')/root/item[id=${post}]/geometry |
"""
FILES = {
    "tarif.xml": b"<root><item><name>a</name><label>A</label><idr>50</idr></item>"
    b"<item><name>b</name><label>B</label><idr>7</idr></item></root>",
    "pos.geojson": b'{"type": "FeatureCollection", "features": [{"type": "Feature", "id": "p1", "geometry": '
    b'{"type": "Point", "coordinates": [112.75, -7.25]}, "properties": {"title": "Entikong"}}]}',
    "keluarga.png": b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
}


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return write(tmp_path, survey=SURVEY)


def test_what_the_phone_works_out_from_such_lists_the_server_does_too(
    workbook: Path, store: Store, clock: Clock
) -> None:
    form, _ = publish(store, workbook, None, clock())
    assert form.media == tuple(sorted(FILES))
    filled = Engine().open(form.xform, FILES).fill({"age": 20, "kind": "a", "post": "p1"})
    assert b"<idr>50</idr><dear>1</dear>" in filled.xml
    assert b"<where>-7.25 112.75 0 0</where>" in filled.xml

    intake, desk = Intake(store, clock), small.desk(store, clock())
    assert small.send(store, intake, desk, filled.xml).state == "new"
    forged = filled.xml.replace(b"<idr>50</idr>", b"<idr>1</idr>").replace(
        b"<instanceID>uuid:", b"<instanceID>uuid:0"
    )
    assert small.send(store, intake, desk, forged).state == "new"

    honest, other = Submission.select().order_by(Submission.id)
    assert (honest.verdict["errors"], honest.verdict["recalculated"]) == ([], [])
    assert other.verdict["recalculated"] == ["/coba/idr"]


def test_a_picture_that_is_not_there_is_found_by_the_gate(workbook: Path) -> None:
    def attached(name: str) -> bytes | None:
        return None if name == "keluarga.png" else FILES[name]

    found = inspect_workbook(workbook, attached=attached, validate=False)
    assert "keluarga.png is nowhere" in str([f.message for f in found.errors])
    assert compile_workbook(workbook, validate=False).form.media == tuple(sorted(FILES))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tarif.xml", b"<root><item><name>a</name></root>"),
        ("tarif.xml", b"<!DOCTYPE x><root/>"),
        ("tarif.xml", b"<list><item><name>a</name></item></list>"),
        ("tarif.xml", b"<root><item><name>a</name><name>b</name></item></root>"),
        ("tarif.xml", b"<root><item><name>a</name><in><x>1</x></in></item></root>"),
        ("pos.geojson", b"[]"),
        ("pos.geojson", b'{"features": [{"type": "Feature"}]}'),
        ("pos.geojson", b"\xff"),
    ],
)
def test_a_list_that_phones_could_not_look_into_is_refused(name: str, content: bytes) -> None:
    with pytest.raises(ListUnreadable) as wrong:
        read_list(name, content)
    assert wrong.value.pesan
