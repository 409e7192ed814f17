"""``posmigran rosters``: who is on duty, away, supervised by whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forms.form import ROLES
from forms.problems import Problem, Problems
from server.commands.common import AreaOption, HomeOption, JsonOption, known, now, opened
from server.store import areas, events, officers, roster_entries
from server.store.database import Store
from server.store.rosters import Rosters
from server.terminal import show

if TYPE_CHECKING:
    from exports import roster_book

app = typer.Typer(no_args_is_help=True, help="Who is on duty, who is away, who supervises whom.")

OPERATOR = "operator"
OfficerArgument = Annotated[str, typer.Argument(help="As officers list shows it.")]
FromOption = Annotated[str, typer.Option("--from", help="2026-11-23, or with a time: '2026-11-23 18:00'.")]
ToOption = Annotated[str, typer.Option("--to", help="The last day, included; or a moment.")]
DeputyOption = Annotated[str | None, typer.Option(help="The officer who is told next, or stands in.")]


@app.command("list")
def rosters_list(area: AreaOption = areas.NATION, home: HomeOption = None, json: JsonOption = False) -> None:
    """Duties, swaps and leave from now on, soonest first in each office."""
    with opened(home):
        areas.require(area)
        show([_line(e) for e in roster_entries.entries(area, now())], json)


def _line(entry: roster_entries.Entry) -> dict[str, Any]:
    return {
        "entry": entry.id,
        "kind": entry.kind,
        "role": entry.role,
        "area": entry.area,
        "officer": entry.officer,
        "from": roster_entries.shown(entry.starts_at, entry.area),
        "to": roster_entries.shown(entry.ends_at, entry.area, end=True),
        "deputy": entry.deputy,
        "instead_of": entry.instead_of,
    }


@app.command("now")
def rosters_now(
    village: Annotated[str, typer.Argument(help="The code of a village.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Who would be told of a case in a village at this moment, by role and level."""
    with opened(home):
        areas.require(village, village=True)
        rosters = Rosters(now())
        teams = [team for role in ROLES for team in rosters.teams(role, village)]
        show(
            [
                {
                    "role": team.role,
                    "area": team.area,
                    "on_duty": [p.slug for p in team.on_duty],
                    "deputies": [p.slug for p in team.deputies],
                    "supervisors": [p.slug for p in team.supervisors],
                    "away": [p.slug for p in team.away],
                }
                for team in teams
            ],
            json,
        )


