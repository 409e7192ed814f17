"""``make bench``: every measure, with its ratio to a baseline. Figures are for comparing, not for passing."""

from __future__ import annotations

import sys

from bench import door


def main() -> None:
    """Measure and print."""
    wanted = set(sys.argv[1:])
    if not wanted or "door" in wanted:
        print(f"{'measure':28} {'per s':>8} {'median':>9} {'p99':>9}   ODK Central")
        for line in door.measure():
            times = f"{line.per_second / line.central:.1f} x {line.central:.0f}" if line.central else ""
            print(
                f"{line.what:28} {line.per_second:8.0f} {line.median_ms:6.2f} ms {line.p99_ms:6.2f} ms   {times}"
            )


if __name__ == "__main__":
    main()
