"""The sheets of the desks of an area, made anew from what the home's key derives: nothing of them is stored."""

from __future__ import annotations

from collections.abc import Sequence

from server.handouts.collect_settings import settings_code
from server.handouts.sheet import DeskSheet, draw
from server.store import areas, desks
from server.store.desks import VILLAGE_LENGTH, KnownDesk
from server.store.sealing import Keys


def sheets(known: Sequence[KnownDesk], keys: Keys, public_url: str, call: str = "") -> bytes:
    """A PDF with a page for each of these desks, in their order.

    ``public_url`` is what phones reach the server by; ``call`` says where a desk calls for help.
    """
    names = areas.names(code for desk in known for code in areas.split(desk.village).values())
    return draw([_sheet(desk, names, keys, public_url, call) for desk in known])


def project(desk: KnownDesk) -> str:
    """What a desk's project is called in ODK Collect."""
    whose = "Meja PMI" if desk.role is None else "Tindak lanjut"
    return f"{'COBA - ' if desk.draft else ''}{whose} {desk.name}"


def _sheet(desk: KnownDesk, names: dict[str, str], keys: Keys, public_url: str, call: str) -> DeskSheet:
    credentials = desks.credentials(desk, keys)
    code = areas.split(desk.village)
    kind = areas.kind(desk.village).capitalize()
    own = (
        f"{kind} {names.get(desk.village, desk.village)}"
        if len(desk.village) == VILLAGE_LENGTH
        else desk.name
    )
    place = [names[code[level]] for level in ("regency", "province") if code[level] in names]
    if len(desk.village) == VILLAGE_LENGTH:
        place.insert(0, f"Kec. {names.get(code['district'], code['district'])}")
    if desk.name not in own:  # somebody gave it a name of its own
        own = desk.name
    return DeskSheet(
        slug=desk.slug,
        name=own,
        place=", ".join(place).replace("Kabupaten ", "Kab. "),
        code=settings_code(f"{public_url}/desk/{credentials.token}", project(desk)),
        server=public_url,
        username=credentials.username,
        password=credentials.password,
        call=call,
        title="MEJA PMI" if desk.role is None else "TINDAK LANJUT",
        draft=desk.draft,
    )
