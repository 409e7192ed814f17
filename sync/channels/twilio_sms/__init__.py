"""SMS through Twilio's official client.

Two-way SMS does not exist for Indonesia (DOMAIN 7): officers acknowledge on the page, or by WhatsApp.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from urllib3.exceptions import MaxRetryError, NewConnectionError

from forms.problems import Problem, Problems
from server.settings import Settings
from server.store.claims import Claimed
from sync.channels import Meaning, TransportError
from sync.channels.twilio_sms.errors import MEANINGS, meaning_of, meaning_of_receipt

TIMEOUT = 10.0
"""Seconds that connecting, and each wait for bytes, may take: well within the lease of a claim."""
_SEARCHED = 200
"""How many of a recipient's newest messages are looked through where the carrier has no date for them yet."""


_CLOCKS_APART = timedelta(minutes=10)
"""How far our clock and the carrier's may differ."""


class _Http(TwilioHttpClient):  # type: ignore[misc]
    """Twilio's HTTP client, which also says how long to wait after a 429.

    The client's own log would write the text and the number of every message; it gets a logger that is off.
    """

    def __init__(self, timeout: float) -> None:
        silent = logging.Logger("posmigran.twilio", level=logging.CRITICAL + 1)
        # No retries below us: only the outbox may send a message again, after asking.
        super().__init__(timeout=timeout, logger=silent, max_retries=0)

    def request(self, *args: Any, **named: Any) -> Response:
        """As the parent does. Raises :class:`TransportError` for 429."""
        response = super().request(*args, **named)
        if response.status_code == 429:
            wait = str((response.headers or {}).get("Retry-After", ""))
            raise TransportError(
                "twilio 20429: too many requests",
                MEANINGS[20429],
                code="20429",
                retry_after=timedelta(seconds=int(wait)) if wait.isdigit() else None,
            )
        return response


class TwilioMessages:
    """Twilio's Messages API, for whichever channel. Raises :class:`Problem` (SETTING_INVALID) where a setting lacks.

    ``sender`` are the arguments that say who sends; ``needed`` names the channel's own settings and their values.
    """

    prefix = ""
    """Before the number in Twilio's addresses."""

    def __init__(
        self, settings: Settings, sender: dict[str, str], needed: dict[str, str], timeout: float = TIMEOUT
    ) -> None:
        token = settings.twilio_auth_token.get_secret_value()
        needed = {
            "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
            "TWILIO_AUTH_TOKEN": token,
            **needed,
        }
        for name, value in needed.items():
            if not value:
                raise Problem(Problems.SETTING_INVALID, name=name, detail="needed for POSMIGRAN_SMS=twilio")
        self._sender = sender
        self._public_url = settings.public_url
        # With no environment at all the client would read the process's own, where an edge may be set.
        self._client = Client(
            settings.twilio_account_sid,
            token,
            http_client=_Http(timeout),
            environment={"TWILIO_ACCOUNT_SID": settings.twilio_account_sid},
        )
        self._client.api.base_url = settings.twilio_api_url

    def content(self, message: Claimed) -> dict[str, str]:
        """The arguments that say what is sent."""
        return {"body": message.body}

    def send(self, message: Claimed) -> str:
        """Create the message at Twilio; returns its SID. Raises :class:`TransportError`.

        The callback's address carries our own number of the message and of the delivery, so that a receipt which
        overtakes the answer still finds them.
        """
        callback = {}
        if self._public_url:
            address = f"{self._public_url}/twilio/status?m={message.id}&a={message.attempts}"
            callback = {"status_callback": address}
        content = self.content(message)
        try:
            created = self._client.messages.create(
                to=self.prefix + message.recipient, **content, **self._sender, **callback
            )
        except (TwilioException, requests.RequestException, ValueError, KeyError) as error:
            raise _understood(error) from None
        if not created.sid:
            raise TransportError("twilio answered without an id", unsure=True)
        return str(created.sid)

    def find(self, message: Claimed) -> str | None:
        """Look for the message among those to its recipient: by date, then among the newest.

        The second look is for messages that are still queued: they have no date of sending to search by. What is
        known to be another message of ours is passed by: two may read alike.
        """
        since = (message.since or message.created_at) - _CLOCKS_APART
        try:
            for criteria in ({"date_sent_after": since}, {"limit": _SEARCHED}):
                found = self._client.messages.stream(
                    to=self.prefix + message.recipient, page_size=50, **criteria
                )
                for one in found:
                    # Trial accounts put words of their own before the text, templates around it.
                    text = single_spaced(one.body or "")
                    if (
                        message.ref in text
                        and single_spaced(message.body) in text
                        and one.sid not in message.known
                    ):
                        return str(one.sid)
        except (TwilioException, requests.RequestException, ValueError, KeyError) as error:
            understood = _understood(error)
            raise TransportError(
                f"asked whether it got through: {understood.reason}",
                understood.meaning,
                unsure=True,
                retry_after=understood.retry_after,
            ) from None
        except TransportError as error:
            raise TransportError(
                error.reason, error.meaning, unsure=True, retry_after=error.retry_after
            ) from None
        return None

    def meaning(self, code: str) -> Meaning:
        """What a code in a receipt means."""
        return meaning_of_receipt(code)


class TwilioSms(TwilioMessages):
    """The channel ``twilio_sms``."""

    name = "twilio_sms"

    def __init__(self, settings: Settings, timeout: float = TIMEOUT) -> None:
        service = settings.twilio_messaging_service_sid
        super().__init__(
            settings,
            {"messaging_service_sid": service} if service else {"from_": settings.twilio_from},
            {"TWILIO_FROM": settings.twilio_from or service},
            timeout,
        )


def single_spaced(text: str) -> str:
    """The text with one space for each run of white space, as templates have it."""
    return " ".join(text.split())


def _understood(error: Exception) -> TransportError:
    """What an error of the client means. Twilio's own words may quote the number: left out."""
    if isinstance(error, TwilioRestException | TwilioServiceException):
        meaning = meaning_of(error.code, error.status)
        code = str(error.code or error.status)
        return TransportError(
            f"twilio {code}: {meaning.text}", meaning, code=code, unsure=error.status >= 500
        )
    if isinstance(error, requests.RequestException) and _never_connected(error):
        return TransportError("twilio: no connection", Meaning("no connection", crowded=True))
    name = type(error).__name__
    return TransportError(f"twilio: {name}", Meaning(name, crowded=True), unsure=True)


def _never_connected(error: requests.RequestException) -> bool:
    """Did it fail before a byte of the request left?"""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
