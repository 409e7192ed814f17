"""Writing GeoJSON (RFC 7946): a feature a submission, with its place and its row; without one, geometry is null."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, time
from pathlib import Path
from typing import Any, Final

from exports.tables import Table
from exports.values import Cell

_PLACES: Final = ("geopoint", "geotrace", "geoshape")


class GeoJson:
    """The form's own table as a feature collection. A submission's first answer of a place is where it lies.

    ``row`` is given with the answer as it was sent in the column of that question (:meth:`places`).
    """

    def __init__(self, tables: Sequence[Table], target: Path) -> None:
        self._stream = target.open("w", encoding="utf-8")
        self._headers = [column.header for column in tables[0].columns]
        self._places = [
            (slot, column.field.type)
            for slot, column in enumerate(tables[0].columns)
            if column.field is not None and column.field.type in _PLACES and not column.part
        ]
        self._first = True
        self._stream.write('{"type": "FeatureCollection", "features": [')

    def write(self, table: int, row: Sequence[Cell]) -> None:
        """Add a row of the form's own table."""
        if table != 0:
            return
        geometry = next(
            (found for slot, kind in self._places if (found := geometry_of(row[slot], kind)) is not None),
            None,
        )
        facts = {
            header: _plain(cell) for header, cell in zip(self._headers, row, strict=True) if cell is not None
        }
        feature = {"type": "Feature", "geometry": geometry, "properties": facts}
        self._stream.write("\n" if self._first else ",\n")
        self._first = False
        text = json.dumps(feature, ensure_ascii=False)
        self._stream.write(text.encode("utf-8", "replace").decode())

    def close(self) -> None:
        """Finish the file."""
        if not self._stream.closed:
            self._stream.write("\n]}\n")
            self._stream.close()


def geometry_of(answer: Cell, kind: str) -> dict[str, Any] | None:
    """The geometry of a place as ODK writes it (``lat lon altitude accuracy``, points parted by ``;``), or None."""
    if not isinstance(answer, str):
        return None
    points = [found for text in answer.split(";") if text.strip() and (found := _point(text)) is not None]
    if not points:
        return None
    if kind == "geopoint":
        return {"type": "Point", "coordinates": points[0]}
    if kind == "geoshape" and len(points) >= 4 and points[0][:2] == points[-1][:2]:
        return {"type": "Polygon", "coordinates": [points]}
    if len(points) >= 2:
        return {"type": "LineString", "coordinates": points}
    return {"type": "Point", "coordinates": points[0]}


def _point(text: str) -> list[float] | None:
    """Longitude and latitude, in this order, and altitude where it is not zero."""
    try:
        latitude, longitude, *rest = (float(part) for part in text.split())
    except ValueError:
        return None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    return [longitude, latitude, *([rest[0]] if rest and rest[0] else [])]


def _plain(cell: Cell) -> Any:
    return cell.isoformat() if isinstance(cell, date | time) else cell
