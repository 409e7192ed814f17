"""``posmigran export``: files from rows."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer

from server.commands.common import AreaOption, HomeOption, JsonOption, known, now, opened
from server.store import (
    areas,
    events,
)
from server.terminal import show, writing


def export(
    form_id: Annotated[str, typer.Argument(help="As forms list shows it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A file that ends in .xlsx, .csv or .zip.")],
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
    """Write every submission of a form."""
    from exports import OPERATOR, export_form

    known("--lang", lang, ("id", "en"))
    if start is not None and end is not None and start > end:
        message = f"{end:%Y-%m-%d} lies before --from {start:%Y-%m-%d}: nothing could be in between"
        raise typer.BadParameter(message, param_hint="--to")
    with opened(home) as (settings, store):
        areas.require(area)
        zone = areas.zone(area, settings.timezone)
        with writing(output):
            result = export_form(
                form_id,
                output,
                store,
                area=area,
                start=datetime.combine(start, time.min, zone) if start else None,
                end=datetime.combine(end + timedelta(days=1), time.min, zone) if end else None,
                lang=lang,
                reader=OPERATOR,
            )
        with store.transaction():
            events.record(now(), "operator", "export", form_id, area=area, rows=result.rows)
        show({"file": output, "rows": result.rows, "tables": result.tables}, json)
