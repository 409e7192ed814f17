"""``posmigran`` as a process of its own without the second that its imports cost: ``python -m tests.forked FD``.

This process has imported everything and forks for each request that comes over the socket ``FD``. The child has
arguments, environment and outputs of its own and runs the command line's own entry point, as one that was started
afresh; what a fresh start is, imports included, is for the tests that start one (``Server(..., forked=False)``).
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_LONGEST = 1 << 20


class Forked:
    """What tests use of :class:`subprocess.Popen`, for a ``posmigran`` that was forked."""

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        stdout: int,
        stderr: int,
        files: int | None = None,
    ) -> None:
        self.returncode: int | None = None
        request = {"words": list(words), "environment": dict(environment), "files": files}
        pid = _forker().ask(request, (stdout, stderr))
        assert pid is not None
        self.pid = pid

    def poll(self) -> int | None:
        """The exit status, or None while it runs; of one that was killed, the signal's number below zero."""
        if self.returncode is None:
            self.returncode = _forker().ask({"ended": self.pid})
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for its end; raises :class:`subprocess.TimeoutExpired`."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("posmigran", timeout)
            time.sleep(0.01)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)


class _Forker:
    """The test process's end of the socket."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._turn = threading.Lock()
        with theirs:
            words = [sys.executable, "-m", "tests.forked", str(theirs.fileno())]
            self._process = subprocess.Popen(
                words, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )  # it ends with this process, which closes the socket

    def ask(self, request: Mapping[str, Any], files: Sequence[int] = ()) -> int | None:
        with self._turn:
            socket.send_fds(self._socket, [json.dumps(request).encode()], files)
            answer: int | None = json.loads(self._socket.recv(_LONGEST))
        return answer


@functools.cache
def _forker() -> _Forker:
    return _Forker()


def main(requests: socket.socket) -> None:
    """Fork for each request; ends with the test process. In a child this returns once it is made."""
    while True:
        message, files, _, _ = socket.recv_fds(requests, _LONGEST, 2)
        if not message:
            return
        request = json.loads(message)
        if "ended" in request:
            pid, status = os.waitpid(request["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                requests.close()
                _become(request, files)
            for descriptor in files:
                os.close(descriptor)
        requests.send(json.dumps(answer).encode())


def _become(request: Mapping[str, Any], files: Sequence[int]) -> None:
    for number, descriptor in enumerate(files, 1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    if request["files"] is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (request["files"], request["files"]))
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv = ["posmigran", *request["words"]]
    posmigran.main()


if __name__ == "__main__":
    import uvicorn  # noqa: F401 - imported once, here, with all that commands and server import when they need it

    import posmigran
    import sync.scheduler  # noqa: F401

    with contextlib.closing(socket.socket(fileno=int(sys.argv[1]))) as line:
        main(line)
