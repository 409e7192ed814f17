"""The real server as a process of its own, as a test sees it: started, stopped, killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

from tests.conftest import Home
from tests.forked import ROOT, Forked

__all__ = ["ROOT", "Server", "command", "environment"]


def environment(home: Home, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the server's processes: this home and nothing of the tester's own settings."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("POSMIGRAN_", "TWILIO_"))}
    return {
        **inherited,
        "POSMIGRAN_HOME": str(home.path),
        "POSMIGRAN_DATABASE_URL": home.url if home.url.startswith("postgres") else "",
        "POSMIGRAN_QUIET_HOURS": "none",  # they run by the real clock, at night too
        **(extra or {}),
    }


def command(home: Home, *words: str, extra: Mapping[str, str] | None = None) -> Any:
    """Run a ``posmigran`` command with ``--json`` and return its document; the command must succeed."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        process = Forked((*words, "--json"), environment(home, extra), out.fileno(), err.fileno())
        status = process.wait(600)
        out.seek(0)
        err.seek(0)
        assert status == 0, err.read()
        return json.load(out)


class Server:
    """``posmigran serve`` on a free port of 127.0.0.1; ``files``: how many it may open, soft limit and hard.

    With ``forked=False`` it is started as an operator starts it.
    """

    process: Forked | subprocess.Popen[bytes]

    def __init__(
        self,
        home: Home,
        *words: str,
        extra: Mapping[str, str] | None = None,
        files: int | None = None,
        forked: bool = True,
    ) -> None:
        self.home = home
        self.extra = dict(extra or {})
        self.log = home.path / "server.log"
        arguments = ("serve", "--port", "0", *words)
        reading, writing = os.pipe()
        with self.log.open("ab") as log, os.fdopen(writing, "wb") as out:
            if forked:
                self.process = Forked(
                    arguments, environment(home, extra), out.fileno(), log.fileno(), files=files
                )
            else:
                assert files is None
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "posmigran", *arguments],
                    cwd=ROOT,
                    env=environment(home, extra),
                    stdout=out,
                    stderr=log,
                )
        self._said = os.fdopen(reading)  # open as long as this is: nobody writes into a closed pipe
        line = self._said.readline()
        assert line.startswith("listening on "), self.log.read_text()
        self.url = line.removeprefix("listening on ").strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()

    def stop(self) -> int:
        """SIGTERM, and wait; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        self.process.kill()
        self.process.wait(30)

    def logged(self) -> str:
        """All that the server has logged so far."""
        return self.log.read_text()
