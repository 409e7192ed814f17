"""Fresh homes with the shipped forms, and the phone's engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from forms.form import Form
from tests.conftest import ENGINES, Home, make_home
from tests.end_to_end.world import publish
from tests.phone.interviews import Interview, interviews
from tests.phone.javarosa import Engine


@pytest.fixture(params=ENGINES)
def shipped(request: pytest.FixtureRequest, tmp_path: Path, library: dict[str, Form]) -> Home:
    """A home on either engine as ``init`` leaves it."""
    home = make_home(request, request.param, tmp_path)
    publish(home, library)
    return home


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="session")
def stories(engine: Engine) -> dict[str, Interview]:
    """Interviews of people in Malang by name."""
    return {i.name: i for i in interviews(engine.today())}
