"""users, permissions: one user for each process of a node."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load

USERS = "safeconduct"
_users = click.option(
    "--users",
    default=USERS,
    metavar="NAME",
    help="What their names begin with: NAME-writer, NAME-web and so on.",
)


@click.command()
@_users
def users(users: str) -> None:
    """Make the users and groups of the node's processes on this machine, where they are missing. As root."""
    from safeconduct.node.installing import make_users

    made = make_users(users)
    click.echo(f"made {', '.join(made)}" if made else "all of them are here")


@click.command()
@home_option
@_users
@click.option(
    "--check", is_flag=True, help="Change nothing; list what is not as it ought to be (exit code 1)."
)
def permissions(home: Path | None, users: str, check: bool) -> None:
    """Give each file of the home to the user of the process that needs it, and to no other. As root, node stopped.

    Again after files were laid in or a backup was brought back. docs/operator.md has the list.
    """
    from safeconduct.node.installing import amiss, give_away

    node = load(home, owner=False)
    if not check:
        click.echo(f"{give_away(node, users):,} files and folders changed")
        return
    found = list(amiss(node))
    for line in found:
        click.echo(line)
    if found:
        sys.exit(1)
    click.echo("everything is as it ought to be")
