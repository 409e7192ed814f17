"""What the server's processes cost: CPU time and memory, as the kernel counts them (Linux)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Of a process and all below it: seconds of CPU, and bytes. ``pss`` counts a page that n share as 1/n each."""

    cpu: float
    pss: int
    rss: int


def cost(pid: int) -> Cost:
    """What a process and all below it have cost up to now."""
    cpu, pss, rss = 0.0, 0, 0
    for one in _family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(") ")[2].split()
        cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        memory = dict(
            line.split(":", 1) for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()[1:]
        )
        pss += _bytes(memory["Pss"])
        rss += _bytes(memory["Rss"])
    return Cost(cpu, pss, rss)


def _bytes(kib: str) -> int:
    return int(kib.split()[0]) * 1024


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found
