"""What all pages share: collaborators, templates, headers, and what is shown when something is wrong."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import structlog
from falcon.asgi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension

from forms.problems import Problem, Problems
from server.logs import where
from server.settings import Settings
from server.staff import words
from server.staff.assets import Assets
from server.staff.trust import (
    FILE_LIMIT,
    Cookies,
    Tokens,
    Visitor,
    read_file_form,
    read_form,
    require_same_site,
)
from server.store import areas, corrections, officers, quarantine
from server.store.database import Store
from server.store.readers import Readers
from server.store.writer import Writer

log = structlog.get_logger()

_HEADERS = {
    # nothing but our own style sheet, icon and forms: no script could run even if one got into a page
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Other sites learn nothing of our addresses. Stricter still (no-referrer) would make browsers send
    # "Origin: null" with our own forms, and so blind the check of where a form came from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}

_ADDRESS = re.compile(r'\b(href|action)="/')

Responder = Callable[..., Awaitable[None]]


class _BelowBasePath(Extension):
    """Addresses in templates begin at our own front page, wherever the public URL has put that."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return _ADDRESS.sub(r'\1="{{ base_path }}/', source)


class Pages:
    """The collaborators of all pages, and how a page is written."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        writer: Writer,
        readers: Readers,
        clock: Callable[[], datetime],
    ) -> None:
        self.settings = settings
        self.store = store
        self.writer = writer
        self.readers = readers
        self.clock = clock
        self.cookies = Cookies(settings)
        self.tokens = Tokens(store.keys)
        self.assets = Assets(Path(__file__).parent / "static")
        self.texts = words.IndicatorTexts()
        # Checking a password takes a core for a tenth of a second: one at a time, so that others get on.
        self.one_password = asyncio.Semaphore(1)
        self._templates = Environment(
            loader=PackageLoader("server.staff", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[_BelowBasePath],
        )
        self._templates.globals["base_path"] = settings.base_path
        self._templates.globals["asset"] = lambda file: f"{settings.base_path}{self.assets.address(file)}"
        self._templates.filters["phone"] = words.phone

    def show(
        self,
        response: Response,
        template: str,
        visitor: Visitor | None = None,
        status: int = 200,
        **values: Any,
    ) -> None:
        """Answer with a page."""
        response.status = status
        response.content_type = "text/html; charset=utf-8"
        page = self._templates.get_template(template)
        response.text = page.render(
            visitor=visitor, role_words=words.ROLES, correctors=corrections.CORRECTORS, **values
        )

    def redirect(self, response: Response, path: str) -> None:
        """Send the browser on, to a path of ours."""
        response.status = 303
        response.set_header("Location", f"{self.settings.base_path}{path}")

    def fail(self, response: Response, problem: Problem, visitor: Visitor | None = None) -> None:
        """Answer with a page that says what is wrong. Also for the composition root's own errors."""
        if problem.problem is Problems.STORE_BUSY:  # its text speaks of phones
            problem = Problem(Problems.PAGE_UNAVAILABLE)
        protect(response)
        status = problem.kind.status
        if status in (429, 503):
            response.set_header("Retry-After", str(problem.facts.get("seconds", 10)))
        self.show(
            response, "problem.html", visitor, status, text=problem.text("id"), title=words.failure(status)
        )

    def fail_unforeseen(self, response: Response, error: Exception, visitor: Visitor | None = None) -> None:
        """The same for a fault of ours. Its message may quote an answer: only type and place are logged."""
        log.error("page.failed", error=type(error).__name__, at=where(error))
        self.fail(response, Problem(Problems.PAGE_FAILED), visitor)

    async def visitor(self, request: Request) -> Visitor | None:
        """Who is signed in with this browser?"""
        session = self.cookies.read(request, Cookies.SESSION)
        if session is None:
            return None
        now = self.clock()

        def read() -> Visitor | None:
            person = officers.by_session(session, now)
            if person is None:
                return None
            token, overseer = self.tokens.for_forms(session), quarantine.may_decide(person)
            return Visitor(person, session, token, overseer, quarantine.waiting(person) if overseer else 0)

        return await self.readers.run(read)

    async def area_name(self, visitor: Visitor) -> str:
        """The name of a visitor's area."""
        code = visitor.person.area
        named = await self.readers.run(lambda: areas.names([code]))
        return named.get(code, code)


def protect(response: Response) -> None:
    """The headers of every page."""
    response.set_headers(_HEADERS)


class Resource:
    """One address. ``after_sign_in`` is where a visitor without a session goes on after signing in.

    With ``takes_file`` its form comes with a file of at most ``most_file`` bytes, then in ``request.context.file``.
    """

    after_sign_in: ClassVar[str] = "/"
    takes_file: ClassVar[bool] = False
    most_file: ClassVar[int] = FILE_LIMIT

    def __init__(self, pages: Pages) -> None:
        self.pages = pages


def for_all(responder: Responder) -> Responder:
    """A responder that needs no sign-in. Whatever goes wrong in it becomes a page."""

    @functools.wraps(responder)
    async def guarded(self: Resource, request: Request, response: Response, **parts: str) -> None:
        protect(response)
        try:
            await responder(self, request, response, **parts)
        except Problem as problem:
            self.pages.fail(response, problem)
        except Exception as error:  # noqa: BLE001 - logged, and said to the visitor
            self.pages.fail_unforeseen(response, error)

    return guarded


def for_officers(responder: Responder) -> Responder:
    """A responder ``(self, request, response, visitor, **parts)`` for signed-in officers.

    Others are sent to sign in first. What is posted is checked here, once for all pages; the fields are then
    in ``request.context.form``.
    """

    @functools.wraps(responder)
    async def guarded(self: Resource, request: Request, response: Response, **parts: str) -> None:
        protect(response)
        visitor: Visitor | None = None
        try:
            visitor = await self.pages.visitor(request)
            if visitor is None:
                self.pages.redirect(response, _sign_in_address(self.after_sign_in.format(**parts)))
                return
            if request.method == "POST":
                require_same_site(request, self.pages.settings.public_url)
                if self.takes_file:
                    request.context.form, request.context.file = await read_file_form(request, self.most_file)
                else:
                    request.context.form = await read_form(request)
                self.pages.tokens.require(visitor.session, request.context.form.get("token", ""))
            await responder(self, request, response, visitor, **parts)
        except Problem as problem:
            self.pages.fail(response, problem, visitor)
        except Exception as error:  # noqa: BLE001 - logged, and said to the visitor
            self.pages.fail_unforeseen(response, error, visitor)

    return guarded


class Button(Resource):
    """An address that takes what a button sends.

    Whoever reloads it, comes back from signing in or follows a link to it is sent to ``after_sign_in``, where the
    button stands: browsers and previews fetch links unasked.
    """

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor, **parts: Any) -> None:
        """Nothing is done. Raises :class:`Problem` (NOT_FOUND) for an address that none of our pages has."""
        onward = self.after_sign_in.format(**parts)
        if onward != self.after_sign_in and words.own_page(onward) is None:
            raise Problem(Problems.NOT_FOUND)
        self.pages.redirect(response, onward)


def _sign_in_address(onward: str) -> str:
    return "/masuk" if words.own_page(onward) in (None, "/") else f"/masuk?lanjut={onward}"
