"""``posmigran officers``: people who answer alerts and read registers."""

from __future__ import annotations

from typing import Annotated

import typer

from forms.form import ROLES
from server.commands.common import AreaOption, HomeOption, JsonOption, known, now, opened
from server.store import (
    officers,
)
from server.terminal import complain, show

app = typer.Typer(no_args_is_help=True, help="People who answer alerts and read registers.")


@app.command("add")
def officers_add(
    name: Annotated[str, typer.Argument(help="As others know them.")],
    role: Annotated[str, typer.Option(help="disnaker p4mi bp3mi ppa dinsos province admin")],
    area: AreaOption,
    phone: Annotated[str | None, typer.Option(help="For SMS, such as +62 812 0000 0001.")] = None,
    email: Annotated[str | None, typer.Option(help="To sign in with.")] = None,
    channels: Annotated[str, typer.Option(help="Order in which to reach them: whatsapp sms email.")] = "",
    last_resort: Annotated[
        bool, typer.Option("--last-resort", help="Told only where nobody else of their role is left.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Register a person who answers alerts or reads registers."""
    known("--role", role, ROLES)
    with opened(home) as (_, store), store.transaction():
        person, password = officers.add(
            name,
            role,
            area,
            now(),
            phone=phone,
            email=email,
            channels=channels,
            last_resort=last_resort,
        )
        if not phone and not email:
            complain(
                f"{person.slug} has neither --phone nor --email: nobody can tell them of a case, and they cannot sign "
                f"in. Add one with: posmigran officers set {person.slug} --phone NUMBER"
            )
        show({"officer": person.slug, "password": password}, json)


@app.command("set")
def officers_set(
    officer: Annotated[str, typer.Argument(help="As officers list shows it.")],
    phone: Annotated[str | None, typer.Option(help="Their number now.")] = None,
    email: Annotated[str | None, typer.Option(help="Their e-mail now, also to sign in with.")] = None,
    channels: Annotated[
        str | None, typer.Option(help="Order in which to reach them: whatsapp sms email.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Change how an officer is reached; a number that was given up on is tried again."""
    with opened(home) as (_, store), store.transaction():
        person, password = officers.set_contact(officer, now(), phone=phone, email=email, channels=channels)
        show({"officer": person.slug, "password": password}, json)


@app.command("list")
def officers_list(home: HomeOption = None, json: JsonOption = False) -> None:
    """All officers in service."""
    with opened(home):
        show(officers.listing(), json)


@app.command("remove")
def officers_remove(
    officer: Annotated[str, typer.Argument(help="As officers list shows it.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take an officer out of service: no messages, no sign-in."""
    with opened(home) as (_, store), store.transaction():
        officers.remove(officer, now())
        show({"officer": officer, "state": "removed"}, json)
