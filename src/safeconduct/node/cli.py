"""The `safeconduct` command. Every command works on the home that --home or SAFECONDUCT_HOME names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from safeconduct.node.commands import (
    accounts,
    agreement,
    archiving,
    certificates,
    drilling,
    exchange,
    imports,
    keys,
    ledger,
    machines,
    moving,
    nats,
    parting,
    permissions,
    risk,
    running,
)

CONTEXT = {"help_option_names": ["-h", "--help"], "show_default": True}


class Safeconduct(click.Group):
    """Turns the errors that are the user's to mend into one line and exit code 1 (2: the command is wrong)."""

    def invoke(self, ctx: click.Context) -> Any:
        from safeconduct.node.commands.faults import USER_FAULTS

        try:
            return super().invoke(ctx)
        except USER_FAULTS as fault:
            click.echo(f"safeconduct: {fault}", err=True)
            sys.exit(1)


@click.group(cls=Safeconduct, context_settings=CONTEXT)
@click.version_option(package_name="safeconduct")
@click.option(
    "--home",
    type=click.Path(file_okay=False, readable=False, path_type=Path),
    envvar="SAFECONDUCT_HOME",
    help="The node's folder: its configuration, databases and keys.",
)
@click.pass_context
def main(ctx: click.Context, home: Path | None) -> None:
    """Joint security management for a Host Party and a Partner Party.

    Start with `safeconduct demo`: both nodes, with demonstration data, in the browser. To set up a real node:
    `init`, `account create`, `exchange card` and `exchange accept` with the other party, then `serve`.
    """
    ctx.obj = home


for command in (
    running.init,
    running.serve,
    running.run_process,
    certificates.certificate,
    keys.keys,
    machines.machine,
    permissions.users,
    permissions.permissions,
    running.demo,
    drilling.drill,
    running.status,
    running.metrics_token,
    archiving.archive,
    archiving.compact,
    ledger.verify,
    ledger.rebuild,
    ledger.backup,
    ledger.restore,
    ledger.restore_drill,
    ledger.replica_config,
    moving.move,
    nats.nats_config,
    accounts.account,
    agreement.agreement,
    exchange.exchange,
    imports.import_,
    risk.risk,
):
    main.add_command(command)

exchange.exchange.add_command(parting.part)
