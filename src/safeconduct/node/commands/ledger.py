"""verify, rebuild, backup, restore, restore-drill, replica-config: what the ledger is there for."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from safeconduct.node.commands.archiving import verify_archive
from safeconduct.node.commands.opening import home_option, load, opened
from safeconduct.records.users import permit_all


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
        if verdict.unseen:
            click.echo(
                f"of the first {verdict.unseen:,} only the hashes were looked at: they lie in an archive, and "
                "node.toml names none as `archive`"
            )
        return
    click.echo(f"ledger is broken at index {verdict.broken}: {verdict.why}")
    sys.exit(3)


verify.add_command(verify_archive)


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


@verify.command("parting")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", "keys", multiple=True, help="A public key from a party's card; repeat. All must be given."
)
def verify_parting(file: Path, keys: tuple[str, ...]) -> None:
    """Check the evidence that `exchange part` wrote: signatures, cosignatures, clauses, every leaf of both feeds.

    Needs no node. Exit code 0 when all of it holds, 3 when it does not.
    """
    from safeconduct.exchange.parting_evidence import EvidenceRefused, verify

    try:
        found = verify(file, keys)
    except EvidenceRefused as fault:
        click.echo(f"the evidence does not hold: {fault}")
        sys.exit(3)
    click.echo("the evidence holds")
    for line in found.lines:
        click.echo(line)
    if not keys:
        click.echo("it rests on these keys, to be compared with the parties' cards:")
        for name, key in found.keys.items():
            click.echo(f"  {name}: {key}")


@click.command()
@home_option
def rebuild(home: Path | None) -> None:
    """Make the tables again from the ledger. Stop the node first."""
    from safeconduct.ledger.tiles import ArchiveRefused
    from safeconduct.records.rebuild import fingerprint
    from safeconduct.records.rebuild import rebuild as again

    with opened(home) as (where, door):
        if door.writer is None:
            raise click.ClickException("the node is running; stop it before a rebuild")
        before = fingerprint()
        try:
            entries = again(door.writer, _progress)
        except ArchiveRefused as fault:
            raise click.ClickException(str(fault)) from None
        permit_all(where)
        same = "the tables are the same as before" if fingerprint() == before else "the tables had differed"
    click.echo(f"{entries:,} ledger entries applied; {same}")


archive_option = click.option(
    "--archive",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="PostgreSQL: where the archive of its write-ahead log is.",
)
at_option = click.option("--at", metavar="TIME", help="PostgreSQL: the moment, as 2024-10-06T23:00:00+05:00.")


@click.command()
@home_option
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--replica", metavar="TARGET", help="Make it from the copy that Litestream keeps there.")
def backup(home: Path | None, folder: Path, replica: str | None) -> None:
    """Write a backup of the node to FOLDER: ledger, feeds, accounts, configuration. Of a node on PostgreSQL, what
    pg_basebackup copies of its server.

    Keys of sealed parts are not in it, so that what is erased cannot come back with a backup: keep the
    home's `keys` and the feeds' keys with your other key material, and erase there too.
    """
    from safeconduct.node.backups import backup as write
    from safeconduct.node.base_backups import backup as copy_server
    from safeconduct.node.replicas import fetch
    from safeconduct.records.databases import on_postgresql
    from safeconduct.records.home import note_backup

    node = load(home)
    if not replica and on_postgresql(node):
        size = copy_server(node, folder)
    else:
        size = fetch(node, replica, folder) if replica else write(node, folder)
    note_backup(node, folder)
    click.echo(f"backup of {size:,} ledger entries in {folder}")


@click.command()
@home_option
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--erased",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A newer list of what was erased: the file `erased` of the newest backup, if FOLDER is an older one.",
)
@click.option("--into", metavar="FOLDER", type=Path, help="PostgreSQL: the new server folder that is made.")
@archive_option
@at_option
def restore(
    home: Path | None,
    folder: Path,
    erased: Path | None,
    into: Path | None,
    archive: Path | None,
    at: str | None,
) -> None:
    """Bring a backup from FOLDER back into a home that still has its keys, and make the tables again.

    What was erased since the backup is erased again, before anything else. Of a node on PostgreSQL a new server folder
    is made, with everything as it was at the moment --at, or as far as the archive goes.
    """
    from safeconduct.node.backups import restore as bring_back
    from safeconduct.records.databases import on_postgresql

    node = load(home)
    if on_postgresql(node):
        from safeconduct.node.point_in_time import Wanted
        from safeconduct.node.point_in_time import restore as bring_server_back

        if into is None:
            raise click.UsageError("say which server folder is to be made: --into FOLDER")
        verdict = bring_server_back(node, Wanted(folder, archive, at), into, erased)
        click.echo(
            f"{verdict.size:,} ledger entries restored and verified in {into}, root {verdict.root}: start "
            "PostgreSQL there, where node.toml looks for it, and then the node"
        )
        return
    if into or archive or at:
        raise click.UsageError("--into, --archive and --at are for a node on PostgreSQL")
    size = bring_back(node, folder, erased)
    click.echo(
        f"{size:,} ledger entries restored and verified; `exchange status` says what the partner has seen"
    )


@click.command("restore-drill")
@home_option
@click.option(
    "--backup",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The backup to try; else the latest that was made here.",
)
@click.option("--replica", metavar="TARGET", help="Try the copy that Litestream keeps there.")
@click.option(
    "--scratch",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the copy is made, and destroyed afterwards: plain values lie there meanwhile.",
)
@archive_option
@at_option
def restore_drill(
    home: Path | None,
    folder: Path | None,
    replica: str | None,
    scratch: Path | None,
    archive: Path | None,
    at: str | None,
) -> None:
    """Try the latest backup: restore it into a scratch folder, verify it, and say what would be lost with it.

    The node may run meanwhile: it is only read, and the partner is not spoken to. Exit code 1 when the backup does
    not hold, with the reason. A drill that succeeds is noted for the status page.
    """
    from safeconduct.node.restore_drill import drill
    from safeconduct.records.databases import on_postgresql
    from safeconduct.records.home import note_restore_drill

    node = load(home)
    if on_postgresql(node) and not replica:
        from safeconduct.node.point_in_time import drill as drill_server

        done = drill_server(node, folder, archive, at, scratch)
    elif archive or at:
        raise click.UsageError("--archive and --at are for a node on PostgreSQL")
    else:
        done = drill(node, folder, scratch, replica)
    note_restore_drill(node)
    for line in done.lines():
        click.echo(line)


@click.command("replica-config")
@home_option
@click.argument("target")
def replica_config(home: Path | None, target: str) -> None:
    """Print the configuration with which Litestream copies this node continuously to TARGET, or PostgreSQL its log.

    TARGET is a folder on another disk, or an address that Litestream knows (s3://..., sftp://...). Made again after a
    new pairing.
    """
    from safeconduct.node.replicas import configuration, log_archive
    from safeconduct.records.databases import on_postgresql

    node = load(home)
    click.echo(log_archive(node, target) if on_postgresql(node) else configuration(node, target), nl=False)
