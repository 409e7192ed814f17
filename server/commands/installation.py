"""``posmigran init``, ``serve``, ``sync``, ``doctor``: the installation as a whole."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import asdict
from typing import Annotated

import typer

from server import installation
from server.commands.common import HomeOption, JsonOption, now, opened
from server.settings import Settings, load_settings
from server.store.files import Files
from server.terminal import complain, explain, progress, show

ADMIN = "admin@posmigran.local"


def init(
    admin_email: Annotated[str, typer.Option(help="Sign-in of the first administrator.")] = ADMIN,
    last_resort: Annotated[
        str | None, typer.Option(help="Number to tell of alerts that nobody else can be told of.")
    ] = None,
    last_resort_ppa: Annotated[
        str | None, typer.Option(help="The same for sensitive alerts: somebody of PPA.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make the home: database, keys, areas, the shipped forms. Safe to run twice."""
    given = {"last_resort": last_resort, "last_resort_ppa": last_resort_ppa}
    settings = load_settings(home, **{name: number for name, number in given.items() if number})
    show(installation.init(settings, admin_email, now(), progress), json)


def serve(
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any free port.")] = 8000,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that answer; as many as there are cores, at most 4.")
    ] = None,
    public_url: Annotated[str | None, typer.Option(help="What links and QR codes use.")] = None,
    no_sync: Annotated[
        bool, typer.Option("--no-sync", help="Do not send: `posmigran sync` runs elsewhere.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Run the server. Makes the home first where there is none."""
    from server import serving

    if public_url is not None and not public_url.startswith(("http://", "https://")):
        raise typer.BadParameter("must start with http:// or https://", param_hint="--public-url")
    if public_url is not None:
        os.environ["POSMIGRAN_PUBLIC_URL"] = public_url  # checked like the setting, and seen by the children
    settings = load_settings(home)
    if not no_sync and (settings.sms == "twilio" or settings.smtp_url.get_secret_value()):
        from sync.carriers import carriers

        carriers(settings)  # raises where a setting is missing: better now than in the child, again and again
    if not installation.ready(settings):
        _make_ready(settings)
    with opened(home) as (_, store):  # what a killed process left half-done is decided before phones come
        Files(store.home, store.keys).sweep()
    raise typer.Exit(
        serving.serve(settings, host, port, workers or serving.default_workers(), None if no_sync else sync)
    )


def _make_ready(settings: Settings) -> None:
    """Make the home, or bring it up to date, in a process of its own.

    What reads workbooks and compiles forms is some 25 MB, which the server's processes would keep.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            admin = installation.init(settings, ADMIN, now(), progress)["admin"]
            if admin["password"] is not None:
                complain(f"sign in as {admin['email']}, password {admin['password']}")
            status = 0
        except Exception as error:  # noqa: BLE001 - said here, for the parent cannot know it
            complain(explain(error) or "".join(traceback.format_exception(error)))
        finally:
            sys.stderr.flush()
            os._exit(status)  # nothing of what the parent would do on its way out is for a child to do
    _, ended = os.waitpid(pid, 0)
    if status := os.waitstatus_to_exitcode(ended):
        raise typer.Exit(abs(status))


def sync(
    once: Annotated[bool, typer.Option("--once", help="Do all that is due, then end.")] = False,
    embedded: Annotated[bool, typer.Option("--embedded", hidden=True)] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The scheduler and outbox alone; several may run at once."""
    from server.logs import configure_logs  # structlog is for processes that log; commands do not wait for it
    from sync import build_sync

    configure_logs()
    with opened(home) as (settings, store):
        store.spare_memory()
        running = build_sync(settings, store, now)
        if once:
            show(running.run_once(), json)
        else:
            running.run_until_stopped(watch_stdin=embedded)


def doctor(home: HomeOption = None, json: JsonOption = False) -> None:
    """Look the installation over and say what to mend."""
    from server.doctor import examine

    checks = [asdict(check) for check in examine(load_settings(home), now())]
    wrong = [check for check in checks if not check["ok"]]
    show({"ok": not wrong, "checks": checks} if json else checks, json)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        complain(f"{wrong[0]['name']}: {wrong[0]['message']}{more}")
        raise typer.Exit(1)
