"""``posmigran submissions``: what the phones sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from server.commands.common import AreaOption, HomeOption, JsonOption, opened
from server.store import (
    areas,
    quarantine,
    submissions,
)
from server.terminal import show

app = typer.Typer(no_args_is_help=True, help="What the phones sent.")


@app.command("list")
def submissions_list(
    form: Annotated[str | None, typer.Option("--form")] = None,
    area: AreaOption = areas.NATION,
    since: Annotated[datetime | None, typer.Option(help="Received since then.")] = None,
    drafts: Annotated[bool, typer.Option("--drafts", help="The trials of draft desks instead.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The newest version of each submission; no answers."""
    with opened(home) as (settings, _):
        areas.require(area)
        start = since.replace(tzinfo=since.tzinfo or settings.zone) if since else None
        show(submissions.listing(form, area, start, drafts=drafts), json)


@app.command("show")
def submissions_show(instance_id: str, home: HomeOption = None, json: JsonOption = False) -> None:
    """One submission with its typed answers and its XML as it came."""
    with opened(home) as (_, store):
        show(submissions.show(instance_id, store), json)


@app.command("quarantine")
def submissions_quarantine(home: HomeOption = None, json: JsonOption = False) -> None:
    """What came and could not be taken as it is; no answers."""
    with opened(home):
        show(quarantine.listing(), json)
