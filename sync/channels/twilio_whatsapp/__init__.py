"""WhatsApp through Twilio: the only way on which officers in Indonesia can answer (DOMAIN 7).

Whoever writes first needs a template that Meta has approved, sent by its ``ContentSid``: ``Body`` fails (63016).
Variables are a JSON object of strings under the numbers of the places; an empty one, a new line or more than four
spaces in a row is refused (63013), so that spaces are written once.
The template has two places: ``{{1}}`` is the text of the alert, ``{{2}}`` the reference to answer with. A message
of no case (digests, notices) needs a template of its own with ``{{1}}`` alone, else it takes the next way.
"""

from __future__ import annotations

import json

from server.settings import Settings
from server.store.claims import Claimed
from sync.channels import Meaning, Remedy, TransportError
from sync.channels.twilio_sms import TIMEOUT, TwilioMessages, single_spaced


class TwilioWhatsapp(TwilioMessages):
    """The channel ``twilio_whatsapp``. Raises :class:`Problem` (SETTING_INVALID) where a setting lacks."""

    name = "twilio_whatsapp"
    prefix = "whatsapp:"

    def __init__(self, settings: Settings, timeout: float = TIMEOUT) -> None:
        super().__init__(
            settings,
            {"from_": f"whatsapp:{settings.twilio_whatsapp_from}"},
            {
                "TWILIO_WHATSAPP_FROM": settings.twilio_whatsapp_from,
                "TWILIO_WHATSAPP_CONTENT_SID": settings.twilio_whatsapp_content_sid,
            },
            timeout,
        )
        self._of_case = settings.twilio_whatsapp_content_sid
        self._of_none = settings.twilio_whatsapp_digest_content_sid

    def content(self, message: Claimed) -> dict[str, str]:
        """The template and what fills it. Raises :class:`TransportError` where there is no template for it."""
        text = single_spaced(message.body)
        if message.ref:
            return {
                "content_sid": self._of_case,
                "content_variables": json.dumps({"1": text, "2": message.ref}),
            }
        if not self._of_none:
            raise TransportError("no template for messages of no case", Meaning("no template", Remedy.NEXT))
        return {"content_sid": self._of_none, "content_variables": json.dumps({"1": text})}
