"""``posmigran submissions``: what the phones sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from server.commands.common import AreaOption, HomeOption, JsonOption, known, now, opened
from server.store import areas, officers, quarantine, submissions
from server.terminal import show

RELEASED_AS = ("correction", "new")
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
def submissions_show(
    instance_id: Annotated[str, typer.Argument(help="As submissions list shows it.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """One submission with its typed answers and its XML as it came."""
    with opened(home) as (_, store):
        show(submissions.show(instance_id, store), json)


@app.command("quarantine")
def submissions_quarantine(
    area: AreaOption = areas.NATION,
    decided: Annotated[bool, typer.Option("--decided", help="What was decided already instead.")] = False,
    entry: Annotated[
        int | None, typer.Option("--show", metavar="ID", help="One upload whole, with its XML as it came.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """What came and could not be taken as it is, and waits for a decision; no answers."""
    with opened(home) as (_, store):
        areas.require(area)
        if entry is not None:
            show(quarantine.whole(quarantine.require(entry), store), json)
        else:
            show(quarantine.listing(area, held=not decided), json)


ByOption = Annotated[str, typer.Option("--by", help="The officer: province or admin of the desk's area.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; without personal data.")]


@app.command("release")
def submissions_release(
    entry: Annotated[
        list[int], typer.Argument(metavar="ID...", help="As submissions quarantine lists them.")
    ],
    by: ByOption,
    reason: ReasonOption,
    as_: Annotated[
        str | None,
        typer.Option(
            "--as", help="Other answers under a known id: correction (of that one) or new (record)."
        ),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take in what was held, by the same way as from a phone: judged, with the alerts that it owes."""
    from server.intake.intake import Intake

    known("--as", as_, RELEASED_AS)
    with opened(home) as (_, store):
        intake, done = Intake(store, now), []
        for number in entry:
            with store.transaction():  # each by itself: one that cannot be taken holds up none before it
                person = officers.require(by)
                receipt = intake.release(quarantine.require(number, person), person, reason, taken_as=as_)
            done.append({"id": number, "instance_id": receipt.instance_id, "ref": receipt.ref})
        show(done, json)


@app.command("link")
def submissions_link(
    entry: Annotated[int, typer.Argument(metavar="ID")],
    instance_id: Annotated[str, typer.Argument(help="As submissions list shows it.")],
    by: ByOption,
    reason: ReasonOption,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Say that what was held is the same as a submission that has come; that one gets the files it lacks."""
    with opened(home) as (_, store), store.transaction():
        person = officers.require(by)
        quarantine.link(quarantine.require(entry, person), instance_id, person, reason, store, now())
        show({"id": entry, "state": "linked", "instance_id": instance_id}, json)


@app.command("discard")
def submissions_discard(
    entry: Annotated[int, typer.Argument(metavar="ID")],
    by: ByOption,
    reason: ReasonOption,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Say that what was held is of no use. Its bytes stay, and it can still be released."""
    with opened(home) as (_, store), store.transaction():
        person = officers.require(by)
        quarantine.discard(quarantine.require(entry, person), person, reason, store, now())
        show({"id": entry, "state": "discarded"}, json)
