"""`python -m faults.failover_homes HOME FOLDER`, a JSON object on standard input: a node of files becomes one of three
machines, by the operator's own commands."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from safeconduct.node.cli import main as safeconduct
from safeconduct.records.home import Home


def command(home: Path, *words: str) -> None:
    safeconduct(["--home", str(home), *words], standalone_mode=False)


def main() -> None:
    home, folder, given = Path(sys.argv[1]), Path(sys.argv[2]), json.load(sys.stdin)
    here, there, doors, settings = (given[what] for what in ("here", "there", "doors", "settings"))
    moved = [here["database"], "--web", here["database_web"], "--feeds-to", here["feeds_database"]]
    command(home, "move", "--to", *moved, "--keys-to", here["keys_database"])
    command(home, "machine", "first", "a", "--door", doors["a"])
    command(home, "machine", "add", "b", "--processes", "writer,feed,web,courier,notifier,field",
            "--door", doors["b"], "--to", str(folder / "b" / "home"))  # fmt: skip
    command(home, "machine", "add", "c", "--processes", "web,field", "--to", str(folder / "c" / "home"))
    for name, path in (("a", home), ("b", folder / "b" / "home"), ("c", folder / "c" / "home")):
        found = Home.load(path)
        reached = there if name != "c" else dict.fromkeys(("database", "database_web"), there["database_web"])
        own = {**found.settings, **reached, **settings[name]}
        replace(found, settings=own).save()


if __name__ == "__main__":
    main()
