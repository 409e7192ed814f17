"""The OpenRosa door: what ODK Collect talks to, under a desk's token or by Digest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import falcon.asgi

from forms.problems import Problem
from server.intake.intake import Intake
from server.openrosa import answers
from server.openrosa.catalogue import Catalogue
from server.openrosa.credentials import Doorkeeper, Unauthorized
from server.openrosa.documents import FormList, FormXml, Integrity, Manifest, Media
from server.openrosa.memory import Memory
from server.openrosa.resource import Door
from server.openrosa.slowing import Slowing
from server.openrosa.submission import Submission
from server.settings import Settings
from server.store.database import Store
from server.store.files import Files, reserve
from server.store.readers import Readers
from server.store.room import Bounds
from server.store.writer import Writer


class Phones:
    """The door from outside: how it answers what went wrong."""

    def __init__(self, door: Door, slowing: Slowing) -> None:
        self._door = door
        self._slowing = slowing

    @staticmethod
    def owns(path: str) -> bool:
        """Does a request path belong to this door?"""
        return path.startswith(("/desk/", "/forms/", "/entities/")) or path in ("/formList", "/submission")

    async def answer_problem(self, response: falcon.asgi.Response, problem: Problem) -> None:
        """Answer a problem as this door does: an OpenRosa envelope with its headers."""
        if isinstance(problem, Unauthorized):
            try:
                await self._slowing.note(problem)
            except Problem as slowed:
                problem = slowed
        if (seconds := problem.facts.get("seconds")) is not None:
            response.set_header("Retry-After", str(seconds))
        if isinstance(problem, Unauthorized) and problem.challenge is not None:
            response.set_header("WWW-Authenticate", problem.challenge)
        self._door.speak(response)
        answers.refuse(response, problem)


def add_routes(
    app: falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response],
    *,
    settings: Settings,
    store: Store,
    writer: Writer,
    readers: Readers,
    clock: Callable[[], datetime],
) -> Phones:
    """Put the door's addresses into the application, with and without a desk's token."""
    bounds = Bounds(settings.submission_files, settings.submission_bytes, settings.desk_bytes)
    door = Door(
        settings,
        Doorkeeper(store, clock, settings.digest),
        Catalogue(store, clock),
        Intake(store, clock, bounds),
        Files(settings.home, store.keys, reserve(settings.home, settings.disk_reserve)),
        writer,
        readers,
        bounds,
        Memory(),
    )
    for prefix in ("", "/desk/{token}"):
        app.add_route(f"{prefix}/formList", FormList(door))
        app.add_route(f"{prefix}/submission", Submission(door))
        app.add_route(f"{prefix}/forms/{{form_hash}}.xml", FormXml(door))
        app.add_route(f"{prefix}/forms/{{form_hash}}/manifest", Manifest(door))
        app.add_route(f"{prefix}/forms/{{form_hash}}/media/{{filename}}", Media(door))
        app.add_route(f"{prefix}/entities/{{name}}/integrity", Integrity(door))
    return Phones(door, Slowing(store.keys, writer, readers, clock))
