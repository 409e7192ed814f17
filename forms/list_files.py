"""Files that are attached to forms: which are lists, and how each kind is read as a phone reads it.

CSV, XML (``root`` with ``item`` elements, as ``xml-external`` and ``select_one_from_file x.xml`` want it) and GeoJSON
(``select_one_from_file x.geojson``). Everything else, such as a picture, is no list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from lxml import etree

from forms.lists import ListTable, ListUnreadable
from forms.problems import Problem
from forms.xml import parse_xml

_BIGGEST: Final = 50_000_000
SUFFIXES: Final = (".csv", ".xml", ".geojson")


def is_list(filename: str) -> bool:
    """Is this the name of a list that expressions can look into?"""
    return PurePath(filename).suffix.lower() in SUFFIXES


def read_list(filename: str, content: bytes) -> ListTable:
    """A list, named by its instance id (``negara`` of ``negara.csv``).

    Raises :class:`ListUnreadable`; ValueError where the file is no list at all (:func:`is_list`).
    """
    path = PurePath(filename)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return ListTable.from_csv(path.stem, content)
    if suffix == ".xml":
        return _from_xml(path.stem, content)
    if suffix == ".geojson":
        return _from_geojson(path.stem, content)
    raise ValueError(f"{filename} is no list")


def _table(name: str, rows: list[dict[str, str]], key: str) -> ListTable:
    columns = list(dict.fromkeys(column for row in rows for column in row)) or [key]
    return ListTable(name, columns, ([row.get(column, "") for column in columns] for row in rows))


def _from_xml(name: str, content: bytes) -> ListTable:
    try:
        root = parse_xml(content, most_bytes=_BIGGEST)
    except Problem as problem:
        raise ListUnreadable(name, None, problem.text("en"), problem.text("id")) from None
    if etree.QName(root).localname != "root":
        message = "the outermost element must be called root, with item elements in it"
        pesan = "elemen terluar harus bernama root, berisi elemen item"
        raise ListUnreadable(name, None, message, pesan)
    rows: list[dict[str, str]] = []
    for number, item in enumerate(root, start=1):
        cells = [etree.QName(cell).localname for cell in item]
        if etree.QName(item).localname != "item" or len(set(cells)) < len(cells) or any(len(c) for c in item):
            message = "only item elements are read, each with plain elements in it, none of them twice"
            pesan = "hanya elemen item yang dibaca, berisi elemen biasa, tidak ada yang dua kali"
            raise ListUnreadable(name, number, message, pesan)
        rows.append({etree.QName(cell).localname: cell.text or "" for cell in item})
    return _table(name, rows, "name")


def _from_geojson(name: str, content: bytes) -> ListTable:
    """Each feature is an item: its properties, ``id``, and ``geometry`` as ODK writes places (COLLECT 3)."""
    try:
        said = json.loads(content.decode("utf-8-sig"))
        rows = [_feature(feature) for feature in said["features"]]
    except (UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError):
        message, pesan = (
            "not a GeoJSON FeatureCollection of points",
            "bukan GeoJSON FeatureCollection berisi titik",
        )
        raise ListUnreadable(name, None, message, pesan) from None
    return _table(name, rows, "id")


def _feature(feature: Mapping[str, Any]) -> dict[str, str]:
    said = {str(key): _text(value) for key, value in (feature.get("properties") or {}).items()}
    if feature.get("id") is not None:
        said["id"] = _text(feature["id"])
    geometry = feature["geometry"]
    places = geometry["coordinates"]
    if geometry["type"] == "Point":
        places = [places]
    elif geometry["type"] == "Polygon":
        places = places[0]
    said["geometry"] = "; ".join(f"{place[1]} {place[0]} 0 0" for place in places)
    return said


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
