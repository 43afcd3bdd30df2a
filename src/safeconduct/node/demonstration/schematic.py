"""The schematic roads that come with the demonstration, laid into a home."""

from __future__ import annotations

from importlib.resources import as_file, files

from safeconduct.geo.atlas import roads_file
from safeconduct.geo.roads import read
from safeconduct.records.home import Home

SOURCE = "Schematic roads; positions of towns: GeoNames"
LICENCE = "CC0 1.0; GeoNames: CC BY 4.0"


def lay_roads(home: Home) -> None:
    """Roads between the towns of Pakistan as straight lines, marked as schematic."""
    with as_file(files("safeconduct.node.demonstration")) as folder:
        found = folder / "roads" / "roads_schematic_pak.geojson"
        network = read(found, source=SOURCE, licence=LICENCE, schematic=True)
    network.save(roads_file(home.path))
