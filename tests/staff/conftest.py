"""Officers of two districts, cases filed with the shipped forms, and a browser without a screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import falcon.asgi
import falcon.testing
import pytest
from argon2 import PasswordHasher
from falcon.asgi import Request, Response

from forms.form import Form
from server.settings import Settings
from server.staff.door import add_routes
from server.store import case_opening, desks, officers, submissions
from server.store.database import Store
from server.store.officers import Person
from server.store.readers import Readers
from server.store.submissions import NewSubmission
from server.store.writer import Writer
from tests.conftest import Clock

MALANG, BLITAR = "35.07.01.2001", "35.05.01.2001"
"""A village in each of two districts of one province."""


@dataclass
class Officer:
    """An officer with what they sign in with."""

    person: Person
    email: str
    password: str


@dataclass
class Office:
    """The store of a test with everything needed to fill it."""

    store: Store
    clock: Clock
    library: dict[str, Form]
    _sent: int = 0

    def officer(self, name: str, role: str, area: str) -> Officer:
        email = f"{name.lower().replace(' ', '.')}@contoh.example"
        with self.store.transaction():
            person, password = officers.add(name, role, area, self.clock(), email=email)
        assert password is not None
        return Officer(person, email, password)

    def case(
        self, codes: str, village: str = MALANG, *, edits: str | None = None, share: str | None = None
    ) -> str:
        """File a form that shows these indicators (``"D01 D04"``); returns the case's reference."""
        ref = self.file(codes, village, edits=edits, share=share)
        assert ref is not None
        return ref

    def file(
        self,
        codes: str,
        village: str = MALANG,
        *,
        edits: str | None = None,
        share: str | None = None,
        form_id: str = "",
    ) -> str | None:
        """File a form that shows these indicators, or none; returns the reference of the case if there is one."""
        form = self.library[form_id or ("pulang" if codes.startswith("R") else "berangkat")]
        indicators = [i for i in form.indicators if i.code in codes.split()]
        assert len(indicators) == len(codes.split())
        self._sent += 1
        instance_id = f"uuid:{self._sent:08d}-0000-4000-8000-000000000000"
        new = NewSubmission(
            form_id=form.form_id,
            version=form.version,
            instance_id=instance_id,
            deprecated_id=edits,
            desk_id=self._desk(village),
            village=village,
            received_at=self.clock(),
            device_id=None,
            xml=b"<data/>",
            answers={
                "loc": {"village": village, **({"consent": "yes", "consent_share": share} if share else {})}
            },
            sensitive=form.sensitive,
            root_path=f"/{form.form_id}",
            indicators=tuple(i.code for i in indicators),
            verdict={},
        )
        with self.store.transaction():
            kept = submissions.keep(new, self.store)
            ref = case_opening.open_or_extend(
                kept.id,
                form.form_id,
                kept.root,
                village,
                indicators,
                self.clock(),
                chained=edits is not None,
            )
        self.last_instance = instance_id
        return ref

    def later(self, **step: float) -> None:
        self.clock.at += timedelta(**step)

    def _desk(self, village: str) -> int:
        known = [d for d in desks.listing() if d["village"] == village]
        if not known:
            with self.store.transaction():
                return desks.add(village, None, self.store.keys, self.clock())[0].id
        found = desks.by_username(known[0]["desk"])
        assert found is not None
        return found.id


@dataclass
class Browser:
    """Keeps cookies and presses buttons, as a browser without JavaScript does."""

    app: falcon.asgi.App[Request, Response]
    address: str
    scheme: str
    cookies: dict[str, str] = field(default_factory=dict)
    page: str = ""

    def get(self, path: str) -> falcon.testing.Result:
        return self._request("GET", path)

    def post(
        self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None
    ) -> falcon.testing.Result:
        kind = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"{self.scheme}://desa.example",
        }
        return self._request("POST", path, urlencode(fields).encode(), {**kind, **(headers or {})})

    def post_body(self, path: str, body: bytes, content_type: str) -> falcon.testing.Result:
        """Send a form that is written already, such as one with a file."""
        kind = {"Content-Type": content_type, "Origin": f"{self.scheme}://desa.example"}
        return self._request("POST", path, body, kind)

    def press(self, path: str, **fields: str) -> falcon.testing.Result:
        """Send the form of the page at hand that goes to ``path``, with its hidden token."""
        found = re.search(
            rf'action="{re.escape(path)}">\s*<input type="hidden" name="token" value="(\w+)">', self.page
        )
        assert found is not None, f"no form to {path} on this page"
        return self.post(path, {"token": found[1], **fields})

    def sign_in(self, officer: Officer, password: str | None = None) -> falcon.testing.Result:
        self.get("/masuk")
        return self.press("/masuk", email=officer.email, password=password or officer.password)

    def _request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> falcon.testing.Result:
        path, _, query = path.partition("?")
        result = falcon.testing.TestClient(self.app).simulate_request(
            method,
            path,
            query_string=query,
            body=body,
            headers={"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()), **(headers or {})},
            host="desa.example",
            protocol=self.scheme,
            remote_addr=self.address,
        )
        for name, cookie in result.cookies.items():
            if cookie.expires is not None and cookie.expires < datetime.now(UTC):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = cookie.value
        if result.headers.get("content-type", "").startswith("text/html"):
            self.page = result.text
        return result


@dataclass
class Site:
    """The pages over a store, and the threads behind them."""

    app: falcon.asgi.App[Request, Response]
    home: Path

    def browser(self, address: str = "192.0.2.10", scheme: str = "http") -> Browser:
        return Browser(self.app, address, scheme)


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """The same scheme with the least work: these tests sign in some hundred times."""
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(officers, "_hasher", quick)
        yield


@pytest.fixture
def office(published: Store, clock: Clock, library: dict[str, Form]) -> Office:
    """An office without officers or cases yet."""
    return Office(published, clock, library)


@contextmanager
def served(store: Store, clock: Clock, *, patience: float = 0, **settings: str) -> Iterator[Site]:
    """The staff pages over a store, for as long as the context lasts."""
    app: falcon.asgi.App[Request, Response] = falcon.asgi.App()
    writer, readers = Writer(store), Readers(store, threads=2)
    add_routes(
        app,
        settings=Settings.model_validate({"home": store.home, **settings}),
        store=store,
        writer=writer,
        readers=readers,
        clock=clock,
        patience=patience,
    )
    yield Site(app, store.home)
    writer.close()
    readers.close()


@pytest.fixture
def site(published: Store, clock: Clock) -> Iterator[Site]:
    """The staff pages alone, on the store of the test."""
    with served(published, clock) as running:
        yield running


@pytest.fixture
def patient_site(published: Store, clock: Clock) -> Iterator[Site]:
    """The same, where a download waits long for its file."""
    with served(published, clock, patience=60) as running:
        yield running


@pytest.fixture
def site_behind_proxy(published: Store, clock: Clock) -> Iterator[Site]:
    """The same where a proxy ends TLS: the public address is https, but requests arrive as http."""
    with served(published, clock, public_url="https://pos.example") as running:
        yield running
