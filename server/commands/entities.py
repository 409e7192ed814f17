"""``posmigran entities``: workers and others who are known again."""

from __future__ import annotations

from typing import Annotated

import typer

from server.commands.common import AreaOption, HomeOption, JsonOption, opened
from server.store import (
    areas,
    entity_lists,
)
from server.terminal import show

app = typer.Typer(no_args_is_help=True, help="Workers and others who are known again.")


@app.command("list")
def entities_list(
    list_name: Annotated[str, typer.Argument(metavar="LIST", help="pmi is the list of workers.")],
    area: AreaOption = areas.NATION,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The entities of a list, as their newest version stands."""
    with opened(home) as (_, store):
        areas.require(area)
        show(entity_lists.listing(list_name, area, store), json)
