"""The command line: puts the pieces together, nothing else.

Every command takes ``--home``; ``--json`` prints exactly one JSON document on standard output. Exit status: 0
done; 1 not done, with one line on standard error that names the place and what to do; 2 wrong usage.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from getpass import getuser
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

import typer

from forms.form import ROLES
from server import installation
from server.settings import Settings, load_settings
from server.store import (
    areas,
    cases,
    desks,
    entity_lists,
    events,
    messages,
    officers,
    published,
    quarantine,
    submissions,
)
from server.store.database import Store
from server.terminal import complain, explain, first_of, language, lines, progress, show, writing

app = typer.Typer(
    name="posmigran",
    help="Data collection for the village migration desk: ODK forms in, SMS alerts and Excel registers out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
forms_app = typer.Typer(no_args_is_help=True, help="Check, compile, publish and list forms.")
lists_app = typer.Typer(no_args_is_help=True, help="Policy lists: countries, fees, companies, rates.")
desks_app = typer.Typer(no_args_is_help=True, help="Village desks and their phones.")
officers_app = typer.Typer(no_args_is_help=True, help="People who answer alerts and read registers.")
submissions_app = typer.Typer(no_args_is_help=True, help="What the phones sent.")
entities_app = typer.Typer(no_args_is_help=True, help="Workers and others who are known again.")
alerts_app = typer.Typer(no_args_is_help=True, help="Cases and their risk indicators.")
messages_app = typer.Typer(no_args_is_help=True, help="The outbox.")
for name, sub in (
    ("forms", forms_app),
    ("lists", lists_app),
    ("desks", desks_app),
    ("officers", officers_app),
    ("submissions", submissions_app),
    ("entities", entities_app),
    ("alerts", alerts_app),
    ("messages", messages_app),
):
    app.add_typer(sub, name=name)

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Where the data is [env: POSMIGRAN_HOME; default ./posmigran-data]."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
ADMIN = "admin@posmigran.local"
AreaOption = Annotated[str, typer.Option("--area", help="A Kemendagri code of any level, or ID for all.")]


def now() -> datetime:
    """The clock of the real world."""
    return datetime.now(UTC)


@contextmanager
def opened(home: Path | None) -> Iterator[tuple[Settings, Store]]:
    """The settings and the open store of an existing home."""
    settings = load_settings(home)
    store = installation.open_store(settings)
    try:
        yield settings, store
    finally:
        store.release()


# ---------------------------------------------------------------------------------------------- installation


@app.command()
def init(
    admin_email: Annotated[str, typer.Option(help="Sign-in of the first administrator.")] = ADMIN,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make the home: database, keys, areas, the shipped forms. Safe to run twice."""
    settings = load_settings(home)
    show(installation.init(settings, admin_email, now(), progress), json)


