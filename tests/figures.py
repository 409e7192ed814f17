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
    """Alerts and messages of the server at ``url`` that have not gone out yet."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    waiting = r'^posmigran_(?:alerts_owed\{.*\}|messages\{state="(?:owed|sending)"\}) (\S+)$'
    return sum(float(count) for count in re.findall(waiting, text, re.MULTILINE))
