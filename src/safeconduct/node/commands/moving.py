"""move: from files to PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load


@click.command()
@home_option
@click.option("--to", "database", metavar="URL", help="An empty PostgreSQL database.")
@click.option(
    "--web", "database_web", metavar="URL", help="The same as the role of processes that show records."
)
@click.option(
    "--feeds-to", "feeds_database", metavar="URL", help="Another empty one, for the partners' feeds."
)
@click.option(
    "--keys-to", "keys_database", metavar="URL", help="A third one, for keys; alone, nothing else is moved."
)
@click.option(
    "--keys-feed", "keys_database_feed", metavar="URL", help="The same as the role of the process of feeds."
)
def move(home: Path | None, **given: str | None) -> None:
    """Carry a node whose databases are files over to PostgreSQL, and switch node.toml to it. Stop the node first.

    What is there is verified against what was here before anything is switched; the files stay as they were. A
    password is not for a command line: libpq's ~/.pgpass holds it, or a file that ?passfile=FILE names.
    """
    from safeconduct.ledger.postgres import without_password
    from safeconduct.node.moving import move as carry_over
    from safeconduct.node.moving_keys import move_keys

    addresses = {name: without_password(address) for name, address in given.items() if address}
    node = load(home)
    if "keys_database_feed" in addresses and not (node.keys_database or "keys_database" in addresses):
        raise click.UsageError("--keys-feed goes with --keys-to")
    if "database" not in addresses:
        if not set(addresses) or set(addresses) - {"keys_database", "keys_database_feed"}:
            raise click.UsageError("say where to: --to URL, or --keys-to URL for the keys alone")
        held = move_keys(node, addresses)
        click.echo(
            f"moved: the keys of {held.size:,} ledger entries, root {held.root}; destroy {node.keys / 'parts'} and "
            "the feeds' `keys` once the node has started: nothing that is erased from now on is erased there"
        )
        return
    moved = carry_over(node, addresses, lambda told: click.echo(told, err=True))
    click.echo(
        f"moved: {moved.size:,} ledger entries, root {moved.root}; the files stay beside, and are not used any more"
    )
