"""The OpenRosa door: what ODK Collect talks to, under a desk's token or by Digest.

Every resource is a thin coroutine: who asks (a reader looks it up), one plain function in a reader or in the
writer, the answer. A form is addressed by the hash of its bytes, so that form ids may hold anything and a
download can never be of other bytes than the list promised (COLLECT 4.2).
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import falcon
import falcon.asgi
import structlog

from forms.problems import Problem, Problems
from server.intake.intake import Intake, Receipt, Upload
from server.openrosa import answers, multipart_body
from server.openrosa.catalogue import Catalogue
from server.openrosa.credentials import Asking, Doorkeeper, Unauthorized
from server.settings import Settings
from server.store.database import Readers, Store, Writer
from server.store.desks import KnownDesk
from server.store.files import Files, named

log = structlog.get_logger()

_SMALL = 64 * 1024  # bytes of a body that is read before it is known who sends it
_DRAINED = 1_000_000  # bytes read before an error is answered, so that it is not lost in a reset (5.19)
_DEVICE_ID = 255  # characters kept of deviceID, as Central


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

    def asking(self, request: falcon.asgi.Request, token: str | None) -> Asking:
        """Who asks, as far as the request says."""
        # as on the request line: falcon's own path is decoded, and Digest signs the encoded one
        target: str = request.scope.get("raw_path", request.path.encode()).decode("latin-1")
        if request.query_string:
            target = f"{target}?{request.query_string}"
        return Asking(request.method, target, request.scheme, token, request.get_header("Authorization"))

    def base(self, request: falcon.asgi.Request, token: str | None) -> str:
        """What the URLs in an answer start with: the public URL, else the address that the phone used."""
        origin = self.settings.public_url or f"{request.scheme}://{request.netloc}"
        return f"{origin}/desk/{quote(token, safe='')}" if token is not None else origin


class _Resource:
    def __init__(self, door: Door) -> None:
        self.door = door


class FormList(_Resource):
    """The list of open forms."""

    async def on_get(
        self, request: falcon.asgi.Request, response: falcon.asgi.Response, token: str | None = None
    ) -> None:
        """200 with the list, 304, 401, or 503: never an empty list, which would wipe phones (2.20)."""
        door, asking, base = self.door, self.door.asking(request, token), self.door.base(request, token)

        def read() -> bytes:
            forms = door.catalogue.forms(door.doorkeeper.admit(asking))
            if not forms:
                raise Problem(Problems.STORE_BUSY)
            return answers.form_list(
                answers.FormEntry(
                    f.form_id,
                    f.title,
                    f.version,
                    f.hash,
                    f"{base}/forms/{f.hash}.xml",
                    f"{base}/forms/{f.hash}/manifest" if f.media else None,
                )
                for f in forms
            )

        body = await door.readers.run(read)
        response.content_type = answers.XML
        answers.cached(request, response, body, answers.md5(body))


class Manifest(_Resource):
    """The attached lists of a form."""

    async def on_get(
        self,
        request: falcon.asgi.Request,
        response: falcon.asgi.Response,
        form_hash: str,
        token: str | None = None,
    ) -> None:
        """200 with the manifest, 304, 401 or 404."""
        door, asking, base = self.door, self.door.asking(request, token), self.door.base(request, token)

        def read() -> bytes:
            desk = door.doorkeeper.admit(asking)
            files = door.catalogue.media(door.catalogue.form(form_hash, desk), desk)
            return answers.manifest(
                answers.FileEntry(
                    f.filename,
                    f.hash,
                    f"{base}/forms/{form_hash}/media/{quote(f.filename, safe='')}",
                    f"{base}/entities/{quote(f.entity_list, safe='')}/integrity" if f.entity_list else None,
                )
                for f in files
            )

        body = await door.readers.run(read)
        response.content_type = answers.XML
        answers.cached(request, response, body, answers.md5(body))


class FormXml(_Resource):
    """A form's XForm."""

    async def on_get(
        self,
        request: falcon.asgi.Request,
        response: falcon.asgi.Response,
        form_hash: str,
        token: str | None = None,
    ) -> None:
        """200 with the very bytes that the hash is of, 304, 401 or 404."""
        door, asking = self.door, self.door.asking(request, token)

        def read() -> bytes:
            return door.catalogue.xform(form_hash, door.doorkeeper.admit(asking))

        body = await door.readers.run(read)
        response.content_type = answers.XML
        answers.cached(request, response, body, form_hash)


