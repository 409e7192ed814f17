"""What watches the server: is it alive, and its figures."""

from __future__ import annotations

import hmac
import ipaddress
import shutil
from collections.abc import Callable
from datetime import datetime

import falcon.asgi
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from forms.problems import Problem, Problems
from server.settings import Settings
from server.store import figures, room
from server.store.database import Store
from server.store.files import reserve
from server.store.readers import Readers

_BY_PROXY = ("X-FORWARDED-FOR", "X-FORWARDED-HOST", "X-FORWARDED-PROTO", "FORWARDED", "VIA", "X-REAL-IP")


class Health:
    """``/healthz``."""

    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """200 when the database answers, else 503."""
        alive = await self._readers.run(self._store.alive)
        response.status = 200 if alive else 503
        response.media = {"status": "ok" if alive else "unavailable"}


class Metrics:
    """``/metrics``: figures for Prometheus, counted in the database, so that they are the same from every process.

    They tell how many alerts there are, so they are not for everybody: for whoever brings the token of the
    settings, and for programs on this machine.
    """

    def __init__(self, settings: Settings, readers: Readers, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock
        self._token = settings.metrics_token.get_secret_value()
        self._readers = readers

    async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        """Prometheus text. Raises :class:`Problem` (FORBIDDEN)."""
        if not (self._has_token(request) or _from_here(request)):
            raise Problem(Problems.FORBIDDEN)
        counted = await self._readers.run(self._counted)
        registry = CollectorRegistry()
        registry.register(_Collected(counted))
        response.data = generate_latest(registry)
        response.content_type = "text/plain; version=0.0.4; charset=utf-8"
        response.set_header("Cache-Control", "no-store")

    def _counted(self) -> list[figures.Figure]:
        disk = figures.Figure(
            "posmigran_disk_bytes",
            "Bytes free on the disk of the home, and how many of them files leave to answers",
            "what",
            {
                "free": float(shutil.disk_usage(self._settings.home).free),
                "reserve": float(reserve(self._settings.home, self._settings.disk_reserve)),
            },
        )
        reasons = [reason for desk in room.refused(self._clock()) for reason in desk.reasons]
        refused = figures.Figure(
            "posmigran_files_refused",
            "Desks whose files were not taken in the last day, by reason",
            "reason",
            {reason: float(reasons.count(reason)) for reason in sorted(set(reasons))},
        )
        return [*figures.counted(), refused, disk]

    def _has_token(self, request: falcon.asgi.Request) -> bool:
        scheme, _, given = (request.get_header("Authorization") or "").partition(" ")
        right = bool(self._token) and hmac.compare_digest(given.strip().encode(), self._token.encode())
        return right and scheme.lower() == "bearer"


def _from_here(request: falcon.asgi.Request) -> bool:
    """Does a program on this machine ask, and not a proxy on it for somebody else?

    A proxy betrays itself by a header, or by passing on the name that was asked for.
    """
    client = request.scope.get("client")
    if client is None or any(request.get_header(name) is not None for name in _BY_PROXY):
        return False
    return _is_loopback(client[0]) and (request.host == "localhost" or _is_loopback(request.host))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class _Collected:
    def __init__(self, counted: list[figures.Figure]) -> None:
        self._counted = counted

    def collect(self) -> list[GaugeMetricFamily]:
        families = []
        for figure in self._counted:
            family = GaugeMetricFamily(figure.name, figure.help, labels=[figure.label])
            for value, count in figure.counts.items():
                family.add_metric([value], count)
            families.append(family)
        return families
