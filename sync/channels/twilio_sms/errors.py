"""What Twilio's error codes mean for a message: DOMAIN 7, whose sources are named there; for WhatsApp (63xxx) Twilio's
error dictionary and its list of WhatsApp's own codes (docs/whatsapp/api/error-code-mapping).
"""

from __future__ import annotations

from datetime import timedelta

from sync.channels import Meaning, Remedy, Trouble

# Until somebody has mended the account, a message waits; it is tried now and then, so that it goes by itself.
MENDING = timedelta(minutes=15)
_SLOWLY = timedelta(minutes=1)
_HOURS = timedelta(hours=1)


def _mend(text: str, trouble: Trouble) -> Meaning:
    return Meaning(text, Remedy.ELSEWHERE, trouble=trouble, pause=MENDING)


def _dead(text: str) -> Meaning:
    return Meaning(text, Remedy.NEXT, dead=True, trouble=Trouble.ADDRESS)


def _template(text: str) -> Meaning:
    return Meaning(text, Remedy.NEXT, trouble=Trouble.TEMPLATE)


_CROWDED = Meaning("the sender's queue is full", pause=_SLOWLY, crowded=True)

MEANINGS: dict[int, Meaning] = {
    20003: _mend("the account or its token is refused", Trouble.ACCOUNT),
    20404: _mend("no such account", Trouble.ACCOUNT),
    20429: Meaning("too many requests", pause=timedelta(seconds=1), crowded=True),
    21211: _dead("not a valid number"),
    21212: _mend("the sender is not valid", Trouble.SENDER),
    21408: _mend("sending to this country is switched off", Trouble.ACCOUNT),
    21606: _mend("the sender cannot send SMS", Trouble.SENDER),
    21608: _mend("trial account: the number is not verified", Trouble.ACCOUNT),
    21609: _mend("the public URL is not valid for receipts", Trouble.OTHER),
    # Whoever wrote STOP has said so about this number: it is not tried again until they write START.
    21610: Meaning("the recipient has unsubscribed", Remedy.NEXT, dead=True, trouble=Trouble.ADDRESS),
    21611: _CROWDED,
    21612: _mend("the sender is not registered for this route", Trouble.SENDER),
    21614: _dead("not a mobile number"),
    21655: _template("the template's id is not valid"),
    21656: _template("the template's variables are not valid"),
    30001: _CROWDED,
    30002: _mend("the account is suspended or without funds", Trouble.ACCOUNT),
    30003: Meaning(
        "the phone is off or without signal", pauses=(_HOURS / 2, 2 * _HOURS, 6 * _HOURS), others_too=True
    ),
    30004: Meaning("blocked", Remedy.NEXT),
    30005: _dead("unknown or inactive number"),
    30006: _dead("a landline, or a network that cannot be reached"),
    30007: Meaning("taken for spam", Remedy.NEXT, trouble=Trouble.SPAM),
    30008: Meaning("unknown reason", pauses=(5 * _SLOWLY,)),
    30036: Meaning("expired in the carrier's queue", pause=_SLOWLY),
    30042: _mend("the sender's name is blocked", Trouble.SENDER),
    63001: _mend("the channel's sign-in failed", Trouble.ACCOUNT),
    63003: _dead("not an address of this channel"),
    63005: _template("the channel did not take the text"),
    63007: _mend("no such sender of this channel", Trouble.SENDER),
    63010: Meaning("the channel has a fault", pauses=(_SLOWLY,)),
    63012: Meaning("the channel's provider has a fault", pauses=(_SLOWLY,)),
    63013: _template("against the channel's policy"),
    63015: Meaning("the recipient has not joined the sandbox", Remedy.NEXT),
    63016: _template("outside of the window: a template is needed"),
    # the sender's limit may last a day: whoever has another way is told by that
    63018: _mend("the channel's limit was passed", Trouble.ACCOUNT),
    63020: _mend("the business account is refused, perhaps unpaid", Trouble.ACCOUNT),
    63021: _template("the channel rejects the text"),
    63022: _mend("the sender's certificate is not valid", Trouble.SENDER),
    63024: _dead("not a recipient of this channel"),
    63027: _template("there is no such template in this language"),
    63028: _template("the number of variables is not the template's"),
    63029: Meaning("the recipient's phone could not load the template", Remedy.NEXT),
    63030: _template("the channel does not know a parameter"),
    63032: Meaning("the channel keeps this recipient out", Remedy.NEXT),
    63033: Meaning("the recipient cannot receive", Remedy.NEXT),
    63036: Meaning("the recipient cannot be reached on this channel", Remedy.NEXT),
    63038: _mend("the account's limit of the day was passed", Trouble.ACCOUNT),
    63040: _template("the template was rejected"),
    63041: _template("the template is paused"),
    63042: _template("the template is switched off"),
    # only of templates that Meta counts as marketing: alerts need the category "utility"
    63049: _template("not delivered: the template counts as marketing"),
    63051: _mend("the business account is locked", Trouble.ACCOUNT),
}
"""Codes of the API's answers and of receipts alike, of SMS and of WhatsApp."""

UNDELIVERED = Meaning("not delivered, no reason given", pauses=(5 * _SLOWLY,))


def meaning_of(code: int | None, status: int) -> Meaning:
    """What a code of the API's means; for one that is not known, the HTTP status decides."""
    known = MEANINGS.get(code or 0)
    if known is not None:
        return known
    if status in (401, 403):
        return MEANINGS[20003]
    if status == 404:
        return MEANINGS[20404]
    if status == 429:
        return MEANINGS[20429]
    if status >= 500:
        return Meaning("the carrier has a fault", crowded=True)
    # Refused for a reason nobody has written down yet: about the account as likely as about the number.
    return _mend("refused", Trouble.OTHER)


def meaning_of_receipt(code: str) -> Meaning:
    """What a receipt's code means; without one the message was just not delivered."""
    return MEANINGS.get(int(code), UNDELIVERED) if code.isdecimal() else UNDELIVERED
