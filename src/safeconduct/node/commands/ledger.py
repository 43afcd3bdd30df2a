"""verify, rebuild, backup, restore: what the ledger is there for."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load, opened


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} of {total:,}", nl=done >= total, err=True)


@click.command()
@home_option
def verify(home: Path | None) -> None:
    """Check the whole ledger: every leaf, the tree above it, every part still held.

    Exit code 0 when all of it holds; 3 when it does not, with the first broken index.
    """
    from safeconduct.node.backups import verify_home

    verdict = verify_home(load(home), _progress)
    if verdict.broken is None:
        click.echo(f"ledger holds: {verdict.size:,} entries, root {verdict.root}")
        return
    click.echo(f"ledger is broken at index {verdict.broken}: {verdict.why}")
    sys.exit(3)


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
