"""``posmigran corrections``: answers changed in Excel, checked, and applied as edits."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from forms.problems import Problem, Problems
from server.commands.common import AreaOption, HomeOption, JsonOption, known, now, opened
from server.store import areas, events, officers
from server.store.records import Wanted
from server.terminal import complain, language, show, writing

app = typer.Typer(no_args_is_help=True, help="Answers changed in Excel, taken in as edits.")

FileArgument = Annotated[Path, typer.Argument(help="The workbook, after somebody changed it.")]


@app.command("make")
def corrections_make(
    form_id: Annotated[str, typer.Argument(help="As forms list shows it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A file that ends in .xlsx.")],
    by: Annotated[str, typer.Option(help="The officer who will correct: what they may see goes in.")],
    area: AreaOption = areas.NATION,
    start: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Received from.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Received up to.")
    ] = None,
    lang: Annotated[str, typer.Option(help="id or en")] = "id",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Write a locked workbook in which answers can be corrected; without an area, that of the officer."""
    from exports import Access
    from server.corrections import Corrections
    from server.intake.intake import Intake

    known("--lang", lang, ("id", "en"))
    if output.suffix.lower() != ".xlsx":
        raise typer.BadParameter(f"{output.name} does not end in .xlsx", param_hint="--output")
    with opened(home) as (settings, store):
        person = officers.require(by)
        area = person.area if area == areas.NATION else area
        zone = areas.zone(area, settings.timezone)
        wanted = Wanted(
            form_id,
            area,
            datetime.combine(start, time.min, zone) if start else None,
            datetime.combine(end + timedelta(days=1), time.min, zone) if end else None,
        )
        with writing(output):
            rows = Corrections(store, Intake(store, now), now).make(
                output, wanted, Access.of(person), person.name, "en" if lang == "en" else "id"
            )
        with store.transaction():
            events.record(now(), person.slug, "corrections.made", form_id, area=area, rows=rows)
        show({"file": output, "rows": rows}, json)


@app.command("check")
def corrections_check(
    file: FileArgument,
    by: Annotated[str, typer.Option(help="The officer who corrects.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Say cell by cell what was changed, and what is wrong; changes nothing."""
    with opened(home) as (_, store):
        _, review = _reviewed(file, by, store)
        lang = language()
        wrong = [{"sheet": f.sheet, "cell": f.cell, "message": f.text(lang)} for f in review.faults]
        differences, fallen = [vars(d) for d in review.differences], [vars(f) for f in review.fallen]
        if json:
            show(
                {
                    "ok": not wrong,
                    "differences": differences,
                    "fallen": fallen,
                    "errors": wrong,
                    "applied": review.applied,
                    "left": review.left,
                },
                json,
            )
        else:
            show(differences, json)
        if wrong:
            rest = f" (+{len(wrong) - 1})" if len(wrong) > 1 else ""
            complain(f"{file}: {wrong[0]['message']}{rest}")
            raise typer.Exit(1)


@app.command("apply")
def corrections_apply(
    file: FileArgument,
    by: Annotated[str, typer.Option(help="The officer who corrects.")],
    reason: Annotated[str, typer.Option(help="Why; without personal data.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take in what was changed: each submission as an edit, judged again; all of it or nothing."""
    with opened(home) as (_, store):
        corrections, review = _reviewed(file, by, store)
        with store.transaction():
            done = corrections.apply(review, officers.require(by), reason)
        show({"edits": done, "applied": review.applied, "left": review.left}, json)


def _reviewed(file: Path, by: str, store: Any) -> Any:
    from exports import Access
    from server.corrections import Corrections
    from server.intake.intake import Intake

    if not file.is_file():
        raise Problem(Problems.FILE_MISSING, file=file)
    corrections = Corrections(store, Intake(store, now), now)
    reader = Access.of(officers.require(by))
    return corrections, corrections.review(file, reader, "en" if language() == "en" else "id")
