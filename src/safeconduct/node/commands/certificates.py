"""certificate: HTTPS for the pages in an office that has no authority of its own."""

from __future__ import annotations

from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load
from safeconduct.node.office_authority import DAYS


@click.command()
@home_option
@click.option("--name", "names", multiple=True, help="A name under which browsers reach the node; repeat.")
@click.option("--address", "addresses", multiple=True, help="An IP address of the same; repeat.")
@click.option("--days", default=DAYS, help="How long the certificate is valid.")
@click.option("--new-authority", is_flag=True, help="Make another authority; every device must be given it.")
def certificate(
    home: Path | None, names: tuple[str, ...], addresses: tuple[str, ...], days: int, new_authority: bool
) -> None:
    """Make the certificate with which the pages are HTTPS, and at the first time the office's authority that signs it.

    Without names it is renewed for those that it has. Restart the web process afterwards.
    """
    from safeconduct.node.office_authority import certify

    _, made = certify(load(home), (*names, *addresses), days=days, anew=new_authority)
    click.echo(f"certificate for {', '.join(made.names)}, until {made.ends:%Y-%m-%d}")
    if made.new_authority:
        click.echo(f"lay {made.authority} on every device as a trusted authority")
    click.echo(f"its SHA-256: {made.fingerprint}")
