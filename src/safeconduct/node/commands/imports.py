"""import: files that a party holds, of incidents, roads and areas."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from safeconduct.node.commands.opening import home_option, load, opened
from safeconduct.records.users import permit_all


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


_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_SOURCE = click.option("--source", default="", help="Who made the data; shown wherever it is.")
_LICENCE = click.option("--licence", default="", help="The licence of the data; shown wherever it is.")


@import_.command()
@home_option
@click.option("--schematic", is_flag=True, help="Screens say that it is schematic and not for navigation.")
@_SOURCE
@_LICENCE
@_FILE
def roads(home: Path | None, schematic: bool, source: str, licence: str, file: Path) -> None:
    """Take the roads for routes from a GeoJSON file or an OpenStreetMap extract (.osm, .osm.pbf).

    They replace those that the node had. A running node uses them at once.
    """
    from safeconduct.geo.atlas import roads_file
    from safeconduct.geo.roads import read

    def progress(what: str, count: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{count:,} {what} read", nl=False, err=True)

    node = load(home)
    network = read(file, source=source, licence=licence, schematic=schematic, progress=progress)
    network.save(roads_file(node.path))
    permit_all(node)
    west, south, east, north = network.bbox
    click.echo(
        f"{len(network.tail):,} pieces of road, {network.kilometres:,.0f} km, {len(network.places):,} towns, "
        f"{south:.2f} to {north:.2f} north, {west:.2f} to {east:.2f} east"
    )
    _credit(network.origin.source, network.origin.licence)
    if network.origin.schematic:
        click.echo("schematic, not for navigation")


@import_.command()
@home_option
@_SOURCE
@_LICENCE
@click.option("--designated", is_flag=True, help="Designated Areas: a journey that enters one is escalated.")
@_FILE
def areas(home: Path | None, source: str, licence: str, designated: bool, file: Path) -> None:
    """Take provinces or districts from a GeoJSON file of polygons with names, to say which ones a route crosses.

    They replace those that the node had. A running node uses them at once.
    """
    from safeconduct.geo.areas import read
    from safeconduct.geo.atlas import areas_file, designated_file

    node = load(home)
    found = read(file, source=source, licence=licence)
    found.save(designated_file(node.path) if designated else areas_file(node.path))
    permit_all(node)
    names = ", ".join(area.name for area in found.areas[:5])
    click.echo(f"{len(found.areas):,} areas: {names}{', ...' if len(found.areas) > 5 else ''}")
    _credit(found.origin.source, found.origin.licence)


def _credit(source: str, licence: str) -> None:
    click.echo(f"source: {source}; licence: {licence or 'not said'}")


def _table(home: Path | None, what: str, file: Path, dry_run: bool) -> None:
    from safeconduct.records.delimited import FileRefused

    with opened(home) as (where, door):
        from safeconduct.records.principals import system_subject
        from safeconduct.registry.importing import import_table
        from safeconduct.registry.layouts import LAYOUTS

        try:
            actor = system_subject(where.party)
            report = import_table(actor, file, LAYOUTS[what], commit=not dry_run, door=door)
        except FileRefused as fault:
            raise click.ClickException(str(fault)) from None
    for problem in report.problems:
        column = f", {problem.column}" if problem.column else ""
        click.echo(f"line {problem.line}{column}: {problem.reason}", err=True)
    for like in report.suggestions:
        where_else = f"record {like.record}" if like.record else f"line {like.other_line}"
        click.echo(f"line {like.line}: may be the person of {where_else} ({like.reason})", err=True)
    kept_back = report.refused - len(report.problems)
    if kept_back:
        click.echo(f"... and {kept_back:,} more refused rows", err=True)
    would = "would be " if dry_run else ""
    click.echo(
        f"{report.rows:,} rows: {would}{report.new:,} new, {report.changed:,} changed, "
        f"{report.unchanged:,} unchanged, {report.refused:,} refused; {report.suggested:,} may be duplicates"
    )


_table_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_dry_run = click.option("--dry-run", is_flag=True, help="Store nothing; list what would be refused.")


@import_.command()
@home_option
@_dry_run
@_table_file
def persons(home: Path | None, dry_run: bool, file: Path) -> None:
    """Import Protected Persons from a CSV or XLSX table."""
    _table(home, "persons", file, dry_run)


@import_.command()
@home_option
@_dry_run
@_table_file
def sites(home: Path | None, dry_run: bool, file: Path) -> None:
    """Import sites from a CSV or XLSX table."""
    _table(home, "sites", file, dry_run)


@import_.command()
@home_option
@_dry_run
@_table_file
def presences(home: Path | None, dry_run: bool, file: Path) -> None:
    """Import arrivals and departures from a CSV or XLSX table."""
    _table(home, "presences", file, dry_run)
