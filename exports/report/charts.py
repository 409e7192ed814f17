"""Charts over the tables of a sheet."""

from __future__ import annotations

from typing import Any, Final

from exports.report.look import FONT, GREY, LINE, NAVY
from exports.report.sheets import Block, Chart

WIDTH: Final = 560
"""Pixels of a chart that stands beside its table."""
_SMALL: Final = {"name": FONT, "size": 8, "color": GREY}


def height(chart: Chart, rows: int) -> int:
    """Pixels that a chart over so many rows is high."""
    return min(max(170, 70 + 19 * rows), 640) if chart.kind == "bar" else 270


def drawn(
    book: Any, chart: Chart, block: Block, sheet: str, top: int, bottom: int, size: tuple[int, int]
) -> Any:
    """A chart over the rows ``top`` to ``bottom`` of a table, ready to be put into its sheet."""
    made = book.add_chart({"type": chart.kind, **({"subtype": "stacked"} if chart.stacked else {})})
    keys = [column.key for column in block.columns]
    along = keys.index(chart.along)
    for index, key in enumerate(chart.series):
        values, color = keys.index(key), f"#{chart.colors[index]}"
        column = block.columns[values]
        series: dict[str, Any] = {
            "name": column.group or column.header,
            "categories": [sheet, top, along, bottom, along],
            "values": [sheet, top, values, bottom, values],
            "gap": 60,
        }
        if chart.kind == "line":
            dot = {"type": "circle", "size": 5, "fill": {"color": color}, "border": {"color": color}}
            series |= {"line": {"color": color, "width": 2.25}, "marker": dot}
        else:
            series["fill"] = {"color": color}
        if chart.kind == "bar":
            series["data_labels"] = {"value": True, "font": {"name": FONT, "size": 8}}
        made.add_series(series)
    _dress(made, chart)
    made.set_size({"width": size[0], "height": size[1]})
    return made


def _dress(made: Any, chart: Chart) -> None:
    made.set_title(
        {"name": chart.title, "name_font": {"name": FONT, "size": 11, "color": NAVY}, "overlay": False}
    )
    axis = {"num_font": _SMALL, "line": {"color": LINE}}
    if chart.kind == "bar":
        made.set_x_axis({**axis, "visible": False, "major_gridlines": {"visible": False}})
        made.set_y_axis({**axis, "reverse": True, "major_gridlines": {"visible": False}})
    else:
        grid = {"visible": True, "line": {"color": "#E3E8EF"}}
        made.set_x_axis({**axis, "num_font": {**_SMALL, "rotation": -45}})
        made.set_y_axis({**axis, "major_gridlines": grid, "min": 0, "num_format": "[$-421]#,##0"})
    if len(chart.series) > 1:
        made.set_legend({"position": "bottom", "font": _SMALL})
    else:
        made.set_legend({"none": True})
    made.set_chartarea({"border": {"color": LINE}})
