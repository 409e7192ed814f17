"""``posmigran entities``: workers and others who are known again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from server.commands.common import AreaOption, HomeOption, JsonOption, now, opened
from server.store import areas, entity_history, entity_lists
from server.terminal import show

app = typer.Typer(no_args_is_help=True, help="Workers and others who are known again.")

ListArgument = Annotated[str, typer.Argument(metavar="LIST", help="pmi is the list of workers.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As entities list shows it.")]
ReasonOption = Annotated[str, typer.Option(help="Why. Kept, sealed, with the decision.")]


@app.command("list")
def entities_list(
    list_name: ListArgument,
    area: AreaOption = areas.NATION,
    conflicts: Annotated[bool, typer.Option("--conflicts", help="Only those in conflict.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """The entities of a list, as their newest version stands."""
    with opened(home) as (_, store):
        areas.require(area)
        show(entity_lists.listing(list_name, area, store, conflicts=conflicts), json)


@app.command("show")
def entities_show(
    list_name: ListArgument, entity_id: IdArgument, home: HomeOption = None, json: JsonOption = False
) -> None:
    """One entity: all its versions, who made them from what, and what was decided about it."""
    with opened(home) as (_, store):
        found = asdict(entity_history.find(list_name, entity_id, areas.NATION, store))
        if json:
            show(found, json)
            return
        versions, decisions = found.pop("versions"), found.pop("decisions")
        show(found, json)
        show([_version_line(version) for version in versions], json)
        if decisions:
            show(list(decisions), json)


def _version_line(version: dict[str, Any]) -> dict[str, Any]:
    said = {"label": version["label"], **version["properties"]}
    return {
        "version": version["version"],
        "origin": version["origin"],
        "based on": version["base_version"] or None,
        "crossed": version["crossed"],
        "at": version["at"],
        "desk": version["desk"],
        "changed": ", ".join(f"{name}={said.get(name, '')}" for name in version["changed"]),
    }


@app.command("resolve")
def entities_resolve(
    list_name: ListArgument,
    entity_id: IdArgument,
    reason: ReasonOption,
    version: Annotated[
        int | None, typer.Option(help="Let this version count again; without it the newest one stays.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Settle a conflict: somebody looked at it and says what counts."""
    with opened(home) as (_, store), store.transaction():
        entity_history.resolve(
            list_name, entity_id, areas.NATION, reason, "operator", store, now(), version=version
        )
        show({"id": entity_id, "state": "resolved"}, json)


@app.command("delete")
def entities_delete(
    list_name: ListArgument,
    entity_id: IdArgument,
    reason: ReasonOption,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Take an entity off its list; phones forget it at their next sync. Its versions are kept."""
    with opened(home) as (_, store), store.transaction():
        entity_history.delete(list_name, entity_id, areas.NATION, reason, "operator", store, now())
        show({"id": entity_id, "state": "deleted"}, json)


@app.command("restore")
def entities_restore(
    list_name: ListArgument,
    entity_id: IdArgument,
    reason: ReasonOption,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Put a deleted entity on its list again."""
    with opened(home) as (_, store), store.transaction():
        entity_history.restore(list_name, entity_id, areas.NATION, reason, "operator", store, now())
        show({"id": entity_id, "state": "restored"}, json)
