"""Every bench at a small size, one after the other: a few minutes."""

from __future__ import annotations

import subprocess
import sys

SMALL = (
    ("commits", "--pairs", "5"),
    ("exchange", "--pairs", "5"),
    ("decisions", "--pairs", "5"),
    ("page", "--incidents", "50000", "--pairs", "15"),
    ("board", "--before", "3000", "--pairs", "5"),
    ("search", "--records", "20000", "--pairs", "5"),
    ("reports", "--incidents", "200", "--pairs", "3"),
    ("verify", "--incidents", "1000", "--pairs", "5"),
    ("imports", "--rows", "1000"),
    ("routes", "--side", "150", "--pairs", "3"),
    ("route_risk", "--side", "150", "--pairs", "3"),
    ("forecast", "--pairs", "3", "--most", "10"),
    ("fences", "--fences", "500", "--points", "100000", "--singles", "20000", "--pairs", "3"),
    ("timers", "--timers", "1000", "--pairs", "3"),
    ("ladders", "--alerts", "40", "--kills", "4"),
    ("cot", "--seconds", "3"),
    ("sos", "--presses", "15"),
    ("flow", "--seconds", "5", "--suspensions", "2"),
    ("screens", "--screens", "300", "--back", "1000", "--people", "50", "--seconds", "3"),
    ("lean",),
    ("fanout", "--events", "2000", "--reports", "200", "--pairs", "2"),
    ("positions", "--reports", "6400", "--phones", "64"),
    ("muster", "--names", "1000"),
    ("growth", "--most", "20000", "--runs", "3"),
    ("analysis", "--incidents", "2000", "--runs", "3"),
    ("scale", "--short", "--processes", "1,2"),
)


def main() -> int:
    """Each in a process of its own, since a process belongs to one node."""
    failed = [
        name
        for name, *arguments in SMALL
        if subprocess.run([sys.executable, "-m", f"bench.{name}", *arguments], check=False).returncode
    ]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
