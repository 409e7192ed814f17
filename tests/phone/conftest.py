"""The library's forms, opened once by the phone's engine."""

from __future__ import annotations

import pytest

from forms.compile import compile_workbook
from forms.form import Form
from tests.phone.javarosa import Engine, OpenForm
from tests.phone.lists import LIBRARY, library_lists


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="session")
def lists() -> dict[str, bytes]:
    return library_lists("35.07")


@pytest.fixture(scope="session")
def library() -> dict[str, Form]:
    names = ("berangkat", "pulang")
    return {name: compile_workbook(LIBRARY / f"{name}.xlsx", validate=False).form for name in names}


@pytest.fixture(scope="session")
def opened(engine: Engine, library: dict[str, Form], lists: dict[str, bytes]) -> dict[str, OpenForm]:
    return {name: engine.open(form.xform, lists) for name, form in library.items()}