@app.command()
def serve(
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any free port.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer.")] = 1,
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
    overrides = {} if public_url is None else {"public_url": public_url.rstrip("/")}
    settings = load_settings(home, **overrides)
    if not no_sync and settings.sms == "twilio":
        from sync.channels.twilio_sms import TwilioSms

        TwilioSms(
            settings
        )  # raises where a setting is missing: better now than in the child, again and again
    if not installation.ready(settings):
        made = installation.init(settings, ADMIN, now(), progress)
        admin = made["admin"]
        if admin["password"] is not None:
            complain(f"sign in as {admin['email']}, password {admin['password']}")
    raise typer.Exit(serving.serve(settings, host, port, workers, with_sync=not no_sync))


@app.command()
def sync(
    once: Annotated[bool, typer.Option("--once", help="Do all that is due, then end.")] = False,
    embedded: Annotated[bool, typer.Option("--embedded", hidden=True)] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The scheduler and outbox alone; several may run at once."""
    from sync import build_sync

    configure_logs()
    with opened(home) as (settings, store):
        running = build_sync(settings, store, now)
        if once:
            show(running.run_once(), json)
        else:
            running.run_until_stopped(watch_stdin=embedded)


# ---------------------------------------------------------------------------------------------- forms


@forms_app.command("check")
def forms_check(
    file: Path,
    media: Annotated[Path | None, typer.Option(help="Folder of attached files.")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Compile a form and say what publishing would break; where there is a home, also to what is stored."""
    from forms.compile import FormErrors
    from server import publishing

    settings = load_settings(home)
    store = installation.open_store(settings) if installation.ready(settings) else None
    try:
        found = publishing.check(file, media, store).found
        wrong, doubtful = found.errors, found.warnings
    except FormErrors as error:  # no workbook at all
        wrong, doubtful = error.findings, ()
    finally:
        if store is not None:
            store.release()
    lang = language()
    if json:
        show({"ok": not wrong, "errors": lines(wrong), "warnings": lines(doubtful)}, json)
    elif wrong or doubtful:
        show(
            [
                {"": f.severity, "place": f.place_in(lang), "message": f.text(lang)}
                for f in [*wrong, *doubtful]
            ],
            json,
        )
    else:
        show({"form": file, "ok": True}, json)
    if wrong:
        complain(first_of(file.name, wrong))
        raise typer.Exit(1)


@forms_app.command("compile")
def forms_compile(
    file: Path,
    output: Annotated[Path, typer.Option("-o", "--output")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Write the XForm of a workbook."""
    from forms.compile import compile_workbook

    form = compile_workbook(file).form
    with writing(output):
        output.write_text(form.xform, "utf-8")
    show({"form_id": form.form_id, "version": form.version, "file": output}, json)


@forms_app.command("publish")
def forms_publish(
    file: Path,
    media: Annotated[Path | None, typer.Option(help="Folder of attached files.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="For draft desks only.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Publish although stored answers lose their question or choice.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Check, compile and publish a form with its attached lists."""
    from server import publishing

    lang = language()
    with opened(home) as (_, store):
        form, doubtful = publishing.publish(store, file, media, now(), draft=draft, force=force)
        for finding in doubtful:
            progress(f"{file}: {finding.place_in(lang)}: {finding.text(lang)}")
        show({"form_id": form.form_id, "version": form.version, "hash": form.hash}, json)


@forms_app.command("close")
def forms_close(form_id: str, home: HomeOption = None, json: JsonOption = False) -> None:
    """Take a form off the phones' list; what was filled in before still arrives."""
    _close(form_id, home, json, closed=True)


@forms_app.command("open")
def forms_open(form_id: str, home: HomeOption = None, json: JsonOption = False) -> None:
    """Put a closed form on the phones' list again."""
    _close(form_id, home, json, closed=False)


def _close(form_id: str, home: Path | None, json: bool, *, closed: bool) -> None:
    state = "closed" if closed else "open"
    with opened(home) as (_, store), store.transaction():
        published.set_closed(form_id, closed=closed)
        events.record(now(), "operator", f"form.{state}", form_id)
        show({"form_id": form_id, "state": state}, json)


@forms_app.command("list")
def forms_list(home: HomeOption = None, json: JsonOption = False) -> None:
    """All published versions."""
    with opened(home):
        show(published.listing(), json)


# ---------------------------------------------------------------------------------------------- policy lists


@lists_app.command("set")
def lists_set(
    name: str,
    file: Path,
    valid_from: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day that it counts; default: now.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who changes it; default: who is signed in here.")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Give a policy list (biaya, negara, p3mi, kurs) a new edition; phones get it at their next sync."""
    from server import policy_lists

    with opened(home) as (settings, store):
        begins = valid_from.replace(tzinfo=settings.zone) if valid_from is not None else None
        show(policy_lists.set_policy_list(store, name, file, begins, by or getuser(), now()), json)


@lists_app.command("show")
def lists_show(name: str, home: HomeOption = None, json: JsonOption = False) -> None:
    """The edition of a policy list that counts now."""
    from server import policy_lists

    with opened(home):
        shown = policy_lists.show_policy_list(name, now())
        show(shown if json else shown["rows"], json)


@lists_app.command("history")
def lists_history(name: str, home: HomeOption = None, json: JsonOption = False) -> None:
    """Who changed a policy list, when, and what."""
    from server import policy_lists

    with opened(home):
        show(policy_lists.history(name), json)


# ---------------------------------------------------------------------------------------------- desks, officers


@desks_app.command("add")
def desks_add(
    village_code: str,
    name: Annotated[str | None, typer.Option(help="Default: the village's name.")] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="A desk to try drafts with: nothing it sends counts.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Open a village desk; prints what its phones need, and writes the QR to scan."""
    with opened(home) as (settings, store):
        made = installation.add_desk(settings, store, village_code, name, now(), draft=draft)
        if not settings.public_url and "//127." in made["url"]:
            complain(
                "POSMIGRAN_PUBLIC_URL is not set: the QR code names this machine, which no phone can reach."
            )
        show(made, json)


@desks_app.command("list")
def desks_list(home: HomeOption = None, json: JsonOption = False) -> None:
    """All desks; no credentials."""
    with opened(home):
        show(desks.listing(), json)


@desks_app.command("revoke")
def desks_revoke(desk: str, home: HomeOption = None, json: JsonOption = False) -> None:
    """Take a desk's phones off, at once."""
    with opened(home) as (_, store), store.transaction():
        desks.revoke(desk, now())
        events.record(now(), "operator", "desk.revoked", desk)
        show({"desk": desk, "state": "revoked"}, json)


@officers_app.command("add")
def officers_add(
    name: str,
    role: Annotated[str, typer.Option(help="disnaker p4mi bp3mi ppa dinsos province admin")],
    area: AreaOption,
    phone: Annotated[str | None, typer.Option(help="For SMS, such as +62 812 0000 0001.")] = None,
    email: Annotated[str | None, typer.Option(help="To sign in with.")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Register a person who answers alerts or reads registers."""
    _known("--role", role, ROLES)
    with opened(home) as (_, store), store.transaction():
        person, password = officers.add(name, role, area, now(), phone=phone, email=email)
        show({"officer": person.slug, "password": password}, json)


@officers_app.command("list")
def officers_list(home: HomeOption = None, json: JsonOption = False) -> None:
    """All officers in service."""
    with opened(home):
        show(officers.listing(), json)


@officers_app.command("remove")
def officers_remove(officer: str, home: HomeOption = None, json: JsonOption = False) -> None:
    """Take an officer out of service: no messages, no sign-in."""
    with opened(home) as (_, store), store.transaction():
        officers.remove(officer, now())
        show({"officer": officer, "state": "removed"}, json)


# ---------------------------------------------------------------------------------------------- submissions


@submissions_app.command("list")
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


@submissions_app.command("show")
def submissions_show(instance_id: str, home: HomeOption = None, json: JsonOption = False) -> None:
    """One submission with its typed answers and its XML as it came."""
    with opened(home) as (_, store):
        show(submissions.show(instance_id, store), json)


@submissions_app.command("quarantine")
def submissions_quarantine(home: HomeOption = None, json: JsonOption = False) -> None:
    """What came and could not be taken as it is; no answers."""
    with opened(home):
        show(quarantine.listing(), json)


# ---------------------------------------------------------------------------------------------- entities


@entities_app.command("list")
def entities_list(
    list_name: Annotated[str, typer.Argument(metavar="LIST", help="pmi is the list of workers.")],
    area: AreaOption = areas.NATION,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The entities of a list, as their newest version stands."""
    with opened(home) as (_, store):
        areas.require(area)
        show(entity_lists.listing(list_name, area, store), json)


# ---------------------------------------------------------------------------------------------- alerts, messages


@alerts_app.command("list")
def alerts_list(
    area: AreaOption = areas.NATION,
    state: Annotated[str | None, typer.Option(help="open acknowledged closed")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """One row an indicator of a case."""
    with opened(home):
        areas.require(area)
        _known("--state", state, cases.STATES)
        show(cases.listing(area, state), json, columns=None)


@alerts_app.command("ack")
def alerts_ack(
    ref: str,
    by: Annotated[str, typer.Option(help="The officer.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Acknowledge a case for an officer: all its alerts that are theirs."""
    with opened(home) as (_, store), store.transaction():
        changed = cases.acknowledge(officers.require(by), ref, now())
        show({"ref": ref, "by": by, "acknowledged": changed}, json)


@alerts_app.command("close")
def alerts_close(
    ref: str,
    by: Annotated[str, typer.Option(help="The officer.")],
    result: Annotated[str, typer.Option(help=" ".join(cases.RESULTS))],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Close a case for an officer, with its result."""
    _known("--result", result, cases.RESULTS)
    with opened(home) as (_, store), store.transaction():
        changed = cases.close(officers.require(by), ref, result, now())
        show({"ref": ref, "by": by, "closed": changed, "result": result}, json)


@messages_app.command("list")
def messages_list(
    state: Annotated[str | None, typer.Option(help=" ".join(messages.STATES))] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The outbox."""
    _known("--state", state, messages.STATES)
    with opened(home):
        rows = messages.listing(state)
        show([{k: v for k, v in row.items() if k != "officer"} for row in rows] if json else rows, json)


def _known(option: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise typer.BadParameter(f"{value} is not one of: {' '.join(allowed)}", param_hint=option)


# ---------------------------------------------------------------------------------------------- export, demo


@app.command()
def export(
    form_id: str,
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

    _known("--lang", lang, ("id", "en"))
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


@app.command()
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


# ---------------------------------------------------------------------------------------------- running


class _StandardError:
    """Standard error as it is at the moment of writing: a logger outlives a stream that was put in its place."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def configure_logs() -> None:
    """Logs are events with named fields, one line each, on standard error."""
    import structlog  # for processes that log; commands do not wait for it

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )


def app_from_environment() -> Any:
    """The web application of ``POSMIGRAN_HOME``: what each process of the server runs."""
    from server.app import create_app
    from server.serving import end_with_parent

    end_with_parent()
    configure_logs()
    settings = load_settings()
    store = installation.open_store(settings)
    application = create_app(settings, store, now, _export_for(store)).asgi
    # What was made so far lives as long as the process; and each submission's tree is a ring of references that
    # only the collector frees. Looking through all of it every 700 objects took half of a submission's time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    return application


def _export_for(store: Store) -> Callable[[str, Path, officers.Person, str], None]:
    def write(form_id: str, target: Path, person: officers.Person, lang: str) -> None:
        from exports import access_of, export_form  # openpyxl is slow to import: only where it is needed

        export_form(form_id, target, store, area=person.area, lang=lang, reader=access_of(person.role))

    return write


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
