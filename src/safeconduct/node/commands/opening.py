"""Opening a home for one command: with --home before or after the command's name, Django started, a door."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from safeconduct.records.door import Door
from safeconduct.records.home import Home, HomeError
from safeconduct.records.users import user_id, user_name


def home_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take --home itself, too; the function gets the path as `home`."""

    def choose(ctx: click.Context, _: click.Parameter, value: Path | None) -> Path | None:
        return value or ctx.find_root().obj

    return click.option(
        "--home",
        type=click.Path(file_okay=False, readable=False, path_type=Path),
        callback=choose,
        help="The node's folder (or set SAFECONDUCT_HOME).",
    )(function)


def load(path: Path | None, *, owner: bool = True) -> Home:
    """The home at a path. Raises HomeError without one, and with `owner` for another user than the one it belongs to:
    root, too, would leave files that the node's processes cannot read."""
    if path is None:
        raise HomeError("name the node's folder with --home DIR or SAFECONDUCT_HOME")
    home = Home.load(path)
    if owner and home.users and os.geteuid() != user_id(home, "writer"):
        name = user_name(home, "writer")
        raise HomeError(f"this home belongs to {name}: runuser -u {name} -- safeconduct ...")
    return home


@contextmanager
def opened(path: Path | None, begins: bool = True) -> Iterator[tuple[Home, Door]]:
    """A home with Django started and a door to its writer (this process, where none runs; see Door.open)."""
    from safeconduct.node.django_start import start_django

    home = load(path)
    start_django(home)
    from safeconduct.records import here

    door = Door.open(home, begins)
    if door.writer is not None and Home.load(home.path) != home:  # it waited for another command
        door.close()
        raise HomeError("node.toml was changed meanwhile: give the command again")
    with door, here.at(home, door):
        yield home, door
