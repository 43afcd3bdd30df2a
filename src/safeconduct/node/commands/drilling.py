"""drill: the promises, measured against two nodes of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from safeconduct.node.processes import ORDER


@click.command()
@click.option(
    "--home",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="A new folder for both nodes, kept afterwards. Without it: a temporary one.",
)
@click.option(
    "--kill",
    type=click.Choice([*ORDER, "each"]),
    default=None,
    help="Kill this process (kill -9) on both nodes as the SOS was handed in, during the muster and while they catch "
    "up; `each`: every one, at those of these moments at which it hurts.",
)
def drill(folder: Path | None, kill: str | None) -> None:
    """Play an attack on the road against two new nodes and print each promise with its measured time.

    Exit code 1 when a promise was broken. No node that exists already is touched.
    """
    from safeconduct.node.drill import run

    broken = run(folder, click.echo, kill or "")
    click.echo(f"{broken} broken" if broken else "every promise kept")
    if broken:
        sys.exit(1)
