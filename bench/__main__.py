"""``make bench``: every measure, with its ratio to a baseline. Figures are for comparing, not for passing."""

from __future__ import annotations

import sys

from bench import alerts, door, export, judge


def main() -> None:
    """Measure and print: all, or those named on the command line (``alerts``, ``door``, ``export``, ``judge``)."""
    wanted = set(sys.argv[1:]) or {"alerts", "door", "export", "judge"}
    if "door" in wanted:
        print(
            f"{'measure':26} {'per s':>7} {'median':>9} {'p99':>10}   {'of the floor':>14}   of ODK Central's"
        )
        for line in door.measure():
            floor = f"{line.per_second / line.floor:.0%} of {line.floor:,.0f}" if line.floor else ""
            print(
                f"{line.what:26} {line.per_second:7,.0f} {line.median_ms:6.2f} ms {line.p99_ms:7.2f} ms"
                f"   {floor:>14}   {line.per_second / line.central:.1f} times {line.central:.0f}",
                flush=True,
            )
    if "alerts" in wanted:
        alerts.main()
    if "export" in wanted:
        export.main()
    if "judge" in wanted:
        judge.main()


if __name__ == "__main__":
    main()
