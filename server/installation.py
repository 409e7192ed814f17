"""Making and opening a home: keys, database, areas, shipped forms, the first administrator, desks.

Part of the composition root: it joins forms and store for the command line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import peewee
from playhouse.migrations import Runner

from forms.form import Form
from forms.problems import Problem, Problems
from server.handouts.collect_settings import settings_code, write_qr
from server.settings import Settings
from server.store import areas, desks, events, officers
from server.store.database import MIGRATIONS, Store
from server.store.files import Files
from server.store.models import Event, PublishedForm
from server.store.published import LOCK
from server.store.sealing import KEY_FILE, Keys

FIRST_PROVINCE = "11"
"""Areas are loaded in one transaction: where one is, all are."""
_KEY_NOTED = "home.key"
ADDRESS_FILE = "address.json"
"""Where the server of this home was last reached: what `desks add` puts into QR codes if nothing is set."""


def ready(settings: Settings) -> bool:
    """Has ``init`` run for this home, to its end, with this version's schema?

    Raises :class:`Problem` (SETTING_INVALID) where the database does not answer.
    """
    if not (settings.home / KEY_FILE).exists():
        return False
    store = open_store(settings)
    try:
        return not pending(store) and bool(areas.names([FIRST_PROVINCE]))
    finally:
        store.release()


def pending(store: Store) -> list[str]:
    """The migrations that the database still lacks."""
    known = Runner(store.db, str(MIGRATIONS)).status()
    return [m.name for m in known if m.path is not None and not m.applied]


def open_store(settings: Settings) -> Store:
    """Open the database of an existing home.

    Raises :class:`Problem`: HOME_MISSING, SETTING_INVALID, KEY_LOST (a key that did not seal this database).
    """
    keys = Keys.open(settings.home)
    store = Store(settings.database, settings.home, keys)
    try:
        store.db.connect(reuse_if_open=True)
    except peewee.OperationalError as error:
        raise Problem(
            Problems.SETTING_INVALID,
            name="POSMIGRAN_DATABASE_URL",
            detail="the database does not answer; is it running, and is the address right?",
        ) from error
    if not _key_fits(store):
        store.release()
        raise Problem(Problems.KEY_LOST, file=settings.home / KEY_FILE)
    return store


def _key_fits(store: Store) -> bool:
    """Is the home's key the one that this database was made with? A database without tables fits any."""
    if not store.db.table_exists(Event):
        return True
    noted = Event.get_or_none(Event.verb == _KEY_NOTED)
    return noted is None or bool(noted.detail["check"] == store.keys.find("check", "key"))


def _note_key(store: Store, now: datetime) -> None:
    if Event.get_or_none(Event.verb == _KEY_NOTED) is None:
        events.record(now, "system", _KEY_NOTED, "home", check=store.keys.find("check", "key"))


