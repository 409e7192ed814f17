"""What commands share: options, the clock, opening a home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from server import installation
from server.settings import Settings, load_settings
from server.store.database import Store

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Where the data is (POSMIGRAN_HOME; default ./posmigran-data)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
AreaOption = Annotated[str, typer.Option("--area", help="A Kemendagri code of any level, or ID for all.")]


def now() -> datetime:
    """The clock of the real world."""
    return datetime.now(UTC)


@contextmanager
def opened(home: Path | None) -> Iterator[tuple[Settings, Store]]:
    """The settings and the open store of an existing home."""
    settings = load_settings(home)
    store = installation.open_store(settings)
    try:
        yield settings, store
    finally:
        store.release()


def known(option: str, value: str | None, allowed: tuple[str, ...]) -> None:
    """Refuse a word that an option does not know. Raises :class:`typer.BadParameter` (exit status 2)."""
    if value is not None and value not in allowed:
        raise typer.BadParameter(f"{value} is not one of: {' '.join(allowed)}", param_hint=option)
