"""``posmigran lists``: editions of policy lists."""

from __future__ import annotations

from datetime import datetime
from getpass import getuser
from pathlib import Path
from typing import Annotated

import typer

from server.commands.common import HomeOption, JsonOption, now, opened
from server.terminal import show

app = typer.Typer(no_args_is_help=True, help="Policy lists: countries, fees, companies, rates.")


@app.command("set")
def lists_set(
    name: Annotated[str, typer.Argument(help="Such as biaya or biaya.csv.")],
    file: Annotated[Path, typer.Argument(help="The new list (CSV, UTF-8).")],
    valid_from: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day that it counts; default: now.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who changes it; default: who is signed in here.")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Give a policy list (biaya, negara, p3mi, kurs) a new edition; phones get it at their next sync."""
    from server import policy_lists

    with opened(home) as (settings, store):
        begins = valid_from.replace(tzinfo=settings.zone) if valid_from is not None else None
        show(policy_lists.set_policy_list(store, name, file, begins, by or getuser(), now()), json)


@app.command("show")
def lists_show(
    name: Annotated[str, typer.Argument(help="Such as biaya or biaya.csv.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The edition of a policy list that counts now."""
    from server import policy_lists

    with opened(home):
        shown = policy_lists.show_policy_list(name, now())
        show(shown if json else shown["rows"], json)


@app.command("history")
def lists_history(
    name: Annotated[str, typer.Argument(help="Such as biaya or biaya.csv.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Who changed a policy list, when, and what."""
    from server import policy_lists

    with opened(home):
        show(policy_lists.history(name), json)
