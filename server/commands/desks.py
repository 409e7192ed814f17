"""``posmigran desks``: village desks and what their phones need."""

from __future__ import annotations

from typing import Annotated

import typer

from server import installation
from server.commands.common import HomeOption, JsonOption, now, opened
from server.store import (
    desks,
    events,
)
from server.terminal import complain, show

app = typer.Typer(no_args_is_help=True, help="Village desks and their phones.")


@app.command("add")
def desks_add(
    village_code: str,
    name: Annotated[str | None, typer.Option(help="Default: the village's name.")] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="A desk to try drafts with: nothing it sends counts.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Open a village desk; prints what its phones need, and writes the QR to scan."""
    with opened(home) as (settings, store):
        made = installation.add_desk(settings, store, village_code, name, now(), draft=draft)
        if not settings.public_url and "//127." in made["url"]:
            complain(
                "POSMIGRAN_PUBLIC_URL is not set: the QR code names this machine, which no phone can reach."
            )
        show(made, json)


@app.command("list")
def desks_list(home: HomeOption = None, json: JsonOption = False) -> None:
    """All desks; no credentials."""
    with opened(home):
        show(desks.listing(), json)


@app.command("revoke")
def desks_revoke(desk: str, home: HomeOption = None, json: JsonOption = False) -> None:
    """Take a desk's phones off, at once."""
    with opened(home) as (_, store), store.transaction():
        desks.revoke(desk, now())
        events.record(now(), "operator", "desk.revoked", desk)
        show({"desk": desk, "state": "revoked"}, json)
