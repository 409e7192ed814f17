"""``posmigran alerts``: cases and their risk indicators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from forms.problems import Problem, Problems
from server.commands.common import AreaOption, HomeOption, JsonOption, known, now, opened
from server.settings import Quiet
from server.store import (
    areas,
    assignments,
    cases,
    officers,
    reopening,
    results,
    steps,
)
from server.store.officers import Person
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
    with opened(home) as (_, store):
        with store.transaction():
            changed = cases.acknowledge(person := officers.require(by), ref, now())
        if not changed:
            raise _unchanged(person, ref)
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
    with opened(home) as (settings, store), store.transaction():
        quiet = Quiet.parse(settings.quiet_hours)
        changed = assignments.assign(officers.require(by), ref, to, now(), quiet)
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
    with opened(home) as (_, store):
        with store.transaction():
            changed = cases.close(person := officers.require(by), ref, result, now())
        if not changed:
            raise _unchanged(person, ref)
        show({"ref": ref, "by": by, "closed": changed, "result": result}, json)


@app.command("reopen")
def alerts_reopen(
    ref: Annotated[str, typer.Argument(help="The case, such as R-350701-0012.")],
    by: Annotated[str, typer.Option(help="The officer, who then has the case.")],
    reason: Annotated[str, typer.Option(help="Why; without personal data.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Open a closed case again for an officer. The former result stays on record and counts no more."""
    with opened(home) as (_, store):
        with store.transaction():
            changed = reopening.reopen(person := officers.require(by), ref, reason, store, now())
        if not changed:
            raise _unchanged(person, ref)
        show({"ref": ref, "by": by, "reopened": changed}, json)


def _unchanged(person: Person, ref: str) -> Problem:
    """What stands instead: the state that this officer sees, and a closed case's results with their day (UTC)."""
    view = cases.for_person(person, ref)
    ends = sorted({f"{a.result} ({a.closed_at:%Y-%m-%d %H:%M} UTC)" for a in view.alerts if a.closed_at})
    state_id = {"open": "menunggu", "acknowledged": "sedang ditangani", "closed": "sudah ditutup"}[view.state]
    results_of = f": {', '.join(ends)}" if ends else ""
    return Problem(
        Problems.CASE_UNCHANGED,
        ref=ref,
        stands=f"is {view.state}{results_of}",
        stands_id=f"{state_id}{results_of}",
    )
