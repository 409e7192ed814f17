"""``posmigran desks``: village desks and officers' phones, and what they need."""

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

app = typer.Typer(no_args_is_help=True, help="Village desks and officers' phones.")


_PHONE_HELP = (
    "Where officers reach the desk's people, such as +62 812 0000 0001. Shown to them, never in an SMS."
)


@app.command("add")
def desks_add(
    area_code: Annotated[str, typer.Argument(help="A village; with --officer an area of any level.")],
    name: Annotated[str | None, typer.Option(help="Default: the village's or the officer's name.")] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="A desk to try drafts with: nothing it sends counts.")
    ] = False,
    officer: Annotated[
        str | None, typer.Option(help="Phones of this officer, for follow-ups in an area of theirs.")
    ] = None,
    phone: Annotated[str | None, typer.Option(help=_PHONE_HELP)] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Open a village desk, or an officer's phones; prints what the phones need, and writes the QR to scan."""
    with opened(home) as (settings, store):
        made = installation.add_desk(
            settings, store, area_code, name, now(), draft=draft, officer=officer, phone=phone
        )
        if not settings.public_url and "//127." in made["url"]:
            complain(
                "POSMIGRAN_PUBLIC_URL is not set: the QR code names this machine, which no phone can reach."
            )
        show(made, json)


@app.command("phone")
def desks_phone(
    desk: str,
    number: Annotated[str | None, typer.Argument(help="Without it the number is taken out.")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Note where officers reach the people of a desk. They see it on their pages; no SMS holds it."""
    with opened(home) as (_, store), store.transaction():
        kept = desks.set_phone(desk, number)
        events.record(now(), "operator", "desk.phone", desk)
        show({"desk": desk, "phone": kept}, json)


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
