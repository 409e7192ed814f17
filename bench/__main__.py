"""``make bench``: every measure, with its ratio to a baseline. Figures are for comparing, not for passing."""

from __future__ import annotations

import sys

from bench import alerts, door, export, judge


def main() -> None:
    """Measure and print: all, or those named on the command line (``alerts``, ``door``, ``export``, ``judge``)."""
    wanted = set(sys.argv[1:]) or {"alerts", "door", "export", "judge"}
    if "door" in wanted:
        door.main()
    if "alerts" in wanted:
        alerts.main()
    if "export" in wanted:
        export.main()
    if "judge" in wanted:
        judge.main()


if __name__ == "__main__":
    main()
