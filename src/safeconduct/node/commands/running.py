"""init, serve, demo, status: a node from its first day to its running."""

from __future__ import annotations

from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load
from safeconduct.records.home import SIDES


@click.command()
@home_option
@click.option("--party", required=True, help="This party's id: a short lower-case word, like pk.")
@click.option("--side", type=click.Choice(SIDES), required=True, help="host owns security on its territory.")
@click.option("--name", required=True, help="The party's name as shown on every page.")
@click.option("--port", default=8001, help="Port of the web pages.")
@click.option("--exchange-port", default=9001, help="Port of the exchange with the other party.")
@click.option(
    "--signatory",
    "signatories",
    multiple=True,
    metavar="NAME=PUBLIC",
    help="A first signatory: name and public key from `agreement keygen`; repeat.",
)
def init(
    home: Path | None,
    party: str,
    side: str,
    name: str,
    port: int,
    exchange_port: int,
    signatories: tuple[str, ...],
) -> None:
    """Make a new node in --home: configuration, keys, empty databases."""
    from safeconduct.node.setting_up import create_home, prepare_databases

    if home is None:
        raise click.UsageError("name the node's folder with --home DIR")
    first = {who: public for who, equals, public in (s.partition("=") for s in signatories) if equals and who}
    if len(first) != len(signatories):
        raise click.UsageError("--signatory takes NAME=PUBLIC, each name once")
    made = create_home(home, party, side, name, port, exchange_port, first)
    prepare_databases(made)
    click.echo(f"{name} ({party}, {side}) in {made.path}")
    click.echo(
        "next: `account create`, then `exchange card` and `exchange accept` with the other party, then `serve`"
    )


@click.command()
@home_option
def serve(home: Path | None) -> None:
    """Run the node: writer, web pages, exchange. Ends cleanly on SIGINT and SIGTERM."""
    from safeconduct.node.processes import serve as run
    from safeconduct.node.setting_up import prepare_databases, web_address

    node = load(home)
    prepare_databases(node)
    run([node], lambda: click.echo(f"ready {web_address(node)}"))


@click.command()
@click.option(
    "--home",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("safeconduct-demo"),
    help="Where both nodes live; found again by the next start.",
)
@click.option("--host-port", default=8001, help="Web pages of the Host node.")
@click.option("--partner-port", default=8002, help="Web pages of the Partner node.")
def demo(folder: Path, host_port: int, partner_port: int) -> None:
    """Start a Host node and a Partner node with demonstration data; open the addresses it prints."""
    from safeconduct.node.demo import run

    run(folder, host_port, partner_port, click.echo)


@click.command()
@home_option
def status(home: Path | None) -> None:
    """What the node is, how large its ledger is, and how the links stand."""
    from safeconduct.node.commands.opening import opened

    with opened(home) as (node, door):
        from safeconduct.exchange.status import describe
        from safeconduct.node.backups import ledger_size
        from safeconduct.notify.status import describe as describe_messages
        from safeconduct.timers.firing import describe as describe_timers

        running = "running" if door.writer is None else "stopped"
        size = ledger_size(node)
        click.echo(f"{node.name} ({node.party}, {node.side}), {running}, {size:,} ledger entries")
        for line in (*describe_timers(door), *describe_messages(door), *describe(node, door)):
            click.echo(line)
