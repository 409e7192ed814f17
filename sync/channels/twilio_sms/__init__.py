"""SMS through Twilio's official client.

Two-way SMS does not exist for Indonesia (DOMAIN 7): officers acknowledge on the page.
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
from server.store.messages import Claimed
from sync.channels import TransportError
from sync.channels.twilio_sms.errors import meaning_of

TIMEOUT = 10.0
"""Seconds that connecting, and each wait for bytes, may take: well within the lease of a claim."""
_SEARCHED = 200
"""How many of a recipient's newest messages are looked through where the carrier has no date for them yet."""


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
                retry_after=timedelta(seconds=int(wait)) if wait.isdigit() else None,
            )
        return response


class TwilioSms:
    """The channel ``twilio_sms``. Raises :class:`Problem` (SETTING_INVALID) where a setting is missing."""

    name = "twilio_sms"

    def __init__(self, settings: Settings, timeout: float = TIMEOUT) -> None:
        token = settings.twilio_auth_token.get_secret_value()
        needed = {
            "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
            "TWILIO_AUTH_TOKEN": token,
            "TWILIO_FROM": settings.twilio_from or settings.twilio_messaging_service_sid,
        }
        for name, value in needed.items():
            if not value:
                raise Problem(Problems.SETTING_INVALID, name=name, detail="needed for POSMIGRAN_SMS=twilio")
        self._sender = (
            {"messaging_service_sid": settings.twilio_messaging_service_sid}
            if settings.twilio_messaging_service_sid
            else {"from_": settings.twilio_from}
        )
        self._public_url = settings.public_url
        # With no environment at all the client would read the process's own, where an edge may be set.
        self._client = Client(
            settings.twilio_account_sid,
            token,
            http_client=_Http(timeout),
            environment={"TWILIO_ACCOUNT_SID": settings.twilio_account_sid},
        )
        self._client.api.base_url = settings.twilio_api_url

    def send(self, message: Claimed) -> str:
        """Create the message at Twilio; returns its SID. Raises :class:`TransportError`.

        The callback's address carries our own number of the message, so that a receipt which overtakes the
        answer still finds it.
        """
        callback = {}
        if self._public_url:
            callback = {"status_callback": f"{self._public_url}/twilio/status?m={message.id}"}
        try:
            created = self._client.messages.create(
                to=message.recipient, body=message.body, **self._sender, **callback
            )
        except (TwilioException, requests.RequestException, ValueError, KeyError) as error:
            raise _understood(error) from None
        if not created.sid:
            raise TransportError("twilio answered without an id", unsure=True)
        return str(created.sid)

    def find(self, message: Claimed) -> str | None:
        """Look for the message among those to its recipient: by date, then among the newest.

        The second look is for messages that are still queued: they have no date of sending to search by.
        """
        since = message.created_at - timedelta(days=1)
        try:
            for criteria in ({"date_sent_after": since}, {"limit": _SEARCHED}):
                for found in self._client.messages.stream(to=message.recipient, page_size=50, **criteria):
                    # Trial accounts put words of their own before the text.
                    text = found.body or ""
                    if message.ref in text and message.body in text:
                        return str(found.sid)
        except (TwilioException, requests.RequestException, ValueError, KeyError) as error:
            understood = _understood(error)
            raise TransportError(
                f"asked whether it got through: {understood.reason}",
                unsure=True,
                administrator=understood.administrator,
                retry_after=understood.retry_after,
            ) from None
        except TransportError as error:
            raise TransportError(error.reason, unsure=True, retry_after=error.retry_after) from None
        return None


def _understood(error: Exception) -> TransportError:
    """What an error of the client means. Twilio's own words may quote the number: left out."""
    if isinstance(error, TwilioRestException | TwilioServiceException):
        meaning = meaning_of(error.code, error.status)
        return TransportError(
            f"twilio {error.code or error.status}: {meaning.text}",
            permanent=meaning.permanent,
            unsure=error.status >= 500,
            administrator=meaning.administrator,
            retry_after=meaning.retry_after,
        )
    if isinstance(error, requests.RequestException) and _never_connected(error):
        return TransportError("twilio: no connection")
    return TransportError(f"twilio: {type(error).__name__}", unsure=True)


def _never_connected(error: requests.RequestException) -> bool:
    """Did it fail before a byte of the request left?"""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
