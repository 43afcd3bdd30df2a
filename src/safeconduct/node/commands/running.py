"""init, serve, run, demo, status, metrics-token: a node from its first day to its running."""

from __future__ import annotations

from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load, opened
from safeconduct.records.home import SIDES
from safeconduct.records.machines import several
from safeconduct.records.users import PROCESSES


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
@click.option(
    "--database", metavar="URL", help="A PostgreSQL database, postgresql://user@host/name; else SQLite."
)
@click.option(
    "--database-web", metavar="URL", help="The same as the role of the processes that show records."
)
def init(
    home: Path | None,
    party: str,
    side: str,
    name: str,
    port: int,
    exchange_port: int,
    signatories: tuple[str, ...],
    database: str | None,
    database_web: str | None,
) -> None:
    """Make a new node in --home: configuration, keys, empty databases."""
    from safeconduct.node.databases import without_password
    from safeconduct.node.setting_up import create_home, prepare_databases

    if home is None:
        raise click.UsageError("name the node's folder with --home DIR")
    first = {who: public for who, equals, public in (s.partition("=") for s in signatories) if equals and who}
    if len(first) != len(signatories):
        raise click.UsageError("--signatory takes NAME=PUBLIC, each name once")
    if database_web and not database:
        raise click.UsageError("--database-web goes with --database")
    given = {"database": database, "database_web": database_web}
    addresses = {setting: without_password(url) for setting, url in given.items() if url}
    made = create_home(home, party, side, name, port, exchange_port, first, **addresses)
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

    node = load(home, owner=False)
    if not node.users and not several(node):
        prepare_databases(node)
    run([node], lambda: click.echo(f"ready {web_address(node)}"))


@click.command("run")
@home_option
@click.argument("process", type=click.Choice(PROCESSES))
@click.option("--check", is_flag=True, help="Only say whether it runs and is well (exit code 1 if not).")
def run_process(home: Path | None, process: str, check: bool) -> None:
    """Be one process of the node, for a service manager that watches over each of them."""
    from safeconduct.node.health import CHECKS
    from safeconduct.node.processes import run_alone

    node = load(home, owner=False)
    if not check:
        run_alone(node, process)
    elif not CHECKS[process](node):
        raise click.ClickException(f"the {process} is not well")


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
    with opened(home) as (node, door):
        from safeconduct.exchange.status import describe
        from safeconduct.node.backups import ledger_size
        from safeconduct.node.machines_told import told_machines
        from safeconduct.notify.status import describe as describe_messages
        from safeconduct.oversight.ailments import ailments
        from safeconduct.oversight.vitals import vitals
        from safeconduct.timers.firing import describe as describe_timers

        running = "running" if door.writer is None else "stopped"
        size = ledger_size(node)
        click.echo(f"{node.name} ({node.party}, {node.side}), {running}, {size:,} ledger entries")
        for line in (
            *told_machines(door),
            *describe_timers(door),
            *describe_messages(door),
            *describe(node, door),
        ):
            click.echo(line)
        for each in ailments(vitals()):
            click.echo(f"{each.severity}: {each.what}\n  {each.do}")


@click.command("metrics-token")
@home_option
def metrics_token(home: Path | None) -> None:
    """Make the token with which a monitoring system reads /metrics, and print it. The one before is void."""
    with opened(home) as (node, _):
        from safeconduct.oversight.metrics import make_token

        click.echo(make_token(node))
