"""``posmigran report``: the monthly workbook of an area."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from server.commands.common import AreaOption, HomeOption, JsonOption, now, opened
from server.store import areas, events
from server.terminal import progress, show, writing


def report(
    output: Annotated[Path, typer.Option("-o", "--output", help="A file that ends in .xlsx.")],
    month: Annotated[datetime, typer.Option("--month", formats=["%Y-%m"], help="The month, as 2026-11.")],
    area: AreaOption = areas.NATION,
    public: Annotated[
        bool, typer.Option("--public", help="Without registers, small counts hidden: may be published.")
    ] = False,
    restricted: Annotated[
        bool, typer.Option("--restricted", help="With answers about violence: for those who may see them.")
    ] = False,
    template: Annotated[
        Path | None, typer.Option("--template", help="A workbook of your own to fill.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Write the report of a month: registers, recaps, indicators."""
    from exports import OPERATOR, access_of
    from exports.report import Order, write_report

    if output.suffix.lower() != ".xlsx":
        raise typer.BadParameter(f"{output.name} does not end in .xlsx", param_hint="--output")
    if template is not None and not template.is_file():
        raise typer.BadParameter(f"{template} is no file", param_hint="--template")
    with opened(home) as (settings, store):
        areas.require(area)
        order = Order(
            area,
            month.date(),
            OPERATOR if restricted else access_of("province"),
            now(),
            "pengelola server",
            public=public,
            restricted=restricted,
            default_zone=settings.timezone,
        )
        with writing(output):
            result = write_report(order, output, store, template=template)
        with store.transaction():
            events.record(
                now(),
                "operator",
                "report",
                area,
                month=f"{month:%Y-%m}",
                public=public,
                restricted=restricted,
            )
        if result.untouched:
            progress(f"left alone: {'; '.join(result.untouched)}")
        show({"file": output, "people": result.people, "sheets": result.rows}, json)
