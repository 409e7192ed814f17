"""``posmigran desks``: village desks and officers' phones, and what they need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forms.problems import Problem, Problems
from server import installation
from server.commands.common import AreaOption, HomeOption, JsonOption, now, opened
from server.settings import Settings
from server.store import areas, desks, events
from server.terminal import complain, show, writing

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
        _warn_of_address(settings, made["url"])
        show(made, json)


def _warn_of_address(settings: Settings, url: str) -> None:
    if not settings.public_url and "//127." in url:
        complain("POSMIGRAN_PUBLIC_URL is not set: the QR code names this machine, which no phone can reach.")


@app.command("sheet")
def desks_sheet(
    output: Annotated[Path, typer.Option("-o", "--output", help="A file that ends in .pdf.")],
    desk: Annotated[
        list[str] | None, typer.Argument(metavar="[DESK...]", help="Else all village desks of the area.")
    ] = None,
    area: AreaOption = areas.NATION,
    call: Annotated[
        str | None, typer.Option(help="Where desks call for help; default POSMIGRAN_HELP_LINE.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Write sheets to print, A5, a page for each desk: its QR code, four steps, where to call. They are secret."""
    from server.handouts.desk_sheets import sheets  # it draws: slow to load

    if output.suffix.lower() != ".pdf":
        raise typer.BadParameter("must end in .pdf", param_hint="--output")
    with opened(home) as (settings, store):
        areas.require(area)
        # an officer's phones are theirs alone: only by name
        chosen = [d for d in desks.open_in(area, officers_too=bool(desk)) if not desk or d.slug in desk]
        for slug in desk or ():
            if slug not in {d.slug for d in chosen}:
                raise Problem(Problems.DESK_UNKNOWN, desk=slug)
        if not chosen:
            raise Problem(Problems.DESKS_NONE, area=area)
        line = settings.help_line if call is None else call
        document = sheets(chosen, store.keys, installation.public_url(settings), line)
        with store.transaction():  # on record before anybody has them
            events.record(now(), "operator", "desk.sheets", area, desks=[d.slug for d in chosen])
        with writing(output):
            installation.write_secret(output, document)
        _warn_of_address(settings, installation.public_url(settings))
        show({"file": output, "desks": len(chosen)}, json)


@app.command("phone")
def desks_phone(
    desk: Annotated[str, typer.Argument(help="As desks list shows it.")],
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
def desks_revoke(
    desk: Annotated[str, typer.Argument(help="As desks list shows it.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take a desk's phones off, at once."""
    with opened(home) as (_, store), store.transaction():
        desks.revoke(desk, now())
        events.record(now(), "operator", "desk.revoked", desk)
        show({"desk": desk, "state": "revoked"}, json)
