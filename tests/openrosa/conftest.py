"""A running server with the shipped forms, a desk, and phones that talk to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest

from forms.compile import compile_workbook
from forms.form import Form
from server.store import counters, desks
from server.store.database import Store
from server.store.desks import Credentials
from server.store.models import (
    Alert,
    Attachment,
    Case,
    Counter,
    Desk,
    Entity,
    EntityBacklog,
    EntityVersion,
    Event,
    Message,
    Officer,
    PublishedForm,
    Quarantine,
    Register,
    Submission,
)
from server.store.published import publish
from server.store.sealing import Keys
from tests.conftest import ENGINES, Clock, Home, make_home, publish_library
from tests.forms import workbooks
from tests.phone.collect import Collect
from tests.phone.interviews import interviews
from tests.phone.javarosa import Engine
from tests.phone.lists import library_lists
from tests.server_process import Server


@dataclass
class Running:
    """The server, its desk in 35.07.01.2001, and the desk's credentials."""

    server: Server
    credentials: Credentials
    desk: str

    @property
    def url(self) -> str:
        return f"{self.server.url}/desk/{self.credentials.token}"

    def phone(self) -> Collect:
        """A phone that knows the desk's URL with the token."""
        return Collect(self.url)

    def digest_phone(self, password: str | None = None) -> Collect:
        """A phone that signs with the desk's username and password."""
        return Collect(self.server.url, self.credentials.username, password or self.credentials.password)


@dataclass
class _Started:
    """A server that many tests share, with its home and a desk that is made anew for each."""

    server: Server
    home: Home


@pytest.fixture(scope="session")
def _shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, library: dict[str, Form]
) -> Iterator[Callable[[str], _Started]]:
    """Starting a server costs a second: one for each engine and test process."""
    started: dict[str, _Started] = {}

    def get(engine: str) -> _Started:
        if engine not in started:
            home = make_home(request, engine, tmp_path_factory.mktemp("shared"))
            store = Store(home.url, home.path, Keys.open(home.path))
            publish_library(store, library)
            store.release()
            started[engine] = _Started(Server(home, "--no-sync"), home)
        return started[engine]

    yield get
    for one in started.values():
        one.server.stop()


@pytest.fixture(params=ENGINES)
def home(request: pytest.FixtureRequest, _shared: Callable[[str], _Started]) -> Home:
    """The home of the shared server, without what former tests sent."""
    return _shared(request.param).home


@pytest.fixture
def published(home: Home) -> Iterator[Store]:
    """The shared server's store, emptied of everything that tests make."""
    store = Store(home.url, home.path, Keys.open(home.path))
    with store.transaction():
        for table in (
            *(EntityBacklog, EntityVersion, Entity),
            *(Message, Alert, Case, Register, Attachment, Submission, Quarantine, Event, Desk, Officer),
        ):
            table.delete().execute()
        for counted in ("case:", "try:", "bytes:", "answers:"):
            Counter.delete().where(Counter.name.startswith(counted)).execute()
    for file in (store.home / "attachments").rglob("*"):
        if file.is_file():
            file.unlink()
    yield store
    store.release()


@pytest.fixture
def running(
    request: pytest.FixtureRequest,
    published: Store,
    home: Home,
    clock: Clock,
    _shared: Callable[[str], _Started],
) -> Running:
    with published.transaction():
        desk, credentials = desks.add("35.07.01.2001", None, published.keys, clock())
    engine = "sqlite" if published.sqlite else "postgresql"
    return Running(_shared(engine).server, credentials, desk.slug)


@pytest.fixture(scope="session")
def filled(library: dict[str, Form]) -> dict[str, bytes]:
    """Finished interviews by name, filled by JavaRosa."""
    engine, lists = Engine(), library_lists()
    opened = {form_id: engine.open(form.xform, lists) for form_id, form in library.items()}
    wanted = {"clean departure", "clean return", "broker without a letter", "rat port", "sexual violence"}
    told = [i for i in interviews(engine.today()) if i.name in wanted]
    return {i.name: opened[i.form_id].fill(i.answers).xml for i in told}


PHOTO_FORM = "foto & é/desa 1"
"""A form id with what an address cannot hold as it is."""


@pytest.fixture
def photos(published: Store, tmp_path: Path) -> Iterator[str]:
    """A form that asks for two photographs and a recording; its version."""
    survey = """
| type        | name  | label:id | label:en | sensitive |
| begin_group | g     | Bagian   | Part     | |
| image       | face  | Wajah    | Face     | identity |
| image       | wound | Luka     | Wound    | violence |
| audio       | voice | Suara    | Voice    | |
| text        | note  | Catatan  | Note     | |
| end_group   |       |          |          | |
"""
    settings = workbooks.put(workbooks.SETTINGS, 2, "form_id", PHOTO_FORM)
    book = workbooks.write(tmp_path, survey=survey, settings=settings, choices="", indicators="")
    form = compile_workbook(book, validate=False).form
    with published.transaction():
        publish(form, book.read_bytes(), {}, datetime(2026, 11, 1, tzinfo=UTC))
    yield form.version
    with published.transaction():
        for table in (Attachment, Submission):
            table.delete().execute()
        PublishedForm.delete().where(PublishedForm.form_id == PHOTO_FORM).execute()
        counters.increment(counters.PUBLISHED)


def with_photos(version: str, *, edits: str | None = None, **names: str) -> bytes:
    """A submission to the form of :func:`photos` that names these files by question."""
    inside = "".join(f"<{question}>{escape(name)}</{question}>" for question, name in names.items())
    corrects = f"<deprecatedID>{edits}</deprecatedID>" if edits else ""
    return (
        f'<coba id={quoteattr(PHOTO_FORM)} version="{version}"><g>{inside}</g>'
        f"<meta><instanceID>uuid:{uuid.uuid4()}</instanceID>{corrects}</meta></coba>"
    ).encode()


def again(xml: bytes) -> bytes:
    """The same answers under a new instanceID, as another interview would have."""
    before, _, rest = xml.partition(b"<instanceID>")
    assert rest, "the instance holds no meta/instanceID"
    return before + b"<instanceID>uuid:" + str(uuid.uuid4()).encode() + rest[rest.index(b"</instanceID>") :]


def instance_id(xml: bytes) -> str:
    return xml.partition(b"<instanceID>")[2].partition(b"<")[0].decode()
