"""The made-up hospitals that come with the demonstration, laid into a home."""

from __future__ import annotations

from importlib.resources import files

from safeconduct.records.home import Home
from safeconduct.watch.response_files import FOLDER, HOSPITALS


def lay_hospitals(home: Home) -> None:
    """A table that says of itself that it is made up, so that every page that uses it says so as well."""
    found = files("safeconduct.node.demonstration").joinpath(f"{FOLDER}/{HOSPITALS}")
    folder = home.path / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / HOSPITALS).write_bytes(found.read_bytes())
