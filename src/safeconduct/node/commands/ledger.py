"""verify, rebuild, backup, restore: what the ledger is there for."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load, opened


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} of {total:,}", nl=done >= total, err=True)


@click.group(invoke_without_command=True)
@home_option
@click.pass_context
def verify(ctx: click.Context, home: Path | None) -> None:
    """Check the whole ledger: every leaf, the tree above it, every part still held. Or, with `report`, a file.

    Exit code 0 when all of it holds; 3 when it does not, with the first broken index.
    """
    if ctx.invoked_subcommand is not None:
        return
    from safeconduct.node.backups import verify_home

    verdict = verify_home(load(home), _progress)
    if verdict.broken is None:
        click.echo(f"ledger holds: {verdict.size:,} entries, root {verdict.root}")
        return
    click.echo(f"ledger is broken at index {verdict.broken}: {verdict.why}")
    sys.exit(3)


@verify.command("report")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", "keys", multiple=True, help="A public key from a party's card; repeat. All must be given."
)
@click.option("--lines", is_flag=True, help="Print every line of the list, too.")
def verify_report(file: Path, keys: tuple[str, ...], lines: bool) -> None:
    """Check a signed report of who knew: its signature, and every line against the ledger entry it rests on.

    Needs no node. Exit code 0 when all of it holds, 3 when it does not. Without --key it shows the keys that the
    report rests on, to be compared with the parties' cards.
    """
    from safeconduct.ledger.report import ReportRefused, verify

    try:
        found = verify(file.read_bytes(), keys)
    except ReportRefused as fault:
        click.echo(f"the report does not hold: {fault}")
        sys.exit(3)
    report = found.report
    click.echo(
        f"the report holds: {report['name']} ({report['party']}) tells in {len(found.lines):,} lines who knew of "
        f"{report['records'][0]['kind']} {report['records'][0]['record']} before {report['before']}"
    )
    for how in sorted(set(found.standing)):
        click.echo(f"  {list(found.standing).count(how):,}: {how}")
    for gap in report["gaps"]:
        click.echo(f"  does not reach: {' '.join(str(value) for value in gap.values() if value)}")
    if not keys:
        click.echo("it rests on these keys, to be compared with the parties' cards:")
        for name, key in found.keys.items():
            click.echo(f"  {name}: {key}")
    if lines:
        for line, how in zip(found.lines, found.standing, strict=True):
            who = f"{line['person']} ({', '.join(line['roles'])}) of " if line["person"] else "the node of "
            shown = f"{line['record']} version {line['version']}: {', '.join(line['parts'])}"
            click.echo(f"{line['at']}  {who}{line['party']}  {line['act']}  {shown}  [{how}]")


@click.command()
@home_option
def rebuild(home: Path | None) -> None:
    """Make the tables again from the ledger. Stop the node first."""
    from safeconduct.records.rebuild import fingerprint
    from safeconduct.records.rebuild import rebuild as again

    with opened(home) as (_, door):
        if door.writer is None:
            raise click.ClickException("the node is running; stop it before a rebuild")
        before = fingerprint()
        entries = again(door.writer, _progress)
        same = "the tables are the same as before" if fingerprint() == before else "the tables had differed"
    click.echo(f"{entries:,} ledger entries applied; {same}")


@click.command()
@home_option
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def backup(home: Path | None, folder: Path) -> None:
    """Write a backup of the node to FOLDER: ledger, feeds, accounts, configuration.

    Keys of sealed parts are not in it, so that what is erased cannot come back with a backup: keep the
    home's `keys` and the feeds' keys with your other key material, and erase there too.
    """
    from safeconduct.node.backups import backup as write

    size = write(load(home), folder)
    click.echo(f"backup of {size:,} ledger entries in {folder}")


@click.command()
@home_option
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def restore(home: Path | None, folder: Path) -> None:
    """Bring a backup from FOLDER back into a home that still has its keys, and make the tables again."""
    from safeconduct.node.backups import restore as bring_back

    size = bring_back(load(home), folder)
    click.echo(
        f"{size:,} ledger entries restored and verified; `exchange status` says what the partner has seen"
    )
