"""Whom a request comes from, and whether it was meant: cookies, tokens against forgery, speed of attempts.

A session's cookie is out of reach of scripts and of other sites' forms. Beyond that, every form carries a
token that only this installation can make for this session, and a browser that says the form came from
elsewhere is believed. Nothing of this is stored: tokens are keyed hashes under the home's key.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from falcon import MediaMalformedError
from falcon.asgi import Request, Response

from forms.problems import Problem, Problems
from server.settings import Settings
from server.store import attempts
from server.store.attempts import Allowance
from server.store.officers import Person
from server.store.sealing import Keys

_BODY_LIMIT = 8 * 1024  # bytes; our forms have a few short fields
FILE_LIMIT = 2 * 1024 * 1024  # bytes; a roster of a whole province is a tenth of that
_KNOWN_BROWSER_LASTS = timedelta(days=180)
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Visitor:
    """A signed-in officer with the token that their forms carry.

    An ``overseer`` decides on uploads in quarantine; ``held`` of them wait.
    """

    person: Person
    session: str
    token: str
    overseer: bool = False
    held: int = 0


class Cookies:
    """Our cookies. Over https their names begin with ``__Host-``, so that no neighbour host can set them."""

    SESSION = "posmigran-sesi"
    VISIT = "posmigran-awal"  # before sign-in: what the sign-in form's token is bound to
    BROWSER = "posmigran-kenal"  # this browser has signed in with this e-mail before

    def __init__(self, settings: Settings) -> None:
        self._public_url = settings.public_url

    def secure(self, request: Request) -> bool:
        """Is the installation reached by https? Behind a proxy that ends TLS, its public URL says so."""
        return (self._public_url or request.scheme).startswith("https")

    def read(self, request: Request, name: str) -> str | None:
        """A cookie's value, where it can be one of ours."""
        value = request.cookies.get(self._name(request, name))
        return value if value and len(value) <= 200 and value.isascii() else None

    def write(
        self, request: Request, response: Response, name: str, value: str, lasts: timedelta | None = None
    ) -> None:
        """Set a cookie; without ``lasts`` it ends with the browser."""
        self._set(request, response, name, value, lasts, None)

    def drop(self, request: Request, response: Response, name: str) -> None:
        """Make the browser forget a cookie."""
        # unset_cookie of Falcon leaves out Secure, without which no browser touches a __Host- cookie
        self._set(request, response, name, "", None, datetime(1970, 1, 2, tzinfo=UTC))

    def _set(
        self,
        request: Request,
        response: Response,
        name: str,
        value: str,
        lasts: timedelta | None,
        expires: datetime | None,
    ) -> None:
        response.set_cookie(
            self._name(request, name),
            value,
            expires=expires,
            max_age=int(lasts.total_seconds()) if lasts is not None else None,
            path="/",
            secure=self.secure(request),
            http_only=True,
            same_site="Lax",
        )

    def _name(self, request: Request, name: str) -> str:
        return f"__Host-{name}" if self.secure(request) else name


class Tokens:
    """Makes and checks what cannot be made without the home's key."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def for_forms(self, cookie: str) -> str:
        """The token of all forms shown under a session (or, before sign-in, a visit)."""
        return self._keys.find("staff-form", cookie)

    def require(self, cookie: str | None, given: str) -> None:
        """Raises :class:`Problem` (PAGE_EXPIRED) unless ``given`` is the token of that cookie."""
        if cookie is None or not hmac.compare_digest(self.for_forms(cookie).encode(), given.encode()):
            raise Problem(Problems.PAGE_EXPIRED)

    def know_browser(self, email: str) -> str:
        """A mark for a browser in which this e-mail was signed in."""
        mark = secrets.token_urlsafe(16)
        return f"{mark}.{self._keys.find('staff-browser', f'{email}:{mark}')}"

    def knows_browser(self, email: str, cookie: str | None) -> bool:
        """Has this e-mail been signed in here before?"""
        mark, _, seal = (cookie or "").partition(".")
        return hmac.compare_digest(
            self._keys.find("staff-browser", f"{email}:{mark}").encode(), seal.encode()
        )

    def allowances(self, email: str, address: str, browser: str | None) -> list[Allowance]:
        """How fast this e-mail may be tried from here.

        A browser that signed in before counts by itself. So whoever tries passwords from outside slows down
        other new browsers, but cannot keep an officer from working.
        """
        find = self._keys.find
        if browser is not None and self.knows_browser(email, browser):
            return [Allowance(find("try-browser", browser), burst=10, every=timedelta(seconds=30))]
        return [
            # generous: behind one address of a mobile network there are many phones
            Allowance(find("try-address", attempts.network(address)), burst=20, every=timedelta(seconds=10)),
            Allowance(find("try-email", email), burst=8, every=timedelta(seconds=60)),
        ]

    @property
    def browser_lasts(self) -> timedelta:
        """How long a browser stays known."""
        return _KNOWN_BROWSER_LASTS


def require_same_site(request: Request, public_url: str) -> None:
    """Raises :class:`Problem` (PAGE_EXPIRED) where the browser says that another site sent this form."""
    site = request.get_header("Sec-Fetch-Site")
    if site is not None and site not in ("same-origin", "none"):
        raise Problem(Problems.PAGE_EXPIRED)
    origin = request.get_header("Origin")
    if origin is not None and urlsplit(origin).netloc not in {request.netloc, urlsplit(public_url).netloc} - {
        ""
    }:
        raise Problem(Problems.PAGE_EXPIRED)


async def read_file_form(request: Request, most: int = FILE_LIMIT) -> tuple[dict[str, str], bytes]:
    """The fields of a posted form with a file, and the file's bytes (empty where none was chosen), at most ``most``.

    Raises :class:`Problem` (PAGE_EXPIRED) for what our pages never send, UPLOAD_TOO_BIG.
    """
    if (request.content_type or "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Problem(Problems.PAGE_EXPIRED)
    fields: dict[str, str] = {}
    file = b""
    try:
        async for part in await request.get_media():
            limit = most if part.filename is not None else _BODY_LIMIT
            content = await part.stream.read(limit + 1)
            if len(content) > limit:
                raise Problem(Problems.UPLOAD_TOO_BIG, limit=f"{most // 2**20} MB")
            if part.filename is not None:
                file = content
            else:
                fields[part.name or ""] = content.decode("utf-8")
    except (MediaMalformedError, ValueError):
        raise Problem(Problems.PAGE_EXPIRED) from None
    return fields, file


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a posted form. Raises :class:`Problem` (PAGE_EXPIRED) for what our pages never send."""
    if (request.content_type or "").partition(";")[0].strip().lower() != _FORM:
        raise Problem(Problems.PAGE_EXPIRED)
    body = await request.stream.read(_BODY_LIMIT + 1)
    if len(body) > _BODY_LIMIT:
        raise Problem(Problems.PAGE_EXPIRED)
    try:
        return dict(
            parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
        )
    except ValueError:
        raise Problem(Problems.PAGE_EXPIRED) from None
