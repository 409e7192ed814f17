"""``posmigran submissions``: what the phones sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from server.commands.common import AreaOption, HomeOption, JsonOption, known, now, opened
from server.store import areas, attachments, officers, quarantine, submissions
from server.store.files import Files
from server.terminal import show, writing

_LONGEST_NAME = 240  # bytes; file systems take 255

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
    from server.intake.intake import OTHER_BYTES, Intake

    known("--as", as_, RELEASED_AS)
    with opened(home) as (_, store):
        intake, done = Intake(store, now), []
        for number in entry:
            with store.transaction():  # each by itself: one that cannot be taken holds up none before it
                person = officers.require(by)
                held = quarantine.require(number, person)
                if as_ is None and (held.reason == OTHER_BYTES or quarantine.differs(held)):
                    which = (
                        f"upload {number} has other answers under a known instanceID: say correction or new"
                    )
                    raise typer.BadParameter(which, param_hint="--as")
                receipt = intake.release(held, person, reason, taken_as=as_)
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
    entry: Annotated[
        list[int], typer.Argument(metavar="ID...", help="As submissions quarantine lists them.")
    ],
    by: ByOption,
    reason: ReasonOption,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Say that what was held is of no use: all of it, or none. Its bytes stay, and it can still be released."""
    with opened(home) as (_, store):
        with store.transaction():  # all or none
            person = officers.require(by)
            for number in entry:
                quarantine.discard(quarantine.require(number, person), person, reason, store, now())
        show([{"id": number, "state": "discarded"} for number in entry], json)


@app.command("files")
def submissions_files(
    instance_id: str,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write those that have come to this folder.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The files of one submission; with -o also their content. Taking them is on record."""
    with opened(home) as (settings, store):
        carrier = attachments.of_instance(instance_id)
        listed = []
        for number, file in enumerate(carrier.files, start=1):
            written = None
            if output is not None and file.address is not None:
                with store.transaction():
                    attachments.note_opened("operator", carrier, file, now())
                content = Files(settings.home, store.keys).read(file.address)
                written = _write(output, file.filename, number, content)
            listed.append(
                {
                    "filename": file.filename,
                    "questions": list(file.questions),
                    "expected": file.expected,
                    "present": file.address is not None,
                    "size": file.size,
                    "content_type": file.content_type,
                    "received_at": file.received_at,
                    "file": written,
                }
            )
        show(listed, json)


def _write(folder: Path, name: str, number: int, content: Iterator[bytes]) -> Path:
    """Write a file under its own name, as far as a folder can hold it; never over another, never hidden."""
    plain = name.lstrip(".") or "tanpa-nama"
    whole = plain.encode()
    if len(whole) > _LONGEST_NAME:
        extension = plain.rpartition(".")[2][:16] if "." in plain[-16:] else "bin"
        plain = f"{whole[: _LONGEST_NAME - 70].decode(errors='ignore')}.{extension}"
    target = folder / plain
    with writing(target):
        folder.mkdir(parents=True, exist_ok=True)
        while target.exists():
            target = target.with_name(f"{number}-{target.name}")
        with target.open("xb") as stream:
            for piece in content:
                stream.write(piece)
    return target
