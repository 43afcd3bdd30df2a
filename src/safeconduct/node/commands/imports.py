"""import: incident files that a party holds."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, opened


@click.group("import")
def import_() -> None:
    """Bring files into the node. Doing it twice changes nothing."""


def _run(
    home: Path | None, file: Path, layout: str | None, mapping_file: Path | None, pairs: tuple[str, ...]
) -> None:
    from safeconduct.incidents.importers.mapping import ColumnMapping
    from safeconduct.incidents.importers.run import ImportSummary, read

    mapping = None
    if mapping_file or pairs:
        mapping = ColumnMapping.load(mapping_file) if mapping_file else ColumnMapping.of_pairs(pairs)

    def progress(summary: ImportSummary) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{summary.rows:,} rows read", nl=False, err=True)

    with opened(home) as (_, door):
        from safeconduct.incidents.importing import import_file

        summary = import_file(read(file, layout, mapping), door, progress)
    for refused in summary.refusals[:50]:
        click.echo(f"line {refused.line}: {refused.reason}", err=True)
    if summary.refused > 50:
        click.echo(f"... and {summary.refused - 50:,} more refused rows", err=True)
    click.echo(
        f"{summary.rows:,} rows: {summary.new:,} new, {summary.changed:,} changed, "
        f"{summary.unchanged:,} unchanged, {summary.refused:,} refused"
    )


@import_.command()
@home_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def ucdp(home: Path | None, file: Path) -> None:
    """Import an official UCDP GED file (CSV), with its full header or a subset of it."""
    _run(home, file, "ucdp", None, ())


@import_.command("csv")
@home_option
@click.option("--layout", type=click.Choice(["ucdp", "acled", "gtd"]), help="Force a known layout.")
@click.option(
    "--mapping", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A TOML mapping."
)
@click.option(
    "--map", "pairs", multiple=True, metavar="FIELD=COLUMN", help="Map a field to a column; repeat."
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def csv_(
    home: Path | None, layout: str | None, mapping: Path | None, pairs: tuple[str, ...], file: Path
) -> None:
    """Import a CSV file you hold. ACLED and GTD layouts are recognised by their header."""
    _run(home, file, layout, mapping, pairs)