def init(
    settings: Settings, admin_email: str, now: datetime, progress: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Make the home, or bring an existing one up to date; returns what ``init --json`` prints."""
    from server.publishing import renew_shipped_lists  # with it comes all that compiles forms

    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.home.chmod(0o700)  # also where it was made beforehand: the database in it is for its owner alone
    fresh = not (settings.home / KEY_FILE).exists()
    Keys.make(settings.home)
    try:
        store = open_store(settings)
    except Problem as problem:
        if fresh and problem.problem is Problems.KEY_LOST:
            (settings.home / KEY_FILE).unlink()  # an old database waits for its own key
        raise
    try:
        for name in store.migrate():
            progress(f"schema {name}")
        with store.transaction():
            store.lock(LOCK)
            _note_key(store, now)
            count = areas.load_areas()
        if count:
            progress(f"{count} areas")
        if sealed := Files(settings.home, store.keys).seal_older(store):
            progress(f"{sealed} attachments sealed")
        made = []
        with as_file(files("forms") / "library") as library:
            for workbook in sorted(library.glob("*.xlsx")):
                form = _publish_shipped(store, workbook, now, progress)
                made.append({"form_id": form.form_id, "version": form.version, "title": form.title})
        renew_shipped_lists(store, now)
        with store.transaction():
            store.lock(LOCK)
            admin = _first_admin(admin_email, now)
            _last_resorts(settings, now)
    finally:
        store.release()
    return {
        "home": settings.home,
        "database": _without_password(settings.database),
        "admin": admin,
        "forms": made,
    }


def _publish_shipped(store: Store, workbook: Path, now: datetime, progress: Callable[[str], None]) -> Form:
    """Publish a shipped form where there is none of its name yet.

    What staff have published since is theirs: neither their form nor their lists are replaced by ours.
    """
    known = (
        PublishedForm.select().where((PublishedForm.form_id == workbook.stem) & PublishedForm.current).first()
    )
    if known is None:
        from server.publishing import publish

        progress(f"form {workbook.stem}")
        return publish(store, workbook, None, now, compare=False)[0]
    if bytes(known.workbook) != workbook.read_bytes():
        progress(
            f"form {workbook.stem}: {known.version} stays; to take the shipped one: forms publish {workbook}"
        )
    return Form.load(known.xform, known.definition)


def _first_admin(email: str, now: datetime) -> dict[str, str | None]:
    for officer in officers.listing():
        if officer["role"] == "admin" and not officer["last_resort"]:
            return {"email": officer["email"], "password": None}
    person, password = officers.add("Administrator", "admin", areas.NATION, now, email=email)
    return {"email": person.email, "password": password}


def _last_resorts(settings: Settings, now: datetime) -> None:
    """Whom to tell where nobody else is left. Sensitive alerts have one of their own: they are for PPA alone."""
    if settings.last_resort:
        officers.set_last_resort("admin", "Cadangan terakhir", settings.last_resort, now)
    if settings.last_resort_ppa:
        officers.set_last_resort("ppa", "Cadangan terakhir PPA", settings.last_resort_ppa, now)


def _without_password(url: str) -> str:
    before, at, after = url.rpartition("@")
    return f"{before.rpartition(':')[0]}@{after}" if at and before.count(":") > 1 else url


def add_desk(
    settings: Settings,
    store: Store,
    village: str,
    name: str | None,
    now: datetime,
    *,
    draft: bool = False,
    officer: str | None = None,
    phone: str | None = None,
) -> dict[str, Any]:
    """Open a desk; returns what ``desks add --json`` prints, and writes the QR picture and the sheet to print.

    With ``draft`` it is a desk that tries forms: nothing that it sends counts. With ``officer`` it is the phones of
    that officer, and ``village`` the code of an area. ``phone`` is where the people of the desk are reached.
    """
    from server.handouts.desk_sheets import project, sheets  # it draws: slow to load

    with store.transaction():
        desk, credentials = desks.add(
            village, name, store.keys, now, draft=draft, officer=officer, phone=phone
        )
        events.record(now, "operator", "desk.added", desk.slug, village=village, officer=officer)
    url = f"{public_url(settings)}/desk/{credentials.token}"
    code = settings_code(url, project(desk))
    folder = settings.home / "desks"
    qr = write_qr(code, folder / f"{desk.slug}.png")
    sheet = folder / f"{desk.slug}.pdf"
    write_secret(sheet, sheets([desk], store.keys, public_url(settings), settings.help_line))
    return {
        "desk": desk.slug,
        "village": desk.village,
        "username": credentials.username,
        "password": credentials.password,
        "url": url,
        "settings": code,
        "qr": qr,
        "sheet": sheet,
        **({"officer": officer} if officer is not None else {}),
    }


def write_secret(target: Path, content: bytes) -> None:
    """Write a file that only its owner may read, also where there was one."""
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def public_url(settings: Settings) -> str:
    """The address that phones and people use: as set, else where this home's server was last started."""
    if settings.public_url:
        return settings.public_url
    try:
        noted: str = json.loads((settings.home / ADDRESS_FILE).read_text("utf-8"))["url"]
    except (FileNotFoundError, ValueError, KeyError):
        return "http://127.0.0.1:8000"
    return noted


def note_address(settings: Settings, url: str) -> None:
    """Remember where the server of this home is reached."""
    file = settings.home / ADDRESS_FILE
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps({"url": url}), "utf-8")
    draft.replace(file)
