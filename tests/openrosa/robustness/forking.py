"""A process with everything imported that forks a real server for each line it reads: a start without the imports.

The server is the command line's own, in a process group of its own, so that one signal kills all of it at once.
"""

from __future__ import annotations

import os
import sys

import uvicorn  # noqa: F401 - imported once, here

import posmigran
import server.app
import server.serving  # noqa: F401


def main() -> None:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            os.setsid()
            sys.stdout.write(f"{os.getpid()}\n")
            sys.stdout.flush()
            posmigran.app(["serve", "--port", "0", "--no-sync", "--workers", "2"])
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
