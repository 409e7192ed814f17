"""What became of alerts, by indicator: does a rule ask too much?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from falcon.asgi import Request, Response

from server.staff.pages import Resource, for_officers
from server.staff.trust import Visitor
from server.store import results


@dataclass(frozen=True)
class Line:
    """An indicator's record in a reader's words; ``share`` is empty where nothing was closed."""

    code: str
    label: str
    severity: str
    raised: int
    closed: int
    verified: int
    referred: int
    false_alarms: int
    other: int
    share: str


class RatePage(Resource):
    """``/tanda``."""

    after_sign_in = "/tanda"

    @for_officers
    async def on_get(self, request: Request, response: Response, visitor: Visitor) -> None:
        """The indicators that one may know of, with the false alarms among them, in one's area."""

        def read() -> list[Line]:
            return [
                Line(
                    rate.indicator,
                    self.pages.texts.label(rate.indicator),
                    rate.severity,
                    rate.raised,
                    rate.closed,
                    rate.verified,
                    rate.referred,
                    rate.false_alarms,
                    rate.other,
                    f"{rate.share:.0%}" if rate.share is not None else "",
                )
                for rate in results.for_person(visitor.person)
            ]

        found: dict[str, Any] = {"lines": await self.pages.readers.run(read)}
        self.pages.show(response, "rates.html", visitor, area=await self.pages.area_name(visitor), **found)
