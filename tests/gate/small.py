"""A small form with a policy list, as workbook and as submissions, for tests of the gate."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from forms.compile import compile_workbook
from server.intake.intake import Intake
from server.intake.upload import Receipt, Upload
from server.store import desks
from server.store.database import Store
from server.store.desks import KnownDesk
from server.store.published import publish
from tests.forms import workbooks
from tests.forms.workbooks import put, write

SURVEY = """
| type          | name | label:id | label:en | required | constraint          | calculation | sensitive |
| begin_group   | g    | Bagian   | Part     |          |                     |             | |
| date          | visit_date | Hari | Day    |          |                     |             | |
| integer       | age  | Umur     | Age      | yes      | . >= 0 and . < 130  |             | |
| select_one yn | ok   | Baik?    | Well?    |          |                     |             | |
| text          | note | Catatan  | Note     |          |                     |             | health |
| end_group     |      |          |          |          |                     |             | |
| select_one_from_file fee.csv | fee | Biaya | Fee |     |                     |             | |
| calculate     | banned | | | | | instance('fee')/root/item[name=${fee}]/banned | |
"""
INDICATORS = """
| code | severity | rule           | recipients | label:id | label:en | sms:id              | advice:id | advice:en |
| X01  | high     | ${age} < 18    | ppa        | Anak     | Child    | {ref} {kec} anak    | Jaga.     | Care.     |
| X02  | high     | ${banned} = '1' | disnaker  | Biaya    | Fee      | {ref} {kec} biaya   | Tolak.    | Refuse.   |
"""
FEES = b"name,label,banned\nvisa,Visa,0\nphoto,Foto,0\n"
FEES_BANNED = b"name,label,banned\nvisa,Visa,1\nphoto,Foto,0\n"
VERSION = "2026112101"
VILLAGE = "35.07.01.2001"


def book(
    folder: Path, *, version: str = VERSION, survey: str = SURVEY, choices: str = workbooks.CHOICES
) -> Path:
    """The workbook in a folder of its own, its list beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "fee.csv").exists():
        (folder / "fee.csv").write_bytes(FEES)
    settings = put(workbooks.SETTINGS, 2, "version", version)
    return write(folder, survey=survey, settings=settings, choices=choices, indicators=INDICATORS)


def published(
    store: Store,
    folder: Path,
    now: datetime,
    *,
    draft: bool = False,
    version: str = VERSION,
    survey: str = SURVEY,
) -> None:
    """The small form, published (or drafted) with its list; ODK Validate, which is slow, is left out."""
    workbook = book(folder, version=version, survey=survey)
    form = compile_workbook(workbook, validate=False).form
    with store.transaction():
        publish(form, workbook.read_bytes(), {"fee.csv": (folder / "fee.csv").read_bytes()}, now, draft=draft)


def desk(store: Store, now: datetime, *, draft: bool = False) -> KnownDesk:
    with store.transaction():
        return desks.add(VILLAGE, None, store.keys, now, draft=draft)[0]


def xml(
    answers: Mapping[str, str], *, fee: str = "", end: str = "", version: str = VERSION, identity: str = ""
) -> bytes:
    """A submission; ``answers`` are those of the group."""
    identity = identity or f"uuid:{uuid.uuid4()}"
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in answers.items())
    return (
        f'<coba id="coba" version="{version}"><end>{end}</end><g>{inside}</g><fee>{fee}</fee>'
        f"<banned>0</banned><ri_x01>0</ri_x01><ri_x02>0</ri_x02>"
        f"<meta><instanceID>{identity}</instanceID></meta></coba>"
    ).encode()


def send(store: Store, intake: Intake, sender: KnownDesk, content: bytes) -> Receipt:
    """Take a submission as the door does."""
    with store.transaction():
        return intake.receive(Upload(content, sender, None))
