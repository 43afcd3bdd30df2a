"""archive, verify archive, compact: what the ledger no longer needs at hand, and the disk that it took."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load, opened


@click.command()
@home_option
@click.option(
    "--before", "before", required=True, metavar="TIME|SIZE", help="ISO 8601, or a number of entries."
)
@click.option("--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path))
def archive(home: Path | None, before: str, folder: Path) -> None:
    """Move the ledger's entries before a moment or a size into files that verify by themselves.

    They are written to FOLDER as tiles (C2SP tlog-tiles) with the newest cosigned head, read again and verified, and
    only then does the database let go of them. node.toml then names the folder as `archive`: rebuild, verify and
    disclosures of old versions read it, and need it. It never changes but for what is added, and is copied like a
    backup; what is erased stays erased in it, since its keys are gone. May be broken off at any moment and begun again.
    """
    from safeconduct.node.archiving import archive as write

    size = int(before) if before.isascii() and before.isdecimal() else None
    with opened(home) as (where, door):
        done = write(where, door, folder, size=size, time=None if size is not None else _moment(before))
    click.echo(
        f"{done.end:,} entries are in {folder}, {done.fresh:,} of them new, under a head of {done.head:,}"
    )
    if done.read:
        click.echo(
            f"{done.read} partitions of the ledger are being read; the node gives them to the disk within ten minutes "
            "of when they are not"
        )


def _moment(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("neither a moment in ISO 8601 nor a number of entries") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


@click.command("archive")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--key", "keys", multiple=True, required=True, help="A public key that signed it; may be repeated."
)
def verify_archive(folder: Path, keys: tuple[str, ...]) -> None:
    """Check an archive of a ledger by itself: leaves, tree, the signed and cosigned head, the files of bodies.

    Needs no node, only the public keys of the log and of who cosigned it. Exit code 0 when all of it holds, 3 when it
    does not, with the file.
    """
    from safeconduct.ledger.archive import verify
    from safeconduct.ledger.keys import KeyRefused, Verifier
    from safeconduct.ledger.tiles import ArchiveRefused, Folder

    try:
        found = verify(Folder(folder), [Verifier.parse(key) for key in keys])
    except KeyRefused as fault:
        raise click.BadParameter(str(fault)) from None
    except ArchiveRefused as fault:
        click.echo(f"the archive does not hold: {fault}")
        sys.exit(3)
    click.echo(
        f"the archive holds: {found.end:,} entries of {found.head.origin}, under a head of {found.head.size:,} "
        f"entries signed by {', '.join(found.signers)}"
    )


@click.command()
@home_option
def compact(home: Path | None) -> None:
    """Write the databases of a node that stands still anew, without the room that they no longer need.

    Once for a node that an earlier version made; from then on they give it back by themselves. Takes as much room again
    while it works. On PostgreSQL the ledger is put into partitions instead: nothing is copied, it is read once.
    """
    from safeconduct.ledger.database import compact as write_anew
    from safeconduct.node.backups import databases
    from safeconduct.node.partitioning import put_in_partitions
    from safeconduct.records.databases import address
    from safeconduct.records.stillness import standing_still
    from safeconduct.records.users import permit_all

    node = load(home)
    with standing_still(node):
        if address(node) is not None:
            click.echo(put_in_partitions(node))
            return
        for path in [*databases(node), node.tables, node.positions]:
            if path.exists():
                before, after = write_anew(path)
                click.echo(f"{path.relative_to(node.path)}: {before:,} bytes, now {after:,}")
    permit_all(node)
