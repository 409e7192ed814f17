"""The web application put together from its doors. Collaborators are arguments; nothing is read from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import falcon
import falcon.asgi
import structlog

from forms.problems import Problem, Problems
from server.forwarded import Application, Forwarded
from server.logs import where
from server.monitoring import Health, Metrics
from server.openrosa import door
from server.settings import Settings
from server.staff import door as staff_door
from server.store.checkpoints import Checkpoints
from server.store.database import Store
from server.store.readers import Readers
from server.store.writer import Writer
from server.webhooks import twilio

log = structlog.get_logger()


@dataclass(frozen=True)
class WebApp:
    """The application with the threads that belong to it. ``entry`` is what a server runs: ``asgi`` behind proxies."""

    entry: Application
    asgi: falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response]
    writer: Writer
    readers: Readers

    def close(self) -> None:
        """Finish what waits to be written, then end the threads."""
        self.writer.close()
        self.readers.close()


class _Lifespan:
    """Ends the writer with the server, so that what was accepted is on disk before the process goes."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def process_shutdown(self, scope: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """Called by the ASGI server when it stops."""
        self._writer.close()
        self._readers.close()


def create_app(settings: Settings, store: Store, clock: Callable[[], datetime]) -> WebApp:
    """Put the application together."""
    writer = Writer(store, after=Checkpoints(store) if store.sqlite else None)
    readers = Readers(store)
    app: falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response] = falcon.asgi.App(
        middleware=[_Lifespan(writer, readers)]
    )
    app.req_options.strip_url_path_trailing_slash = False
    app.add_route("/healthz", Health(store, readers))
    app.add_route("/metrics", Metrics(settings, readers, clock))
    phones = door.add_routes(app, settings=settings, store=store, writer=writer, readers=readers, clock=clock)
    twilio.add_routes(app, settings=settings, store=store, writer=writer, clock=clock)
    pages = staff_door.add_routes(
        app, settings=settings, store=store, writer=writer, readers=readers, clock=clock
    )

    async def answer(request: falcon.asgi.Request, response: falcon.asgi.Response, problem: Problem) -> None:
        """Each door writes problems in its own way."""
        if phones.owns(request.path):
            await phones.answer_problem(response, problem)
        else:
            pages.fail(response, problem)

    async def on_problem(
        request: falcon.asgi.Request, response: falcon.asgi.Response, problem: Problem, params: dict[str, Any]
    ) -> None:
        if problem.kind.status >= 500:
            log.error("problem", code=problem.kind.code, cause=type(problem.__cause__).__name__)
        await answer(request, response, problem)

    async def on_http_error(
        request: falcon.asgi.Request,
        response: falcon.asgi.Response,
        error: falcon.HTTPError,
        params: dict[str, Any],
    ) -> None:
        await answer(request, response, Problem(Problems.NOT_FOUND))
        response.status = error.status
        if error.headers:
            response.set_headers(error.headers)

    async def on_fault(
        request: falcon.asgi.Request, response: falcon.asgi.Response, error: Exception, params: dict[str, Any]
    ) -> None:
        if not phones.owns(request.path):
            pages.fail_unforeseen(response, error)
            return
        log.error("fault", error=type(error).__name__, at=where(error))
        await answer(request, response, Problem(Problems.STORE_BUSY))

    app.add_error_handler(Exception, on_fault)
    app.add_error_handler(falcon.HTTPError, on_http_error)
    app.add_error_handler(Problem, on_problem)
    entry = Forwarded(app, settings.proxies, settings.base_path)
    return WebApp(entry, app, writer, readers)