class Media(_Resource):
    """An attached list of a form; some are made for the desk: villages, workers, cases."""

    async def on_get(
        self,
        request: falcon.asgi.Request,
        response: falcon.asgi.Response,
        form_hash: str,
        filename: str,
        token: str | None = None,
    ) -> None:
        """200 with the file, 304, 401 or 404."""
        door, asking = self.door, self.door.asking(request, token)

        def read() -> tuple[str, bytes]:
            desk = door.doorkeeper.admit(asking)
            media = door.catalogue.media_file(door.catalogue.form(form_hash, desk), filename, desk)
            return media.hash, b"" if answers.has(request, media.hash) else media.load()

        tag, body = await door.readers.run(read)
        response.content_type = (
            "text/csv; charset=utf-8" if filename.endswith(".csv") else "application/octet-stream"
        )
        answers.cached(request, response, body, tag)


class Integrity(_Resource):
    """What became of the entities that a phone holds and its list no longer names."""

    async def on_get(
        self,
        request: falcon.asgi.Request,
        response: falcon.asgi.Response,
        name: str,
        token: str | None = None,
    ) -> None:
        """200 with the ids asked about (``?id=a,b``) or all of the desk's, 401 or 404."""
        door, asking = self.door, self.door.asking(request, token)
        asked = request.get_param("id")
        ids = None if asked is None else [part.strip().lower() for part in asked.split(",")]

        def read() -> bytes:
            return answers.integrity(door.catalogue.gone(name, door.doorkeeper.admit(asking), ids))

        body = await door.readers.run(read)
        response.content_type = answers.XML
        answers.cached(request, response, body, answers.md5(body))


class Submission(_Resource):
    """Where submissions come in."""

    async def on_head(
        self, request: falcon.asgi.Request, response: falcon.asgi.Response, token: str | None = None
    ) -> None:
        """204 exactly: any other 2xx makes Collect doubt the address (5.2)."""
        door, asking = self.door, self.door.asking(request, token)
        await door.readers.run(lambda: door.doorkeeper.admit(asking))
        answers.openrosa_headers(response)
        response.status = 204

    on_get = on_head

    async def on_post(
        self, request: falcon.asgi.Request, response: falcon.asgi.Response, token: str | None = None
    ) -> None:
        """201 once the submission and all that it owes are on disk; the same bytes again are 201 again."""
        door, asking = self.door, self.door.asking(request, token)
        length = request.content_length
        try:
            # Nobody unknown may send megabytes; a few kilobytes are read first, and the writer asks who sent them:
            # one thread less to wake for each ordinary submission.
            if length is None or length > _SMALL:
                await door.readers.run(lambda: door.doorkeeper.admit(asking))
            with door.writer.coming():
                received = await multipart_body.receive(
                    request.stream, request.content_type or "", length, door.files, door.readers
                )
        except Problem:
            await _drain(request)
            raise
        device_id = _device_id(request)
        try:
            kept = []
            if received.staged:  # nothing of an unknown sender stays on disk
                await door.readers.run(lambda: door.doorkeeper.admit(asking))
                kept = await door.readers.run(received.keep)

            def receive() -> tuple[KnownDesk, Receipt]:
                desk = door.doorkeeper.admit(asking)
                return desk, door.intake.receive(Upload(received.xml, desk, device_id, kept))

            def hold() -> tuple[KnownDesk, Receipt]:
                desk = door.doorkeeper.admit(asking)
                return desk, door.intake.hold_faulty(Upload(received.xml, desk, device_id, kept))

            try:
                desk, receipt = await door.writer.run(receive)
            except Problem:
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours must not leave the record on the phone
                log.error("intake.fault", error=type(error).__name__, at=where(error))
                desk, receipt = await door.writer.run(hold)
            if kept and receipt.files_kept:
                await door.readers.run(received.settle)
        except Exception:
            await _finish(door, received)
            raise
        except BaseException:  # whoever ends this task does not end the writer, which may yet name the files
            received.leave()
            raise
        await _finish(door, received)
        if receipt.state in ("quarantined", "refused"):
            # no instanceID here: a client chooses it, so it could say anything
            log.warning(f"submission.{receipt.state}", desk=desk.slug)
        if receipt.problem is not None:
            raise receipt.problem
        answers.say(response, 201, _THANKS[receipt.state])


