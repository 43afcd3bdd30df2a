"""All benchmarks at a small size, one after the other: `python -m bench`."""

from __future__ import annotations

import subprocess
import sys

EACH = (
    ("decisions",),
    ("commits",),
    ("verify",),
    ("exchange",),
    ("page", "--incidents", "50000"),
    ("imports",),
)


def main() -> int:
    worst = 0
    for name, *options in EACH:
        worst = max(worst, subprocess.run([sys.executable, "-m", f"bench.{name}", *options]).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
