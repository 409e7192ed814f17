"""The shipped forms, opened once by the phone's engine; a small server and a phone that talks to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from forms.form import Form
from tests.phone.collect import Collect
from tests.phone.javarosa import Engine, OpenForm
from tests.phone.lists import library_lists
from tests.phone.openrosa_server import FORM, MEDIA, OpenRosaServer, serve_form


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="session")
def lists() -> dict[str, bytes]:
    return library_lists("35.07")


@pytest.fixture(scope="session")
def opened(engine: Engine, library: dict[str, Form], lists: dict[str, bytes]) -> dict[str, OpenForm]:
    return {name: engine.open(form.xform, lists) for name, form in library.items()}


@pytest.fixture
def server() -> Iterator[OpenRosaServer]:
    with OpenRosaServer() as running:
        serve_form(running, FORM, MEDIA)
        yield running


@pytest.fixture
def phone(server: OpenRosaServer) -> Collect:
    return Collect(server.url + "/", now=lambda: datetime(2026, 11, 21, 15, 4, 5, tzinfo=UTC))
