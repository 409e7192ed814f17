"""Running the server: uvicorn in this process or in several workers, and the sync process beside it.

Where there are several workers the sync process is forked as they are, and has in common with them what is loaded.
Where this process answers by itself, it cannot fork any more, and starts one whose standard input is a pipe from here:
when this process dies, however it dies, the pipe closes and the child ends by itself.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable

import structlog
import uvicorn

from forms.problems import Problem, Problems
from server import installation
from server.connections import Connection, raise_file_limit
from server.logs import where
from server.settings import Settings
from server.terminal import complain
from server.workers import Workers

log = structlog.get_logger()

_APP = "posmigran:app_from_environment"
_KEEP_ALIVE = 75  # seconds; above the 60 s after which Collect gives up (COLLECT 10.28)
_PATIENCE = (
    20  # seconds that requests under way have when the server is to end: phones send again what was cut off
)
_ARENAS = "MALLOC_ARENA_MAX"
_M_ARENA_MAX = -8  # <malloc.h>
_RESTART_AFTER = 1.0  # seconds before a sync process that ended by itself is started again


def serve(settings: Settings, host: str, port: int, workers: int, sync: Callable[[], None] | None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status.

    ``sync`` is what the sync process does, until SIGTERM; None where it runs elsewhere.
    """
    switching = sys.getswitchinterval()
    # The writer gives up the interpreter at each statement; at Python's usual 5 ms it would wait long to get it back.
    sys.setswitchinterval(0.0005)
    raise_file_limit()
    _one_arena()
    if workers > 1:
        import server.app  # noqa: F401 - so that the workers have it in common
    listeners = _listen(host, port, workers)
    bound = listeners[0].getsockname()[1]
    address = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    # children (workers, sync) are processes of their own: they learn of the home and the address by environment
    os.environ["POSMIGRAN_HOME"] = str(settings.home)
    if settings.public_url:
        os.environ["POSMIGRAN_PUBLIC_URL"] = settings.public_url
    installation.note_address(settings, settings.public_url or address)
    config = uvicorn.Config(
        _APP,
        factory=True,
        http=Connection,
        log_level="warning",
        access_log=False,  # paths hold tokens
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_PATIENCE,
        server_header=False,
        proxy_headers=False,  # the application reads them itself: server/forwarded.py
        lifespan="on",
        backlog=2048,
    )

    def run(number: int = 0) -> bool:
        if number == 0:
            threading.Thread(target=_announce, args=(address, bound, host), daemon=True).start()
        _keep_to_own_core(number, workers)
        server = uvicorn.Server(config)
        mine = listeners[number % len(listeners)]
        for other in listeners:
            if other is not mine:  # a worker that ends slowly must not hold the port of one that has ended
                other.close()
        server.run(sockets=[mine])
        return server.started

    def beside() -> None:
        assert sync is not None  # else nothing runs beside
        for listener in listeners:
            listener.close()
        sys.setswitchinterval(switching)
        try:
            sync()
        except Problem as problem:
            complain(problem.text("en"))
            raise
        except Exception as error:
            log.error("sync.failed", error=type(error).__name__, at=where(error))
            raise

    child = _SyncChild() if sync is not None and workers == 1 else None
    # uvicorn stops on these, then raises them again for whoever comes after: here that is a clean end
    for caught in (signal.SIGTERM, signal.SIGINT):
        signal.signal(caught, lambda *_: None)
    try:
        beside_them = beside if sync is not None else None
        started = run() if workers == 1 else Workers(workers, run, beside_them).look_after()
    finally:
        if child is not None:
            child.stop()
        for listener in listeners:
            listener.close()
    return 0 if started else 1


def _one_arena() -> None:
    """Let all threads of this process and of its children take memory from one place.

    The GNU C library gives each thread its own (malloc's arenas), and each keeps what it no longer needs; under
    Python's lock threads hardly ever ask at once. Whoever set it by hand has set it; elsewhere there is nothing to set.
    """
    if _ARENAS in os.environ:
        return
    os.environ[_ARENAS] = "1"  # for children that begin anew, as sync does
    program = ctypes.CDLL(None)
    if hasattr(program, "mallopt"):
        program.mallopt(_M_ARENA_MAX, 1)


def default_workers() -> int:
    """One for each core that this process may use, at most four: beyond that they only wait for the database."""
    return min(len(_cores()) or os.cpu_count() or 1, 4)


def _cores() -> list[int]:
    """The cores that this process may use; none where the system does not say (it is not Linux)."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _keep_to_own_core(number: int, workers: int) -> None:
    """Keep a worker to a core of its own, where there are as many of them.

    Its threads take turns under Python's lock, so they lose nothing; and from core to core they would leave behind
    what the caches hold, at each turn.
    """
    cores = _cores()
    if 1 < workers == len(cores):
        os.sched_setaffinity(0, {cores[number]})


def _listen(host: str, port: int, workers: int) -> list[socket.socket]:
    """The sockets to listen at: on Linux one a worker, among which the kernel spreads the connections.

    At a common one, whoever wakes first takes all that wait, and the others have nothing to do.
    """
    first = _bound(host, port, shared=False)  # fails where somebody listens, which a shared port would hide
    if workers == 1 or sys.platform != "linux":
        return [first]
    port = first.getsockname()[1]
    first.close()
    return [_bound(host, port, shared=True) for _ in range(workers)]


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # Phones lose their network without a word, and nobody would ever miss them: what was half-received would lie
    # about for as long as the server runs. Connections inherit these.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 120),
        ("TCP_KEEPINTVL", 30),
        ("TCP_KEEPCNT", 6),
    ):  # 5 minutes in all
        if hasattr(socket, option):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    try:
        listener.bind((host, port))
    except OSError as error:
        detail = f"{error.strerror or error}; choose another --port or --host, or stop what listens there"
        raise Problem(Problems.SETTING_INVALID, name=f"{host}:{port}", detail=detail) from error
    listener.set_inheritable(True)
    return listener


def _announce(address: str, port: int, host: str) -> None:
    """Say so once the server really answers."""
    wildcard = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - where to ask, not where to listen
    asked = f"http://{wildcard.get(host, address.removeprefix('http://').rpartition(':')[0])}:{port}/healthz"
    pause = threading.Event()
    while True:
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:
                if answer.status == 200:
                    break
        except (urllib.error.URLError, OSError):
            pause.wait(0.05)
    sys.stdout.write(f"listening on {address}\n")
    sys.stdout.flush()


class _SyncChild:
    """Keeps one sync process running."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "posmigran", "sync", "--embedded"],
            stdin=subprocess.PIPE,
            # Ctrl-C in a terminal reaches the whole group; the child is to end when its parent is done
            start_new_session=True,
        )

    def _watch(self) -> None:
        while True:
            self._process.wait()
            if self._stopping.wait(_RESTART_AFTER):
                return
            self._process = self._start()

    def stop(self) -> None:
        """Let it finish what it is doing, and end."""
        self._stopping.set()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
