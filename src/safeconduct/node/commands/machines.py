"""machine: the machines on which one party's node lives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load, opened
from safeconduct.records.users import PROCESSES

_DOOR = click.option(
    "--door", metavar="HOST:PORT", help="Where the door of this machine's writer is, for the others."
)


@click.group()
def machine() -> None:
    """The machines of this node: where its writer may be, and who is let in at its door."""


@machine.command()
@home_option
@click.argument("name")
@_DOOR
def first(home: Path | None, name: str, door: str | None) -> None:
    """Let the node live on several machines, this one being the first: it gets a NAME, a door, and the authority that
    vouches for the others. Restart the node afterwards."""
    from safeconduct.exchange.identity import decoy_secret
    from safeconduct.node.machine_authority import found_authority, issue, lay
    from safeconduct.records.machines import address, doors, machine_name, refuse_without_door

    if door is None:
        raise click.UsageError("say with --door HOST:PORT where this machine's door is")
    node, (host, port) = load(home), address(door)
    others = [f"{h}:{p}" for h, p in doors(node)]
    given = {"machine": name, "doors": sorted({*others, door}), "door_address": host, "door_port": port}
    node = replace(node, settings={**node.settings, **given})
    machine_name(node)
    refuse_without_door(node)
    decoy_secret(node)
    found_authority(node)
    issued = issue(node, name, PROCESSES)
    with opened(home) as (_, way):
        way.call("machine_added", {"machine": name, "certificates": [each.listed() for each in issued]})
    lay(node, issued)
    node.save()
    click.echo(f"machine {name} with its door at {door}; restart the node, then `machine add` the others")


@machine.command()
@home_option
@click.argument("name")
@click.option("--processes", required=True, help=f"Of {', '.join(PROCESSES)}, with commas between.")
@click.option(
    "--to",
    "target",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="An empty folder for its home.",
)
@_DOOR
def add(home: Path | None, name: str, processes: str, target: Path, door: str | None) -> None:
    """Lay out the home of another machine, NAME, in a folder to carry there: with what its processes need, no more.

    Of a machine that is known it makes everything anew; what it had before is let in no more.
    """
    from safeconduct.node.machine_authority import issue
    from safeconduct.node.machine_folder import lay_out
    from safeconduct.records.machines import MACHINE, address, doors, machine_name

    named = [each.strip() for each in processes.split(",")]
    if unknown := set(named) - set(PROCESSES):
        raise click.UsageError(f"no such process: {', '.join(sorted(unknown))}")
    if not MACHINE.fullmatch(name):
        raise click.UsageError("a machine's name is 1 to 32 of a-z, 0-9 and -, beginning with a letter")
    with opened(home) as (node, way):
        if name == machine_name(node):
            raise click.UsageError("that is this machine: `machine first`")
        at = address(door) if door else None
        known = [f"{h}:{p}" for h, p in doors(node)]
        if door and door not in known:
            node = replace(node, settings={**node.settings, "doors": [*known, door]})
        issued = issue(node, name, named)
        laid = lay_out(node, target, name, named, at, issued)
        node.save()
        way.call("machine_added", {"machine": name, "certificates": [each.listed() for each in issued]})
    click.echo(f"carry {laid.path} to machine {name}; look there at the addresses and ports in node.toml")
    if door and door not in known:
        click.echo(f"add {door} to `doors` in node.toml of every other machine")


@machine.command("list")
@home_option
def list_(home: Path | None) -> None:
    """The machines, who holds the sequencer, who stands by, and whose certificates the door takes."""
    from safeconduct.node.machines_told import told_certificates, told_machines

    with opened(home) as (_, way):
        for line in (*told_machines(way), *told_certificates(way)):
            click.echo(line)


@machine.command()
@home_option
@click.argument("name")
def remove(home: Path | None, name: str) -> None:
    """Let nothing of a machine in any more; its connections end at once.

    If it had a writer, take its address out of `doors` on every machine. What was carried to it is not forgotten there:
    change the passwords of the databases, make the keys for NATS anew, and if somebody else may have it, what signs the
    sessions, too.
    """
    from safeconduct.records.bus_link import addresses

    with opened(home) as (node, way):
        way.call("machine_removed", {"machine": name})
    click.echo(f"machine {name} is let in no more")
    if addresses(node):
        click.echo("NATS still knows it: make keys/bus and keys/nats anew (see `nats-config`)")
