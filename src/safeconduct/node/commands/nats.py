"""nats-config: what a NATS server has to know of this node."""

from __future__ import annotations

from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load


@click.command("nats-config")
@home_option
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--listen", default="127.0.0.1:4222", help="Where the server listens, host:port.")
@click.option("--store", default="/var/lib/nats", help="The server's folder for what waits there.")
@click.option("--certificate", default="", help="The server's certificate, a PEM file as the server sees it.")
@click.option("--key", default="", help="The certificate's key.")
def nats_config(home: Path | None, folder: Path, listen: str, store: str, certificate: str, key: str) -> None:
    """Make the processes' keys for NATS, and write to FOLDER what the server reads: account and server.

    A second node's account goes beside the first one's; server.conf, once written, is yours.
    """
    from safeconduct.node.nats_config import Server, write

    if bool(certificate) != bool(key):
        raise click.UsageError("--certificate and --key go together")
    for path in write(load(home), folder, Server(listen, store, certificate, key)):
        click.echo(path)
    scheme = "tls" if certificate else "nats"
    click.echo(
        f'next: `nats = ["{scheme}://{listen}"]` in node.toml, and keys/bus and keys/nats on every machine'
    )
