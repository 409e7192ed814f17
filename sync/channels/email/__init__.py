"""E-mail by SMTP: the text of the SMS and nothing more, so that a mailbox holds no personal data either."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from forms.problems import Problem, Problems
from server.settings import Settings
from server.store.claims import Claimed
from sync.channels import Meaning, Remedy, TransportError, Trouble

TIMEOUT = 15.0
"""Seconds that connecting, and each answer, may take."""
_MENDING = timedelta(minutes=15)
_MEND = Meaning("the mail server refuses us", Remedy.ELSEWHERE, trouble=Trouble.ACCOUNT, pause=_MENDING)
_DEAD = Meaning("no such mailbox", Remedy.NEXT, dead=True, trouble=Trouble.ADDRESS)
_NO_MAILBOX = (550, 551, 553)
_POLICY = "5.7."
"""With this begins the enhanced code (RFC 3463) of a refusal that is about us, not about the mailbox."""


class Email:
    """The channel ``email``. Raises :class:`Problem` (SETTING_INVALID) where a setting lacks or cannot be read.

    ``POSMIGRAN_SMTP_URL`` is ``smtp://user:password@host:587`` (STARTTLS, where the server has it),
    ``smtps://…:465``; without a user nobody signs in.
    """

    name = "email"

    def __init__(self, settings: Settings, timeout: float = TIMEOUT) -> None:
        parts = urlsplit(settings.smtp_url.get_secret_value())
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise Problem(
                Problems.SETTING_INVALID,
                name="POSMIGRAN_SMTP_URL",
                detail="must be smtp://host:587 or smtps://host:465",
            )
        if not settings.mail_from:
            raise Problem(
                Problems.SETTING_INVALID, name="POSMIGRAN_MAIL_FROM", detail="needed with POSMIGRAN_SMTP_URL"
            )
        self._tls = parts.scheme == "smtps"
        self._host, self._port = parts.hostname, parts.port or (465 if self._tls else 587)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._from = settings.mail_from
        self._timeout = timeout

    def send(self, message: Claimed) -> str:
        """Hand the mail to the server; returns its Message-ID. Raises :class:`TransportError`.

        Sent again, it has the same Message-ID, by which mail programs show it once.
        """
        mail = self._written(message)
        try:
            server = self._connected()
            try:
                server.send_message(mail)
            finally:
                # however it says goodbye, the mail is taken or refused by now
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    server.quit()
                server.close()
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise _refused(code, of_mailbox=not said.decode("ascii", "replace").startswith(_POLICY)) from None
        except smtplib.SMTPResponseException as error:
            # the sender, the sign-in, the text: none of it says anything of the mailbox
            raise _refused(error.smtp_code, of_mailbox=False) from None
        except (smtplib.SMTPServerDisconnected, TimeoutError):
            raise TransportError(
                "email: the connection broke", Meaning("broke", crowded=True), unsure=True
            ) from None
        except smtplib.SMTPException as error:
            raise TransportError(f"email: {type(error).__name__}", _MEND) from None
        except OSError:
            raise TransportError("email: no connection", Meaning("no connection", crowded=True)) from None
        return str(mail["Message-ID"])

    def find(self, message: Claimed) -> str | None:
        """A mail server cannot be asked: better twice in a mailbox, under one Message-ID, than never."""
        return None

    def meaning(self, code: str) -> Meaning:
        """Mail servers send no receipts."""
        return Meaning("not delivered", Remedy.NEXT)

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=self._timeout, context=context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        try:
            server.ehlo()
            sealed = self._tls
            if not sealed and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
                sealed = True
            if self._user:
                if not sealed:
                    raise smtplib.SMTPNotSupportedError("a password in clear")
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _written(self, message: Claimed) -> EmailMessage:
        domain = self._from.rpartition("@")[2].strip(" >") or "localhost"
        mail = EmailMessage()
        mail["From"] = self._from
        mail["To"] = message.recipient
        mail["Subject"] = f"PMI {message.ref}".strip()
        mail["Date"] = format_datetime(message.created_at)
        mail["Message-ID"] = f"<posmigran-{message.id}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(f"{message.body}\n")
        return mail


def _refused(code: int, *, of_mailbox: bool) -> TransportError:
    text = f"email {code}"
    if of_mailbox and code in _NO_MAILBOX:
        return TransportError(f"{text}: {_DEAD.text}", _DEAD, code=str(code))
    if 400 <= code < 500:
        return TransportError(f"{text}: not now", Meaning("not now"), code=str(code))
    return TransportError(f"{text}: {_MEND.text}", _MEND, code=str(code))
