"""``posmigran alerts``: cases and their risk indicators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from server.commands.common import AreaOption, HomeOption, JsonOption, known, now, opened
from server.store import (
    areas,
    assignments,
    cases,
    officers,
    results,
    steps,
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


@app.command("assign")
def alerts_assign(
    ref: Annotated[str, typer.Argument(help="The case's reference.")],
    to: Annotated[str, typer.Option(help="The officer who is asked to take it on.")],
    by: Annotated[str, typer.Option(help="The officer who asks.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Ask an officer to take a case on; they are told."""
    with opened(home) as (_, store), store.transaction():
        changed = assignments.assign(officers.require(by), ref, to, now())
        show({"ref": ref, "by": by, "to": to, "assigned": changed}, json)


@app.command("steps")
def alerts_steps(
    ref: Annotated[str, typer.Argument(help="The case's reference.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Who was told of a case, why and when: each step of each alert."""
    with opened(home):
        show(steps.listing(ref), json)


@app.command("rates")
def alerts_rates(area: AreaOption = areas.NATION, home: HomeOption = None, json: JsonOption = False) -> None:
    """What became of alerts, by indicator: closed; verified, referred, false alarms, other."""
    with opened(home):
        areas.require(area)
        found = results.rates(area=area)
        show([{**asdict(r), "other": r.other, "false_alarm_rate": r.share} for r in found], json)


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
