"""``posmigran forms``: check, compile, publish, close, open, list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from server import installation
from server.commands.common import HomeOption, JsonOption, now, opened
from server.settings import load_settings
from server.store import events, published, quarantine
from server.terminal import complain, first_of, language, lines, progress, show, writing

app = typer.Typer(no_args_is_help=True, help="Check, compile, publish and list forms.")


@app.command("check")
def forms_check(
    file: Annotated[Path, typer.Argument(help="The workbook (.xlsx).")],
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


@app.command("compile")
def forms_compile(
    file: Annotated[Path, typer.Argument(help="The workbook (.xlsx).")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The XForm (.xml) to write.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Write the XForm of a workbook."""
    from forms.compile import compile_workbook

    form = compile_workbook(file).form
    with writing(output):
        output.write_text(form.xform, "utf-8")
    show({"form_id": form.form_id, "version": form.version, "file": output}, json)


@app.command("publish")
def forms_publish(
    file: Annotated[Path, typer.Argument(help="The workbook (.xlsx).")],
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


@app.command("close")
def forms_close(
    form_id: Annotated[str, typer.Argument(help="As forms list shows it.")],
    hold: Annotated[
        bool, typer.Option("--hold", help="Hold what still arrives, for staff to release or discard.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take a form off the phones' list; what was filled in before still arrives, and counts unless it is held."""
    _close(form_id, "holding" if hold else "closed", home, json)


@app.command("open")
def forms_open(
    form_id: Annotated[str, typer.Argument(help="As forms list shows it.")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Put a closed form on the phones' list again."""
    _close(form_id, "open", home, json)


def _close(form_id: str, state: Literal["open", "closed", "holding"], home: Path | None, json: bool) -> None:
    with opened(home) as (_, store), store.transaction():
        store.lock(published.LOCK)
        published.set_closed(form_id, closed=state != "open", holding=state == "holding")
        events.record(now(), "operator", f"form.{state}", form_id)
        waiting = quarantine.waiting(form_id=form_id)
        if state == "holding":
            progress("What arrives of it is not judged, and nobody is alerted, until staff release it.")
        if waiting:
            progress(f"Held, and waiting for staff to decide: {waiting} (posmigran submissions quarantine).")
        show({"form_id": form_id, "state": state, "held": waiting}, json)


@app.command("list")
def forms_list(home: HomeOption = None, json: JsonOption = False) -> None:
    """All published versions."""
    with opened(home):
        show(published.listing(), json)
