"""``posmigran messages``: the outbox."""

from __future__ import annotations

from typing import Annotated

import typer

from server.commands.common import HomeOption, JsonOption, known, opened
from server.store import (
    messages,
)
from server.terminal import show

app = typer.Typer(no_args_is_help=True, help="The outbox.")


@app.command("list")
def messages_list(
    state: Annotated[str | None, typer.Option(help=" ".join(messages.STATES))] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The outbox."""
    known("--state", state, messages.STATES)
    with opened(home):
        rows = messages.listing(state)
        show([{k: v for k, v in row.items() if k != "officer"} for row in rows] if json else rows, json)