async def _finish(door: Door, received: multipart_body.Received) -> None:
    """Nothing half-done stays on disk. A commit that failed may have happened all the same: the rows are asked."""
    if not received.staged and not received.kept:
        return
    try:
        await door.readers.run(lambda: received.drop(named))
    except Problem:  # the database does not answer now: the next sweep asks it
        received.leave()


def where(error: BaseException) -> str:
    """The places in our code that an error came by. Its message may quote an answer and is never logged."""
    frames = traceback.extract_tb(error.__traceback__)
    return " ".join(f"{Path(f.filename).name}:{f.lineno}" for f in frames[-6:])


_THANKS = {
    "new": "Data sudah diterima dan disimpan.",
    "known": "Data ini sudah pernah diterima.",
    "quarantined": "Data disimpan dan akan diperiksa petugas: formulirnya tidak dikenal atau sudah pernah dikirim.",
}


def _device_id(request: falcon.asgi.Request) -> str | None:
    device_id = request.get_param("deviceID")
    # as ODK Collect writes it, "collect:" and 16 letters; anything else is only cleaned, not refused
    return "".join(c for c in device_id if c.isprintable())[:_DEVICE_ID] if device_id else None


async def _drain(request: falcon.asgi.Request) -> None:
    read = 0
    with contextlib.suppress(OSError, falcon.HTTPError):
        async for chunk in request.stream:
            read += len(chunk)
            if read > _DRAINED:
                return


def answer_problem(response: falcon.asgi.Response, problem: Problem) -> None:
    """Answer a problem as this door does: an OpenRosa envelope with its headers."""
    if isinstance(problem, Unauthorized) and problem.challenge is not None:
        response.set_header("WWW-Authenticate", problem.challenge)
    answers.refuse(response, problem)


def owns(path: str) -> bool:
    """Does a request path belong to this door?"""
    return path.startswith(("/desk/", "/forms/", "/entities/")) or path in ("/formList", "/submission")


def add_routes(
    app: falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response],
    *,
    settings: Settings,
    store: Store,
    writer: Writer,
    readers: Readers,
    clock: Callable[[], datetime],
) -> None:
    """Put the door's addresses into the application, with and without a desk's token."""
    door = Door(
        settings,
        Doorkeeper(store, clock),
        Catalogue(store, clock),
        Intake(store, clock),
        Files(settings.home),
        writer,
        readers,
    )
    for prefix in ("", "/desk/{token}"):
        app.add_route(f"{prefix}/formList", FormList(door))
        app.add_route(f"{prefix}/submission", Submission(door))
        app.add_route(f"{prefix}/forms/{{form_hash}}.xml", FormXml(door))
        app.add_route(f"{prefix}/forms/{{form_hash}}/manifest", Manifest(door))
        app.add_route(f"{prefix}/forms/{{form_hash}}/media/{{filename}}", Media(door))
        app.add_route(f"{prefix}/entities/{{name}}/integrity", Integrity(door))
