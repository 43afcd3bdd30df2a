"""Attack the parsers: `python -m fuzz [TARGET ...] [--seconds N]`, one after the other, each in a process of its own."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from fuzz.home import bare
from fuzz.running import guided


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="*", help="as `--list` names them; all of them without any")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--corpus", type=Path, help="a folder that keeps what was found worth trying")
    parser.add_argument(
        "--plain", action="store_true", help="by chance alone, also where atheris is installed"
    )
    parser.add_argument("--list", action="store_true", help="the names of the targets")
    given = parser.parse_args()
    with bare():
        from fuzz.targets import ALL

        names = list(ALL)
    if given.list:
        print("\n".join(names))
        return 0
    if unknown := sorted({*given.target} - {*names}):
        parser.error(f"no such target: {', '.join(unknown)}")
    steered = importlib.util.find_spec("atheris") is not None
    if given.plain:
        steered = False
    elif not steered:
        print(
            "atheris is not installed: inputs are changed by chance, not by what they reach", file=sys.stderr
        )
    findings = sum(
        guided(ALL[name], given.seconds, given.corpus and given.corpus / name.replace(" ", "_"), steered)
        for name in given.target or names
    )
    print(f"{findings} findings in {len(given.target or names)} targets")
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
