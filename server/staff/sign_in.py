"""Signing in and out."""

from __future__ import annotations

import secrets
from datetime import datetime

from falcon.asgi import Request, Response

from forms.problems import Problem, Problems
from server.staff import words
from server.staff.pages import Resource, for_all, for_officers
from server.staff.trust import Cookies, Visitor, read_form, require_same_site
from server.store import attempts, events, officers
from server.store.officers import Person

_LONGEST_EMAIL = 254  # RFC 5321
_LONGEST_PASSWORD = 200


class SignIn(Resource):
    """``/masuk``."""

    @for_all
    async def on_get(self, request: Request, response: Response) -> None:
        """The form; who is signed in already goes on."""
        onward = words.own_page(request.get_param("lanjut", default="/")) or "/"
        if await self.pages.visitor(request) is not None:
            self.pages.redirect(response, onward)
            return
        self._show(request, response, onward)

    @for_all
    async def on_post(self, request: Request, response: Response) -> None:
        """Check e-mail and password; open a session or say what is wrong, never which of the two."""
        require_same_site(request, self.pages.settings.public_url)
        form = await read_form(request)
        onward = words.own_page(form.get("lanjut", "/")) or "/"
        email = form.get("email", "").strip().lower()
        try:
            visit = self.pages.cookies.read(request, Cookies.VISIT)
            self.pages.tokens.require(visit, form.get("token", ""))
            person = await self._check(request, email, form.get("password", ""))
        except Problem as problem:
            self._show(request, response, onward, email=email, problem=problem)
            return
        await self._open(request, response, person, email)
        self.pages.redirect(response, onward)

    async def _check(self, request: Request, email: str, password: str) -> Person:
        """Raises :class:`Problem` (SIGN_IN_FAILED, SIGN_IN_SLOWED)."""
        browser = self.pages.cookies.read(request, Cookies.BROWSER)
        allowances = self.pages.tokens.allowances(email, request.remote_addr, browser)
        now = self.pages.clock()
        # Refused without a write, so that a flood of attempts does not crowd out the phones.
        await self.pages.readers.run(lambda: attempts.check(allowances, now))
        await self.pages.writer.run(lambda: attempts.take(allowances, now))
        if len(email) > _LONGEST_EMAIL or len(password) > _LONGEST_PASSWORD or not email.isprintable():
            raise Problem(Problems.SIGN_IN_FAILED)
        async with self.pages.one_password:
            person = await self.pages.readers.run(lambda: officers.check_password(email, password))
        if person is None:
            raise Problem(Problems.SIGN_IN_FAILED)
        await self.pages.writer.run(lambda: attempts.give_back(allowances, now))
        return person

    async def _open(self, request: Request, response: Response, person: Person, email: str) -> None:
        cookies, now = self.pages.cookies, self.pages.clock()
        former = cookies.read(request, Cookies.SESSION)
        token = await self.pages.writer.run(lambda: _begin(person, former, now))
        cookies.write(request, response, Cookies.SESSION, token)
        cookies.drop(request, response, Cookies.VISIT)
        if not self.pages.tokens.knows_browser(email, cookies.read(request, Cookies.BROWSER)):
            mark = self.pages.tokens.know_browser(email)
            cookies.write(request, response, Cookies.BROWSER, mark, self.pages.tokens.browser_lasts)

    def _show(
        self,
        request: Request,
        response: Response,
        onward: str,
        *,
        email: str = "",
        problem: Problem | None = None,
    ) -> None:
        cookies = self.pages.cookies
        visit = cookies.read(request, Cookies.VISIT)
        if visit is None:
            visit = secrets.token_urlsafe(16)
            cookies.write(request, response, Cookies.VISIT, visit)
        status = 200 if problem is None else problem.kind.status
        if status == 429 and problem is not None:
            response.set_header("Retry-After", str(problem.facts["seconds"]))
        self.pages.show(
            response,
            "sign_in.html",
            status=status,
            token=self.pages.tokens.for_forms(visit),
            onward=onward,
            email=email,
            problem=problem.text("id") if problem is not None else None,
        )


def _begin(person: Person, former: str | None, now: datetime) -> str:
    """A new session, never one that somebody could have laid into the browser before."""
    if former is not None:
        officers.sign_out(former)
    events.record(now, person.slug, "officer.signed_in", person.slug)
    return officers.open_session(person, now)


class SignOut(Resource):
    """``/keluar``."""

    @for_all
    async def on_get(self, request: Request, response: Response) -> None:
        """Nobody is signed out by following a link."""
        self.pages.redirect(response, "/")

    @for_officers
    async def on_post(self, request: Request, response: Response, visitor: Visitor) -> None:
        """End the session."""
        await self.pages.writer.run(lambda: officers.sign_out(visitor.session))
        self.pages.cookies.drop(request, response, Cookies.SESSION)
        self.pages.redirect(response, "/masuk")
