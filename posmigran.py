"""The command line: puts the pieces together, nothing else.

Every command takes ``--home``; ``--json`` prints exactly one JSON document on standard output. Exit status: 0
done; 1 not done, with one line on standard error that names the place and what to do; 2 wrong usage.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

import typer

from server import installation
from server.commands import (
    alerts,
    corrections,
    desks,
    entities,
    exports,
    forms,
    lists,
    messages,
    officers,
    reports,
    rosters,
    submissions,
)
from server.commands import installation as whole
from server.commands.common import HomeOption, now
from server.logs import configure_logs
from server.settings import load_settings
from server.terminal import complain, explain

app = typer.Typer(
    name="posmigran",
    help="Data collection for the village migration desk: ODK forms in, SMS alerts and Excel registers out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
for start in (whole.init, whole.serve, whole.sync):
    app.command()(start)
for noun, commands in (
    ("forms", forms.app),
    ("lists", lists.app),
    ("desks", desks.app),
    ("officers", officers.app),
    ("rosters", rosters.app),
    ("submissions", submissions.app),
    ("corrections", corrections.app),
    ("entities", entities.app),
    ("alerts", alerts.app),
    ("messages", messages.app),
):
    app.add_typer(commands, name=noun)
for look in (exports.export, exports.verify, reports.report, whole.doctor):
    app.command()(look)


@app.command()
def demo(
    home: HomeOption = None,
) -> None:
    """The main job end to end on invented people: forms come in, SMS go out, a case is answered, a file written."""
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        from tests.phone.demo import run_demo
    except ImportError as error:
        complain(f"the demo needs the tests' phone ({error.name} is missing): run `make demo`")
        raise typer.Exit(1) from error
    raise typer.Exit(run_demo(home))


def app_from_environment() -> Any:
    """The web application of ``POSMIGRAN_HOME``: what each process of the server runs."""
    from server.app import create_app

    configure_logs()
    settings = load_settings()
    store = installation.open_store(settings)
    application = create_app(settings, store, now).entry
    # What was made so far lives as long as the process, and a submission leaves nothing that only the collector
    # frees: there is no need to look through everything after every 700 objects.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    return application


def main() -> None:
    """Entry point of the ``posmigran`` command."""
    os.umask(0o077)  # the database, QR codes and workbooks are for their owner alone
    try:
        app(prog_name="posmigran")  # ends by itself, with 2 for wrong usage
    except Exception as error:
        text = explain(error)
        if text is None:
            raise
        complain(text)
        sys.exit(1)


if __name__ == "__main__":
    main()
