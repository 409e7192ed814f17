"""Which channels an installation has, by its settings, and within which caps it may use them."""

from __future__ import annotations

from collections.abc import Mapping

from server.settings import Quiet, Settings
from server.store import contacts
from server.store.claims import Setup
from server.store.spending import MICROS, Limits
from sync.channels import Channel
from sync.channels.console import Console


def carriers(settings: Settings) -> tuple[dict[str, Channel], str]:
    """The channels by name, and the one for SMS. Raises :class:`Problem` (SETTING_INVALID)."""
    found: dict[str, Channel] = {}
    # imported only where they are used: the clients take their time to load
    if settings.sms == "twilio":
        from sync.channels.twilio_sms import TwilioSms

        sms: Channel = TwilioSms(settings)
        if settings.twilio_whatsapp_from or settings.twilio_whatsapp_content_sid:
            from sync.channels.twilio_whatsapp import TwilioWhatsapp

            whatsapp = TwilioWhatsapp(settings)
            found[whatsapp.name] = whatsapp
    else:
        sms = Console()
    found[sms.name] = sms
    if settings.smtp_url.get_secret_value():
        from sync.channels.email import Email

        email = Email(settings)
        found[email.name] = email
    return found, sms.name


def kinds_of(settings: Settings) -> frozenset[str]:
    """The kinds of channel that :func:`carriers` finds, without making them: for looking an installation over."""
    whatsapp = settings.sms == "twilio" and bool(
        settings.twilio_whatsapp_from or settings.twilio_whatsapp_content_sid
    )
    email = bool(settings.smtp_url.get_secret_value())
    return frozenset({"sms", *(["whatsapp"] if whatsapp else []), *(["email"] if email else [])})


def setup_of(settings: Settings, channels: Mapping[str, Channel], sms: str) -> Setup:
    """What the store must know of the channels: one for each kind, and the caps."""
    by_kind = {contacts.kind_of(name): name for name in channels} | {contacts.kind_of(sms): sms}
    return Setup(by_kind, limits_of(settings), Quiet.parse(settings.quiet_hours))


def limits_of(settings: Settings) -> Limits:
    """The caps and prices of an installation. E-mail costs nothing and is not counted."""
    sms, whatsapp = (int(price * MICROS) for price in (settings.sms_cost, settings.whatsapp_cost))
    return Limits(
        person_hour=settings.cap_person,
        case=settings.cap_case,
        hour=settings.cap_hour,
        month=settings.cap_month,
        month_cost=int(settings.cap_month_cost * MICROS),
        prices={"twilio_sms": sms, "console": 0, "twilio_whatsapp": whatsapp},
        zone=settings.zone,
    )
