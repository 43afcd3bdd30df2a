"""move: from files to PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load


@click.command()
@home_option
@click.option("--to", "database", metavar="URL", required=True, help="An empty PostgreSQL database.")
@click.option(
    "--web", "database_web", metavar="URL", help="The same as the role of processes that show records."
)
@click.option(
    "--feeds-to", "feeds_database", metavar="URL", help="Another empty one, for the partners' feeds."
)
def move(home: Path | None, database: str, database_web: str | None, feeds_database: str | None) -> None:
    """Carry a node whose databases are files over to PostgreSQL, and switch node.toml to it. Stop the node first.

    What is there is verified against what was here before anything is switched; the files stay as they were. A
    password is not for a command line: libpq's ~/.pgpass holds it, or a file that ?passfile=FILE names.
    """
    from safeconduct.ledger.postgres import without_password
    from safeconduct.node.moving import move as carry_over

    given = {"database": database, "database_web": database_web, "feeds_database": feeds_database}
    addresses = {name: without_password(address) for name, address in given.items() if address}
    moved = carry_over(load(home), addresses, lambda told: click.echo(told, err=True))
    click.echo(
        f"moved: {moved.size:,} ledger entries, root {moved.root}; the files stay beside, and are not used any more"
    )
