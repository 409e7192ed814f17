"""A stand-in for a mail server over real SMTP on 127.0.0.1: keeps what it takes, refuses whom it is told to."""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

FROM = "pmi@contoh.id"


@dataclass
class SmtpStandIn:
    """The server. ``refused`` are mailboxes that it says it does not have; ``answers`` what it says to a command."""

    mails: list[EmailMessage] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    answers: dict[str, str] = field(default_factory=dict)
    _server: socketserver.ThreadingTCPServer | None = None

    def __enter__(self) -> SmtpStandIn:
        handler = type("Handler", (_Handler,), {"standin": self})
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def settings(self) -> dict[str, str]:
        """The settings of an installation that sends its mail here."""
        assert self._server is not None
        port = self._server.server_address[1]
        return {"POSMIGRAN_SMTP_URL": f"smtp://127.0.0.1:{port}", "POSMIGRAN_MAIL_FROM": FROM}


class _Handler(socketserver.StreamRequestHandler):
    standin: SmtpStandIn

    def handle(self) -> None:
        self._say("220 stand-in")
        while line := self.rfile.readline():
            word, _, rest = line.decode().strip().partition(" ")
            if answer := self.standin.answers.get(word.upper()):
                self._say(answer)
            elif word.upper() == "QUIT":
                self._say("221 bye")
                return
            elif word.upper() == "RCPT" and rest.partition("<")[2].rstrip(">") in self.standin.refused:
                self._say("550 no such mailbox")
            elif word.upper() == "DATA":
                self._say("354 go on")
                self.standin.mails.append(self._mail())
                self._say("250 taken")
            else:
                self._say("250 ok")

    def _mail(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b"..") else line)
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(mail, EmailMessage)
        return mail

    def _say(self, words: str) -> None:
        self.wfile.write(words.encode() + b"\r\n")
