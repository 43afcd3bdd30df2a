"""keys: where the node's signing keys lie, and bringing them into a token."""

from __future__ import annotations

from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load


@click.group()
def keys() -> None:
    """The keys that sign the node's ledger, its cosignatures and its feeds: in files, or in a PKCS#11 token."""


@keys.command()
@home_option
def show(home: Path | None) -> None:
    """Try each key, print its public half (vkey) and say where it lies."""
    from safeconduct.exchange.succession import Succession
    from safeconduct.node.key_custody import shown

    node = load(home)
    for verifier, where in shown(node):
        click.echo(f"{verifier.vkey}  in {where}")
    if Succession.under_way(node) is not None:
        click.echo("an exchange of keys was interrupted: `exchange rotate` finishes it", err=True)


@keys.command()
@home_option
@click.option(
    "--module", required=True, help="The token maker's PKCS#11 module, such as /usr/lib/.../lib....so."
)
@click.option("--token", "label", required=True, help="The token's label.")
@click.option("--move", is_flag=True, help="Take the present keys in, instead of making new ones.")
def token(home: Path | None, module: str, label: str, move: bool) -> None:
    """Let a token sign. Stop the node first; put the PIN into keys/pin (mode 0600) or a systemd credential.

    New keys never leave the token, but only a node that is not paired yet can have new ones.
    """
    from safeconduct.node.key_custody import into_token, shown

    for verifier, where in shown(into_token(load(home), module, label, move=move)):
        click.echo(f"{verifier.vkey}  in {where}")
