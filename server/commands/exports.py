"""``posmigran export`` and ``posmigran verify``: files from rows, and whether such a file is still whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer

from forms.problems import Problem, Problems
from server.commands.common import AreaOption, HomeOption, JsonOption, known, now, opened
from server.store import areas, events, saved_exports
from server.terminal import complain, language, show, writing

PasswordOption = Annotated[
    bool, typer.Option("--password", help="The file is locked: asks for its password.")
]
PasswordFileOption = Annotated[
    Path | None,
    typer.Option("--password-file", help="The file is locked: its password is the first line of this one."),
]


def export(
    form_id: Annotated[str, typer.Argument(help="As forms list shows it.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A file that ends in .xlsx, .csv, .zip or .geojson.")
    ],
    area: AreaOption = areas.NATION,
    start: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Received from.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Received up to.")
    ] = None,
    lang: Annotated[str, typer.Option(help="id or en")] = "id",
    indicator: Annotated[
        list[str] | None, typer.Option("--indicator", help="Only with this indicator; may be repeated.")
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", help="Only cases that are open, acknowledged or closed, or none."),
    ] = None,
    new: Annotated[
        str | None,
        typer.Option("--new", metavar="NAME", help="Only what came since the last export of this name."),
    ] = None,
    choices: Annotated[str | None, typer.Option(help="label, code or both")] = None,
    multiple: Annotated[str | None, typer.Option(help="one or split: a column of 1/0 a choice")] = None,
    headers: Annotated[str | None, typer.Option(help="label, or name as ODK Central writes them")] = None,
    groups: Annotated[
        bool | None, typer.Option("--groups/--no-groups", help="With the groups that questions lie in.")
    ] = None,
    bom: Annotated[
        bool | None, typer.Option("--bom/--no-bom", help="CSV with a byte order mark, as Excel wants it.")
    ] = None,
    media: Annotated[
        bool,
        typer.Option("--media", help="With the attached files, in media/ as ODK Central has them (.zip)."),
    ] = False,
    password: PasswordOption = False,
    password_file: PasswordFileOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Write every submission of a form."""
    from exports import OPERATOR
    from exports.form_export import export_form, kind_of
    from exports.options import Filters, Options, to_json

    known("--lang", lang, ("id", "en"))
    if start is not None and end is not None and start > end:
        message = f"{end:%Y-%m-%d} lies before --from {start:%Y-%m-%d}: nothing could be in between"
        raise typer.BadParameter(message, param_hint="--to")
    kind = kind_of(output)
    options = Options.for_kind(
        kind,
        lang=lang,
        choices=choices,
        multiple=multiple,
        headers=headers,
        groups=groups,
        bom=bom,
        media=media,
    )
    secret = _password(password, password_file, confirm=True)
    with opened(home) as (settings, store):
        areas.require(area)
        zone = areas.zone(area, settings.timezone)
        moment = now()
        filters = Filters(
            area=area,
            start=datetime.combine(start, time.min, zone) if start else None,
            end=datetime.combine(end + timedelta(days=1), time.min, zone) if end else None,
            indicators=tuple(indicator or ()),
            states=tuple(state or ()),  # type: ignore[arg-type] # checked by Filters
        )
        series = saved_exports.series(new, to_json(filters)) if new is not None else None
        if series is not None:
            bounds = saved_exports.bounds(saved_exports.OPERATOR, series, form_id, moment)
            filters = replace(filters, after=bounds["after"], until=bounds["until"])
        with writing(output):
            result = export_form(
                form_id,
                output,
                store,
                reader=OPERATOR,
                made_at=moment,
                made_by="operator",
                filters=filters,
                options=options,
                password=secret,
            )
        with store.transaction():
            events.record(
                now(), "operator", "export", form_id, area=area, rows=result.rows, files=result.files
            )
            if series is not None:
                saved_exports.advance(saved_exports.OPERATOR, series, form_id, filters.until, moment)
        told = {"file": output, "rows": result.rows, "tables": result.tables}
        show({**told, "files": result.files} if media else told, json)


def verify(
    file: Path,
    password: PasswordOption = False,
    password_file: PasswordFileOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Say whether a workbook that this server wrote is whole and unchanged."""
    from exports.password import opened as unlocked
    from exports.verifying import verify as check

    if not file.is_file():
        raise Problem(Problems.FILE_MISSING, file=file)
    secret = _password(password, password_file)
    with opened(home) as (_, store), unlocked(file, secret) as book:
        verdict = check(book, store.keys.proof)
    lang = language()
    differences = [
        {"kind": d.kind, "sheet": d.sheet, "row": d.row, "column": d.column, "message": d.text(lang)}
        for d in verdict.differences
    ]
    said = {
        "ok": verdict.ok,
        "rows": verdict.rows,
        "made_at": verdict.made_at,
        "made_by": verdict.made_by,
        "differences": differences,
    }
    show(said if json else {**said, "differences": [d["message"] for d in differences]}, json)
    if not verdict.ok:
        complain(f"{file}: {differences[0]['message']}")
        raise typer.Exit(1)


def _password(asked: bool, file: Path | None, *, confirm: bool = False) -> str | None:
    """Asked for, or from a file: never an argument, which every process of the machine can read."""
    if file is not None:
        if not file.is_file():
            raise Problem(Problems.FILE_MISSING, file=file)
        return file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    if not asked:
        return None
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))
