"""The server's own figures, as whoever watches it reads them."""

from __future__ import annotations

import re
import urllib.request


def figures(url: str) -> dict[str, float]:
    """All figures of the server at ``url``: name with labels -> value."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines if x[:1] != "#")}


def still_owed(url: str) -> float:
    """0 where every alert and message of the server at ``url`` has gone out, those that are not counted too."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    waiting = r"^posmigran_waiting\{.*\} (\S+)$"
    return sum(float(count) for count in re.findall(waiting, text, re.MULTILINE))
