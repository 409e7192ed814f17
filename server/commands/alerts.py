"""``posmigran alerts``: cases and their risk indicators."""

from __future__ import annotations

from typing import Annotated

import typer

from server.commands.common import AreaOption, HomeOption, JsonOption, known, now, opened
from server.store import (
    areas,
    cases,
    officers,
)
from server.terminal import show

app = typer.Typer(no_args_is_help=True, help="Cases and their risk indicators.")


@app.command("list")
def alerts_list(
    area: AreaOption = areas.NATION,
    state: Annotated[str | None, typer.Option(help="open acknowledged closed")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """One row an indicator of a case."""
    with opened(home):
        areas.require(area)
        known("--state", state, cases.STATES)
        show(cases.listing(area, state), json, columns=None)


@app.command("ack")
def alerts_ack(
    ref: Annotated[str, typer.Argument(help="The case, such as R-350701-0012.")],
    by: Annotated[str, typer.Option(help="The officer.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Acknowledge a case for an officer: all its alerts that are theirs."""
    with opened(home) as (_, store), store.transaction():
        changed = cases.acknowledge(officers.require(by), ref, now())
        show({"ref": ref, "by": by, "acknowledged": changed}, json)


@app.command("close")
def alerts_close(
    ref: Annotated[str, typer.Argument(help="The case, such as R-350701-0012.")],
    by: Annotated[str, typer.Option(help="The officer.")],
    result: Annotated[str, typer.Option(help=" ".join(cases.RESULTS))],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Close a case for an officer, with its result."""
    known("--result", result, cases.RESULTS)
    with opened(home) as (_, store), store.transaction():
        changed = cases.close(officers.require(by), ref, result, now())
        show({"ref": ref, "by": by, "closed": changed, "result": result}, json)
