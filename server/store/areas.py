"""Areas (Kemendagri codes), and the one function by which a person's rights limit every query.

Data: idn-area-data, Open Database License; the notice travels with the files in forms/library/wilayah.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from peewee import SQL

from forms.problems import Problem, Problems
from server.store.models import Area
from server.store.statements import Insert

NATION = "ID"
LEVELS = {2: "province", 5: "regency", 8: "district", 13: "village"}
"""Length of a dotted code -> the column that holds codes of that level."""

_FILES = ("provinces.csv", "regencies.csv", "districts.csv", "villages.csv")
_ROWS_AN_INSERT = 300  # 3 columns each stays under SQLite's oldest limit of 999 variables
_insert = Insert(Area)


def load_areas() -> int:
    """Put the shipped areas into an empty table; returns how many. Does nothing where they are already there."""
    if Area.select().limit(1).exists():
        return 0
    total = 0
    rows = _shipped()
    while chunk := list(islice(rows, _ROWS_AN_INSERT)):
        _insert.many(chunk)
        total += len(chunk)
    return total


def _shipped() -> Iterator[dict[str, str]]:
    folder = files("forms") / "library" / "wilayah"
    for name in _FILES:
        for row in csv.DictReader(io.StringIO((folder / name).read_text("utf-8"))):
            code = row["code"]
            yield {"code": code, "parent": code.rpartition(".")[0], "name": row["name"]}


def split(code: str) -> dict[str, str]:
    """The codes of all levels of a village: ``{"province": "35", ..., "village": "35.07.01.2001"}``."""
    return {column: code[:length] for length, column in LEVELS.items()}


def scope(model: Any, code: str) -> Any:
    """The condition that a row of ``model`` lies within the area ``code`` (``ID``: everywhere).

    Every query that a person's rights limit uses this. An impossible code matches nothing, never everything.
    """
    if code == NATION:
        return SQL("1 = 1")
    column = LEVELS.get(len(code))
    if column is None or not hasattr(model, column) or not hasattr(model, "province"):
        return SQL("1 = 0")
    within = getattr(model, column) == code
    # the province is what the indexes begin with
    return within if column == "province" else (model.province == code[:2]) & within


def covers(code: str, village: str) -> bool:
    """Does the area ``code`` contain the village? (The same rule as :func:`scope`, for one row in hand.)"""
    return code == NATION or (len(code) in LEVELS and village[: len(code)] == code)


def upwards(village: str) -> list[str]:
    """The areas that contain a village, nearest first: village, district, regency, province, nation.

    Of a wider area (a case may be of one) itself and those above it.
    """
    return list(dict.fromkeys([*(village[:length] for length in sorted(LEVELS, reverse=True)), NATION]))


def require(code: str, *, village: bool = False) -> str:
    """The name of an area. Raises :class:`Problem` (AREA_UNKNOWN); with ``village`` only a village will do."""
    if code == NATION and not village:
        return "Indonesia"
    if village and len(code) != 13:
        raise Problem(Problems.AREA_UNKNOWN, code=code)
    row = Area.get_or_none(Area.code == code)
    if row is None:
        raise Problem(Problems.AREA_UNKNOWN, code=code)
    return str(row.name)


def names(codes: Iterable[str]) -> dict[str, str]:
    """The names of these areas; unknown codes are left out."""
    wanted = list(set(codes))
    found: dict[str, str] = {NATION: "Indonesia"} if NATION in wanted else {}
    for start in range(0, len(wanted), 900):
        query = Area.select(Area.code, Area.name).where(Area.code.in_(wanted[start : start + 900])).tuples()
        found.update(query)
    return found


def kind(code: str) -> str:
    """``desa``, ``kelurahan`` or ``desa adat``, from the last four digits of a village code."""
    return {"1": "kelurahan", "3": "desa adat"}.get(code[9:10], "desa")


def desa_csv(area: str) -> bytes:
    """The attached list ``desa.csv`` of a regency, or of another area: its villages and no others.

    Columns ``name`` (dotted code), ``label``, ``kec``, ``kec_label``, ``jenis``. The phone shows the label alone:
    where a kecamatan has the same name twice it tells the kind, "Oesao (kelurahan)", and where the area has it
    in several kecamatan it tells which, "Banjarejo, Kec. Donomulyo"; where those too share their name, the regency.
    """
    rows = _villages(area)
    above = names(code for village, _ in rows for code in (village[:8], village[:5]))
    in_district = Counter((village[:8], name) for village, name in rows)
    districts_of = Counter(name for _, name in in_district)
    regencies_of = Counter((above[district], name) for district, name in in_district)
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["name", "label", "kec", "kec_label", "jenis"])
    for code, name in rows:
        district = code[:8]
        label = f"{name} ({kind(code)})" if in_district[district, name] > 1 else name
        if districts_of[name] > 1:
            label += f", Kec. {above[district]}"
        if regencies_of[above[district], name] > 1:
            label += f", {above[code[:5]]}"
        write.writerow([code, label, district, above[district], kind(code)])
    return out.getvalue().encode()


def _villages(area: str) -> list[tuple[str, str]]:
    """Codes and names of the villages within an area, in the order of their codes."""
    found = [(area, require(area))]
    while found and len(found[0][0]) < 13:
        parents = [code for code, _ in found]
        found = [
            row
            for start in range(0, len(parents), 900)
            for row in Area.select(Area.code, Area.name)
            .where(Area.parent.in_(parents[start : start + 900]))
            .tuples()
        ]
    return sorted(found)


_WITA = {"51", "52", "53", "63", "64", "65", "71", "72", "73", "74", "75", "76"}
_WIT = {"81", "82", "91", "92", "93", "94", "95", "96"}


@lru_cache(maxsize=4096)
def zone(code: str, default: str = "Asia/Jakarta") -> ZoneInfo:
    """The time zone of an area: WIB, WITA or WIT by its province; ``default`` for the nation."""
    province = code[:2]
    if province in _WITA:
        return ZoneInfo("Asia/Makassar")
    if province in _WIT:
        return ZoneInfo("Asia/Jayapura")
    return ZoneInfo("Asia/Jakarta") if province.isdigit() else ZoneInfo(default)
