"""What the door's resources share: who asks, what links begin with, and how a thing to download is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

from falcon.asgi import Request, Response

from server.intake.intake import Intake
from server.openrosa import answers
from server.openrosa.answers import Document
from server.openrosa.catalogue import Catalogue
from server.openrosa.credentials import Asking, Doorkeeper
from server.openrosa.memory import Memory
from server.settings import Settings
from server.store.desks import KnownDesk
from server.store.files import Files
from server.store.readers import Readers
from server.store.room import Bounds
from server.store.writer import Writer

T = TypeVar("T")


@dataclass(frozen=True)
class Door:
    """What the resources share."""

    settings: Settings
    doorkeeper: Doorkeeper
    catalogue: Catalogue
    intake: Intake
    files: Files
    writer: Writer
    readers: Readers
    bounds: Bounds
    memory: Memory

    def speak(self, response: Response) -> None:
        """Set the headers of every answer."""
        answers.openrosa_headers(response, self.settings.accept_length)

    def asking(self, request: Request, token: str | None) -> Asking:
        """Who asks, as far as the request says."""
        scope = request.scope
        # as on the request line: falcon's own path is decoded, and Digest signs the encoded one
        target: str = (scope.get("raw_path") or request.path.encode()).decode("latin-1")
        if request.query_string:
            target = f"{target}?{request.query_string}"
        client = scope.get("client")
        address = client[0] if client is not None else ""
        return Asking(
            request.method, target, request.scheme, address, token, request.get_header("Authorization")
        )

    def base(self, request: Request, token: str | None) -> str:
        """What the URLs in an answer start with: the public URL, else the address that the phone used."""
        origin = self.settings.public_url or f"{request.scheme}://{request.netloc}{request.root_path}"
        return f"{origin}/desk/{quote(token, safe='')}" if token is not None else origin

    async def admitted(self, asking: Asking, work: Callable[[KnownDesk], T]) -> T:
        """Run ``work`` for the desk that asks, in a reader. Raises :class:`Unauthorized` and what it raises."""
        return await self.readers.run(lambda: work(self.doorkeeper.admit(asking)))


@dataclass(frozen=True)
class Visit:
    """A desk asking for something. ``base`` is what links begin with; ``has`` says which tags the phone holds."""

    desk: KnownDesk
    base: str
    request: Request

    def has(self, tag: str) -> bool:
        """Does the phone say that it has what this tag stands for?"""
        return answers.has(self.request, tag)


class Resource:
    """An address of the door."""

    def __init__(self, door: Door) -> None:
        self.door = door


class Download(Resource):
    """An address that gives a :class:`Document`. What it gives is :meth:`find`, a plain function."""

    async def on_get(
        self, request: Request, response: Response, token: str | None = None, **parts: str
    ) -> None:
        """200 with the document, 304 where the phone has it, 401, 404, or 503."""
        door = self.door
        door.speak(response)
        asking, base = door.asking(request, token), door.base(request, token)
        document = await door.admitted(asking, lambda desk: self.find(Visit(desk, base, request), **parts))
        answers.cached(response, document, known=answers.has(request, document.tag))

    on_head = on_get

    def find(self, visit: Visit, **parts: str) -> Document:
        """The document, made in a reader. ``parts`` are those of the address. Raises :class:`Problem`."""
        raise NotImplementedError