@app.command("add")
def rosters_add(
    officer: OfficerArgument,
    starts: FromOption,
    ends: ToOption,
    deputy: DeputyOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Put an officer on duty for their office; the others are then told only after them."""
    _enter("roster.duty", roster_entries.add_duty, officer, starts, ends, deputy, home, json)


@app.command("leave")
def rosters_leave(
    officer: OfficerArgument,
    starts: FromOption,
    ends: ToOption,
    deputy: DeputyOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Note that an officer is away; meanwhile their deputy is told, or the others of the office."""
    _enter("roster.leave", roster_entries.add_leave, officer, starts, ends, deputy, home, json)


def _enter(
    verb: str,
    add: Callable[..., str],
    officer: str,
    starts: str,
    ends: str,
    deputy: str | None,
    home: Path | None,
    json: bool,
) -> None:
    """Enter a span of an officer's: moments are those of the officer's area."""
    with opened(home) as (_, store), store.transaction():
        area = officers.require(officer).area
        begins, over = roster_entries.moment(starts, area), roster_entries.moment(ends, area, end=True)
        entry = add(officer, begins, over, now(), OPERATOR, deputy=deputy)
        _noted(verb, officer, entry)
        show({"entry": entry}, json)


@app.command("swap")
def rosters_swap(
    officer: Annotated[str, typer.Argument(help="Whose duty it is.")],
    by: Annotated[str, typer.Option(help="Who takes it over.")],
    starts: FromOption,
    ends: ToOption,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Let a colleague take an officer's duty over."""
    with opened(home) as (_, store), store.transaction():
        area = officers.require(officer).area
        entry = roster_entries.add_duty(
            by,
            roster_entries.moment(starts, area),
            roster_entries.moment(ends, area, end=True),
            now(),
            OPERATOR,
            instead_of=officer,
        )
        _noted("roster.swap", officer, entry)
        show({"entry": entry}, json)


@app.command("remove")
def rosters_remove(
    entry: Annotated[str, typer.Argument(help="As rosters list shows it.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take a line out of a roster."""
    with opened(home) as (_, store), store.transaction():
        roster_entries.remove(entry)
        _noted("roster.removed", "rosters", entry)
        show({"entry": entry, "state": "removed"}, json)


@app.command("supervisor")
def rosters_supervisor(
    supervisor: Annotated[
        str, typer.Argument(help="Who is told where nobody answers; none to take it back.")
    ],
    officer: Annotated[str | None, typer.Option(help="Of this officer.")] = None,
    role: Annotated[str | None, typer.Option(help="Of this office, with --area.")] = None,
    area: AreaOption = areas.NATION,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Say who supervises an officer, or all of an office."""
    if (officer is None) == (role is None):
        raise typer.BadParameter("give --officer, or --role with --area")
    known("--role", role, ROLES)
    head = None if supervisor == "none" else supervisor
    with opened(home) as (_, store), store.transaction():
        if officer is not None:
            roster_entries.set_supervisor(officer, head)
        else:
            roster_entries.set_office_supervisor(str(role), area, head)
        _noted("roster.supervisor", officer or f"{role} {area}", supervisor)
        show({"supervisor": head, "officer": officer, "role": role}, json)


@app.command("dayoff")
def rosters_dayoff(
    day: Annotated[str, typer.Argument(help="2026-12-24")],
    name: Annotated[str, typer.Argument(help="What is celebrated.")],
    area: AreaOption = areas.NATION,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Note a day on which offices are closed, beyond weekends and national holidays."""
    try:
        closed = date.fromisoformat(day)
    except ValueError:
        raise Problem(Problems.ROSTER_DATE, text=day[:40]) from None
    with opened(home) as (_, store), store.transaction():
        roster_entries.add_day_off(area, closed, name)
        _noted("roster.dayoff", area, day)
        show({"area": area, "day": day, "name": name}, json)


@app.command("export")
def rosters_export(
    file: Annotated[Path, typer.Option("-o", "--output", help="The workbook (.xlsx).")],
    area: AreaOption = areas.NATION,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Write the rosters of an area as a workbook, to fill in and import again."""
    from exports import roster_book  # openpyxl is large and slow to load, and the server loads this module

    with opened(home):
        areas.require(area)
        lines = roster_book.write(area, file, now())
    show({"file": file, "lines": lines}, json)


@app.command("import")
def rosters_import(
    file: Annotated[Path, typer.Argument(help="A workbook as rosters export writes it.")],
    area: AreaOption = areas.NATION,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take a workbook over: it takes the place of all that is written for the area and not over yet.

    A table that rosters export did not write only adds its lines.
    """
    with opened(home) as (_, store):
        areas.require(area)
        done = take_over(store, file, area)
    show({"file": file, "stored": done.stored, "over": done.over, "replaced": done.replaced}, json)


def take_over(store: Store, file: Path, area: str) -> roster_book.Read:
    """Read a workbook, all or nothing. Raises :class:`Problem`: ROSTER_BOOK (the first fault), ROSTER_STALE."""
    from exports import roster_book

    with store.transaction():
        done = roster_book.read(file, area, now(), OPERATOR)
        if done.findings:
            raise roster_book.refused(file.name, done.findings)
        _noted("roster.imported", area, done.stored)
        return done


def _noted(verb: str, subject: str, what: object) -> None:
    events.record(now(), OPERATOR, verb, subject, entry=str(what))
