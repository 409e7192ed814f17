"""The attached lists as a phone holds them, from the library, for tests that have no server."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import forms

LIBRARY = Path(forms.__file__).parent / "library"
NO_WORKERS = (
    b"name,label,__version,village,last_contact,full_name,last_country,depart_date,status,return_date\n"
)
NO_CASES = b"name,label,ref,village,form,opened\n"
KINDS = {"1": "kelurahan", "2": "desa", "3": "desa adat"}  # by the first figure of a village's own number


def _rows(name: str) -> list[dict[str, str]]:
    with (LIBRARY / "wilayah" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def desa_csv(regency: str) -> bytes:
    """The list ``desa.csv`` of one regency (``35.07``): columns name, label, kec, kec_label, jenis.

    Two villages of one name in one district get their kind added, or nobody could tell them apart.
    """
    districts = {row["code"]: row["name"] for row in _rows("districts.csv") if row["regency_code"] == regency}
    villages = [row for row in _rows("villages.csv") if row["district_code"] in districts]
    named = Counter((row["district_code"], row["name"]) for row in villages)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["name", "label", "kec", "kec_label", "jenis"])
    for row in villages:
        district, name = row["district_code"], row["name"]
        kind = KINDS[row["code"].rsplit(".", 1)[1][0]]
        label = f"{name} ({kind})" if named[district, name] > 1 else name
        if sum(1 for _, other in named if other == name) > 1:
            label += f", Kec. {districts[district]}"
        writer.writerow([row["code"], label, district, districts[district], kind])
    return out.getvalue().encode()


def village_label(desa: bytes, code: str) -> str:
    """What the phone shows for a village: its name, with its kecamatan where the regency has two of it."""
    return next(row["label"] for row in csv.DictReader(io.StringIO(desa.decode())) if row["name"] == code)


def library_lists(regency: str = "35.07") -> dict[str, bytes]:
    """Every attached list of the library's forms, with the villages of one regency."""
    lists = {path.name: path.read_bytes() for path in sorted((LIBRARY / "media").glob("*.csv"))}
    return lists | {"desa.csv": desa_csv(regency), "pmi.csv": NO_WORKERS, "kasus.csv": NO_CASES}
